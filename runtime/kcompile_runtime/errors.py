"""Named errors. Each is also the built-in error that a caller would expect."""

from __future__ import annotations

from .text import harmless


class ExecutorError(Exception):
    """Every error of this package. Names from a model file do nothing to the terminal that shows it."""

    def __str__(self) -> str:
        return harmless(super().__str__(), lines=True)


class RuntimeNotInstalledError(ExecutorError, ImportError):
    """Neither onnxruntime nor onnxruntime-gpu can be imported."""


class ModelFileError(ExecutorError, ValueError):
    """The model is truncated, foreign, inconsistent, or newer than the installed onnxruntime."""


class ProviderError(ExecutorError, ValueError):
    """An execution provider was asked for that the installed onnxruntime does not have."""


class InputError(ExecutorError, ValueError):
    """Inputs of a wrong name, count, dtype or shape. Nothing was run."""


class ExecutionError(ExecutorError, RuntimeError):
    """onnxruntime failed while it ran the model."""
