"""ONNX's node tests, run by the bridge: what the tests and the check on a GPU share; without pytest."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import numpy_helper

from kcompile.onnx_io.reading import read_graph
from kcompile.torch_bridge import lower, run
from kcompile.torch_bridge.devices import default_device
from tests.torch_bridge.operators_table import RANDOM


def arrays(values: list[Any]) -> list[np.ndarray]:
    return [numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else np.asarray(v) for v in values]


def eps(dtype: np.dtype) -> float:
    return float(ml_dtypes.finfo(dtype).eps)


def compare(case: Any, got: tuple[np.ndarray, ...], expected: list[np.ndarray]) -> None:
    """The test's own tolerance, but never less than two units in the last place of a half precision type."""
    assert len(got) == len(expected)
    for actual, wanted in zip(got, expected, strict=True):
        assert actual.dtype == wanted.dtype
        assert actual.shape == wanted.shape
        if wanted.dtype.kind in "biu":
            np.testing.assert_array_equal(actual, wanted)
            continue
        unit = eps(wanted.dtype) if wanted.dtype.itemsize >= 2 else 0.0
        a, b = actual.astype(np.float64), wanted.astype(np.float64)
        largest = np.max(np.abs(b[np.isfinite(b)]), initial=0.0)
        np.testing.assert_allclose(a, b, rtol=max(case.rtol, 2 * unit), atol=case.atol + unit * largest)


def compare_draws(inputs: list[np.ndarray], got: tuple[np.ndarray, ...], expected: list[np.ndarray]) -> None:
    """Dropout keeps x / (1 - ratio) or nothing, and its mask says which; Bernoulli draws zeros and ones."""
    assert [g.dtype for g in got] == [e.dtype for e in expected]
    assert [g.shape for g in got] == [e.shape for e in expected]
    if len(inputs) > 1:
        scaled = inputs[0] / (1 - inputs[1])
        np.testing.assert_allclose(got[0], np.where(got[0] != 0, scaled, 0), rtol=1e-5)
        for mask in got[1:]:
            np.testing.assert_array_equal(mask, got[0] != 0)
    else:
        assert set(np.unique(got[0])) <= {0, 1}


def check(case: Any) -> None:
    """
    Raises:
        AssertionError: if the outputs are others than ONNX's.
    """
    module = lower(read_graph(case.model), default_device())
    for inputs, expected in case.data_sets:
        inputs, expected = arrays(inputs), arrays(expected)
        got = run(module, *inputs)
        if case.name.startswith(RANDOM) and not ("dropout" in case.name and "zero_ratio" in case.name):
            compare_draws(inputs, got, expected)
        else:
            compare(case, got, expected)
