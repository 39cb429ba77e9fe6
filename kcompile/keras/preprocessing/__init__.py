"""Data made ready for models: sequences, text and images."""

from __future__ import annotations

from . import image, sequence, text

__all__ = ["image", "sequence", "text"]
