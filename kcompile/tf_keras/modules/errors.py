"""``tf.errors``: the exceptions that programs catch; what is raised here is one of Python's as well."""

from __future__ import annotations

from ...ir import OperatorError


class OpError(Exception):
    """What TensorFlow raises."""

    def __init__(self, node_def: object = None, op: object = None, message: str = "") -> None:
        super().__init__(message or str(node_def or ""))
        self.message = message or str(node_def or "")
        self.op = op


#: What an operator refuses.
InvalidArgumentError = OperatorError


class OutOfRangeError(OpError, StopIteration):
    """An iterator has come to its end."""


class NotFoundError(OpError, FileNotFoundError):
    """A file is not there."""


class AlreadyExistsError(OpError, FileExistsError):
    """A file is there already."""


class PermissionDeniedError(OpError, PermissionError):
    """A file may not be read or written."""


class FailedPreconditionError(OpError, RuntimeError):
    """Something has to be done before."""


class ResourceExhaustedError(OpError, MemoryError):
    """There is not enough memory."""


class UnimplementedError(OpError, NotImplementedError):
    """It is not there."""


class InternalError(OpError, RuntimeError):
    """Something that should not happen."""


class UnknownError(OpError, RuntimeError):
    """Something else."""


class AbortedError(OpError, RuntimeError):
    """It was broken off."""


class CancelledError(OpError, RuntimeError):
    """It was taken back."""


class DataLossError(OpError, RuntimeError):
    """A file is damaged."""


class DeadlineExceededError(OpError, TimeoutError):
    """It took too long."""


class UnauthenticatedError(OpError, PermissionError):
    """Nobody has said who asks."""


class UnavailableError(OpError, ConnectionError):
    """A service does not answer."""


__all__ = [
    "AbortedError", "AlreadyExistsError", "CancelledError", "DataLossError", "DeadlineExceededError",
    "FailedPreconditionError", "InternalError", "InvalidArgumentError", "NotFoundError", "OpError",
    "OutOfRangeError", "PermissionDeniedError", "ResourceExhaustedError", "UnauthenticatedError",
    "UnavailableError", "UnimplementedError", "UnknownError",
]  # fmt: skip
