"""Model files that the commands are tried on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from kcompile.cli import main


class Files(NamedTuple):
    """One trained-like network in every form that the commands read."""

    h5: Path
    json: Path
    yaml: Path
    weights: Path
    onnx: Path
    model: Any


class Result(NamedTuple):
    """What a command printed and returned."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    from kcompile.keras.layers import Dense, Dropout
    from kcompile.keras.models import Sequential

    folder = tmp_path_factory.mktemp("models")
    model = Sequential(
        [
            Dense(5, activation="relu", input_shape=(4,), name="hidden"),
            Dropout(0.5, name="drop"),
            Dense(3, activation="softmax", name="classes"),
        ],
        name="small",
    )
    model.compile("sgd", "mse")
    found = Files(*(folder / f"m.{end}" for end in ("h5", "json", "yaml", "weights.h5", "onnx")), model)
    model.save(found.h5)
    found.json.write_text(model.to_json())
    found.yaml.write_text(model.to_yaml())
    model.save_weights(found.weights)
    model.export(found.onnx)
    return found


@pytest.fixture
def two_inputs(tmp_path: Path) -> Path:
    """A model of inputs "left" and "right" and outputs "sum" and "left_only", as .h5."""
    from kcompile.keras.layers import Dense, Input
    from kcompile.keras.models import Model

    left, right = Input((2,), name="left"), Input((2,), name="right")
    shared = Dense(3, name="shared")
    outputs = [Dense(1, name="from_left")(shared(left)), Dense(1, name="from_right")(shared(right))]
    path = tmp_path / "two.h5"
    Model([left, right], outputs, name="two").save(path)
    return path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs the command in this process."""

    def run(*arguments: object) -> Result:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def samples(tmp_path: Path) -> tuple[np.ndarray, Path]:
    array = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    path = tmp_path / "x.npy"
    np.save(path, array)
    return array, path
