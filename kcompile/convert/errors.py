"""What cannot be converted."""

from __future__ import annotations


class ConversionError(ValueError):
    """A layer, or an option of one, that the other framework has nothing for; the message names it."""
