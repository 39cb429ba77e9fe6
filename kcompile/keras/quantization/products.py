"""The products of weights in a call, by the operators that it emits: what there is to round to integers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ...ir import Constant, Depends, Node, Value, depends

#: Operators that are computed of integers, by onnxruntime.
PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
#: Operators whose results are numbers of what they are given, on the same scale.
MOVING = frozenset(
    """
    DepthToSpace Expand Flatten Gather Identity MaxPool Pad Reshape Slice SpaceToDepth Split Squeeze Tile
    Transpose Unsqueeze
    """.split()
)


class Operand(NamedTuple):
    """What becomes of one operand of a product.

    Attributes:
        kind: "as it is", "weights", or "activations" that were computed in the call itself.
        axis: of the channels of weights, each of which has a scale.
    """

    kind: str
    axis: int = 0


AS_IT_IS, ACTIVATIONS = Operand("as it is"), Operand("activations")


def operands_of_product(
    op_type: str,
    values: Sequence[Value | None],
    attributes: Mapping[str, Any],
    given: Callable[[Value], bool],
) -> tuple[Operand, Operand] | None:
    """What becomes of the two operands of a product; None for what is no product of weights or activations.

    Args:
        given: whether a value is one that the layer is called on.
    """
    if op_type not in PRODUCTS:
        return None
    a, b = values[:2]
    if a is None or b is None or a.dtype.kind != "f" or b.dtype.kind != "f":
        return None
    by_weights = [depends(x) is not Depends.ON_INPUTS for x in (a, b)]
    if all(by_weights) or any(depends(x) is Depends.ON_NOTHING for x in (a, b)):
        return None
    found = [
        Operand("weights", _channels(op_type, i, x, attributes))
        if of_weights
        else AS_IT_IS
        if given(moved_from(x))
        else ACTIVATIONS
        for i, (x, of_weights) in enumerate(zip((a, b), by_weights, strict=True))
    ]
    return found[0], found[1]


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
