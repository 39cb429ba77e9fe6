"""ONNX's own node tests, through reading, lowering and PyTorch: every test of every operator that is claimed.

What is not run is decided by the rules in operators_table.py, and counted in docs/operators.md.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import defs, numpy_helper

from kcompile.ir import OPSET
from kcompile.onnx_io.reading import read_graph
from kcompile.torch_bridge import lower, run
from kcompile.torch_bridge.devices import default_device
from kcompile.torch_bridge.ops import OPERATORS
from tests.torch_bridge.operators_table import (
    RANDOM,
    RESOLVED,
    UNCLAIMED,
    by_operator,
    exclusion,
    node_tests,
    operators_page,
)

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"


@lru_cache(maxsize=1)
def cases_by_operator() -> dict[str, list[Any]]:
    return by_operator(node_tests())


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
    module = lower(read_graph(case.model), default_device())
    for inputs, expected in case.data_sets:
        inputs, expected = arrays(inputs), arrays(expected)
        got = run(module, *inputs)
        if case.name.startswith(RANDOM) and not ("dropout" in case.name and "zero_ratio" in case.name):
            compare_draws(inputs, got, expected)
        else:
            compare(case, got, expected)


def failures(cases: list[Any]) -> list[str]:
    found = []
    for case in cases:
        if exclusion(case) is None:
            try:
                check(case)
            except Exception as error:
                found.append(f"{case.name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    return found


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_every_node_test_of_a_claimed_operator_passes(operator: str) -> None:
    assert failures(cases_by_operator().get(operator, [])) == []


def test_every_node_test_of_other_operators_that_can_be_read_passes() -> None:
    others = [case for name, cases in cases_by_operator().items() if name not in OPERATORS for case in cases]
    assert failures(others) == []


def test_every_operator_of_the_version_is_claimed_or_named_with_a_reason() -> None:
    names = {s.name for s in defs.get_all_schemas_with_history() if s.domain == ""}
    existing = {n for n in names if defs.has(n, OPSET, "") and not defs.get_schema(n, OPSET, "").deprecated}
    unclaimed = {name for operators in UNCLAIMED.values() for name in operators}
    assert existing == (set(OPERATORS) & existing) | unclaimed | set(RESOLVED)
    assert not unclaimed & set(OPERATORS)


def test_the_committed_page_is_current() -> None:
    committed = PAGE.read_text(encoding="utf-8")
    if f"ONNX {onnx.__version__} has" not in committed:
        pytest.skip(f"the page was made with another ONNX than {onnx.__version__}")
    assert committed == operators_page()
