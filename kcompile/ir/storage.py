"""The one host buffer behind a weight, and the version by which its other views know that they are stale."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .changes import changing
from .collecting import allocated, freed

_fetching = threading.Lock()


class Storage:
    """One host buffer, seen by numpy, by torch and by onnxruntime.

    Args:
        value: initial contents, in the logical layout (for a convolution kernel: HWIO).
        order: the axes from outermost to innermost in memory, None for C order. A kernel stored with
            ``order=(3, 2, 0, 1)`` is HWIO to everyone who asks and OIHW in memory, so the
            graph's ``Transpose`` to OIHW is a free view.

    Attributes:
        watch: asked before anybody reads, to say ``written`` where somebody wrote without a word; or None.
    """

    __slots__ = ("_array", "_counted", "_fetch", "_version", "order", "watch")

    def __init__(self, value: np.ndarray, order: Sequence[int] | None = None) -> None:
        self._counted = 0
        value = np.asarray(value)
        self.order = tuple(order) if order is not None else None
        self._version = 0
        self.watch: Callable[[], None] | None = None
        self._fetch: Callable[[np.ndarray], None] | None = None
        if self.order is None:
            self._array = np.array(value, order="C")
        else:
            stored = np.array(value.transpose(self.order), order="C")
            self._array = stored.transpose(np.argsort(self.order))
        self._count()

    def _count(self) -> None:
        before, self._counted = self._counted, self._array.nbytes
        allocated(self._counted - before)

    def __del__(self) -> None:
        freed(self._counted)

    @classmethod
    def zeros(cls, shape: Sequence[int], dtype: Any, order: Sequence[int] | None = None) -> Storage:
        """A buffer of zeros, whose memory the system hands out when it is first written."""
        storage = cls(np.zeros((), dtype))
        storage.order = tuple(order) if order is not None else None
        if order is None:
            storage._array = np.zeros(tuple(shape), dtype)
        else:
            storage._array = np.zeros([shape[axis] for axis in order], dtype).transpose(np.argsort(order))
        storage._count()
        return storage

    @property
    def version(self) -> int:
        """Grows with every change of the value."""
        if self.watch is not None:
            self.watch()
        return self._version

    @property
    def array(self) -> np.ndarray:
        """The buffer in its logical layout, current also when a device copy leads. Not a copy."""
        if self.watch is not None:
            self.watch()
        if self._fetch is not None:
            with _fetching:
                fetch = self._fetch
                if fetch is not None:
                    fetch(self._array)
                    if self._fetch is fetch:  # nobody wrote meanwhile
                        self._fetch = None
        return self._array

    def share(self, array: np.ndarray, version: Callable[[], Any] | None = None) -> bool:
        """Takes memory of somebody else's for the buffer, with what is in it; False where its form forbids.

        Args:
            array: of the same shape and type, which may be written, and in the order of the buffer.
            version: what changes when the other one writes, if he tells.
        """
        own = self._array
        fits = array.dtype == own.dtype and array.shape == own.shape and array.flags.writeable
        if not fits or self.order is not None or not array.flags.c_contiguous:
            return False
        with changing():
            self._fetch = None
            self._array = array
            self._count()
            if version is not None:
                self.watch = self._watching(version)
            self._version += 1
        return True

    def _watching(self, version: Callable[[], Any]) -> Callable[[], None]:
        seen = version()

        def watch() -> None:
            nonlocal seen
            now = version()
            if now != seen:
                seen = now
                self._version += 1

        return watch

    def assign(self, value: np.ndarray) -> None:
        """Overwrites the contents in place; views (numpy, torch) see it, sessions notice by ``version``."""
        with changing():
            self._fetch = None
            np.copyto(self._array, value, casting="same_kind")
            self._version += 1

    def written(self, fetch: Callable[[np.ndarray], None] | None = None) -> None:
        """Says that somebody changed the value.

        Args:
            fetch: None where the host buffer itself was written; else a function that copies the
                leading device copy into the host array it is given, called at the next read.
        """
        self._fetch = fetch
        self._version += 1
