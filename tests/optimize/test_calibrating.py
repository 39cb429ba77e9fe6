"""Which range is taken where nobody says: the one that moves outputs on the samples least."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from kcompile import keras
from kcompile.keras import layers as L
from kcompile.optimize import quantize
from kcompile.optimize.ranges import CALIBRATIONS
from tests.optimize.networks import exported

#: One number of 4000 is far out.
X = np.random.default_rng(0).uniform(-1, 1, (100, 40)).astype(np.float32)
X[7, 3] = 300


def network(activation: str, folder: Path) -> onnx.ModelProto:
    """Of "tanh" a number far out is as good as one that is less so; otherwise it is most of the outputs."""
    keras.utils.set_random_seed(0)
    x = keras.Input((40,))
    y: Any = L.Dense(64, activation=activation, name="first")(x)
    return exported(keras.Model(x, L.Dense(8, name="last")(y)), folder)


@pytest.mark.parametrize(
    ("activation", "chosen"), [("linear", {"minmax"}), ("tanh", {"percentile", "entropy"})]
)
def test_the_range_of_least_noise_is_taken(activation: str, chosen: set[str], tmp_path: Path) -> None:
    source = network(activation, tmp_path)
    asked = {name: quantize(source, calibrate=X, calibration=name, percentile=99.9) for name in CALIBRATIONS}  # type: ignore[arg-type]
    assert {name: made.step["calibration"] for name, made in asked.items()} == {n: n for n in CALIBRATIONS}
    made = quantize(source, calibrate=X, percentile=99.9)
    assert made.step["calibration"] in chosen
    best = max(one.differences[0].sqnr for one in asked.values())
    assert made.differences[0].sqnr >= best - 0.2


def test_numbers_are_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kcompile.optimize import ranges

    counted: list[int] = []
    count = ranges._histograms

    def counting(*given: Any) -> Any:
        counted.append(1)
        return count(*given)

    monkeypatch.setattr(ranges, "_histograms", counting)
    quantize(network("tanh", tmp_path), calibrate=X, equalize=False)
    assert len(counted) == 1
