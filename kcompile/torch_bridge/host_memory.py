"""The memory that a training step frees is kept for the next one.

glibc gives large blocks back to the system when they are freed, so that each step pays for fresh pages: a
tenth of the time of a small U-Net. PyTorch's guide to CPU performance advises another allocator for the same
reason; telling glibc to keep more needs none.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_KEPT = 2**30
_LARGEST_BLOCK = 2**29


@cache
def keep_freed_memory() -> None:
    """From now on this process keeps up to 1 GiB of freed memory at the end of its heap.

    Nothing happens without glibc, or where the environment says how it is to allocate
    (``MALLOC_TRIM_THRESHOLD_``, ``MALLOC_MMAP_THRESHOLD_``, ``GLIBC_TUNABLES``).
    """
    if "GLIBC_TUNABLES" in os.environ or any(name.startswith("MALLOC_") for name in os.environ):
        return
    try:
        process = ctypes.CDLL(None)
        process.gnu_get_libc_version  # noqa: B018  others have a mallopt, and other numbers
        mallopt = process.mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_BLOCK)
    mallopt(_M_TRIM_THRESHOLD, _KEPT)


__all__ = ["keep_freed_memory"]
