"""Images and volumes whose elements a program repeats axis by axis, enlarged by one operator."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from .emission import op
from .graph import Graph
from .scope import absolute_scope
from .values import Constant, Node, Value

_TYPES = ("float32", "float16")
"""Those that Resize of onnxruntime takes, or takes as float32."""


class _Repeat(NamedTuple):
    """``factor`` times each element along ``axis``: nodes Unsqueeze, Tile and Reshape."""

    nodes: tuple[Node, ...]
    source: Value
    axis: int
    factor: int


def with_resizes(graph: Graph) -> Graph:
    """The same slice, in which repetition along all spatial axes is one Resize to the nearest.

    A program may write ``repeat(repeat(x, 2, axis=1), 2, axis=2)`` for (batch, rows, columns, channels):
    two copies, and gradients as sums over an axis that lies in the middle.

    Args:
        graph: with all of its updates.
    """
    replaced = {}
    uses: Counter[Value] | None = None
    for node in graph.nodes:
        chain = _chain(graph, node)
        if chain:
            uses = uses or graph.uses()
            inner = [step.outputs[0] for repeat in chain for step in repeat.nodes][:-1]
            if all(uses[value] == 1 for value in inner):
                replaced[node.outputs[0]] = _resized(chain)
    return graph.replacing(replaced)


def _chain(graph: Graph, last: Node) -> list[_Repeat]:
    """Repetitions along axes 1, 2, ... of channels_last data, or 2, 3, ... of channels_first, all that there
    are; nothing for other nodes."""
    output = last.outputs[0]
    spatial = (output.rank or 0) - 2
    if spatial not in (2, 3) or output.dtype.name not in _TYPES or last.device or last.precision:
        return []
    chain: list[_Repeat] = []
    value: Value | None = output
    while len(chain) < spatial:
        found = _repeat(graph, value)
        if found is None or (chain and found.axis != chain[0].axis - 1):
            return []
        chain.insert(0, found)
        value = found.source
    return chain


def _repeat(graph: Graph, value: Value | None) -> _Repeat | None:
    reshape = _made_by(value, "Reshape")
    tile = _made_by(graph.operands(reshape)[0], "Tile") if reshape else None
    if reshape is None or tile is None:
        return None
    spread, times = graph.operands(tile)
    unsqueeze = _made_by(spread, "Unsqueeze")
    if unsqueeze is None or not isinstance(times, Constant):
        return None
    source, axes = graph.operands(unsqueeze)
    if source is None or not isinstance(axes, Constant) or axes.array.size != 1:
        return None
    new = axes.array.item() % (len(source.dims or ()) + 1)
    factors = times.array.tolist()
    factor = factors.pop(new)
    if new == 0 or set(factors) != {1} or not _merges(source, reshape.outputs[0], new - 1, factor):
        return None
    return _Repeat((unsqueeze, tile, reshape), source, new - 1, factor)


def _made_by(value: Value | None, op_type: str) -> Node | None:
    node = value.node if value is not None else None
    return node if node is not None and node.op_type == op_type and not node.domain else None


def _merges(before: Value, after: Value, axis: int, factor: int) -> bool:
    """Whether the shapes are known to be equal, but for an axis that is so many times longer."""
    old, new = list(before.dims or ()), list(after.dims or ())
    if len(old) != len(new) or factor < 1:
        return False
    a, b = old.pop(axis), new.pop(axis)
    longer = not isinstance(a, int) or not isinstance(b, int) or b == factor * a
    return old == new and None not in old and longer


def _resized(chain: list[_Repeat]) -> Value:
    first, output = chain[0], chain[-1].nodes[-1].outputs[0]
    spatial = list(range(2, len(chain) + 2))
    is_last = first.axis == 1
    with absolute_scope(chain[-1].nodes[-1].scope):
        x = (
            op.Transpose(first.source, perm=[0, len(chain) + 1, *range(1, len(chain) + 1)])
            if is_last
            else first.source
        )
        scales = np.array([1, 1, *(repeat.factor for repeat in chain)], np.float32)
        y = op.Resize(
            x, None, scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
        y = op.Transpose(y, perm=[0, *spatial, 1]) if is_last else y
    y.dims = output.dims
    return y
