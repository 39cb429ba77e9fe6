"""What type checkers and editors read of ``op`` is made of the schemas that emission goes by.

What mypy makes of it is in operator_types.py, which `make lint` checks.
"""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import pytest

from kcompile.ir import OperatorError, op

from .operator_stubs import stubs

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "kcompile" / "ir" / "operators.pyi"


def test_the_stubs_are_those_of_the_pinned_onnx():
    pinned = re.search(r"^onnx==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    if onnx.__version__ != pinned.group(1):
        pytest.skip(f"onnx {onnx.__version__} is installed, {pinned.group(1)} is pinned")
    assert PAGE.read_text(encoding="utf-8") == stubs(), (
        "made again by: python -m tests.ir.operator_stubs kcompile/ir/operators.pyi"
    )


def test_every_method_of_the_stubs_is_an_operator_that_emission_knows():
    methods = set(re.findall(r"^    def (\w+)\(", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert {"Conv", "Scan", "LSTM", "Identity"} < methods
    for name in sorted(methods):
        with pytest.raises(OperatorError, match="unknown attribute 'no_such"):
            getattr(op, name)(no_such_attribute=1)
