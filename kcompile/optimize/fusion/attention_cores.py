"""Finding attention that is written out: ``softmax(scale * query key^T + bias) value`` over heads.

However a program writes it, it is a product, a softmax over its last axis, and a second product. Between the
products scores are scaled, biases and masks are added, or masked scores replaced. Before and after them axes
are split into heads, moved, and joined again. This module reads all of that without changing anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import onnx_ir as oir

from .graph_editing import (
    attribute,
    is_read_once,
    made_by,
    next_but_sizes,
    numbers,
    only_reader,
    same_size,
    scalar,
    sizes,
)

_EXCLUDES = -1e4
"""A score as low as this has no weight beside any other."""

Perm = tuple[int, ...]


class Bias(NamedTuple):
    """What is done to the scores: ``factor * value`` is added, or where ``value`` (a bool) is ``excludes``
    there is ``factor`` in their place."""

    value: oir.Value
    factor: float
    excludes: bool | None = None


class Heads(NamedTuple):
    """Where the heads of query, key or value come from.

    Attributes:
        source: (batch, steps, heads * size), or of any form where ``perm`` is not None.
        perm: what brings ``source`` into (batch, steps, heads, size); None where heads and size are one axis.
        factor: what it is multiplied by.
    """

    source: oir.Value
    perm: Perm | None
    factor: float


@dataclass
class Core:
    """One attention.

    Attributes:
        count: number of heads.
        size, value_size: of a head of query and key, and of value.
        query, key, value: their heads.
        scale: of the scores.
        biases: of the scores, in order.
        merged: where scores are (batch * heads, steps, steps), how the two are merged: "batch first" or
            "heads first"; else "".
        end: the node that computes the result.
        joined: whether the result is (batch, steps, heads * value_size); else it has the axes of the product.
        product: the second product.
    """

    count: int
    size: int
    value_size: int
    query: Heads
    key: Heads
    value: Heads
    scale: float
    product: oir.Node
    end: oir.Node
    joined: bool
    merged: str = ""
    biases: list[Bias] = field(default_factory=list)


def find_cores(graph: oir.Graph) -> list[Core]:
    """The attentions of a graph, in order."""
    found = []
    for node in graph:
        if node.domain == "" and node.op_type == "Softmax":
            core = _around(node)
            if core is not None:
                found.append(core)
    return found


def _around(softmax: oir.Node) -> Core | None:
    scores, weights = softmax.inputs[0], softmax.outputs[0]
    rank = None if scores is None or scores.shape is None else len(scores.shape)
    second = only_reader(weights, "MatMul")
    if rank not in (3, 4) or attribute(softmax, "axis", -1) not in (-1, rank - 1):
        return None
    if scores is None or second is None or second.inputs[0] is not weights:
        return None
    peeled = _peel(scores)
    if peeled is None:
        return None
    first, scale, biases = peeled
    query, key, value = first.inputs[0], first.inputs[1], second.inputs[1]
    if query is None or key is None or value is None:
        return None
    if any(x.shape is None or len(x.shape) != rank for x in (query, key, value)):
        return None
    if query.dtype not in (oir.DataType.FLOAT, oir.DataType.FLOAT16):
        return None
    read = _of_heads if rank == 4 else _of_merged_heads
    return read(query, key, value, scale, second, biases)


# --- scores ---


def _peel(scores: oir.Value) -> tuple[oir.Node, float, list[Bias]] | None:
    """The product that scores come from, what it is multiplied by, and what is done to it then."""
    factor, biases = 1.0, list[Bias]()
    while (product := made_by(scores, "MatMul")) is None:
        node = scores.producer()
        if node is None or node.domain or not is_read_once(scores):
            return None
        scaled = _scaled(node)
        if scaled is not None:
            scores, by = scaled
            factor *= by
            continue
        step = _biased(node, factor)
        if step is None:
            return None
        scores, bias = step
        biases.append(bias)
    return (product, factor, biases[::-1]) if is_read_once(scores) else None


def _scaled(node: oir.Node) -> tuple[oir.Value, float] | None:
    """What a node multiplies by one known number, and the number."""
    if node.op_type not in ("Mul", "Div") or node.domain:
        return None
    a, b = node.inputs
    if (
        a is not None
        and (by := scalar(b)) is not None
        and numbers(a) is None
        and _same_rank(a, node.outputs[0])
    ):
        if node.op_type == "Mul":
            return a, by
        return (a, 1 / by) if by else None
    if node.op_type == "Mul" and b is not None and (by := scalar(a)) is not None:
        return (b, by) if _same_rank(b, node.outputs[0]) else None
    return None


def _same_rank(a: oir.Value, b: oir.Value) -> bool:
    return a.shape is not None and b.shape is not None and len(a.shape) == len(b.shape)


def _biased(node: oir.Node, factor: float) -> tuple[oir.Value, Bias] | None:
    """The scores that a node adds to or leaves some of out, and what it does."""
    inputs = [value for value in node.inputs if value is not None]
    if node.op_type == "Add" and len(inputs) == 2:
        a, b = inputs
        scores, added = (a, b) if _leads_to_product(a) else (b, a)
        return scores, Bias(added, factor)
    if node.op_type == "Sub" and len(inputs) == 2:
        return inputs[0], Bias(inputs[1], -factor)
    if node.op_type == "Where" and len(inputs) == 3:
        condition, a, b = inputs
        for scores, other, excludes in ((a, b, False), (b, a, True)):
            lowest = scalar(other)
            if lowest is not None and lowest * factor <= _EXCLUDES and len(scores.shape or ()) >= 3:
                return scores, Bias(condition, lowest * factor, excludes)
    return None


def _leads_to_product(value: oir.Value) -> bool:
    """Whether a value is a product of two computed ones, scaled, added to or replaced in part."""
    node = value.producer()
    while (
        node is not None
        and not node.domain
        and node.op_type in ("Add", "Div", "Mul", "Sub", "Where", "MatMul")
    ):
        if node.op_type == "MatMul":
            return numbers(node.inputs[1]) is None and len(value.shape or ()) >= 3
        of = node.inputs[1 if node.op_type == "Where" else 0]
        if of is None or numbers(of) is not None:
            of = node.inputs[2 if node.op_type == "Where" else 1]
        node = None if of is None else of.producer()
    return False


# --- heads ---


def _of_heads(
    query: oir.Value, key: oir.Value, value: oir.Value, scale: float, second: oir.Node, biases: list[Bias]
) -> Core | None:
    """Query (batch, heads, steps, size), key (batch, heads, size, steps), value as the query."""
    of_query, of_key, of_value = sizes(query), sizes(key), sizes(value)
    assert of_query is not None and of_key is not None and of_value is not None
    count = of_query[1] or of_key[1] or of_value[1]
    size, value_size = of_query[3] or of_key[2], of_value[3]
    if not count or not size or not value_size or {of_query[1], of_key[1], of_value[1]} > {count, None}:
        return None
    end, joined = _end(second, (0, 2, 1, 3), count * value_size)
    return Core(
        count,
        size,
        value_size,
        _split(query, (0, 2, 1, 3), count, size),
        _split(key, (0, 2, 3, 1), count, size),
        _split(value, (0, 2, 1, 3), count, value_size),
        scale,
        second,
        end,
        joined,
        biases=biases,
    )


def _split(heads: oir.Value, wanted: Perm, count: int, size: int) -> Heads:
    """Where heads come from.

    Args:
        wanted: the permutation that makes ``heads`` of (batch, steps, heads, size).
    """
    value, perm, factor = _moved(heads)
    back = _inverse(wanted)
    from_source = tuple(perm[i] for i in back)  # Transpose(value, from_source) is (batch, steps, heads, size)
    reshape = made_by(value, "Reshape")
    if reshape is not None and from_source == (0, 1, 2, 3) and _splits_last(reshape, count, size):
        source = reshape.inputs[0]
        assert source is not None
        while (scaled := _scaled_node(source)) is not None:
            source, by = scaled
            factor *= by
        return Heads(source, None, factor)
    return Heads(value, from_source, factor)


def _scaled_node(value: oir.Value) -> tuple[oir.Value, float] | None:
    node = value.producer()
    return None if node is None else _scaled(node)


def _moved(value: oir.Value) -> tuple[oir.Value, Perm, float]:
    """(x, perm, factor): the value is ``factor * Transpose(x, perm)``."""
    perm: Perm = tuple(range(len(value.shape or ())))
    factor = 1.0
    while True:
        node = value.producer()
        if node is None:
            break
        if node.domain == "" and node.op_type == "Transpose" and node.inputs[0] is not None:
            its = attribute(node, "perm") or tuple(reversed(range(len(perm))))
            value, perm = node.inputs[0], tuple(its[i] for i in perm)
            continue
        turned = _turned_beside_batch(value)
        if turned is not None:
            value, perm = turned, tuple((0, 1, 3, 2)[i] for i in perm)
            continue
        scaled = _scaled(node)
        if scaled is None:
            break
        value, by = scaled
        factor *= by
    return value, perm, factor


def _turned_beside_batch(value: oir.Value) -> oir.Value | None:
    """(batch, heads, steps, size) of which a value has the last two axes exchanged, by way of three axes, as
    PyTorch exports a key."""
    back = made_by(value, "Reshape")
    transpose = None if back is None else made_by(back.inputs[0], "Transpose")
    if transpose is None or tuple(attribute(transpose, "perm", ())) != (0, 2, 1):
        return None
    forth = made_by(transpose.inputs[0], "Reshape")
    source = None if forth is None else forth.inputs[0]
    before, merged, after = sizes(source), sizes(transpose.inputs[0]), sizes(value)
    if (
        source is None
        or before is None
        or merged is None
        or after is None
        or len(before) != 4
        or len(after) != 4
    ):
        return None
    heads, size = before[1], before[3]
    same = heads is not None and heads == after[1] and size is not None and size == after[2] == merged[2]
    return source if same else None


def _inverse(perm: Sequence[int]) -> Perm:
    return tuple(sorted(range(len(perm)), key=lambda i: perm[i]))


def _splits_last(reshape: oir.Node, count: int, size: int) -> bool:
    """Whether a Reshape makes (batch, steps, heads, size) of (batch, steps, heads * size)."""
    source, output = reshape.inputs[0], reshape.outputs[0]
    before, after = sizes(source), sizes(output)
    if before is None or after is None or len(before) != 3 or after[2:] != [count, size]:
        return False
    return before[2] == count * size and _keeps_first_two(reshape)


def _joins_last(reshape: oir.Node, width: int) -> bool:
    """Whether a Reshape makes (batch, steps, width) of (batch, steps, heads, size)."""
    after = sizes(reshape.outputs[0])
    return after is not None and len(after) == 3 and after[2] == width and _keeps_first_two(reshape)


def _keeps_first_two(reshape: oir.Node) -> bool:
    """Whether the first two axes stay as they are, given that the others are together what they were."""
    source, output, target = reshape.inputs[0], reshape.outputs[0], numbers(reshape.inputs[1])
    assert source is not None and source.shape is not None and output.shape is not None
    if any(same_size(source.shape[i], output.shape[i]) for i in (0, 1)):
        return True
    return (
        target is not None and any(target[i] == 0 for i in (0, 1)) and not attribute(reshape, "allowzero", 0)
    )


def _end(second: oir.Node, perm: Perm, width: int) -> tuple[oir.Node, bool]:
    """The last of the nodes that join the heads behind the second product; whether they do."""
    transpose = next_but_sizes(second.outputs[0], "Transpose")
    if transpose is None or tuple(attribute(transpose, "perm", ())) != perm:
        return second, False
    reshape = next_but_sizes(transpose.outputs[0], "Reshape")
    if reshape is None or not _joins_last(reshape, width):
        return second, False
    read = {value for node in (second, transpose) for value in node.outputs}
    return (reshape, True) if all(_sizes_end_in(value, reshape) for value in read) else (second, False)


def _sizes_end_in(value: oir.Value, reshape: oir.Node) -> bool:
    """Whether sizes that are read of a value are for one Reshape alone, which goes when the value does."""
    waiting = [use.node for use in value.uses() if use.node.op_type == "Shape"]
    while waiting:
        for output in waiting.pop().outputs:
            if output.is_graph_output() or output.shape is None or len(output.shape) > 1:
                return False
            waiting += [use.node for use in output.uses() if use.node is not reshape]
    return True


# --- heads beside the batch ---


def _of_merged_heads(
    query: oir.Value, key: oir.Value, value: oir.Value, scale: float, second: oir.Node, biases: list[Bias]
) -> Core | None:
    """Query (batch * heads, steps, size), key (batch * heads, size, steps), value as query; or one head."""
    parts = [_unmerged(query, (0, 1, 2)), _unmerged(key, (0, 2, 1)), _unmerged(value, (0, 1, 2))]
    if None in parts:
        return _of_one_head(query, key, value, scale, second, biases)
    (query, a), (key, b), (value, c) = (part for part in parts if part is not None)
    for merged, perm in (("batch first", (0, 2, 1, 3)), ("heads first", (2, 0, 1, 3))):
        core = _of_heads_in_order(query, key, value, scale * a * b, merged, perm, second, biases)
        if core is not None and c == 1:
            return core
    return None


def _unmerged(value: oir.Value, wanted: Perm) -> tuple[oir.Value, float] | None:
    """The value of four axes of which (batch * heads, ...) is made by a Reshape, and its factor."""
    source, perm, factor = _moved(value)
    reshape = made_by(source, "Reshape")
    if reshape is None or perm != wanted or reshape.inputs[0] is None:
        return None
    before, after = sizes(reshape.inputs[0]), sizes(source)
    if before is None or after is None or len(before) != 4 or before[3] != after[2] or before[3] is None:
        return None
    target = numbers(reshape.inputs[1])
    keeps = target is not None and target[0] == -1 or before[2] is not None and before[2] == after[1]
    shape, merged = reshape.inputs[0].shape, source.shape
    assert shape is not None and merged is not None
    return (reshape.inputs[0], factor) if keeps or same_size(shape[2], merged[1]) else None


def _of_heads_in_order(
    query: oir.Value,
    key: oir.Value,
    value: oir.Value,
    scale: float,
    merged: str,
    perm: Perm,
    second: oir.Node,
    biases: list[Bias],
) -> Core | None:
    """Of four axes, with heads behind the batch or before it."""
    axis = 1 if merged == "batch first" else 0
    counts = {(sizes(x) or [None] * 4)[axis] for x in (query, key, value)}
    count = counts.pop() if len(counts) == 1 else None
    size, value_size = (sizes(query) or [None])[-1], (sizes(value) or [None])[-1]
    reshape = next_but_sizes(second.outputs[0], "Reshape")
    if not count or not size or not value_size or reshape is None:
        return None
    after = sizes(reshape.outputs[0])
    transpose = next_but_sizes(reshape.outputs[0], "Transpose")
    if (
        after is None
        or len(after) != 4
        or after[axis] != count
        or after[3] != value_size
        or transpose is None
    ):
        return None
    joined = next_but_sizes(transpose.outputs[0], "Reshape")
    if tuple(attribute(transpose, "perm", ())) != _inverse(perm) or joined is None:
        return None
    if not _joins_last(joined, count * value_size):
        return None
    if not all(_sizes_end_in(node.outputs[0], joined) for node in (second, reshape, transpose)):
        return None
    of_query, of_key = (_split(x, perm, count, size) for x in (query, key))
    of_value = _split(value, perm, count, value_size)
    if any(part.perm is not None for part in (of_query, of_key, of_value)):
        return None
    return Core(
        count, size, value_size, of_query, of_key, of_value, scale, second, joined, True, merged, biases
    )


def _of_one_head(
    query: oir.Value, key: oir.Value, value: oir.Value, scale: float, second: oir.Node, biases: list[Bias]
) -> Core | None:
    """Query (batch, steps, size), key (batch, size, steps), value as the query: attention without heads."""
    key, perm, by = _moved(key)
    query, query_perm, factor = _moved(query)
    size, value_size = (sizes(query) or [None])[-1], (sizes(value) or [None])[-1]
    if perm != (0, 2, 1) or query_perm != (0, 1, 2) or not size or not value_size:
        return None
    return Core(
        1,
        size,
        value_size,
        Heads(query, None, factor),
        Heads(key, None, by),
        Heads(value, None, 1.0),
        scale,
        second,
        second,
        True,
        biases=biases,
    )


__all__ = ["Bias", "Core", "Heads", "find_cores"]
