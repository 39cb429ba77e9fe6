"""Whole numbers as their decimal text, for the hashes of ``utils.fingerprints``, in operators of ONNX.

ONNX has no bytes of text, but the digits of a number are arithmetic. Numbers modulo 2**64 are int64 here,
whose sums and products are the same to the bit; a move of bits to the right takes care of the sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....ir import Constant, Value, op
from ... import backend as K
from ...utils import fingerprints

_SIGNED_MAX = 2**63 - 1
_CHARACTERS = 20  # of the smallest int64


def _constant(number: int) -> Value:
    """A number modulo 2**64 as int64."""
    return Constant(np.array(number & (2**64 - 1), np.uint64).view(np.int64))


class Word:
    """Numbers modulo 2**64 in a graph.

    Args:
        value: int64 of the same bits.
    """

    def __init__(self, value: Value) -> None:
        self.value = value

    def __add__(self, other: Word | int) -> Word:
        return Word(op.Add(self.value, _value(other)))

    def __mul__(self, other: Word | int) -> Word:
        return Word(op.Mul(self.value, _value(other)))

    def __xor__(self, other: Word | int) -> Word:
        return Word(op.BitwiseXor(self.value, _value(other)))

    def __lshift__(self, by: int) -> Word:
        return self * (1 << by)

    def __rshift__(self, by: int) -> Word:
        rest = op.Div(op.BitwiseAnd(self.value, _constant(_SIGNED_MAX)), _constant(1 << by))
        top = op.Where(op.Less(self.value, _constant(0)), _constant(1 << (63 - by)), _constant(0))
        return Word(op.Add(rest, top))

    def modulo(self, count: int) -> Value:
        """The rest of a division, int64 from 0 to count - 1."""
        below = op.Mod(self.value, _constant(count))
        wrapped = op.Where(op.Less(self.value, _constant(0)), _constant(2**64 % count), _constant(0))
        return op.Mod(op.Add(below, wrapped), _constant(count))


def _value(number: Word | int) -> Value:
    return number.value if isinstance(number, Word) else _constant(number)


class DecimalText:
    """The text of whole numbers, as functions of ``fingerprints`` take it.

    Args:
        numbers: int64 of any shape.
    """

    def __init__(self, numbers: Value) -> None:
        powers = [10**i for i in range(_CHARACTERS - 1)]
        with_axis = op.Unsqueeze(numbers, [-1])
        cut = op.Div(with_axis, Constant(np.array([*powers], np.int64)))  # rounds towards zero
        tens = op.Mul(op.Div(cut, _constant(10)), _constant(10))
        digits = op.Abs(op.Sub(cut, tens))
        self._negative = op.Less(numbers, _constant(0))
        beyond = op.Cast(op.Equal(cut, _constant(0)), to=_INT64)
        places = op.Sub(_constant(len(powers)), op.ReduceSum(beyond, [-1], keepdims=0))
        self._digits = op.Max(places, _constant(1))
        self.length = Word(op.Add(self._digits, op.Cast(self._negative, to=_INT64)))
        self._from_end = self._characters_from_end(digits)

    def _characters_from_end(self, digits: Value) -> Value:
        """(..., 20): the last character first, zeros where there is none."""
        digits = op.Concat(digits, op.Slice(op.Mul(digits, _constant(0)), [0], [1], [-1]), axis=-1)
        place = Constant(np.arange(_CHARACTERS))
        last = op.Unsqueeze(self._digits, [-1])
        sign = op.And(op.Equal(place, last), op.Unsqueeze(self._negative, [-1]))
        beyond = op.Where(sign, _constant(ord("-")), _constant(0))
        return op.Where(op.Less(place, last), op.Add(digits, _constant(ord("0"))), beyond)

    def _numbers(self, characters: Value, first: int, step: int, size: int) -> Word:
        """Characters at first, first + step, ..., the lowest first."""
        if size > 4:  # onnxruntime sums whole numbers as float64
            low = self._numbers(characters, first, step, 4)
            return low + (self._numbers(characters, first + 4 * step, step, size - 4) << 32)
        factors = np.zeros(_CHARACTERS, np.int64)
        factors[[first + step * i for i in range(size)]] = [256**i for i in range(size)]
        return Word(op.ReduceSum(op.Mul(characters, Constant(factors)), [-1], keepdims=0))

    def _from_start(self) -> Value:
        """(..., 20): the first character first."""
        place = op.Sub(op.Unsqueeze(self.length.value, [-1]), Constant(np.arange(1, _CHARACTERS + 1)))
        characters = op.GatherElements(self._from_end, op.Max(place, _constant(0)), axis=-1)
        return op.Where(op.Less(place, _constant(0)), _constant(0), characters)

    def byte(self, i: int) -> Word:
        """The i-th byte."""
        return self._numbers(self._from_start(), i, 1, 1)

    def byte_back(self, i: int) -> Word:
        """The byte i before the end."""
        return self._numbers(self._from_end, i - 1, -1, 1)

    def middle(self) -> Word:
        """The byte behind the first half, of texts of up to three."""
        third = op.Equal(self.length.value, _constant(3))
        return Word(op.Where(third, self.byte_back(2).value, self.byte_back(1).value))

    def half(self, i: int) -> Word:
        """Four bytes from the i-th on."""
        return self._numbers(self._from_start(), i, 1, 4)

    def half_back(self, i: int) -> Word:
        """Four bytes from i before the end on."""
        return self._numbers(self._from_end, i - 1, -1, 4)

    def word(self, i: int) -> Word:
        """Eight bytes from the i-th on, with zeros behind the end."""
        return self._numbers(self._from_start(), i, 1, min(8, _CHARACTERS - i))

    def word_back(self, i: int) -> Word:
        """Eight bytes from i before the end on."""
        return self._numbers(self._from_end, i - 1, -1, 8)


_INT64 = 7


def decimal_fingerprint(numbers: Value) -> Word:
    """Fingerprint64 of the decimal text of whole numbers."""
    text = DecimalText(numbers)
    forms = (
        (3, fingerprints.farm_to_3),
        (7, fingerprints.farm_to_7),
        (16, fingerprints.farm_to_16),
    )
    found: Value = fingerprints.farm_to_32(text).value
    for most, function in reversed(forms):
        short = op.LessOrEqual(text.length.value, _constant(most))
        found = op.Where(short, function(text).value, found)
    return Word(found)


def decimal_sip_hash(numbers: Value, key: Sequence[int]) -> Word:
    """SipHash of the decimal text of whole numbers."""
    text = DecimalText(numbers)
    words = op.Div(text.length.value, _constant(8))
    state = fingerprints.sip_start(Word(op.Mul(numbers, _constant(0))), key)
    found: Any = None
    for whole in range(_CHARACTERS // 8 + 1):
        rest = text.word(8 * whole) + (text.length << 56)
        ended = fingerprints.sip_end(state, rest).value
        found = ended if found is None else op.Where(op.Equal(words, _constant(whole)), ended, found)
        state = fingerprints.sip_taken(state, text.word(8 * whole))
    return Word(found)


def as_word(numbers: Value) -> Word:
    """Whole numbers as they are."""
    return Word(K.cast(numbers, "int64"))
