"""Model files and back: every format is read into, and written from, one plain :class:`Archive`.

This package never sees a layer. A file is untrusted: reading runs nothing from it, follows no link out of it
and allocates no more than it can justify. Writing is atomic.
"""

from __future__ import annotations

from kcompile.formats.archive import (
    Archive,
    FileFormatError,
    LayerWeights,
    StoredArray,
    UnsafeFileError,
    UnsupportedFormatError,
)
from kcompile.formats.registry import detect, read, write

__all__ = [
    "Archive",
    "FileFormatError",
    "LayerWeights",
    "StoredArray",
    "UnsafeFileError",
    "UnsupportedFormatError",
    "detect",
    "read",
    "write",
]
