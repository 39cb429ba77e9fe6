"""Text in graphs: what operators of ONNX can do to it, for files that take text themselves."""

from __future__ import annotations

import numpy as np

from ...ir import Constant, Value, op
from .. import backend as K


def lowered(text: Value) -> Value:
    """In small letters, of ASCII alone."""
    return op.StringNormalizer(text, case_change_action="LOWER", locale="C")


def raised(text: Value) -> Value:
    """In capital letters, of ASCII alone."""
    return op.StringNormalizer(text, case_change_action="UPPER", locale="C")


def replaced(text: Value, old: str, new: str) -> Value:
    """Text (batch,) with another text in each place of one: what lies between its occurrences, joined."""
    parts, counts = op.StringSplit(text, delimiter=old, outputs=2)
    nothing = op.Expand(Constant(np.array([""], object)), op.Shape(text))
    parts = op.Transpose(parts, perm=[1, 0])
    if new:
        place = op.CumSum(op.ConstantOfShape(op.Shape(parts), value=_ONE), Constant(np.array(0, np.int64)))
        inner = op.And(op.Greater(place, _of(1)), op.LessOrEqual(place, op.Unsqueeze(counts, [0])))
        parts = _joined(
            op.Where(inner, Constant(np.array(new, object)), Constant(np.array("", object))), parts
        )
    parts = op.Concat(op.Unsqueeze(nothing, [0]), parts, axis=0)  # at least one
    return K.foldl(_joined, parts, nothing)


_ONE = np.array([1], np.int64)


def _of(number: int) -> Value:
    return Constant(np.array(number, np.int64))


def _joined(text: Value, more: Value) -> Value:
    """One behind the other. onnxruntime's StringConcat appends to what lies where its result goes, and a Scan
    has its results where those of the round before the last were: here they are copied there."""
    return op.Squeeze(op.Unsqueeze(op.StringConcat(text, more), [0]), [0])
