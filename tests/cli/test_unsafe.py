"""Functions in a model file are refused by every command, and run by ``--unsafe``."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.cli import BAD_INPUT, OK
from kcompile.cli.app import command

COMMANDS = {
    "compile": "compile {model} -o {folder}/out.onnx",
    "convert": "convert {model} -o {folder}/out.safetensors",
    "convert --into": "convert {weights} --into {model} -o {folder}/out.h5",
    "convert --draft-mapping": "convert {weights} --into {model} --draft-mapping {folder}/map.json",
    "inspect": "inspect {model}",
    "optimize": "optimize {model} -o {folder}/out.onnx --dynamic",
    "package": "package {model} -o {folder}/packed",
    "predict": "predict {model} {samples} -o {folder}/out.npy",
    "profile": "profile {model} --seconds 0.1",
    "verify": "verify {model} {model}",
}


@pytest.fixture(scope="module")
def with_function(tmp_path_factory):
    from kcompile.convert import write_state_dict
    from kcompile.keras.layers import Dense, Lambda
    from kcompile.keras.models import Sequential

    folder = tmp_path_factory.mktemp("function")
    model = Sequential([Dense(3, input_shape=(4,)), Lambda(lambda x: x * 2)])
    model.save(folder / "m.h5")
    write_state_dict(model, folder / "w.safetensors")
    np.save(folder / "x.npy", np.zeros((2, 4), "float32"))
    return {"model": folder / "m.h5", "weights": folder / "w.safetensors", "samples": folder / "x.npy"}


def test_every_command_that_loads_a_model_has_the_switch():
    switched = {name for name, entry in command().commands.items() if "--unsafe" in str(_options(entry))}
    assert switched == set(command().commands) - {"plot", "run", "serve", "tune"}
    assert switched == {line.split()[0] for line in COMMANDS.values()} | {"view", "web"}


def _options(entry):
    return [parameter.opts for parameter in entry.params]


@pytest.mark.parametrize("line", COMMANDS.values(), ids=COMMANDS)
def test_functions_in_a_file_are_run_when_it_is_trusted_and_not_before(with_function, call, tmp_path, line):
    words = line.format(folder=tmp_path, **with_function).split()
    refused = call(*words)
    assert refused.code == BAD_INPUT
    assert "safe_mode=False (--unsafe)" in refused.err
    trusted = call(*words, "--unsafe")
    assert trusted.code == OK, trusted.err
