"""The objects that a configuration describes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def entries(config: Any) -> Iterator[dict[str, Any]]:
    """What has a ``"class_name"``, at any depth, in no particular order."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
