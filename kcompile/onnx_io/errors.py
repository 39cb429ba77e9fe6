"""Errors of writing, reading and checking ONNX models."""

from __future__ import annotations

from kcompile_runtime.text import harmless


class ExportError(ValueError):
    """A graph cannot become an ordinary ONNX model; the message says which operator, where, what to do."""

    def __str__(self) -> str:
        return harmless(super().__str__(), lines=True)


class FormatError(ValueError):
    """A model file is not what it claims to be, or was written by a newer version."""

    def __str__(self) -> str:
        return harmless(super().__str__(), lines=True)
