"""Each kind of file into each other by ``kcompile convert``, and each two compared by ``kcompile verify``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from kcompile.cli import main
from kcompile.keras.layers import LSTM, BatchNormalization, Conv2D, Dense, Embedding, Flatten
from kcompile.keras.models import Sequential, load_model

from .test_module_source import randomised

MODELS = {
    "m.h5": [],
    "m.keras": [],
    "m.onnx": [],
    "foreign.onnx": [],
    "m.json": ["--weights", "w.h5"],
    "m.yaml": ["--weights", "w.safetensors"],
}
WEIGHTS = ["w.h5", "w.weights.h5", "w.safetensors", "w.pt", "m.onnx", "m.h5", "m.keras"]
TARGETS = [".h5", ".keras", ".onnx", ".py", ".json", ".yaml", ".weights.h5", ".safetensors", ".pth"]


def small(name: str = "small") -> Sequential:
    return Sequential(
        [
            Conv2D(4, 3, activation="relu", input_shape=(6, 6, 3), name="conv"),
            BatchNormalization(name="norm"),
            Flatten(name="flat"),
            Dense(3, name="classes"),
        ],
        name=name,
    )


def foreign(path: Path) -> None:
    """An ONNX file that no Keras model was exported to, its initializers named as PyTorch's."""
    import onnx
    from onnx import helper, numpy_helper

    random = np.random.default_rng(0)
    shapes = {"conv.weight": (2, 6, 3, 3), "conv.bias": (2,), "fc.weight": (3, 8)}
    weights = [numpy_helper.from_array(random.random(s).astype(np.float32), n) for n, s in shapes.items()]
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight", "conv.bias"], ["c"]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("Gemm", ["f", "fc.weight"], ["y"], transB=1),
    ]
    ends = [[helper.make_tensor_value_info(n, 1, s)] for n, s in (("x", ["N", 6, 6, 3]), ("y", ["N", 3]))]
    graph = helper.make_graph(nodes, "theirs", *ends, weights)
    opsets = [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("pairs")
    model = randomised(small())
    for name in ("m.h5", "m.keras"):
        model.save(made / name)
    model.export(made / "m.onnx")
    (made / "m.json").write_text(model.to_json())
    (made / "m.yaml").write_text(model.to_yaml())
    model.save_weights(made / "w.h5")
    model.save_weights(made / "w.weights.h5")
    foreign(made / "foreign.onnx")
    for name in ("w.safetensors", "w.pt", "m.py"):
        assert main(["convert", str(made / "m.h5"), "-o", str(made / name)]) == 0
    return made


@pytest.fixture
def there(folder, monkeypatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def verify(*arguments: object, tolerance: float = 1e-5) -> int:
    return main([str(argument) for argument in ("verify", *arguments, "--tolerance", tolerance)])


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", MODELS)
def test_models_become_every_kind_of_file(source, target, there, tmp_path) -> None:
    out = tmp_path / f"out{target}"
    assert main(["convert", source, *MODELS[source], "-o", str(out)]) == 0
    weights = [a.replace("--weights", "--weights-a") for a in MODELS[source]]
    if target in (".json", ".yaml"):
        assert [layer.name for layer in load_model(out, compile=False).layers]
        return
    if source == "foreign.onnx" and target in (".weights.h5", ".safetensors", ".pt", ".pth"):
        load_model(source, compile=False).load_weights(out)
    else:
        assert verify(source, out, *weights) == 0


@pytest.mark.parametrize("target", [".hdf5", ".onnx", ".pt"])
@pytest.mark.parametrize("source", WEIGHTS)
def test_weights_of_every_kind_go_into_a_model_and_out(source, target, there, tmp_path) -> None:
    out = tmp_path / f"out{target}"
    assert main(["convert", source, "--into", "m.json", "-o", str(out)]) == 0
    assert verify("m.h5", out) == 0


@pytest.mark.parametrize("extension", [".safetensors", ".pt"])
def test_initializers_of_a_foreign_file_keep_their_names(extension, there, tmp_path) -> None:
    from kcompile.keras.state_dict import read_tensors

    out = tmp_path / f"out{extension}"
    assert main(["convert", "foreign.onnx", "-o", str(out)]) == 0
    tensors = read_tensors(out)
    assert {name: array.shape for name, array in tensors.items()} == {
        "conv.weight": (2, 6, 3, 3), "conv.bias": (2,), "fc.weight": (3, 8)}  # fmt: skip
    model = load_model("foreign.onnx", compile=False)
    model.set_weights([w * 0 for w in model.get_weights()])
    model.load_weights(out)
    found = {w.name.rpartition("/")[2]: w.numpy() for w in model.weights}
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["m.py", "-o", "x.h5"], 2, "PyTorch source is written, not read"),
        (["w.pt", "-o", "x.h5"], 2, "weights alone; name the model that takes them by --into"),
        (["w.safetensors", "-o", "x.onnx"], 2, "--into MODEL"),
        (["w.h5", "-o", "x.h5"], 2, "holds no model architecture"),
        (["m.json", "-o", "x.h5"], 2, "an architecture without weights"),
        (["m.h5", "-o", "x.tflite"], 2, "the extension must be one of"),
        (["m.json", "--into", "m.h5", "-o", "x.h5"], 2, "m.json: a json file"),
        (["m.py", "--into", "m.h5", "-o", "x.h5"], 2, "m.py: not a model file"),
        (["foreign.onnx", "--into", "m.h5", "-o", "x.h5"], 1, "the weights do not fit"),
        (["m.h5", "--into", "foreign.onnx", "-o", "x.h5"], 1, "the weights do not fit"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_converted_is_said_and_writes_nothing(arguments, code, message, there, capsys) -> None:
    before = sorted(os.listdir())
    assert main(["convert", *arguments]) == code
    said = capsys.readouterr()
    assert message in said.out + said.err
    assert sorted(os.listdir()) == before


def test_a_dry_run_of_keras_weights_writes_nothing(there, tmp_path, capsys) -> None:
    assert main(["convert", "w.h5", "--into", "m.json", "--dry-run"]) == 0
    assert "all 8 weights of small have their values" in capsys.readouterr().out


FILES = ["m.h5", "m.keras", "m.onnx", "m.json", "m.py", "w.weights.h5", "w.safetensors", "w.pt"]
ALONE = {"w.weights.h5", "w.safetensors", "w.pt"}


@pytest.mark.parametrize("b", FILES)
@pytest.mark.parametrize("a", FILES)
def test_any_two_files_are_compared(a, b, there, capsys) -> None:
    options = ["--weights-a", "w.h5"] * (a == "m.json") + ["--weights-b", "w.h5"] * (b == "m.json")
    code = verify(a, b, *options)
    said = capsys.readouterr()
    if {a, b} <= ALONE:
        assert (code, "compare it with a model" in said.err) == (2, True)
    elif {a, b} & ALONE and "m.py" in (a, b):
        assert (code, "takes none but its own" in said.err) == (2, True)
    elif (a, b) == ("m.py", "m.py"):
        assert (code, "one of the two must be a model" in said.err) == (2, True)
    else:
        assert code == 0, said.err
        assert said.out.rstrip().endswith("equal")


@pytest.mark.parametrize("b", ["m.keras", "m.onnx", "m.py", "w.safetensors", "w.pt"])
def test_other_weights_are_told_apart(b, there, tmp_path, capsys) -> None:
    other = small()
    other.save(tmp_path / "other.h5")
    assert verify(tmp_path / "other.h5", b) == 1
    assert "NO" in capsys.readouterr().out
    assert verify(tmp_path / "other.h5", b, tolerance=100) == 0


def test_a_foreign_file_is_compared_with_what_was_made_of_it(there, tmp_path) -> None:
    for name in ("f.h5", "f.keras", "f.onnx", "f.py"):
        assert main(["convert", "foreign.onnx", "-o", str(tmp_path / name)]) == 0
        assert verify("foreign.onnx", tmp_path / name) == 0
        assert verify(tmp_path / name, "foreign.onnx") == 0


def test_weights_that_do_not_fit_the_other_file_are_bad_usage(there, tmp_path, capsys) -> None:
    Sequential([Dense(2, input_shape=(3,))]).save(tmp_path / "other.h5")
    assert verify(tmp_path / "other.h5", "w.pt") == 2
    assert "does not fit" in capsys.readouterr().err


def test_tables_and_recurrence_in_every_kind(tmp_path) -> None:
    """Integer inputs: the graph says how large they may be."""
    model = randomised(Sequential([Embedding(7, 4, input_length=5, name="table"), LSTM(3, name="steps")]))
    model.save(tmp_path / "m.h5")
    for name in ("m.keras", "m.onnx", "m.py", "w.safetensors"):
        assert main(["convert", str(tmp_path / "m.h5"), "-o", str(tmp_path / name)]) == 0
        assert verify(tmp_path / "m.h5", tmp_path / name) == 0
        assert verify(tmp_path / name, tmp_path / "m.h5") == 0
