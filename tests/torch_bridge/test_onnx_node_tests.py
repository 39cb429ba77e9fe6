"""ONNX's own node tests, through reading, lowering and PyTorch: every test of every operator that is claimed.

What is not run is decided by the rules in operators_table.py, and counted in docs/operators.md.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import defs

from kcompile.ir import OPSET
from kcompile.torch_bridge.ops import OPERATORS
from tests.torch_bridge.node_tests import check
from tests.torch_bridge.operators_table import (
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
