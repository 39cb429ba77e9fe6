"""The steps of a pipeline: each gives elements, pass after pass, from those of the step before it.

Arrays in memory are a step whose elements are rows. Steps that only choose and order elements then choose and
order the numbers of rows, and a batch is gathered from whole arrays at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, count, cycle, islice
from typing import Any

import numpy as np

from .composites import Composite, CompositeSpec, TypeSpec
from .structures import (
    TensorSpec,
    cast,
    elements_of,
    fits,
    flatten,
    joint_shape,
    map_structure,
    pack,
    spec_of,
)

INFINITE = -1
UNKNOWN = -2


class Columns:
    """Arrays of one length, whose rows are elements.

    Args:
        structure: the arrays, nested.

    Raises:
        ValueError: for a single number or text, or unequal lengths.
    """

    def __init__(self, structure: Any) -> None:
        self.structure = structure
        self.arrays = flatten(structure)
        for array in self.arrays:
            if not isinstance(array, Composite) and not np.ndim(array):
                raise ValueError(f"Unbatching a tensor is only supported for rank >= 1; found {array!r}.")
        self._take = [x.taken if isinstance(x, Composite) else x.__getitem__ for x in self.arrays]
        lengths = {len(array) for array in self.arrays}
        if len(lengths) != 1:
            shapes = [array.shape for array in self.arrays]
            raise ValueError(f"Dimensions do not match: the arrays have the shapes {shapes}.")
        self.length = lengths.pop()

    @property
    def spec(self) -> Any:
        """Specs of a row."""
        return map_structure(lambda array: spec_of(array).unbatched(), self.structure)

    def row(self, index: int) -> Any:
        """One element."""
        return pack(self.structure, (take(index) for take in self._take))

    def rows(self, indices: np.ndarray) -> Any:
        """Several elements as a batch; a view of the arrays where they follow each other."""
        first, size = int(indices[0]), len(indices)
        if int(indices[-1]) - first == size - 1 and (np.diff(indices) == 1).all():
            return pack(self.structure, (take(slice(first, first + size)) for take in self._take))
        return pack(self.structure, (take(indices) for take in self._take))


class Stage(ABC):
    """One step.

    Attributes:
        columns: the arrays of which the elements are rows, where they are.
    """

    columns: Columns | None = None

    @property
    @abstractmethod
    def spec(self) -> Any:
        """Specs, nested as the elements are."""

    @abstractmethod
    def __iter__(self) -> Iterator[Any]:
        """The elements of a new pass."""

    def cardinality(self) -> int:
        """How many elements a pass has: INFINITE, or UNKNOWN without a pass, among others."""
        return UNKNOWN

    def indices(self) -> Iterator[int]:
        """The numbers of the rows that a new pass gives, where there are ``columns``."""
        raise NotImplementedError


class Rows(Stage):
    """The rows of arrays, in order."""

    def __init__(self, columns: Columns) -> None:
        self.columns: Columns = columns

    @property
    def spec(self) -> Any:
        return self.columns.spec

    def __iter__(self) -> Iterator[Any]:
        return map(self.columns.row, self.indices())

    def cardinality(self) -> int:
        return self.columns.length

    def indices(self) -> Iterator[int]:
        return iter(range(self.columns.length))


class Items(Stage):
    """Elements that can be gone through again and again.

    Args:
        elements: makes an iterator over them.
        spec: their specs, or a function that gives them; None for those of the first element.
        size: how many there are, or a function that says it.
    """

    def __init__(
        self, elements: Callable[[], Iterable[Any]], spec: Any = None, size: int | Callable[[], int] = UNKNOWN
    ) -> None:
        self._elements = elements
        self._spec = spec
        self._size = size

    @property
    def spec(self) -> Any:
        if self._spec is None:
            self._spec = first_spec(self)
        elif callable(self._spec):
            self._spec = self._spec()
        return self._spec

    def __iter__(self) -> Iterator[Any]:
        return iter(self._elements())

    def cardinality(self) -> int:
        return self._size if isinstance(self._size, int) else self._size()


def first_spec(stage: Stage) -> Any:
    """The specs of the first element of a pass."""
    for element in stage:
        return map_structure(spec_of, element)
    raise ValueError("The dataset is empty, and nothing says what its elements would be.")


def generated(make: Callable[..., Any], args: tuple[Any, ...], signature: Any) -> Items:
    """What a function's iterator gives, held to a signature."""

    def elements() -> Iterator[Any]:
        for element in make(*args):
            yield _as_declared(element, signature)

    return Items(elements, signature)


def _as_declared(element: Any, signature: Any) -> Any:
    given = _nested_as(element, signature)
    return map_structure(_leaf_as_declared, signature, given)


def _nested_as(element: Any, signature: Any) -> Any:
    """Lists as tuples where the signature has tuples."""
    if isinstance(signature, tuple) and isinstance(element, list | tuple) and len(element) == len(signature):
        entries = [_nested_as(e, s) for e, s in zip(element, signature, strict=True)]
        return type(signature)(*entries) if hasattr(signature, "_fields") else tuple(entries)
    if isinstance(signature, dict) and isinstance(element, dict) and set(signature) <= set(element):
        return {key: _nested_as(element[key], signature[key]) for key in signature}
    if isinstance(signature, TypeSpec):
        return elements_of(list(element) if isinstance(element, tuple) else element)
    raise TypeError(
        f"`generator` yielded an element that did not match the expected structure. The expected structure "
        f"was {signature!r}, but the yielded element was {element!r}."
    )


def _leaf_as_declared(spec: Any, leaf: Any) -> Any:
    if isinstance(spec, CompositeSpec) or isinstance(leaf, Composite):
        found = spec_of(leaf)
        if type(found) is type(spec) and found.dtype == spec.dtype and fits(found.shape, spec.shape):
            return leaf
        raise TypeError(f"`generator` yielded {leaf!r} where an element of {spec!r} was expected.")
    try:
        found = cast(leaf, spec.dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"`generator` yielded an element that could not be converted to the expected type {spec.dtype}. "
            f"The yielded element was {leaf!r}."
        ) from error
    if not fits(np.shape(found), spec.shape):
        raise TypeError(
            f"`generator` yielded an element of shape {np.shape(found)} where an element of shape "
            f"{spec.shape} was expected."
        )
    return found


# --- what only chooses and orders ---------------------------------------------------------------------------

#: From a function that begins a pass over something to an iterator over some of it.
Choice = Callable[[Callable[[], Iterator[Any]]], Iterator[Any]]


class Chosen(Stage):
    """Elements of another step, as they are.

    Args:
        source: the step.
        choose: which of them, in which order.
        size: how many of how many.
    """

    def __init__(self, source: Stage, choose: Choice, size: Callable[[int], int]) -> None:
        self.source = source
        self.columns = source.columns
        self._choose = choose
        self._size = size

    @property
    def spec(self) -> Any:
        return self.source.spec

    def __iter__(self) -> Iterator[Any]:
        if self.columns is not None:
            return map(self.columns.row, self.indices())
        return self._choose(lambda: iter(self.source))

    def cardinality(self) -> int:
        return self._size(self.source.cardinality())

    def indices(self) -> Iterator[int]:
        return self._choose(self.source.indices)


def take(source: Stage, number: int) -> Stage:
    """The first elements; -1 for all."""
    if number < 0:
        return source
    return Chosen(
        source,
        lambda begin: islice(begin(), number),
        lambda n: number if n == INFINITE else _least(n, number),
    )


def skip(source: Stage, number: int) -> Stage:
    """All but the first elements; none for -1."""
    if number < 0:
        return take(source, 0)
    return Chosen(
        source, lambda begin: islice(begin(), number, None), lambda n: n if n < 0 else max(0, n - number)
    )


def repeat(source: Stage, number: int | None) -> Stage:
    """So many passes, without end for None or -1."""
    endless = number is None or number < 0

    def passes(begin: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        for _ in count() if endless else range(number or 0):
            empty = True
            for element in begin():
                empty = False
                yield element
            if empty:
                return

    def size(n: int) -> int:
        if n == 0 or number == 0:
            return 0
        return INFINITE if endless or n == INFINITE else n if n < 0 else n * (number or 0)

    return Chosen(source, passes, size)


def shard(source: Stage, shards: int, index: int) -> Stage:
    """Every so many-th element, from ``index`` on."""
    if not 0 <= index < shards:
        raise ValueError(f"index must be between 0 and {shards - 1} for {shards} shards, found {index}.")
    return Chosen(
        source,
        lambda begin: islice(begin(), index, None, shards),
        lambda n: n if n < 0 else n // shards + (index < n % shards),
    )


def cache(
    source: Stage,
    read: Callable[[], list[Any] | None] = lambda: None,
    write: Callable[[list[Any]], None] = lambda elements: None,
) -> Stage:
    """The elements of the first whole pass, from memory from then on.

    Args:
        read: those of a pass before this program; None if there was none.
        write: keeps those of a whole pass.
    """
    kept: list[list[Any]] = []

    def passes(begin: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        if not kept and (found := read()) is not None:
            kept.append(found)
        if kept:
            yield from kept[0]
            return
        seen = []
        for element in begin():
            seen.append(element)
            yield element
        write(seen)
        kept[:] = [seen]

    return Chosen(source, passes, lambda n: n)


def concatenate(first: Stage, second: Stage) -> Stage:
    """One after the other.

    Raises:
        TypeError: if their elements have other structures or types.
    """
    spec = _joint(first.spec, second.spec)
    sizes = (first.cardinality(), second.cardinality())
    total = INFINITE if INFINITE in sizes else UNKNOWN if UNKNOWN in sizes else sum(sizes)
    return Items(lambda: chain(first, second), spec, total)


def _joint(a: Any, b: Any) -> Any:
    from_both = flatten(a), flatten(b)
    types = [[getattr(leaf, "dtype", None) for leaf in leaves] for leaves in from_both]
    if types[0] != types[1]:
        raise TypeError(f"The datasets have elements of different kinds: {a!r} and {b!r}.")
    try:
        return map_structure(_joint_leaf, a, b)
    except ValueError as error:
        raise TypeError(str(error)) from error


def _joint_leaf(a: Any, b: Any) -> Any:
    return TensorSpec(joint_shape(a.shape, b.shape), a.dtype) if isinstance(a, TensorSpec) else a


# --- shuffling ----------------------------------------------------------------------------------------------


class Seeds:
    """Generators of random numbers, one for each pass.

    Args:
        seed: what the first is made of; None for a number that numpy's own generator draws now.
        anew: whether passes have different numbers.
    """

    def __init__(self, seed: Any = None, anew: bool = True) -> None:
        entropy = int(np.random.randint(2**31 - 1)) if seed is None else int(seed) % 2**64
        self._sequence = np.random.SeedSequence(entropy)
        self._anew = anew

    def next(self) -> np.random.Generator:
        """The generator of the next pass."""
        seed = self._sequence.spawn(1)[0] if self._anew else self._sequence
        return np.random.Generator(np.random.PCG64(seed))


def shuffle(source: Stage, size: int, seeds: Seeds) -> Stage:
    """Random ones of a buffer that is filled up with what follows; a random order where all fit in.

    Args: size: of the buffer; below 0 for all.
    """
    room = None if size < 0 else size
    return Chosen(source, lambda begin: _shuffled(begin(), room, seeds.next()), lambda n: n)


_DRAWN_AT_ONCE = 1024


def _shuffled(elements: Iterator[Any], size: int | None, random: np.random.Generator) -> Iterator[Any]:
    buffer = list(islice(elements, size))
    if len(buffer) == size:
        draws: Iterator[int] = chain.from_iterable(
            random.integers(size, size=_DRAWN_AT_ONCE).tolist() for _ in count()
        )
        for element, i in zip(elements, draws, strict=False):
            yield buffer[i]
            buffer[i] = element
    yield from map(buffer.__getitem__, random.permutation(len(buffer)).tolist())


def _least(a: int, b: int) -> int:
    """The smaller of two numbers of elements."""
    if a == INFINITE or b == INFINITE:
        return max(a, b)
    return UNKNOWN if UNKNOWN in (a, b) else min(a, b)


# --- several steps ------------------------------------------------------------------------------------------


class Zipped(Stage):
    """Elements side by side, as long as all have one.

    Args: sources: steps, nested.
    """

    def __init__(self, sources: Any) -> None:
        self.sources = sources
        stages = flatten(sources)
        # rows that come in one and the same order stay rows
        plain = all(isinstance(s, Rows) and type(s.columns) is Columns for s in stages)
        if plain and len({s.cardinality() for s in stages}) == 1:
            self.columns = Columns(map_structure(lambda s: s.columns.structure, sources))

    @property
    def spec(self) -> Any:
        return map_structure(lambda stage: stage.spec, self.sources)

    def __iter__(self) -> Iterator[Any]:
        for elements in zip(*flatten(self.sources), strict=False):
            yield pack(self.sources, iter(elements))

    def cardinality(self) -> int:
        sizes = [stage.cardinality() for stage in flatten(self.sources)]
        found = INFINITE
        for size in sizes:
            found = size if found == INFINITE else _least(found, size)
        return found

    def indices(self) -> Iterator[int]:
        assert self.columns is not None
        return iter(range(self.columns.length))


def interleaved(inputs: Iterator[Iterable[Any]], cycle_length: int, block_length: int) -> Iterator[Any]:
    """Blocks of elements of ``cycle_length`` iterables in turn; the next follows one that ends."""
    slots: list[Iterator[Any] | None] = [None] * cycle_length
    more = True
    for slot in cycle(range(cycle_length)):
        if slots[slot] is None and more:
            begun = next(inputs, None)
            more = begun is not None
            slots[slot] = None if begun is None else iter(begun)
        current = slots[slot]
        if current is not None:
            block = 0
            for element in islice(current, block_length):
                block += 1
                yield element
            if block < block_length:
                slots[slot] = None
        if not more and all(slot is None for slot in slots):
            return


def sampled(
    stages: list[Stage], weights: Any, stop_on_empty: bool, random: np.random.Generator
) -> Iterator[Any]:
    """Elements of steps by chance."""
    iterators = [iter(stage) for stage in stages]
    chances = np.full(len(stages), 1.0) if weights is None else np.array(weights, np.float64)
    while chances.any():
        chosen = int(random.choice(len(stages), p=chances / chances.sum()))
        try:
            yield next(iterators[chosen])
        except StopIteration:
            if stop_on_empty:
                return
            chances[chosen] = 0


def chosen_from(stages: list[Stage], choices: Iterable[Any], stop_on_empty: bool) -> Iterator[Any]:
    """Elements of the steps that the choices name."""
    iterators = [iter(stage) for stage in stages]
    for choice in choices:
        try:
            yield next(iterators[int(choice)])
        except StopIteration:
            if stop_on_empty:
                return


def endless_or_unknown(stages: list[Stage]) -> int:
    """INFINITE if one of the steps has no end, else UNKNOWN."""
    return INFINITE if any(stage.cardinality() == INFINITE for stage in stages) else UNKNOWN
