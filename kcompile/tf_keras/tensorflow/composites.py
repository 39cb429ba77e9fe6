"""Tensors that are made of several among the arguments of functions of tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...keras.data.composites import Composite


def composite_in(arguments: Iterable[Any]) -> Composite | None:
    """The first tensor of several among arguments, and in lists of them."""
    for value in arguments:
        if isinstance(value, _SOUGHT):
            found = next((x for x in _listed(value) if isinstance(x, Composite)), None)
            if found is not None:
                return found
    return None


_SOUGHT = (Composite, list, tuple)


def _listed(value: Any) -> Iterable[Any]:
    return [value] if isinstance(value, Composite) else value
