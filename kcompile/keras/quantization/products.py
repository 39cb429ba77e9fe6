"""What a call computes of weights, by the operators that it emits: what there is to round to integers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...ir import Constant, Depends, Node, Value, depends

#: Operators that are computed of integers, by onnxruntime.
PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
#: Operators that multiply by two matrices at each step, in float32; these are stored as integers.
RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
#: Operators that have operators inside.
LOOPS = frozenset({"If", "Loop", "Scan"})
#: Operators whose operands may be weights that are rounded.
OF_WEIGHTS = PRODUCTS | RECURRENT | {"Gather"}
#: Operators whose results are numbers of what they are given, on the same scale.
MOVING = frozenset(
    """
    DepthToSpace Expand Flatten Gather Identity MaxPool Pad Reshape Slice SpaceToDepth Split Squeeze Tile
    Transpose Unsqueeze
    """.split()
)


class Operand(NamedTuple):
    """What becomes of one operand.

    Attributes:
        kind: "channels": weights with a scale for each channel; "whole": weights with one scale for the
            matrix that they are of; "table": weights of which rows are taken; "activations" that were
            computed in the call itself.
        axis: of the channels.
    """

    kind: str
    axis: int = 0


WHOLE, TABLE, ACTIVATIONS = Operand("whole"), Operand("table"), Operand("activations")


def in_float(op_types: Iterable[str]) -> bool:
    """Whether a layer of these operators is computed in float32, with one scale for each of its matrices:
    what runs step by step."""
    return any(op_type in RECURRENT or op_type in LOOPS for op_type in op_types)


def operands_to_round(
    op_type: str,
    values: Sequence[Value | None],
    attributes: Mapping[str, Any],
    given: Callable[[Value], bool] = lambda value: False,
    whole: bool = False,
) -> dict[int, Operand]:
    """What becomes of the operands of an operator, by their places; those that stay as they are left out.

    Args:
        given: whether a value is one that the layer is called on.
        whole: whether the layer is one that ``in_float`` tells of.
    """
    if op_type == "Gather":
        table, rows = values[:2]
        return {0: TABLE} if _is_weights(table) and depends_on_inputs(rows) else {}
    if op_type in RECURRENT:
        return {place: WHOLE for place in (1, 2) if _is_weights(values[place])}
    if op_type not in PRODUCTS:
        return {}
    a, b = values[:2]
    if a is None or b is None or a.dtype.kind != "f" or b.dtype.kind != "f":
        return {}
    weights = [i for i, x in enumerate((a, b)) if not depends_on_inputs(x)]
    if len(weights) == 2 or any(depends(x) is Depends.ON_NOTHING for x in (a, b)):
        return {}
    if whole:
        return dict.fromkeys(weights, WHOLE)
    return {
        i: _of_weights(op_type, i, x, attributes) if i in weights else ACTIVATIONS
        for i, x in enumerate((a, b))
        if i in weights or not given(moved_from(x))
    }


def depends_on_inputs(value: Value | None) -> bool:
    """Whether a value depends on more than weights."""
    return value is not None and depends(value) is Depends.ON_INPUTS


def _is_weights(value: Value | None) -> bool:
    return value is not None and value.dtype.kind == "f" and depends(value) is Depends.ON_WEIGHTS


def _of_weights(op_type: str, place: int, weights: Value, attributes: Mapping[str, Any]) -> Operand:
    """By channel, but for stacks of matrices, of whose scales onnxruntime's kernels take one."""
    if op_type == "MatMul" and (weights.rank or 0) > 2:
        return WHOLE
    return Operand("channels", _channels(op_type, place, weights, attributes))


def _channels(op_type: str, place: int, weights: Value, attributes: Mapping[str, Any]) -> int:
    """The axis of weights along which results are computed apart."""
    last = (weights.rank or 1) - 1
    if op_type == "Conv":
        return 0
    if op_type == "ConvTranspose":
        return 1
    if op_type == "Gemm":
        turned = attributes.get("transB" if place else "transA", 0)
        return int(bool(place) != bool(turned))
    return last if place else max(last - 1, 0)


def moved_from(value: Value) -> Value:
    """The value whose numbers a value has, before operators that only move them."""
    while value.node is not None and _only_moves(value.node):
        source = value.node.inputs[0]
        assert source is not None
        value = source
    return value


def _only_moves(node: Node) -> bool:
    if node.domain == "kcompile" and node.op_type == "Phase":  # that of dropout
        return True
    return not node.domain and node.op_type in MOVING and not _pads_with_numbers(node)


def _pads_with_numbers(node: Node) -> bool:
    """Whether something else than zeros is put around."""
    if node.op_type != "Pad" or len(node.inputs) < 3 or node.inputs[2] is None:
        return False
    fill = node.inputs[2]
    return not isinstance(fill, Constant) or bool(fill.array.any())
