"""Protobuf's encoding, field by field: messages read and written without a description of them."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from typing import Any

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


class _Fixed(bytes):
    """The bytes of a field of fixed width."""


def values(message: Buffer) -> Iterable[tuple[int, Any]]:
    """(number, value) of each field: an int for a varint, else bytes."""
    for number, wire, first, last in fields(message, 0, len(message)):
        if wire == 0:
            yield number, varint(message, first, last)[0]
        else:
            value = message[first:last]
            yield number, value if wire == 2 else _Fixed(value)


def encoded(number: int, value: int | bytes) -> bytes:
    """A field with a value as ``values`` gives it."""
    if isinstance(value, _Fixed):
        return varint_bytes(number << 3 | (1 if len(value) == 8 else 5)) + value
    return integer(number, value) if isinstance(value, int) else part(number, value)


def part(number: int, value: bytes) -> bytes:
    """A field of bytes, or of a message."""
    return varint_bytes(number << 3 | 2) + varint_bytes(len(value)) + value


def text(number: int, value: str) -> bytes:
    """A field of text."""
    return part(number, value.encode())


def integer(number: int, value: int) -> bytes:
    """A field of an integer of 64 bits."""
    return varint_bytes(number << 3) + varint_bytes(value & (1 << 64) - 1)


def varint_bytes(value: int) -> bytes:
    """Seven bits a byte, the lowest first, all but the last with the eighth bit set."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> int:
    """The integer of 64 bits that a varint stands for."""
    return value - (1 << 64) if value >> 63 else value
