"""A function of tensors that is traced once for tensors of a form, and run as one graph of updates."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...ir import Phase as GraphPhase
from ...ir import Trace, Value, before_graph, eagerly, tracing
from .nests import LEAF, Structure, flatten

Types = tuple[tuple[Any, tuple[Any, ...]], ...]
Run = Callable[[Sequence[Any]], Any]
_PACKAGE = str(Path(__file__).parents[2])


def bridge() -> Any:
    """What computes, which needs torch."""
    from ...torch_bridge import own_step

    return own_step


def types_of(batch: Sequence[Any]) -> Types:
    """Element types and sizes of tensors of PyTorch."""
    return tuple([(x.dtype, tuple(x.shape)) for x in batch])


class TracedCall:
    """A function of tensors of certain types and ranks, of any sizes.

    The first call is traced with its sizes. Where a later one differs in an axis, that axis is open from
    then on, if the function can be traced so; otherwise there is a trace for each size, up to a few. What
    cannot be traced runs operator by operator.

    Args:
        function: of the list of tensors.
        phase: which branch is taken of what was emitted before and has two.
        when_eager: is told why, after the first call that ran operator by operator because it had to.
        eager: whether all calls do.
        when_made: is told each lowered graph.
        divided: makes a step of a graph whose inputs are divided over several devices by their first axis;
            None for one device. What cannot be traced runs on one.
        among: for each tensor whether it is divided; all that have an axis where nothing is said.
        seed: gives what the seeds of a trace are drawn from; None: NumPy's numbers go on by them.
    """

    _MOST = 8
    _tracing = staticmethod(tracing)  # who has rules of its own for operands puts its own way here

    def __init__(
        self,
        function: Callable[[Sequence[Any]], Any],
        phase: GraphPhase,
        when_eager: Callable[[Exception], None],
        eager: bool = False,
        seed: Callable[[], int] | None = None,
        when_made: Callable[[Any], None] | None = None,
        divided: Callable[[Any], Any] | None = None,
        among: Sequence[bool] | None = None,
    ) -> None:
        self.function, self.phase = function, phase
        self._seed, self._when_made, self._divided, self._among = seed, when_made, divided, among
        self._when_eager = when_eager
        self._by_sizes: dict[Types, Run] = {}
        self._open: Run | None = None
        self._fixed: list[tuple[int, int, int]] = []  # tensor, axis and size of what is not open
        self._eager: Run | None = self._run_eagerly if eager else None

    def __call__(self, batch: Sequence[Any], types: Types | None = None) -> Any:
        """What the function returns for tensors of PyTorch, with such tensors in it."""
        types = types_of(batch) if types is None else types
        if self._divided is not None:
            types = self._shared(types)
        run = self._eager or self._by_sizes.get(types) or self._make(types)
        return run(batch)

    def _shared(self, types: Types) -> Types:
        """Types of tensors, those that are divided of any number of samples."""
        among = self._among or [True] * len(types)
        return tuple(
            [
                (dtype, ("batch", *shape[1:]) if divided and shape else shape)
                for divided, (dtype, shape) in zip(among, types, strict=True)
            ]
        )

    def _make(self, types: Types) -> Run:
        if self._open is not None and self._fits(types):
            return self._open
        error: Exception | None = None
        if self._by_sizes:
            dims = _open_sizes([*self._by_sizes, types])
            try:
                return self._opened(types, dims)
            except Exception as found:
                error = found
        if len(self._by_sizes) < self._MOST:
            try:
                self._by_sizes[types] = made = self._traced(types, [list(shape) for _, shape in types])
                return made
            except Exception as found:
                error = found
        assert error is not None
        return partial(self._first_eagerly, error)

    def _opened(self, types: Types, dims: list[list[Any]]) -> Run:
        """The trace for tensors of open sizes, which is kept."""
        self._open = self._traced(types, dims)
        sizes = [(i, axis, size) for i, each in enumerate(dims) for axis, size in enumerate(each)]
        self._fixed = [place for place in sizes if isinstance(place[2], int)]
        return self._open

    def _fits(self, types: Types) -> bool:
        for i, axis, size in self._fixed:  # a loop: all() over a generator costs as much as a small model
            if types[i][1][axis] != size:
                return False
        return True

    def _traced(self, types: Types, dims: list[list[Any]]) -> Run:
        placeholders = [
            Value(bridge().numpy_type(dtype), shape, f"data_{i}")
            for i, ((dtype, _), shape) in enumerate(zip(types, dims, strict=True))
        ]
        with self._seeded(), self._tracing(Trace(placeholders, computes=bridge().interpreter())) as trace:
            leaves, structure = flatten(self.function(placeholders))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Value)]
        graph, text = before_graph(trace.graph(tensors, self.phase))
        if any(value.dtype == object for value in graph.inputs):
            raise TypeError("its data hold text, which a graph that trains cannot")
        step = (self._divided or bridge().OwnStep)(graph)
        if self._when_made is not None:
            self._when_made(step)

        return packed(lambda batch: step(*(batch if text is None else text(batch))), leaves, structure)

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        if self._seed is None:
            yield
            return
        state = np.random.get_state()
        np.random.seed(self._seed())
        try:
            yield
        finally:
            np.random.set_state(state)

    def _first_eagerly(self, error: Exception, batch: Sequence[Any]) -> Any:
        """A call that could not be traced: an error that is the program's own comes again here."""
        found = self._run_eagerly(batch)
        self._eager = self._run_eagerly
        self._when_eager(error)
        return found

    def _run_eagerly(self, batch: Sequence[Any]) -> Any:
        interpreter, tensors = bridge().eager_batch(batch)
        with eagerly(interpreter):
            leaves, structure = flatten(self.function(tensors))
            return structure.pack(bridge().tensors_of(interpreter, leaves))


def packed(compute: Callable[[Sequence[Any]], Sequence[Any]], leaves: list[Any], structure: Structure) -> Run:
    """What is computed, in the place of the values that stand for it."""
    if structure == LEAF and isinstance(leaves[0], Value):
        return lambda batch: compute(batch)[0]

    def run(batch: Sequence[Any]) -> Any:
        found = iter(compute(batch))
        return structure.pack([next(found) if isinstance(leaf, Value) else leaf for leaf in leaves])

    return run


def _open_sizes(seen: Sequence[Types]) -> list[list[Any]]:
    """The sizes that all batches agree in; the others by name, axes of samples by one name."""
    first: list[list[Any]] = [list(shape) for _, shape in seen[0]]
    lengths = {tuple([shape[0] for _, shape in types if shape]) for types in seen}
    common = all(len(set(each)) == 1 for each in lengths)
    for i, dims in enumerate(first):
        for axis in range(len(dims)):
            if len({types[i][1][axis] for types in seen}) > 1:
                dims[axis] = "batch" if axis == 0 and common else f"data_{i}_dim{axis}"
    return first


def why_eager(what: str, error: Exception) -> str:
    """The warning that something runs operator by operator, and which line of the program is the reason."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)]
    place = f"{own[-1].filename}:{own[-1].lineno}" if own else "this"
    return (
        f"{what} runs eagerly, operator by operator, which is slower: it cannot be traced into a graph "
        f"because of {place}: {error}"
    )
