"""A request for inference, whichever protocol it came by."""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..bfloat16 import from_float32
from .batching import Batcher, Listener
from .errors import bad_request, too_large
from .limits import Limits
from .sessions import SequenceStep
from .traces import span


@dataclass(slots=True)
class InferRequest:
    """What a client asks for.

    Attributes:
        inputs: tensors by name.
        outputs: names; none for all.
        parameters: of the request: ``sequence_id``, ``sequence_start``, ``sequence_end``, ``priority`` and
            ``timeout`` (microseconds) mean something, others nothing.
        carrier: headers, by lower-case names, that say which trace the request belongs to.
    """

    inputs: dict[str, np.ndarray]
    outputs: list[str] = field(default_factory=list)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    carrier: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class InferResponse:
    """The version that answered, and its tensors by name in the order asked for."""

    model: str
    version: str
    outputs: dict[str, np.ndarray]


async def infer(batcher: Batcher, request: InferRequest) -> InferResponse:
    """Answers a request.

    Raises:
        ServingError, InputError: it is wrong, or cannot be answered now.
        ExecutionError: the model failed.
    """
    with span(batcher.model.name, batcher.model.version, request.carrier):
        results: Future[list[Any]] = get_running_loop().create_future()
        names = submit(batcher, request, results)
        return response_of(batcher, names, await results)


def submit(batcher: Batcher, request: InferRequest, listener: Listener) -> list[str]:
    """Puts a request into the queue, and gives the names of its outputs; the listener hears of these.

    Raises:
        ServingError, InputError: as of `infer`.
    """
    model = batcher.model
    names, arrays = model.wanted(request.outputs), model.accept(request.inputs)
    if not request.parameters:
        batcher.submit(listener, arrays, names)
        return names
    sequence = sequence_of(request.parameters)
    if sequence is not None and not model.stateful:
        sequence = None  # as Triton does for models without sequence batching
    timeout = _whole(request.parameters, "timeout")
    priority = min(_whole(request.parameters, "priority"), 1 << 31)
    batcher.submit(listener, arrays, names, sequence, priority, timeout / 1e6 if timeout else None)
    return names


def response_of(batcher: Batcher, names: list[str], results: list[Any]) -> InferResponse:
    """The response with these outputs."""
    model = batcher.model
    outputs = dict(zip(names, results, strict=True))
    for name in model.bfloat16_outputs:
        if name in outputs:
            outputs[name] = from_float32(outputs[name])
    return InferResponse(model.name, model.version, outputs)


def sequence_of(parameters: Mapping[str, Any]) -> SequenceStep | None:
    """The sequence that a request goes on; None without an id, or where it is 0 or empty.

    Raises:
        ServingError: 400 for an id that is neither a number nor a text of at most 128 characters.
    """
    key = parameters.get("sequence_id")
    if not key:
        return None
    if type(key) is not int and not (isinstance(key, str) and len(key) <= 128):
        raise bad_request("sequence_id: expected a whole number or a text of at most 128 characters")
    flags = [parameters.get(flag, False) for flag in ("sequence_start", "sequence_end")]
    if any(type(flag) is not bool for flag in flags):
        raise bad_request("sequence_start and sequence_end: expected true or false")
    return SequenceStep(key, *flags)


def _whole(parameters: Mapping[str, Any], key: str) -> int:
    value = parameters.get(key, 0)
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise bad_request(f"{key}: expected a whole number from 0 on, found {str(value)[:64]!r}")
    return value


def checked_names(names: list[Any], what: str, limits: Limits) -> list[str]:
    """Names of tensors of a request, each once.

    Raises:
        ServingError: 400 for what are no names, or one that comes twice; 413 for too many.
    """
    if len(names) > limits.tensors:
        raise too_large(f"expected at most {limits.tensors} {what}, found {len(names)}")
    for name in names:
        if not isinstance(name, str) or not 0 < len(name) <= limits.name_length:
            raise bad_request(f"{what}: expected names of 1 to {limits.name_length} characters")
    if len(set(names)) != len(names):
        raise bad_request(f"{what}: a name comes twice")
    return names
