"""LSTMs whose gates are put into ONNX's order from the one that Keras and PyTorch have in common.

Keras orders gates i, f, c, o, as PyTorch does, and ONNX i, o, f, c: a graph reorders the rows of the weights
for the operator, whose function would order them back for torch's kernel, in each step, and gradients too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kcompile.ir import Constant, Graph, Node, Value

_TO_ONNX = [0, 3, 1, 2]
_ON_THE_WAY = ("Reshape", "Pad")
_ROUNDING = ("QuantizeLinear", "DequantizeLinear")


def gate_orders(graph: Graph) -> dict[Node, list[Node]]:
    """The LSTM nodes of a graph that can do without -> the Gather nodes that order gates for them alone."""
    lstms = [node for node in graph.nodes if node.op_type == "LSTM" and not node.domain and _is_fused(node)]
    if not lstms:
        return {}
    uses = Counter(value for node in graph.nodes for value in graph.dependencies(node))
    uses.update(graph.resolve(value) for value in graph.outputs)
    uses.update(graph.resolve(new) for _, new in graph.updates)
    computed = set(graph.nodes)
    found = {}
    for node in lstms:
        weights = [value for value in graph.operands(node)[1:4] if value is not None]
        gathers = [_gather_before(graph, value, uses, computed) for value in weights]
        if all(gathers):
            found[node] = [gather for gather in gathers if gather is not None]
    return found


def _is_fused(node: Node) -> bool:
    """Whether torch's kernel computes it: usual activations, one direction, nothing clipped, no peepholes."""
    own = ("activations", "clip", "input_forget", "activation_alpha", "activation_beta")
    peepholes = len(node.inputs) > 7 and node.inputs[7] is not None
    return not any(node.attributes.get(name) for name in own) and not peepholes and _directions(node) == 1


def _directions(node: Node) -> int:
    return 2 if node.attributes.get("direction") in ("bidirectional", b"bidirectional") else 1


def _gather_before(graph: Graph, value: Value, uses: Counter[Value], computed: set[Node]) -> Node | None:
    """The node that orders the gates of a weight which nobody else reads."""
    while value.node in computed and uses[value] == 1:
        node = value.node
        assert node is not None
        operands = graph.operands(node)
        if node.op_type == "Gather" and not node.domain:
            indices = operands[1]
            orders = isinstance(indices, Constant) and indices.array.tolist() == _TO_ONNX
            return node if orders and node.attributes.get("axis", 0) == 0 else None
        moves = node.op_type in _ON_THE_WAY or _rounds_as_one(node, operands)
        if not moves or node.domain or operands[0] is None:
            return None
        value = operands[0]
    return None


def _rounds_as_one(node: Node, operands: Sequence[Value | None]) -> bool:
    """Whether it rounds all numbers by one scale, in whichever order they are."""
    return node.op_type in _ROUNDING and operands[1] is not None and operands[1].rank == 0
