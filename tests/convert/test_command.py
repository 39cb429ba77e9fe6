"""``kcompile convert``: files in, files out, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from kcompile.cli import main
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential, load_model


@pytest.fixture
def model(tmp_path: Path) -> Sequential:
    made = Sequential(
        [Dense(5, activation="relu", input_shape=(4,), name="hidden"), Dense(3, name="classes")], name="small"
    )
    made.save(tmp_path / "m.h5")
    (tmp_path / "m.json").write_text(made.to_json())
    return made


def call(*arguments: object) -> int:
    return main([str(argument) for argument in ("convert", *arguments)])


X = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)


@pytest.mark.parametrize("extension", [".pt", ".pth", ".safetensors"])
def test_weights_go_to_pytorch_and_back(model, extension, tmp_path, capsys) -> None:
    weights, back = tmp_path / f"w{extension}", tmp_path / "back.h5"
    assert call(tmp_path / "m.h5", "-o", weights) == 0
    assert call(weights, "--into", tmp_path / "m.json", "-o", back) == 0
    assert "matched by names: 4" in capsys.readouterr().out
    for old, new in zip(model.get_weights(), load_model(back).get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_state_dict_loads_in_pytorch_strictly(model, tmp_path) -> None:
    assert call(tmp_path / "m.h5", "-o", tmp_path / "w.pt") == 0
    module = nn.ModuleDict({"hidden": nn.Linear(4, 5), "classes": nn.Linear(5, 3)})
    module.load_state_dict(torch.load(tmp_path / "w.pt", weights_only=True))
    with torch.no_grad():
        found = module["classes"](module["hidden"](torch.from_numpy(X)).relu())
    np.testing.assert_allclose(found, model.predict(X), atol=1e-6)


def test_source_and_weights_are_written(model, tmp_path, capsys) -> None:
    assert call(tmp_path / "m.h5", "-o", tmp_path / "net.py") == 0
    assert (tmp_path / "net.py").exists() and (tmp_path / "net.pt").exists()
    assert "net.pt" in capsys.readouterr().out


def test_initializers_go_into_a_model_by_name(model, tmp_path) -> None:
    model.export(tmp_path / "m.onnx")
    assert call(tmp_path / "m.onnx", "--into", tmp_path / "m.json", "-o", tmp_path / "b.h5") == 0
    np.testing.assert_array_equal(load_model(tmp_path / "b.h5").predict(X), model.predict(X))


def test_initializers_that_do_not_fit_are_told(model, tmp_path, capsys) -> None:
    other = Sequential([Dense(5, input_shape=(4,), name="hidden"), Dense(9, name="other")])
    other.export(tmp_path / "o.onnx")
    assert call(tmp_path / "o.onnx", "--into", tmp_path / "m.json", "-o", tmp_path / "b.h5") == 1
    out = capsys.readouterr().out
    assert "no initializer 'classes/kernel'" in out and "other/kernel" in out
    assert not (tmp_path / "b.h5").exists()


def test_a_dry_run_tells_and_writes_nothing(model, tmp_path, capsys) -> None:
    torch.save(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)).state_dict(), tmp_path / "w.pth")
    before = (tmp_path / "m.h5").read_bytes()
    arguments = (tmp_path / "w.pth", "--into", tmp_path / "m.h5", "-o", tmp_path / "m.h5")
    assert call(*arguments, "--dry-run") == 0
    assert "classes.weight <- 2.weight" in capsys.readouterr().out
    assert (tmp_path / "m.h5").read_bytes() == before
    assert call(*arguments) == 0
    assert (tmp_path / "m.h5").read_bytes() != before


def test_a_misfit_is_exit_code_1_and_the_old_file_stays(model, tmp_path, capsys) -> None:
    torch.save(nn.Linear(4, 7).state_dict(), tmp_path / "w.pth")
    before = (tmp_path / "m.h5").read_bytes()
    assert call(tmp_path / "w.pth", "--into", tmp_path / "m.h5", "-o", tmp_path / "m.h5") == 1
    assert "not written" in capsys.readouterr().out
    assert (tmp_path / "m.h5").read_bytes() == before


def test_a_mapping_file_is_read(model, tmp_path) -> None:
    first, second = nn.Linear(4, 5), nn.Linear(5, 3)
    modules = nn.ModuleDict({"z": second, "a": first, "more": nn.Linear(4, 5)})
    torch.save(modules.state_dict(), tmp_path / "w.pth")
    (tmp_path / "map.json").write_text(json.dumps({"hidden": "a", "classes": "z"}))
    arguments = ("--into", tmp_path / "m.json", "-o", tmp_path / "b.h5")
    assert call(tmp_path / "w.pth", *arguments) == 1
    assert call(tmp_path / "w.pth", *arguments, "--mapping", tmp_path / "map.json") == 0
    found = load_model(tmp_path / "b.h5").get_weights()
    np.testing.assert_array_equal(found[2], second.weight.detach().numpy().T)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["m.h5"], "give the file to write"),
        (["m.h5", "-o", "m.txt"], "extension"),
        (["m.h5", "-o", "w.pt", "--dry-run"], "--into"),
        (["absent.h5", "-o", "w.pt"], "absent.h5"),
        (["m.json", "-o", "w.pt"], "--weights"),
        (["m.json", "--into", "m.json", "-o", "w.h5"], "m.json"),
    ],
)
def test_bad_usage_is_one_line(model, arguments, message, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*arguments) == 2
    err = capsys.readouterr().err
    assert message in err and "Traceback" not in err


def test_pytorch_weights_serve_an_architecture_in_verify(model, tmp_path, capsys) -> None:
    assert call(tmp_path / "m.h5", "-o", tmp_path / "w.safetensors") == 0
    arguments = ["verify", tmp_path / "m.h5", tmp_path / "m.json", "--weights-b", tmp_path / "w.safetensors"]
    assert main([str(a) for a in arguments]) == 0


def verify(*arguments: object) -> int:
    return main([str(argument) for argument in ("verify", *arguments)])


def test_source_is_verified_against_model_files(model, tmp_path, capsys) -> None:
    source = tmp_path / "net.py"
    assert call(tmp_path / "m.h5", "-o", source) == 0
    model.export(tmp_path / "m.onnx")
    assert verify(tmp_path / "m.h5", source) == 0
    assert verify(source, tmp_path / "m.onnx") == 0
    assert verify(source, source) == 2
    source.write_text(source.read_text().replace("F.relu", "torch.tanh"))
    assert verify(tmp_path / "m.h5", source) == 1
    (tmp_path / "other.py").write_text("x = 1")
    assert verify(tmp_path / "m.h5", tmp_path / "other.py") == 2
    assert "no load()" in capsys.readouterr().err
