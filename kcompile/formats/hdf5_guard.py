"""A binary file under HDF5 that looks at what the library is about to parse.

libhdf5 (2.0.0 and before) walks a global heap, where texts of variable length are kept, without checking that
each
object takes it further: a heap with an object of size 0 makes it loop for ever. Nothing outside the library
can stop that, so every heap is checked as it is read from the file.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

from kcompile.formats.archive import FileFormatError

_HEAP = b"GCOL\x01"
_MIN_HEAP = 4096
#: HDF5 caches no more metadata than this in one piece, so a heap in a longer read stands at its start.
_MAX_CACHED = 2**20
_BLOCK = 4 * 2**20


class GuardedFile(io.RawIOBase):
    """Read-only file for h5py.File. ``name`` is what errors call the file; ``size`` its length in bytes."""

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        super().__init__()
        self._file = file
        self._size = size
        self._name = name
        self._position = 0
        self._checked: dict[int, int] = {}  # heaps by address: size of the largest object
        self._reads_left = 200_000 + size // 16

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        view = memoryview(buffer).cast("B")
        start = self._position
        self._reads_left -= 1
        if self._reads_left < 0:
            raise FileFormatError(self._name, "damaged HDF5: the same parts are referred to over and over.")
        self._read_at(start, view)
        self._position = start + len(view)
        if len(view) > _MAX_CACHED:
            if view[: len(_HEAP)] == _HEAP:
                self._check_heap(start)
        else:
            # A heap may begin in the read before this one.
            before = min(start, len(_HEAP) - 1)
            head = bytearray(before)
            self._read_at(start - before, memoryview(head))
            self._check_heaps(bytes(head) + bytes(view), start - before)
        return len(view)

    def largest_heap_object(self) -> int:
        """Bytes of the longest text of variable length that the file can hold."""
        block, overlap, start = bytearray(_BLOCK), len(_HEAP) - 1, 0
        while start < self._size:
            view = memoryview(block)[: min(_BLOCK, self._size - start)]
            self._read_at(start, view)
            self._check_heaps(view.tobytes(), start)
            start += len(view) if start + len(view) == self._size else len(view) - overlap
        return max(self._checked.values(), default=0)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _read_at(self, start: int, view: memoryview) -> None:
        self._file.seek(start)
        done = 0
        while done < len(view):
            count = self._file.readinto(view[done:])  # type: ignore[attr-defined]
            if not count:
                raise FileFormatError(self._name, f"truncated HDF5: it ends at byte {start + done}.")
            done += count

    def _check_heaps(self, data: bytes, start: int) -> None:
        found = data.find(_HEAP)
        while found >= 0:
            self._check_heap(start + found)
            found = data.find(_HEAP, found + 1)

    def _check_heap(self, address: int) -> None:
        if address in self._checked or address + _MIN_HEAP > self._size:
            return  # HDF5 itself refuses a heap that exceeds the file
        self._checked[address] = 0
        header = bytearray(16)
        self._read_at(address, memoryview(header))
        (size,) = struct.unpack_from("<Q", header, 8)
        if size < _MIN_HEAP or address + size > self._size:
            return
        heap = bytearray(size)
        self._read_at(address, memoryview(heap))
        self._checked[address] = self._walk(heap, address)

    def _walk(self, heap: bytearray, address: int) -> int:
        """Go from object to object as HDF5 does, and give the size of the largest."""
        position, largest = 16, 0
        while position + 16 <= len(heap):
            index, size = struct.unpack_from("<H6xQ", heap, position)
            # Object 0 is the free space, whose size counts its own header.
            step = size if index == 0 else 16 + (size + 7) // 8 * 8
            if step < 16 or position + step > len(heap):
                raise FileFormatError(
                    self._name,
                    f"damaged HDF5: the heap at byte {address} has an object of impossible size {size}.",
                )
            if index:
                largest = max(largest, size)
            position += step
        return largest
