"""Texts of variable length in HDF5 attributes, read without libhdf5.

Keras keeps its config in such texts. libhdf5 (2.0.0 and before) trusts the lengths that a file gives for
them: it allocates whatever a reference claims, up to 4 GB each, before it looks for the text, and walks for
ever through a heap with an object of size 0. Neither can be caught from outside the library, so these
attributes, and they alone, are parsed here, after the HDF5 File Format Specification 3.0: object headers
(IV.A), the attribute message (IV.A.2.m), and global heaps (III.E).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from kcompile.formats.archive import FileFormatError

_ATTRIBUTE = 0x0C
_CONTINUATION = 0x10
_SHARED = 0x02
_REFERENCE = struct.Struct("<IQI")  # length, address of the heap, index in the heap


class TextAttributes:
    """Reads text attributes of one file.

    Args:
        file: the file, readable and seekable. Offsets and lengths in it take 8 bytes.
        size: its length in bytes.
        base: where its HDF5 part starts; all addresses count from there.
        name: what errors call the file.
    """

    def __init__(self, file: BinaryIO, size: int, base: int, name: str) -> None:
        self._file = file
        self._size = size
        self._base = base
        self._name = name
        self._heaps: dict[int, dict[int, bytes]] = {}

    def read(self, header: int, key: str) -> list[bytes] | None:
        """The texts of an attribute, by the address of its object's header; None if it is not in the
        header."""
        wanted = key.encode("utf-8")
        for flags, message in self._messages(header):
            if flags & _SHARED:
                raise self._damaged(f"the attribute {key!r} may be shared between objects, which is not read")
            found, data = self._attribute(message)
            if found == wanted:
                if len(data) % _REFERENCE.size:
                    raise self._damaged(f"the attribute {key!r} has {len(data)} bytes")
                return [self._text(*reference) for reference in _REFERENCE.iter_unpack(data)]
        return None

    def _messages(self, header: int) -> Iterator[tuple[int, bytes]]:
        """(flags, body) of each attribute message of an object header, continuation blocks included."""
        start = self._bytes(header, 8)
        if start[:5] == b"OHDR\x02":
            flags = start[5]
            prefix = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            length = int.from_bytes(self._bytes(header + prefix, width), "little")
            blocks = [(header + prefix + width, length)]
            layout = struct.Struct("<BHB2x" if flags & 0x04 else "<BHB")
        elif start[0] == 1:
            (length,) = struct.unpack("<I", self._bytes(header + 8, 4))
            blocks = [(header + 16, length)]
            layout = struct.Struct("<HHB3x")
        else:
            raise self._damaged(f"there is no object header at {header}")
        seen: set[int] = set()
        while blocks:
            address, length = blocks.pop(0)
            if address in seen:
                raise self._damaged(f"the object header at {header} continues in itself")
            seen.add(address)
            for kind, flags, body in self._split(self._bytes(address, length), layout):
                if kind == _ATTRIBUTE:
                    yield flags, body
                elif kind == _CONTINUATION and len(body) >= 16:
                    address, length = struct.unpack_from("<QQ", body)
                    if start[0] == 1:
                        blocks.append((address, length))
                    else:  # between the signature "OCHK" and a checksum
                        blocks.append((address + 4, length - 8))

    def _split(self, block: bytes, layout: struct.Struct) -> Iterator[tuple[int, int, bytes]]:
        position = 0
        while position + layout.size <= len(block):
            kind, length, flags = layout.unpack_from(block, position)
            position += layout.size
            yield kind, flags, block[position : position + length]
            position += length

    def _attribute(self, message: bytes) -> tuple[bytes, bytes]:
        """Name and raw data of an attribute message."""
        if len(message) < 9 or message[0] not in (1, 2, 3):
            raise self._damaged("an attribute message is malformed")
        sizes = struct.unpack_from("<HHH", message, 2)
        position = 9 if message[0] == 3 else 8
        name = message[position : position + sizes[0]].split(b"\x00")[0]
        for size in sizes:
            position += (size + 7) // 8 * 8 if message[0] == 1 else size
        return name, message[position:]

    def _text(self, length: int, heap: int, index: int) -> bytes:
        if length == 0:
            return b""
        if heap not in self._heaps:
            self._heaps[heap] = dict(self._heap(heap))
        stored = self._heaps[heap].get(index)
        if stored is None or length > len(stored):
            raise self._damaged(f"a text of {length} bytes is not in the heap at {heap}, object {index}")
        return stored[:length].split(b"\x00")[0]

    def _heap(self, address: int) -> Iterator[tuple[int, bytes]]:
        head = self._bytes(address, 16)
        if head[:5] != b"GCOL\x01":
            raise self._damaged(f"there is no heap at {address}")
        heap = self._bytes(address, int.from_bytes(head[8:], "little"))
        position = 16
        while position + 16 <= len(heap):
            index, size = struct.unpack_from("<H6xQ", heap, position)
            if index == 0:  # the free space, always the last
                return
            start = position + 16
            if start + size > len(heap):
                raise self._damaged(f"an object of {size} bytes exceeds the heap at {address}")
            yield index, heap[start : start + size]
            position = start + (size + 7) // 8 * 8

    def _bytes(self, address: int, length: int) -> bytes:
        start = self._base + address
        if length < 0 or start + length > self._size:
            raise self._damaged(f"{length} bytes at {address} are beyond the file's end; is it truncated?")
        self._file.seek(start)
        data = self._file.read(length)
        if len(data) != length:
            raise self._damaged(f"{length} bytes at {address} cannot be read; is it truncated?")
        return data

    def _damaged(self, problem: str) -> FileFormatError:
        return FileFormatError(self._name, f"damaged HDF5: {problem}.")
