"""Class numbers and indices of tables that lie outside: found before a step runs, where they can be.

PyTorch says no more than "index out of range" on a CPU, and on a GPU it ends the process's use of it. One
look at the smallest and largest number of an array is enough where an index is an element of the data itself;
an index that a model computes is named by the operator that looks it up, after the fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir import Constant, Graph, Value
from ..utils.messages import harmless
from .outputs import Output


class IndexRangeError(ValueError, IndexError):
    """A label or an index of the data is outside: a ValueError, as everything about data is, and what PyTorch
    calls it."""


@dataclass(frozen=True)
class Lookup:
    """A table whose rows an input's elements number.

    Attributes:
        where: the path of the layer that looks up.
        position: of the input in the model's.
        least: the smallest index.
        size: how many rows there are.
    """

    where: str
    position: int
    least: int
    size: int


#: Operators that hand on the elements of their first operand, all of them, as they are.
_SAME_ELEMENTS = frozenset(("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Identity"))


def find_lookups(graph: Graph) -> list[Lookup]:
    """The tables that a graph looks up by elements of its inputs."""
    return list(_find_lookups(graph))


def _find_lookups(graph: Graph) -> Iterable[Lookup]:
    position = {value: i for i, value in enumerate(graph.inputs)}
    for node in graph.nodes:
        if node.op_type != "Gather" or node.domain:
            continue
        table, indices = graph.operands(node)[:2]
        if table is None or indices is None or not table.shape:
            continue
        size = table.shape[node.attributes.get("axis", 0)]
        source, least = _source(graph, indices)
        if source in position and isinstance(size, int):
            yield Lookup(node.scope or node.name, position[source], -size if least is None else least, size)


def _source(graph: Graph, value: Value) -> tuple[Value, int | None]:
    """What the elements of a value are elements of, and 0 where negative ones are made too large."""
    least = None
    while value.node is not None and not value.node.domain:
        kind, operands = value.node.op_type, graph.operands(value.node)
        if kind == "Mod" and _is_largest(operands[1]):
            least = 0
        elif kind not in _SAME_ELEMENTS and not (kind == "Cast" and value.dtype.kind in "iu"):
            break
        if operands[0] is None:
            break
        value = operands[0]
    return value, least


def _is_largest(value: Value | None) -> bool:
    return (
        isinstance(value, Constant) and value.array.size == 1 and value.array.item() == np.iinfo(np.int64).max
    )


def check_inputs(lookups: Sequence[Lookup], names: Sequence[str], arrays: Sequence[Any]) -> None:
    """
    Args:
        lookups: what ``find_lookups`` found.
        names: of the inputs, for messages.
        arrays: one for each input; those that stay on disk are not looked at.

    Raises:
        IndexRangeError: naming the layer whose table an input's element is beyond.
    """
    for lookup in lookups:
        array = arrays[lookup.position]
        if not _outside(array, lookup.least, lookup.size):
            continue
        index = first_outside(array, lookup.least, lookup.size)
        if index is None:
            continue
        found, name = array[index], names[lookup.position]
        raise IndexRangeError(
            f"Error when checking input: the index {_number(found)} at {list(index)} of {name} is out of "
            f"range for the layer {harmless(lookup.where)!r}: its table has {lookup.size} rows (input_dim), "
            f"the indices {lookup.least} to {lookup.size - 1}. {_advice(found, lookup)}"
        )


def _number(x: Any) -> Any:
    """A number as people write it: 7 for 7.0."""
    return int(x) if x == x and x == x // 1 else x


def _advice(found: Any, lookup: Lookup) -> str:
    if found != found:
        return "NaN is no index."
    if found < lookup.least:
        return (
            "Negative numbers are no indices: give what is missing or padded a number of its own, such as 0."
        )
    return "Make input_dim the largest index + 1, or give rarer words one common number (num_words)."


def check_labels(outputs: Sequence[Output], targets: Sequence[Any]) -> None:
    """
    Raises:
        IndexRangeError: for a class number that an output with a sparse loss has no unit for.
    """
    for output, target in zip(outputs, targets, strict=True):
        classes = output.classes
        if classes is None or not _outside(target, 0, classes):
            continue
        index = first_outside(target, 0, classes, output.ignored_class)
        if index is None:
            continue
        label = target[index]
        if label != label:
            advice = "Leave samples without a label out."
        elif label < 0:
            advice = "Labels are numbers from 0; give samples without one the sample_weight 0 and any label."
        else:
            advice = (
                "Give the last layer as many units as there are classes, or number the labels from 0: "
                "np.unique(y, return_inverse=True)[1]."
            )
        raise IndexRangeError(
            f"Error when checking target: the label {_number(label)} at {list(index)} is beyond the classes "
            f"of the output {output.name!r}, which has {classes} (its units): labels go from 0 to "
            f"{classes - 1}. {advice}"
        )


def _outside(array: Any, least: int, size: int) -> bool:
    """Whether any element, cut to an integer, is outside; False where that would read from disk."""
    if not isinstance(array, np.ndarray) or not array.size:
        return False
    if least == 0 and array.dtype.kind == "i":  # one look for both: negative ones are large as unsigned
        return int(array.view(array.dtype.str.replace("i", "u")).max()) >= size
    smallest, largest = array.min(), array.max()
    return not (smallest > least - 1 and largest < size)


def first_outside(
    array: np.ndarray, least: int, size: int, ignored: int | None = None
) -> tuple[int, ...] | None:
    """The index of the first element outside, None if there is none."""
    outside = ~((array > least - 1) & (array < size))
    if ignored is not None:
        outside &= array != ignored
    found = np.argwhere(outside)
    return tuple(int(i) for i in found[0]) if len(found) else None
