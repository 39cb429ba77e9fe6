"""Errors of the intermediate representation."""

from __future__ import annotations

from .text import shown


class OperatorError(ValueError):
    """An operator was applied to inputs or attributes that its ONNX definition does not allow."""

    def __str__(self) -> str:
        return shown(super().__str__(), lines=True)


class GraphError(ValueError):
    """A graph cannot be sliced: an output depends on a value that is not among the inputs."""

    def __str__(self) -> str:
        return shown(super().__str__(), lines=True)


class NotInGraphError(NotImplementedError):
    """A function that only Python computes was to be part of a graph."""


class NoTruthError(TypeError):
    """Python asked whether a symbolic value is true.

    Attributes:
        value: which.
    """

    def __init__(self, message: str, value: object = None) -> None:
        super().__init__(message)
        self.value = value


class DeviceNotFoundError(ValueError):
    """A device was named that this machine does not have, or that this process may not see."""
