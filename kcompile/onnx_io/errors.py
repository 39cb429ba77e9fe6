"""Errors of writing, reading and checking ONNX models."""

from __future__ import annotations


class ExportError(ValueError):
    """A graph cannot become an ordinary ONNX model; the message says which operator, where, what to do."""


class FormatError(ValueError):
    """A model file is not what it claims to be, or was written by a newer version."""
