"""Sizes that the open axes of a graph's inputs can have, found by ONNX's shape inference.

Which sizes fit, only the operators say: a convolution of 15 needs 15 steps, a U-Net of four levels multiples
of 16, two inputs that are multiplied equal lengths. Inference over a graph takes a fraction of a millisecond,
so sizes are proposed and looked at. What it cannot see (sizes computed from values), a run has to say: sizes
come as a sequence, the likeliest first.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import onnx
from onnx import shape_inference

from .. import ir
from .writing import write_for_export

Sizes = dict[str, int]
"""Size by the name of an axis, see ``axis_names``."""

# What is tried first, by the rank of the input: convolutions without padding need long axes.
_FIRST = {3: 12, 4: 64, 5: 24}
_FIRST_OTHER = 8
_LONGEST = 1 << 17
_MOST_ELEMENTS = 1 << 24  # of one input
_MOST_ELEMENTS_BETWEEN = 1 << 28  # of one value inside
_SCANNED = 1024  # sizes one after the other, for what needs a size that leaves a certain rest
_SECONDS = 10.0  # for all of inference


def axis_names(graph: ir.Graph) -> list[tuple[int | str, ...]]:
    """The shape of each input, each open axis by a name; axes of one name have one size.

    Raises:
        ValueError: an input of unknown rank.
    """
    shapes: list[tuple[int | str, ...]] = []
    for i, value in enumerate(graph.inputs):
        if value.dims is None:
            raise ValueError(f"the input {value.name!r} has no known rank, so no values can be drawn for it.")
        shapes.append(
            tuple(
                dim if isinstance(dim, int) else dim or f"input {i} axis {axis}"
                for axis, dim in enumerate(value.dims)
            )
        )
    return shapes


def propose_sizes(graph: ir.Graph, samples: int = 2) -> Iterator[Sizes]:
    """Sizes of the open axes, those first that are most likely to fit; each differs from those before.

    Args:
        graph: with inputs of known rank.
        samples: size of the axis that counts samples.

    Raises:
        ValueError: an input of unknown rank.
    """
    seen: set[tuple[int, ...]] = set()
    search = _Search(graph, samples)
    for sizes in search.proposals():
        key = tuple(sizes.values())
        if key not in seen and search.is_small_enough(sizes):
            seen.add(key)
            yield sizes


class _Search:
    def __init__(self, graph: ir.Graph, samples: int) -> None:
        self.shapes = axis_names(graph)
        names = dict.fromkeys(dim for shape in self.shapes for dim in shape if isinstance(dim, str))
        first = next((shape[0] for shape in self.shapes if shape and isinstance(shape[0], str)), None)
        self.batch = {str(first): samples} if first is not None else {}
        for shape in self.shapes:
            if shape and isinstance(shape[0], str) and shape[0].startswith("input "):
                self.batch[shape[0]] = samples  # an axis 0 without a name
        self.open = [name for name in names if name not in self.batch]
        ranks = [len(shape) for shape in self.shapes if set(shape) & set(self.open)]
        self.first = max((_FIRST.get(rank, _FIRST_OTHER) for rank in ranks), default=_FIRST_OTHER)
        self.inference = _Inference(graph, self.shapes, self.batch)
        self.deadline = time.monotonic() + _SECONDS
        self.shortest = 2  # axis between operators: one of length 1 fits where it should not, by broadcasting

    def is_small_enough(self, sizes: Sizes) -> bool:
        for shape in self.shapes:
            count = 1
            for dim in shape:
                count *= dim if isinstance(dim, int) else sizes[dim]
            if count > max(_MOST_ELEMENTS, _fixed_elements(shape)):
                return False
        return True

    def proposals(self) -> Iterator[Sizes]:
        for self.shortest in (2, 1, 0):
            found = False
            for sizes in self._proposals():
                found = True
                yield sizes
            if found:
                break
        # whatever inference says
        yield from (self._equal(self.first << k) for k in range(4 if self.open else 1))

    def _proposals(self) -> Iterator[Sizes]:
        least = self._least()
        found = False
        for size in self._equal_sizes(least):
            sizes = self._equal(size)
            if self._fits(sizes):
                yield from self._told_apart(sizes)
                yield sizes
                found = True
        if not found:
            yield from self._related(least)

    def _equal(self, size: int) -> Sizes:
        return {**self.batch, **dict.fromkeys(self.open, size)}

    def _fits(self, sizes: Sizes) -> bool:
        return self.is_small_enough(sizes) and self.inference.fits(sizes, self.shortest)

    def _least(self) -> int:
        """The first of doubled sizes that leaves something of every value."""
        size = self.first
        while size <= _LONGEST:
            if not self.inference.too_small(self._equal(size), self.shortest):
                return size
            size *= 2
        return self.first

    def _equal_sizes(self, least: int) -> Iterator[int]:
        """One size for all axes: multiples of many numbers, then a few lengths, then one after the other."""
        yield from (self.first, least)
        if not self.open:
            return
        for factor in (2, 4, 8, 3, 5, 15, 7, 105, 11, 13, 16, 9, 27, 25):
            yield least * factor
        for size in (*range(least, least + _SCANNED), *range(2, least)):
            if time.monotonic() > self.deadline:
                return
            yield size

    def _told_apart(self, sizes: Sizes) -> Iterator[Sizes]:
        """The same with sizes that differ, so that swapped axes show, where the graph can take them."""
        if len(self.open) < 2:
            return
        for part in (4, 2, 1):
            if sizes[self.open[0]] % part:
                continue
            step = sizes[self.open[0]] // part
            apart = {**sizes, **{name: sizes[name] + i * step for i, name in enumerate(self.open)}}
            if self._fits(apart):
                yield apart
                return

    def _related(self, least: int) -> Iterator[Sizes]:
        """Sizes that differ by a factor or a few steps between axes, or equal one that an input fixes."""
        fixed = sorted({dim for shape in self.shapes for dim in shape if isinstance(dim, int)})
        names = [*self.open, *self.batch]
        for base in dict.fromkeys((least, least * 2, least * 4, least * 15)):
            start = self._equal(base)
            near = [base + d * sign for d in range(1, 65) for sign in (-1, 1)]
            scaled = [base * k for k in (2, 3, 4, 5, 8)] + [base // k for k in (2, 3, 4, 5, 8)]
            values = [*fixed, *self.batch.values(), *scaled, *near, 1]
            for count in (1, 2):
                usable = values if count == 1 else values[: len(fixed) + len(self.batch) + len(scaled)]
                for chosen in itertools.combinations(names, count):
                    for change in itertools.product(usable, repeat=count):
                        if time.monotonic() > self.deadline:
                            return
                        sizes = {**start, **dict(zip(chosen, change, strict=True))}
                        if min(sizes.values()) > 0 and self._fits(sizes):
                            yield sizes


def _fixed_elements(shape: Iterable[int | str]) -> int:
    count = 1
    for dim in shape:
        count *= dim if isinstance(dim, int) else 1
    return count * 2


class _Inference:
    """Shape inference over a graph for given sizes."""

    def __init__(
        self, graph: ir.Graph, shapes: list[tuple[int | str, ...]], batch: Mapping[str, int]
    ) -> None:
        self._shapes = shapes
        self._proto: onnx.ModelProto | None = None
        self._always_short: set[tuple[str, int]] = set()
        try:
            self._proto = write_for_export(graph, None, None, None, None, "sizes")[0]
        except Exception:  # what cannot be written is looked at by running it
            return
        del self._proto.graph.value_info[:]
        for output in self._proto.graph.output:
            output.type.tensor_type.ClearField("shape")
        self._always_short = self._find_always_short(batch)

    def fits(self, sizes: Mapping[str, int], shortest: int) -> bool:
        """Whether all operators take these sizes, as far as inference sees, no value is too large, and no
        axis of a value shorter than ``shortest`` (but those that are so for any sizes)."""
        if self._proto is None:
            return True
        inferred = self._inferred(sizes, strict=True)
        if inferred is None:
            return False
        smallest, most = self._extremes(inferred)
        return smallest >= shortest and most <= _MOST_ELEMENTS_BETWEEN

    def too_small(self, sizes: Mapping[str, int], shortest: int) -> bool:
        """Whether some value would have an axis that is too short."""
        inferred = self._inferred(sizes, strict=False)
        return inferred is not None and self._extremes(inferred)[0] < shortest

    def _extremes(self, model: onnx.ModelProto) -> tuple[int, int]:
        """The length of the shortest axis, and the number of elements of the largest value, where known."""
        smallest, most = _LONGEST, 0
        for value, axis, size in _axes(model):
            if axis < 0:
                most = max(most, size)
            elif (value, axis) not in self._always_short:
                smallest = min(smallest, size)
        return smallest, most

    def _find_always_short(self, batch: Mapping[str, int]) -> set[tuple[str, int]]:
        """Axes of values that are short however long the open axes are."""
        inferred = self._inferred({**_longest(self._shapes, batch), **batch}, strict=False)
        if inferred is None:
            return set()
        return {(value, axis) for value, axis, size in _axes(inferred) if 0 <= size < 2 and axis >= 0}

    def _inferred(self, sizes: Mapping[str, int], strict: bool) -> Any:
        if self._proto is None:
            return None
        for given, shape in zip(self._proto.graph.input, self._shapes, strict=False):
            for dim, size in zip(given.type.tensor_type.shape.dim, shape, strict=True):
                dim.dim_value = size if isinstance(size, int) else sizes[size]
        try:
            return shape_inference.infer_shapes(self._proto, strict_mode=strict, data_prop=True)
        except (shape_inference.InferenceError, onnx.checker.ValidationError):
            return None


def _longest(shapes: list[tuple[int | str, ...]], batch: Mapping[str, int]) -> Sizes:
    """Long sizes for all open axes but the batch, with which no input has too many elements.

    Inference follows the numbers of what is computed from sizes alone, as a grid of anchors is, one by one.
    """
    found: Sizes = {}
    for shape in shapes:
        sizes = [batch.get(dim, dim) if isinstance(dim, str) else dim for dim in shape]
        names = [size for size in sizes if isinstance(size, str)]
        known = math.prod(size for size in sizes if isinstance(size, int))
        side = int((_MOST_ELEMENTS / max(1, known)) ** (1 / max(1, len(names))))
        for name in names:
            found[name] = min(found.get(name, _LONGEST), max(side, 2))
    return found


def _axes(model: onnx.ModelProto) -> Iterator[tuple[str, int, int]]:
    """(value, axis, size) for each axis of known size, and (value, -1, elements) for each value."""
    for value in (*model.graph.value_info, *model.graph.output):
        count = 1
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.HasField("dim_value"):
                yield value.name, axis, dim.dim_value
                count *= dim.dim_value
        yield value.name, -1, count
