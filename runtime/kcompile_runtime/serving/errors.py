"""One class for every refusal, with its HTTP status."""

from __future__ import annotations

import math

from ..errors import InputError
from ..text import harmless


class ServingError(Exception):
    """A request that is not answered with tensors.

    Attributes:
        status: of HTTP.
        message: expected, found, what to do.
        retry_after_s: when to come again; None where that changes nothing.
    """

    def __init__(self, status: int, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s
        self.message = harmless(message, lines=True)


def bad_request(message: str) -> ServingError:
    """The request is wrong: 400."""
    return ServingError(400, message)


def not_found(message: str) -> ServingError:
    """No such model, version or address: 404."""
    return ServingError(404, message)


def too_large(message: str) -> ServingError:
    """Beyond a limit of this server: 413."""
    return ServingError(413, message)


def overloaded(message: str, wait_s: float) -> ServingError:
    """The queue is full: 429, with the seconds after which what waits now will be done."""
    return ServingError(429, message, max(1, math.ceil(wait_s)))


def unavailable(message: str) -> ServingError:
    """The server stops, or the model is not ready: 503."""
    return ServingError(503, message, 1)


def too_late(message: str) -> ServingError:
    """The request's time was over before it ran: 504."""
    return ServingError(504, message)


def as_serving_error(error: Exception) -> ServingError:
    """What a model's error is to the client: 400 for its inputs, else 500."""
    if isinstance(error, ServingError):
        return error
    return ServingError(400 if isinstance(error, InputError) else 500, str(error))
