"""The hashes of text that TensorFlow has: FarmHash's Fingerprint64 and SipHash-2-4, both of 64 bits.

They are written over an arithmetic modulo 2**64, so that they compute with arrays of ``uint64`` and with
values of a graph alike. A text says its ``length`` and parts of itself as such numbers, lowest byte first:
``word(i)`` and ``half(i)`` are the eight and four bytes from the i-th on, ``byte(i)`` is one;
``word_back(i)``, ``half_back(i)`` and ``byte_back(i)`` begin i bytes before the end.

Sources: FarmHash (Google, 2014), the fingerprint of ``farmhashna``; SipHash (Aumasson and Bernstein, 2012).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

_MASK = 2**64 - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_CAT = 0xC6A4A7935BD1E995


class TextGroup:
    """Texts of one length, as the functions below take them.

    Args:
        texts: of ``length`` bytes each.
    """

    def __init__(self, texts: Sequence[bytes], length: int) -> None:
        self.length = length
        self._bytes = np.frombuffer(b"".join(texts), np.uint8).reshape(len(texts), length)

    def byte(self, i: int) -> Any:
        """The i-th byte."""
        return self._bytes[:, i].astype(np.uint64)

    def byte_back(self, i: int) -> Any:
        """The byte i before the end."""
        return self.byte(self.length - i)

    def _number(self, start: int, size: int) -> Any:
        part = np.ascontiguousarray(self._bytes[:, start : start + size])
        return part.view(f"<u{size}")[:, 0].astype(np.uint64)

    def word(self, i: int) -> Any:
        """Eight bytes from the i-th on."""
        return self._number(i, 8)

    def word_back(self, i: int) -> Any:
        """Eight bytes from i before the end on."""
        return self._number(self.length - i, 8)

    def half(self, i: int) -> Any:
        """Four bytes from the i-th on."""
        return self._number(i, 4)

    def half_back(self, i: int) -> Any:
        """Four bytes from i before the end on."""
        return self._number(self.length - i, 4)

    def middle(self) -> Any:
        """The byte behind the first half."""
        return self.byte(self.length // 2)

    def rest(self) -> Any:
        """What no whole word holds, below the lowest byte of the length."""
        found = np.full(len(self._bytes), (self.length & 255) << 56, np.uint64)
        for place, i in enumerate(range(self.length // 8 * 8, self.length)):
            found |= self.byte(i) << (8 * place)
        return found


def fingerprints(texts: Iterable[bytes], salt: Sequence[int] | None = None) -> np.ndarray:
    """A number for each text: Fingerprint64, or SipHash with the salt as its key.

    Args:
        texts: any number of them.
        salt: two whole numbers.

    Returns:
        uint64, one for each text.
    """
    texts = list(texts)
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for i, text in enumerate(texts):
        by_length[len(text)].append(i)
    found = np.empty(len(texts), np.uint64)
    for length, places in by_length.items():
        group = TextGroup([texts[i] for i in places], length)
        found[places] = farm_fingerprint(group) if salt is None else sip_hash(group, salt, length // 8)
    return found


# --- FarmHash -----------------------------------------------------------------------------------------------


def farm_fingerprint(text: TextGroup) -> Any:
    """Fingerprint64 of texts of one length."""
    if text.length == 0:
        return _K2
    for most, function in (
        (3, farm_to_3),
        (7, farm_to_7),
        (16, farm_to_16),
        (32, farm_to_32),
        (64, _farm_to_64),
    ):
        if text.length <= most:
            return function(text)
    return _farm_long(text)


def rotated(x: Any, by: int) -> Any:
    """The bits moved right; those that fall out come in again on the left."""
    return (x >> by) ^ (x << (64 - by))


def _mixed(x: Any) -> Any:
    return x ^ (x >> 47)


def _joined(u: Any, v: Any, factor: Any) -> Any:
    return _mixed((v ^ _mixed((u ^ v) * factor)) * factor) * factor


def farm_to_3(text: Any) -> Any:
    """Of one to three bytes."""
    low = text.byte(0) + (text.middle() << 8)
    high = (text.byte_back(1) << 2) + text.length
    return _mixed((low * _K2) ^ (high * _K0)) * _K2


def farm_to_7(text: Any) -> Any:
    """Of four to seven bytes."""
    return _joined((text.half(0) << 3) + text.length, text.half_back(4), _factor(text))


def farm_to_16(text: Any) -> Any:
    """Of eight to sixteen bytes."""
    factor = _factor(text)
    a, b = text.word(0) + _K2, text.word_back(8)
    return _joined(rotated(b, 37) * factor + a, (rotated(a, 25) + b) * factor, factor)


def farm_to_32(text: Any) -> Any:
    """Of 17 to 32 bytes."""
    factor = _factor(text)
    first, second = _ends(text, _K1, factor)
    return _joined(first, second, factor)


def _factor(text: Any) -> Any:
    return text.length * 2 + _K2


def _ends(text: Any, by: int, factor: Any) -> tuple[Any, Any]:
    """Two numbers of the first and the last 16 bytes."""
    a, b = text.word(0) * by, text.word(8)
    c, d = text.word_back(8) * factor, text.word_back(16) * _K2
    return rotated(a + b, 43) + rotated(c, 30) + d, a + rotated(b + _K2, 18) + c


def _farm_to_64(text: TextGroup) -> Any:
    factor = _factor(text)
    a = text.word(0) * _K2
    y, second = _ends(text, _K2, factor)
    z = _joined(y, second, factor)
    e, f = text.word(16) * factor, text.word(24)
    g, h = (y + text.word_back(32)) * factor, (z + text.word_back(24)) * factor
    return _joined(rotated(e + f, 43) + rotated(g, 30) + h, e + rotated(f + a, 18) + g, factor)


def _farm_long(text: TextGroup) -> Any:
    x = text.word(0) + (81 * _K2 & _MASK)
    y = x * 0 + (81 * _K1 + 113 & _MASK)
    z = _mixed(y * _K2 + 113) * _K2
    v, w = (y * 0, y * 0), (y * 0, y * 0)
    whole = (text.length - 1) // 64 * 64
    for start in range(0, whole, 64):
        x = rotated(x + y + v[0] + text.word(start + 8), 37) * _K1
        y = rotated(y + v[1] + text.word(start + 48), 42) * _K1
        x, y = x ^ w[1], y + v[0] + text.word(start + 40)
        z = rotated(z + w[0], 33) * _K1
        v = _weak(text, start, v[1] * _K1, x + w[0])
        w = _weak(text, start + 32, z + w[1], y + text.word(start + 16))
        z, x = x, z
    factor, last = ((z & 255) << 1) + _K1, text.length - 64
    w = (w[0] + (text.length - 1 & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x = rotated(x + y + v[0] + text.word(last + 8), 37) * factor
    y = rotated(y + v[1] + text.word(last + 48), 42) * factor
    x, y = x ^ (w[1] * 9), y + v[0] * 9 + text.word(last + 40)
    z = rotated(z + w[0], 33) * factor
    v = _weak(text, last, v[1] * factor, x + w[0])
    w = _weak(text, last + 32, z + w[1], y + text.word(last + 16))
    z, x = x, z
    return _joined(_joined(v[0], w[0], factor) + _mixed(y) * _K0 + z, _joined(v[1], w[1], factor) + x, factor)


def _weak(text: TextGroup, start: int, a: Any, b: Any) -> tuple[Any, Any]:
    w, x, y, z = (text.word(start + 8 * i) for i in range(4))
    a = a + w
    b, c = rotated(b + a + z, 21), a
    a = a + x + y
    return a + z, b + rotated(a, 44) + c


def crossed(one: Any, other: Any) -> Any:
    """One fingerprint of two, as TensorFlow crosses features."""
    result = (one ^ _CAT) ^ (_mixed(other * _CAT) * _CAT)
    return _mixed(_mixed(result * _CAT) * _CAT)


# --- SipHash ------------------------------------------------------------------------------------------------


def sip_hash(text: Any, key: Sequence[int], words: int) -> Any:
    """SipHash-2-4 of texts of one length.

    Args:
        text: its ``rest`` is what no whole word holds.
        key: two whole numbers.
        words: how many whole words it has.
    """
    state = sip_start(text.rest() * 0, key)
    for i in range(words):
        state = sip_taken(state, text.word(8 * i))
    return sip_end(state, text.rest())


State = tuple[Any, Any, Any, Any]


def sip_start(zero: Any, key: Sequence[int]) -> State:
    """The state before any word; ``zero`` has its form."""
    begins = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    a, b, c, d = (zero + (begin ^ (key[i % 2] & _MASK)) for i, begin in enumerate(begins))
    return a, b, c, d


def sip_taken(state: State, word: Any) -> State:
    """The state after one more word."""
    a, b, c, d = state
    a, b, c, d = _sip_round(_sip_round((a, b, c, d ^ word)))
    return a ^ word, b, c, d


def sip_end(state: State, rest: Any) -> Any:
    """The hash, after the last word."""
    a, b, c, d = sip_taken(state, rest)
    state = a, b, c ^ 255, d
    for _ in range(4):
        state = _sip_round(state)
    a, b, c, d = state
    return a ^ b ^ c ^ d


def _sip_round(state: State) -> State:
    a, b, c, d = state
    a, c = a + b, c + d
    b, d = rotated(b, 51) ^ a, rotated(d, 48) ^ c
    a = rotated(a, 32)
    c, a = c + b, a + d
    b, d = rotated(b, 47) ^ c, rotated(d, 43) ^ a
    return a, b, rotated(c, 32), d
