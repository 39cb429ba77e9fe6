"""Sequences of tensors in foreign files: lists while the file is read, so that no graph has any.

PyTorch writes them where a program keeps tensors in a list. How many there are, and which one is asked for,
is known in most files; those where a run decides it are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kcompile.ir import Constant, OperatorError, Value, op

Tensors = tuple[Value, ...]
Operand = Value | Tensors | None

_MOST_PIECES = 1 << 14


def emit_sequence(op_type: str, inputs: Sequence[Operand], attributes: Mapping[str, Any]) -> Value | Tensors:
    """Applies an operator on sequences, one of ``SEQUENCE_OPERATORS``.

    Raises:
        OperatorError: if it depends on a run what is in the sequence, or the operands are wrong.
    """
    try:
        return SEQUENCE_OPERATORS[op_type](*inputs, **attributes)
    except (TypeError, IndexError, ValueError) as error:
        raise OperatorError(f"{op_type}: it does not take these operands ({error}).") from error


def _empty(dtype: int = 1) -> Tensors:
    return ()


def _construct(*tensors: Operand) -> Tensors:
    return tuple(map(_tensor, tensors))


def _insert(sequence: Operand, tensor: Operand, position: Operand = None) -> Tensors:
    tensors = _tensors(sequence)
    place = len(tensors) if position is None else _place(position, len(tensors), len(tensors) + 1)
    return (*tensors[:place], _tensor(tensor), *tensors[place:])


def _erase(sequence: Operand, position: Operand = None) -> Tensors:
    tensors = _tensors(sequence)
    place = len(tensors) - 1 if position is None else _place(position, len(tensors), len(tensors))
    return tensors[:place] + tensors[place + 1 :]


def _at(sequence: Operand, position: Operand) -> Value:
    tensors = _tensors(sequence)
    return op.Identity(tensors[_place(position, len(tensors), len(tensors))])


def _length(sequence: Operand) -> Value:
    return Constant(len(_tensors(sequence)), "int64")


def _concatenate(sequence: Operand, axis: int, new_axis: int = 0) -> Value:
    tensors = _tensors(sequence)
    if new_axis:
        tensors = tuple(op.Unsqueeze(tensor, [axis]) for tensor in tensors)
    return op.Concat(*tensors, axis=axis)


def _split(tensor: Operand, split: Operand = None, axis: int = 0, keepdims: int = 1) -> Tensors:
    value = _tensor(tensor)
    count, sizes = _pieces(value, split, axis)
    given = [value] if sizes is None else [value, sizes]
    found = op.Split(*given, axis=axis, outputs=count, num_outputs=None if len(given) > 1 else count)
    pieces = found if isinstance(found, tuple) else (found,)
    if split is None and not keepdims:
        return tuple(op.Squeeze(piece, [axis]) for piece in pieces)
    return pieces


def _pieces(value: Value, split: Operand, axis: int) -> tuple[int, Any]:
    """How many pieces, and their sizes where these are not equal."""
    if split is not None and _tensor(split).rank == 1:
        count = _tensor(split).shape[0]  # type: ignore[index]
        if not isinstance(count, int):
            raise OperatorError("SplitToSequence: into how many pieces depends on the run.")
        return _checked(count), split
    size = None if value.shape is None else value.shape[axis]
    length = 1 if split is None else _number(split)
    if not isinstance(size, int) or length < 1:
        raise OperatorError(f"SplitToSequence: the run decides how many pieces axis {axis} of {value!r} has.")
    whole, rest = divmod(size, length)
    return _checked(whole + bool(rest)), [length] * whole + [rest] * bool(rest)


def _checked(count: int) -> int:
    if count > _MOST_PIECES:
        raise OperatorError(f"SplitToSequence: {count} pieces are more than the {_MOST_PIECES} supported.")
    return count


def _tensor(value: Operand) -> Value:
    if not isinstance(value, Value):
        raise TypeError("a tensor is missing")
    return value


def _tensors(value: Operand) -> Tensors:
    if not isinstance(value, tuple):
        raise OperatorError("a sequence of which the run decides what is in it is not supported.")
    return value


def _place(position: Operand, length: int, places: int) -> int:
    number = _number(position)
    place = number + length if number < 0 else number
    if not 0 <= place < places:
        raise IndexError(f"position {number} of {length}")
    return place


def _number(value: Operand) -> int:
    if not isinstance(value, Constant) or value.array.size != 1:
        raise OperatorError("a position in a sequence that depends on the run is not supported.")
    return int(value.array.reshape(-1)[0])


def _identity(sequence: Operand) -> Tensors | Value:
    return sequence if isinstance(sequence, tuple) else op.Identity(_tensor(sequence))


SEQUENCE_OPERATORS: dict[str, Callable[..., Value | Tensors]] = {
    "ConcatFromSequence": _concatenate,
    "Identity": _identity,
    "SequenceAt": _at,
    "SequenceConstruct": _construct,
    "SequenceEmpty": _empty,
    "SequenceErase": _erase,
    "SequenceInsert": _insert,
    "SequenceLength": _length,
    "SplitToSequence": _split,
}

__all__ = ["SEQUENCE_OPERATORS", "Operand", "Tensors", "emit_sequence"]
