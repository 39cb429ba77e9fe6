"""``module:attribute`` names a model that code of the user's makes."""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kcompile.cli import BAD_INPUT, OK
from kcompile.keras.models import load_model
from kcompile_runtime import Executor

ROOT = Path(__file__).resolve().parents[2]
_numbers = itertools.count()

SOURCE = """
from kcompile.keras.layers import Dense
from kcompile.keras.models import Sequential

ready = Sequential([Dense(2, input_shape=(3,), kernel_initializer="ones")])


class Networks:
    @staticmethod
    def small():
        return Sequential([Dense(1, input_shape=(3,), kernel_initializer="ones")])


def broken():
    raise ValueError("the data are not there")


count = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module in the working directory, under a name of its own."""
    name = f"own_models_{next(_numbers)}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield name
    sys.modules.pop(name, None)


@pytest.mark.parametrize("attribute, outputs", [("ready", 2), ("Networks.small", 1)])
def test_compile_writes_a_model_and_what_a_function_returns(call, module, attribute, outputs):
    result = call("compile", f"{module}:{attribute}", "-o", "out.onnx")
    assert result.code == OK, result.err
    x = np.ones((4, 3), "float32")
    np.testing.assert_allclose(Executor("out.onnx").predict(x), np.full((4, outputs), 3.0))


def test_convert_writes_files_of_every_kind(call, module):
    for end in ("h5", "keras", "json", "onnx"):
        result = call("convert", f"{module}:ready", "-o", f"out.{end}")
        assert result.code == OK, result.err
    x = np.ones((4, 3), "float32")
    np.testing.assert_allclose(load_model("out.h5").predict(x, verbose=0), np.full((4, 2), 3.0))


def test_weights_are_loaded_from_a_file(call, module):
    assert call("convert", f"{module}:ready", "-o", "zeros.h5").code == OK
    model = load_model("zeros.h5")
    model.set_weights([w * 0 for w in model.get_weights()])
    model.save_weights("zeros.weights.h5")
    result = call("compile", f"{module}:ready", "--weights", "zeros.weights.h5", "-o", "out.onnx")
    assert result.code == OK, result.err
    assert not Executor("out.onnx").predict(np.ones((4, 3), "float32")).any()


@pytest.mark.parametrize(
    "attribute, words",
    [
        ("raedy", "there is no 'raedy' in"),
        ("raedy", "Did you mean ready?"),
        ("count", "is builtins.int; expected a model of kcompile, stock Keras 3 or tf_keras"),
        ("broken", "the data are not there"),
    ],
)
def test_what_is_no_model_is_refused_by_name(call, module, attribute, words):
    result = call("compile", f"{module}:{attribute}", "-o", "out.onnx")
    assert result.code == BAD_INPUT
    assert words in result.err


def test_a_module_that_is_not_there_is_refused_by_name(call, module):
    result = call("compile", "no.such.module:model", "-o", "out.onnx")
    assert result.code == BAD_INPUT
    assert "there is no module 'no'" in result.err


def test_the_path_of_a_file_never_imports_a_module(call, module, files):
    """Not even one that looks like ``module:attribute``."""
    name = f"{module}:ready"
    Path(name).write_bytes(files.h5.read_bytes())
    result = call("inspect", name)
    assert result.code == OK, result.err
    assert "hidden" in result.out
    assert module not in sys.modules
    for path in (f"{module}.py", f"{module}"):
        assert call("inspect", path).code == BAD_INPUT
        assert module not in sys.modules


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("keras", "torch")),
    reason="needs stock Keras 3 and PyTorch",
)
def test_a_live_model_of_stock_keras_is_compiled(tmp_path):
    (tmp_path / "stock.py").write_text(
        "import keras\n\n\ndef build():\n"
        "    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_initializer='ones')])\n"
    )
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": f"{ROOT}:{ROOT / 'runtime'}"}
    command = [sys.executable, "-m", "kcompile", "compile", "stock:build", "-o", "out.onnx"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    x = np.ones((4, 3), "float32")
    np.testing.assert_allclose(Executor(tmp_path / "out.onnx").predict(x), np.full((4, 2), 3.0))
