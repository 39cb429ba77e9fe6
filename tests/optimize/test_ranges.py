"""Calibration: which range is taken of numbers whose distribution is known."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from kcompile.optimize import OptimizeError, Samples
from kcompile.optimize.quantizing import shaped
from kcompile.optimize.ranges import Ranges, activations


def identity(size: int = 1000) -> onnx.ModelProto:
    """x -> Relu(x), both with all the numbers."""
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Neg", ["x"], ["minus"]), onnx.helper.make_node("Relu", ["minus"], ["y"])],
        "numbers",
        [info("x", 1, ["n", size])],
        [info("y", 1, ["n", size])],
    )
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    return shaped(made)


def ranges(numbers: np.ndarray, calibration: str, **options) -> dict[str, tuple[float, float]]:
    model = identity(numbers.shape[1])
    return Ranges(model, Samples(model, numbers), calibration, **options).spans


NORMAL = np.random.default_rng(0).standard_normal((100, 1000)).astype(np.float32)


def test_minmax_is_the_least_and_the_largest():
    spans = ranges(NORMAL, "minmax")
    assert spans["x"] == (float(NORMAL.min()), float(NORMAL.max()))
    assert spans["minus"] == (-float(NORMAL.max()), -float(NORMAL.min()))
    assert spans["y"] == (0.0, -float(NORMAL.min()))


@pytest.mark.parametrize(("percentile", "end"), [(99.0, 2.576), (99.9, 3.29)])
def test_a_percentile_leaves_both_tails_out(percentile, end):
    low, high = ranges(NORMAL, "percentile", percentile=percentile)["x"]
    assert -low == pytest.approx(end, abs=0.1) and high == pytest.approx(end, abs=0.1)


@pytest.mark.parametrize("calibration", ["percentile", "entropy"])
def test_single_numbers_far_out_are_left_out(calibration):
    numbers = NORMAL.copy()
    numbers[3, 5] = 60
    low, high = ranges(numbers, calibration, percentile=99.99)["x"]
    assert high < 10 and -10 < low < -2
    assert ranges(numbers, "minmax")["x"][1] == 60


@pytest.mark.parametrize("calibration", ["percentile", "entropy"])
def test_even_numbers_keep_their_range(calibration):
    numbers = np.random.default_rng(0).uniform(-1, 1, (100, 1000)).astype(np.float32)
    low, high = ranges(numbers, calibration)["x"]
    assert low == pytest.approx(-1, abs=0.05) and high == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("calibration", ["minmax", "percentile", "entropy"])
def test_what_never_changes_has_a_range(calibration):
    spans = ranges(np.full((10, 20), 3.0, np.float32), calibration)
    assert spans["y"][0] == 0 and spans["x"][0] == pytest.approx(3, rel=1e-5)
    assert all(np.isfinite(span).all() for span in spans.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"calibration": "mean"}, "expected minmax"),
        ({"calibration": "percentile", "percentile": 5}, "90 to 100"),
    ],
)
def test_what_is_no_calibration_is_refused(options, message):
    with pytest.raises(OptimizeError, match=message):
        ranges(NORMAL, **options)


def test_infinite_numbers_between_layers_are_named():
    model = identity(4)
    model.graph.node[0].op_type = "Reciprocal"
    with pytest.raises(OptimizeError, match="NaN or infinite numbers on the samples, first in 'minus'"):
        Ranges(model, Samples(model, np.zeros((8, 4), np.float32)))


def test_activations_are_what_nodes_read_and_write():
    assert activations(identity()) == ["x", "minus", "y"]
