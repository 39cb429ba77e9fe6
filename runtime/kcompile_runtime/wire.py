"""Protobuf's encoding, field by field: what looks at a model before onnxruntime does."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

Buffer = bytes | mmap.mmap


class Truncated(Exception):
    """A field is longer than what holds it."""

    def __init__(self, needed: int) -> None:
        self.needed = needed


class Malformed(Truncated):
    """Not protobuf."""


def fields(content: Buffer, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, first byte, end) of each field of the message in content[start:end]."""
    position = start
    while position < end:
        key, position = varint(content, position, end)
        field, wire = key >> 3, key & 7
        if wire == 2:
            length, position = varint(content, position, end)
        elif wire == 0:
            _, after = varint(content, position, end)
            length = after - position
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise Malformed(0)
        if field == 0:
            raise Malformed(0)
        if position + length > end:
            raise Truncated(position + length)
        yield field, wire, position, position + length
        position += length


def varint(content: Buffer, position: int, end: int) -> tuple[int, int]:
    """A protobuf varint at a position, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise Truncated(position + 1)
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise Malformed(0)
