"""What cannot be converted."""

from __future__ import annotations

from kcompile_runtime.text import harmless


class ConversionError(ValueError):
    """A layer, or an option of one, that the other framework has nothing for; the message names it."""

    def __str__(self) -> str:
        return harmless(super().__str__(), lines=True)
