"""What the commands print."""

from __future__ import annotations

import json
from typing import Any

from kcompile_runtime.text import harmless

from ..tables import console, format_bytes, format_shape, table

__all__ = ["console", "format_bytes", "format_shape", "say", "table", "tell"]


def say(text: object, file: Any = None) -> None:
    """Prints a text in which there may be names from a file."""
    print(harmless(text, lines=True), file=file)


def tell(found: dict[str, Any], text: str, as_json: bool) -> None:
    """Prints what a command found: as JSON for programs, or the text for people."""
    say(json.dumps(found, indent=2) if as_json else text)
