"""The table of a model's layers as tf.keras 2 prints it: nested models, what trains, a range of layers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .messages import harmless

_ENDS_OF_LINES = ("),", "},", "],", "',")
_UNITS = ("Byte", "KB", "MB", "GB", "TB", "PB")


def layers_in_range(model: Any, layer_range: Sequence[str] | None) -> list[Any]:
    """The layers from the first whose name matches the first pattern to the last that matches the second.

    Raises:
        ValueError: for anything but two patterns, and where no layer matches one.
    """
    layers = list(model.layers)
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(pattern, str) for pattern in layer_range):
        raise ValueError(f"layer_range is a pair of names or patterns of layers, found {layer_range!r}.")
    places = []
    for pattern in layer_range:
        matching = [i for i, layer in enumerate(layers) if re.match(pattern, layer.name)]
        if not matching:
            raise ValueError(f"layer_range: no layer of {model.name} has a name that matches {pattern!r}.")
        places.append(matching)
    first, last = places[0][0], places[1][-1]
    return layers[min(first, last) : max(first, last) + 1]


def class_title(layer: Any) -> str:
    """The class of a layer; a model of layers is called Functional there."""
    name = type(layer).__name__
    return "Functional" if name == "Model" and getattr(layer, "_is_graph_network", False) else name


def trains(layer: Any) -> bool:
    """Whether a layer is said to train; an input is, there."""
    return bool(layer.trainable) or type(layer).__name__ == "InputLayer"


def shape_title(layer: Any, shape: Any) -> str:
    """A shape as text; that of an input stands in a list there."""
    return f"[{shape}]" if type(layer).__name__ == "InputLayer" and isinstance(shape, tuple) else str(shape)


@dataclass
class SummaryTable:
    """Prints the rows of a summary.

    Attributes:
        show: called with each line.
        width: of a line, in characters.
        ends: where each column ends.
        fields: what stands in the columns for a layer.
        nested: the layers of a model that is a layer, for those that are shown too; None for any other.
    """

    show: Callable[[str], Any]
    width: int
    ends: list[int]
    fields: Callable[[Any], list[str]]
    nested: Callable[[Any], list[Any] | None]

    def layers(self, layers: Sequence[Any], level: int = 0) -> None:
        """The rows of these layers, with what is nested in them in a frame each."""
        for i, layer in enumerate(layers):
            self.row(self.fields(layer), level)
            inner = self.nested(layer)
            if inner is not None:
                self.show("|" * (level + 1) + "¯" * (self.width - 2 * level - 2) + "|" * (level + 1))
                self.layers(inner, level + 1)
                self.show("|" * level + "¯" * (self.width - 2 * level) + "|" * level)
            elif not level or i < len(layers) - 1:
                self.show("|" * level + " " * (self.width - 2 * level) + "|" * level)

    def row(self, fields: Sequence[str], level: int = 0) -> None:
        """One row, in as many lines as its longest field takes."""
        left = list(fields)
        while any(left):
            line = "|" * level + " "
            for column, end in enumerate(self.ends):
                start = self.ends[column - 1] if column else 0
                is_last = column == len(self.ends) - 1
                room = end - start - (0 if is_last else 3) - (0 if column else level)
                part = _first_part(left[column], room)
                left[column] = left[column][len(part) :]
                line += part + ("" if is_last else "  ")
                line = line.ljust(end - level if is_last else end)
            self.show(line + "|" * level)


def _first_part(text: str, room: int) -> str:
    """As much of a field as fits a line; lists of shapes and names break behind an entry."""
    part = text[:room]
    ends = [part.find(mark) + len(mark) for mark in _ENDS_OF_LINES if mark in part]
    return part[: min(ends)] if ends else part


def memory(weights: Sequence[Any]) -> str:
    """What weights take, ``2.57 KB``, each counted once."""
    unique = {id(weight): weight for weight in weights}.values()
    size = float(sum(np.prod(tuple(w.shape), dtype=np.int64) * np.dtype(w.dtype).itemsize for w in unique))
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.2f} {_UNITS[unit]}"


def harmless_lines(write: Callable[[str], Any]) -> Callable[[str], Any]:
    """A function that writes a line whatever names of a file are in it."""
    return lambda line: write(harmless(line))
