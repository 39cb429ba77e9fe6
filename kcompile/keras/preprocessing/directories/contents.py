"""What is in files, in place of their paths."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from ...data import AUTOTUNE, TensorSpec, reading
from ...data.stages import Items, Stage


def of_files(paths: Stage, read: Callable[[str], Any], spec: TensorSpec) -> Stage:
    """The elements with what ``read`` gives for the path, or for the first of (path, label).

    Files are read by several threads where it takes long.

    Args: spec: of what it gives.
    """

    def content(element: Any) -> Any:
        if isinstance(element, tuple):
            return (read(os.fsdecode(element[0])), *element[1:])
        return read(os.fsdecode(element))

    def elements() -> Iterator[Any]:
        return reading.mapped(content, paths, AUTOTUNE)

    given = paths.spec
    known = (spec, *given[1:]) if isinstance(given, tuple) else spec
    return Items(elements, known, paths.cardinality)
