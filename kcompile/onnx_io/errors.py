"""Errors of writing, reading and checking ONNX models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kcompile.ir import GraphError, OperatorError
from kcompile_runtime.text import harmless


class ExportError(ValueError):
    """A graph cannot become an ordinary ONNX model; the message says which operator, where, what to do."""

    def __str__(self) -> str:
        return harmless(super().__str__(), lines=True)


class FormatError(ValueError):
    """A model file is not what it claims to be, or was written by a newer version."""

    def __str__(self) -> str:
        return harmless(super().__str__(), lines=True)


OWN_ERRORS = (ExportError, FormatError, GraphError, OperatorError)
_PASSED_ON = (OSError, MemoryError, NotImplementedError)


@contextmanager
def located(
    where: str, what: str = "no sound ONNX model", own: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Errors inside say where they come from: a file, a node of it.

    The errors of this floor keep their class; whatever else a damaged model causes in Python, or in a library
    that reads it, is one FormatError. Errors of the system and lack of memory pass as they are.

    Args:
        where: how messages name the place.
        what: what it is then.
        own: errors of the caller that keep their class, too.
    """
    kept: tuple[type[Exception], ...] = (*OWN_ERRORS, *own)
    try:
        yield
    except _PASSED_ON:
        raise
    except kept as error:
        if harmless(where, lines=True) in str(error):
            raise
        raise type(error)(f"{where}: {error}") from error.__cause__
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise FormatError(f"{where}: {what} ({type(error).__name__}: {text}).") from error
