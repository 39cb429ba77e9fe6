"""The FAQ's code runs as it is written, `import keras` and all."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import kcompile.keras
from kcompile.cli.aliasing import AliasFinder, install


@pytest.fixture(autouse=True)
def keras_is_kcompile(monkeypatch, tmp_path):
    """`import keras` finds kcompile.keras for one test, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    finders, modules = list(sys.meta_path), dict(sys.modules)
    monkeypatch.setattr(kcompile.keras, "__name__", kcompile.keras.__name__)  # the alias changes it
    for name in [name for name in sys.modules if name == "keras" or name.startswith("keras.")]:
        del sys.modules[name]
    install()
    yield
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name == "keras" or name.startswith("keras.")]:
        del sys.modules[name]
    sys.modules.update({name: module for name, module in modules.items() if name.split(".")[0] == "keras"})
    assert not any(isinstance(finder, AliasFinder) for finder in sys.meta_path)


@pytest.fixture
def run():
    """run(code, **names): the names after the code ran."""

    def run_code(code: str, **names):
        namespace = {"np": np, "__name__": "faq", **names}
        exec(compile(code, "<FAQ>", "exec"), namespace)
        return namespace

    return run_code


@pytest.fixture
def data():
    """(x, labels): 40 samples of 8 features, one-hot labels of 3 classes."""
    random = np.random.RandomState(0)
    x = random.uniform(-1, 1, (40, 8)).astype("float32")
    return x, np.eye(3, dtype="float32")[x[:, :3].argmax(axis=1)]


@pytest.fixture
def compiled(run):
    """A compiled classifier of 8 features into 3 classes."""
    return run("""
from keras.models import Sequential
from keras.layers import Dense, Dropout
model = Sequential([Dense(16, activation='relu', input_dim=8, name='my_layer'), Dropout(0.5),
                    Dense(16, activation='tanh'), Dense(3, activation='softmax')])
model.compile(optimizer='adam', loss='categorical_crossentropy', metrics=['accuracy'])
""")["model"]
