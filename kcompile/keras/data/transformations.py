"""Steps that make elements of others: by users' functions, and by grouping them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, cycle, islice, takewhile
from typing import Any

import numpy as np

from . import reading
from .composites import STACKS, Composite, CompositeSpec, RaggedTensorSpec
from .stages import UNKNOWN, Columns, Items, Rows, Stage, first_spec, interleaved
from .structures import (
    DatasetSpec,
    TensorSpec,
    cast,
    elements_of,
    flatten,
    map_structure,
    pack,
    shape_structure,
    spec_of,
    stacked,
)
from .tensors import called, tensors_of, traced_spec, truth


class Mapped(Stage):
    """A user's function of each element.

    Args:
        source: the step.
        function: takes tensors, the entries of a tuple as arguments of their own.
        threads: that compute it if it takes long; None for none.
        ordered: whether the results keep the order of the elements.
    """

    def __init__(
        self, source: Stage, function: Callable[..., Any], threads: int | None = None, ordered: bool = True
    ) -> None:
        self.source = source
        self.function = function
        self._threads = threads
        self._ordered = ordered
        self._spec: Any = None

    @property
    def spec(self) -> Any:
        if self._spec is None:
            try:
                self._spec = traced_spec(self.function, self.source.spec)
            except Exception:  # a function that needs numbers, or text, is asked with the first element
                self._spec = _like_batches(self.source, first_spec(self))
        return self._spec

    def _result(self, element: Any) -> Any:
        return elements_of(called(self.function, element), lists_are_tuples=True)

    def __iter__(self) -> Iterator[Any]:
        if self._threads is None or self._threads == 1:
            return map(self._result, self.source)
        return reading.mapped(self._result, self.source, self._threads, self._ordered)

    def cardinality(self) -> int:
        return self.source.cardinality()

    def without_errors(self) -> Stage:
        """What the function gives where it raises nothing."""

        def guarded(element: Any) -> Any:
            try:
                return self._result(element)
            except Exception:  # whatever a user's function raises
                return _Failed

        def elements() -> Iterator[Any]:
            results = reading.mapped(guarded, self.source, self._threads or 1, self._ordered)
            return (result for result in results if result is not _Failed)

        return Items(elements, lambda: self.spec)


class _Failed:
    """Stands for an element whose function raised."""


def _like_batches(source: Stage, found: Any) -> Any:
    """Specs of one element, with an open first axis where all of the source have one; and other axes of the
    length of the longest row of a ragged tensor in it, as ``to_tensor`` has one."""
    given = flatten(source.spec)
    if not all(getattr(s, "shape", None) and s.shape[0] is None for s in given):
        return found
    first = next(iter(source), None)
    if first is None:
        return found
    size = len(flatten(first)[0])
    rows = (leaf.row_lengths() for leaf in flatten(first) if isinstance(spec_of(leaf), RaggedTensorSpec))
    longest = {max(np.asarray(lengths), default=0) for lengths in rows}

    def opened(spec: Any) -> Any:
        if not isinstance(spec, TensorSpec | CompositeSpec) or not spec.shape or spec.shape[0] != size:
            return spec
        shape = (None, *(None if length in longest else length for length in spec.shape[1:]))
        return spec.of_shape(shape)

    return map_structure(opened, found)


def filtered(source: Stage, predicate: Callable[..., Any]) -> Stage:
    """The elements of which a user's function is true."""
    return Items(lambda: (e for e in source if truth(predicate, e)), lambda: source.spec)


def taken_while(source: Stage, predicate: Callable[..., Any]) -> Stage:
    """The elements up to the first of which a user's function is false."""
    return Items(lambda: takewhile(lambda e: truth(predicate, e), source), lambda: source.spec)


def scanned(source: Stage, initial_state: Any, function: Callable[..., Any]) -> Stage:
    """What a function of a state and an element gives beside the next state."""

    def elements() -> Iterator[Any]:
        state = elements_of(initial_state)
        for element in source:
            state, output = function(tensors_of(state), tensors_of(element))
            state = elements_of(state)
            yield elements_of(output, lists_are_tuples=True)

    return Items(elements, size=source.cardinality)


def enumerated(source: Stage, start: int) -> Stage:
    """Elements with their numbers before them."""
    return Items(
        lambda: ((np.int64(i), element) for i, element in enumerate(source, start)),
        lambda: (TensorSpec((), "int64"), source.spec),
        source.cardinality,
    )


def unique(source: Stage) -> Stage:
    """Elements that did not come before."""

    def elements() -> Iterator[Any]:
        seen = set()
        for element in source:
            key = tuple(
                leaf if isinstance(leaf, bytes) else np.asarray(leaf).tobytes() for leaf in flatten(element)
            )
            if key not in seen:
                seen.add(key)
                yield element

    return Items(elements, lambda: source.spec)


# --- steps of steps -----------------------------------------------------------------------------------------


def flat_mapped(source: Stage, function: Callable[[Any], Stage]) -> Stage:
    """The elements of the steps that a function makes of elements, one after the other."""
    return Items(lambda: chain.from_iterable(map(function, source)), lambda: _spec_of_made(source, function))


def interleaving(
    source: Stage, function: Callable[[Any], Stage], cycle_length: int, block_length: int
) -> Stage:
    """Blocks of the elements of several steps at a time, in turn."""
    return Items(
        lambda: interleaved(map(function, source), cycle_length, block_length),
        lambda: _spec_of_made(source, function),
    )


def _spec_of_made(source: Stage, function: Callable[[Any], Stage]) -> Any:
    for element in source:
        return function(element).spec
    raise ValueError("The dataset is empty, and nothing says what its elements would be.")


# --- batches ------------------------------------------------------------------------------------------------


class Batched(Stage):
    """So many elements as one, along a new first axis.

    Args:
        source: the step.
        size: of a batch.
        drop_remainder: whether a last batch that is smaller is left out.
    """

    def __init__(self, source: Stage, size: int, drop_remainder: bool = False) -> None:
        self.source = source
        self.size = size
        self.drop_remainder = drop_remainder

    @property
    def spec(self) -> Any:
        return _batch_spec(self.source.spec, self.size if self.drop_remainder else None)

    def __iter__(self) -> Iterator[Any]:
        least = self.size if self.drop_remainder else 1
        if self.source.columns is not None:
            gather, indices = self.source.columns.rows, self.source.indices()
            while len(rows := np.fromiter(islice(indices, self.size), np.intp)) >= least:
                yield gather(rows)
            return
        elements = iter(self.source)
        while len(batch := list(islice(elements, self.size))) >= least:
            yield together(batch)

    def cardinality(self) -> int:
        return _batches(self.source.cardinality(), self.size, self.drop_remainder)


def together(elements: Sequence[Any]) -> Any:
    """Elements as one batch."""
    components = zip(*map(flatten, elements), strict=True)
    return pack(elements[0], (stacked(leaves, i) for i, leaves in enumerate(components)))


def _batch_spec(spec: Any, size: int | None) -> Any:
    return map_structure(lambda s: s.batched(size), spec)


def _batches(n: int, size: int, drop_remainder: bool) -> int:
    return n if n < 0 else n // size if drop_remainder else -(-n // size)


def padded_batches(source: Stage, size: int, shapes: Any, values: Any, drop_remainder: bool) -> Stage:
    """Batches of elements that are filled up to one shape.

    Args:
        shapes: of the elements in a batch, nested as they are, None or -1 where the longest counts; None for
            that in every axis.
        values: what fills them up; None for 0 and "".
    """

    def elements() -> Iterator[Any]:
        rest = iter(source)
        while len(batch := list(islice(rest, size))) >= (size if drop_remainder else 1):
            yield _padded(batch, shapes, values)

    def spec() -> Any:
        given = flatten(source.spec)
        wanted = [None] * len(given) if shapes is None else shape_structure(source.spec, shapes)
        leaves = (
            TensorSpec(s.shape if w is None else tuple(TensorSpec(w).shape), s.dtype)
            for s, w in zip(given, wanted, strict=True)
        )
        return _batch_spec(pack(source.spec, leaves), size if drop_remainder else None)

    return Items(elements, spec, lambda: _batches(source.cardinality(), size, drop_remainder))


def _padded(batch: Sequence[Any], shapes: Any, values: Any) -> Any:
    like = batch[0]
    count = len(flatten(like))
    wanted = [None] * count if shapes is None else shape_structure(like, shapes)
    fills = [None] * count if values is None else _for_each_leaf(like, values)
    components = zip(*map(flatten, batch), strict=True)
    return pack(
        like,
        (_padded_leaf(*found) for found in zip(components, wanted, fills, strict=True)),
    )


def _for_each_leaf(like: Any, values: Any) -> list[Any]:
    """Values nested as the elements are; a single one goes for all."""
    if isinstance(values, tuple | dict):
        return [None if v is None else elements_of(v) for v in flatten(values)]
    return [elements_of(values)] * len(flatten(like))


def _padded_leaf(leaves: Sequence[Any], shape: Any, fill: Any) -> np.ndarray:
    first = leaves[0]
    arrays = [np.asarray(leaf, object if isinstance(leaf, bytes) else None) for leaf in leaves]
    longest = np.max([a.shape for a in arrays], axis=0).tolist() if arrays[0].ndim else []
    sizes = (
        [s if s is not None else n for s, n in zip(TensorSpec(shape).shape, longest, strict=True)]
        if shape is not None
        else longest
    )
    if any(n > s for n, s in zip(longest, sizes, strict=True)):
        raise ValueError(
            f"Attempted to pad to a smaller size than the input element: {sizes}, with elements of up to "
            f"{longest}."
        )
    text = arrays[0].dtype == object
    if fill is None:
        fill = b"" if text else 0
    elif not text:
        fill = cast(fill, first.dtype)
    padded = np.full((len(arrays), *sizes), fill, arrays[0].dtype)
    for i, array in enumerate(arrays):
        place: tuple[Any, ...] = (i, *map(slice, array.shape))
        padded[place] = array
    return padded


def ragged_batches(source: Stage, size: int, drop_remainder: bool) -> Stage:
    """Batches in which what has open sizes is a ragged tensor."""

    def specs() -> Any:
        return map_structure(_row_of_ragged, source.spec)

    def elements() -> Iterator[Any]:
        rest, wanted = iter(source), flatten(specs())
        while len(batch := list(islice(rest, size))) >= (size if drop_remainder else 1):
            components = zip(*map(flatten, batch), strict=True)
            yield pack(batch[0], map(_stacked_as, wanted, components))

    return Items(
        elements,
        lambda: _batch_spec(specs(), size if drop_remainder else None),
        lambda: _batches(source.cardinality(), size, drop_remainder),
    )


def _row_of_ragged(spec: Any) -> Any:
    """The spec of a tensor with open sizes as that of a row of a ragged tensor."""
    if not isinstance(spec, TensorSpec) or not spec.shape or None not in spec.shape:
        return spec
    last = max(axis for axis, length in enumerate(spec.shape) if length is None)
    return RaggedTensorSpec(spec.shape, spec.dtype, last)


def _stacked_as(spec: Any, leaves: Sequence[Any]) -> Any:
    if isinstance(spec, RaggedTensorSpec) and not isinstance(leaves[0], Composite):
        return STACKS["ragged"](leaves, spec.ragged_rank + 1)
    return stacked(leaves)


def unbatched(source: Stage) -> Stage:
    """The rows of each element."""

    def elements() -> Iterator[Any]:
        for element in source:
            yield from Rows(Columns(element))

    def spec() -> Any:
        return map_structure(lambda s: s.unbatched(), source.spec)

    def count() -> int:
        n = source.cardinality()
        sizes = {s.shape[0] if s.shape else None for s in flatten(source.spec)}
        known = [size for size in sizes if size is not None]
        return n if n < 0 else n * known[0] if len(known) == len(sizes) else UNKNOWN

    return Items(elements, spec, count)


def rebatched(source: Stage, sizes: Sequence[int], drop_remainder: bool) -> Stage:
    """Batches as other batches, of these sizes in turn."""

    def elements() -> Iterator[Any]:
        rows = iter(unbatched(source))
        for size in cycle(sizes):
            batch = list(islice(rows, size))
            if len(batch) == size or batch and not drop_remainder:
                yield together(batch)
            if len(batch) < size:
                return

    known = sizes[0] if drop_remainder and len(set(sizes)) == 1 else None
    return Items(elements, lambda: _batch_spec(unbatched(source).spec, known))


# --- windows and groups -------------------------------------------------------------------------------------


def windows(
    source: Stage, size: int, shift: int, stride: int, drop_remainder: bool, dataset: Callable[[Stage], Any]
) -> Stage:
    """Datasets of ``size`` elements each, which begin ``shift`` elements after one another.

    Args: dataset: makes one of a step.
    """
    span = (size - 1) * stride + 1

    def elements() -> Iterator[Any]:
        rest = iter(source)
        held: list[Any] = []
        while True:
            held += islice(rest, span - len(held))
            window = held[:span:stride]
            if not window or len(window) < size and drop_remainder:
                return
            yield _columns_as_datasets(window, source, dataset)
            gap = shift - len(held)
            held = held[shift:]
            if gap > 0:
                for _ in islice(rest, gap):
                    pass

    def count() -> int:
        n = source.cardinality()
        if n < 0:
            return n
        return max(0, (n - span) // shift + 1) if drop_remainder else -(-n // shift)

    def spec() -> Any:
        return map_structure(lambda s: DatasetSpec(s), source.spec)

    return Items(elements, spec, count)


def _columns_as_datasets(window: list[Any], source: Stage, dataset: Callable[[Stage], Any]) -> Any:
    specs = flatten(source.spec)
    columns = zip(*map(flatten, window), strict=True)
    return pack(
        window[0],
        (dataset(Items(lambda c=c: c, s, len(window))) for c, s in zip(columns, specs, strict=True)),  # type: ignore[misc]
    )


def grouped(
    source: Stage,
    key_of: Callable[[Any], int],
    reduced: Callable[[int, Stage], Stage],
    size_of: Callable[[int], int],
) -> Stage:
    """Elements of one key collected, and what a function makes of each group that is full."""

    def elements() -> Iterator[Any]:
        groups: dict[int, list[Any]] = {}
        for element in source:
            key = key_of(element)
            group = groups.setdefault(key, [])
            group.append(element)
            if len(group) >= size_of(key):
                yield from reduced(key, _held(groups.pop(key), source))
        for key in sorted(groups):
            yield from reduced(key, _held(groups[key], source))

    def spec() -> Any:
        try:
            return reduced(0, _held([], source)).spec
        except Exception:  # a function that needs the elements of a group
            return first_spec(Items(elements))

    return Items(elements, spec)


def _held(elements: list[Any], source: Stage) -> Stage:
    return Items(lambda: elements, lambda: source.spec, len(elements))
