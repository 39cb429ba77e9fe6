"""Plain data: what lists and dicts hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def each(value: Any, function: Callable[[Any], Any]) -> Any:
    """A list or dict with ``function`` of each of its members; anything else as it is."""
    if isinstance(value, dict):
        return {key: function(member) for key, member in value.items()}
    return [function(member) for member in value] if isinstance(value, list) else value
