"""Requests for inference over gRPC, read from their bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from ...wire import varint_bytes
from ..errors import bad_request
from ..inference import InferRequest, checked_names
from ..limits import Limits
from .datatypes import DATATYPES, checked_shape, decoded, dtype_of, from_bytes
from .grpc_messages import message

_REQUEST = message("ModelInferRequest")
_RAW_CONTENTS = 7
"""The number of the field of bytes of tensors; it is the last, so it stands at the end of a message."""
_MOST_FORMS, _MOST_START, _NAMED = 256, 2048, 16
# Fields of InferTensorContents by datatype; FP16 and BF16 travel as bytes only, as the protocol says.
_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


class Asked:
    """A request, and what it says besides.

    Attributes:
        model, version: which it is for.
        id: of the request.
        request: the rest of it.
    """

    __slots__ = ("id", "model", "request", "version")

    def __init__(self, model: str, version: str, key: str, request: InferRequest) -> None:
        self.model, self.version, self.id, self.request = model, version, key, request


class Requests:
    """Reads requests, and remembers all but the tensors of those that may come again.

    Args:
        limits: what one request may hold.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        #: By the length of the message, and its first bytes, where the model's name is.
        self._known: dict[tuple[int, bytes], _Form] = {}

    def read(self, content: bytes) -> Asked:
        """A request from its bytes.

        Raises:
            ServingError: 400 or 413.
        """
        key = len(content), content[:_NAMED]
        form = self._known.get(key)
        if form is not None and form.fits(content):
            return form.filled(content)
        message = parsed(_REQUEST, content)
        asked = Asked(message.model_name, message.model_version, message.id, _read(message, self._limits))
        if message.raw_input_contents and not message.id and not message.parameters:
            form = _Form(content, message, asked)
            if form.lasting:
                if len(self._known) >= _MOST_FORMS:
                    self._known.clear()
                self._known[key] = form
        return asked


class _Form:
    """A message but for the bytes of its tensors, which are the only thing in it that may differ.

    Args:
        content: a message of this form.
        message, asked: what it was read as.
    """

    def __init__(self, content: bytes, message: Any, asked: Asked) -> None:
        raw = message.raw_input_contents
        marks = [varint_bytes(_RAW_CONTENTS << 3 | 2) + varint_bytes(len(data)) for data in raw]
        place = len(content) - sum(map(len, marks)) - sum(map(len, raw))
        self._start = content[:place]
        self._model, self._version, self._outputs = asked.model, asked.version, asked.request.outputs
        self._tensors: list[tuple[str, str, tuple[int, ...], int, int]] = []
        self._marks: list[tuple[int, bytes]] = []
        for entry, mark, data in zip(message.inputs, marks, raw, strict=True):
            self._marks.append((place, mark))
            place += len(mark)
            self._tensors.append((entry.name, entry.datatype, tuple(entry.shape), place, place + len(data)))
            place += len(data)
        #: Whether the tensors lie where they are looked for, behind a whole message without them.
        self.lasting = len(self._start) <= _MOST_START and self.fits(content) and _is_bare(self._start)

    def fits(self, content: bytes) -> bool:
        """Whether a message of this length has the form."""
        return content.startswith(self._start) and all(
            [content.startswith(mark, place) for place, mark in self._marks]
        )

    def filled(self, content: bytes) -> Asked:
        """The request that a message of the form is; its tensors share the message's memory."""
        view = memoryview(content)
        inputs = {
            name: from_bytes(view[start:end], datatype, shape, name)
            for name, datatype, shape, start, end in self._tensors
        }
        return Asked(self._model, self._version, "", InferRequest(inputs, self._outputs))


def _is_bare(content: bytes) -> bool:
    try:
        return not _REQUEST.FromString(content).raw_input_contents
    except DecodeError:
        return False


def parsed(kind: Any, content: bytes) -> Any:
    """A message from its bytes.

    Raises:
        ServingError: 400 for others.
    """
    try:
        return kind.FromString(content)
    except DecodeError:
        raise bad_request(f"the bytes are no {kind.DESCRIPTOR.name}") from None


def _read(request: Any, limits: Limits) -> InferRequest:
    names = checked_names([entry.name for entry in request.inputs], "inputs", limits)
    raw = request.raw_input_contents
    if raw and len(raw) != len(names):
        raise bad_request(
            f"raw_input_contents: expected one for each of {len(names)} inputs, found {len(raw)}"
        )
    inputs = {}
    for index, (name, entry) in enumerate(zip(names, request.inputs, strict=True)):
        shape = checked_shape(list(entry.shape), name, limits)
        dtype_of(entry.datatype, name)
        if raw:
            inputs[name] = from_bytes(memoryview(raw[index]), entry.datatype, shape, name)
        else:
            inputs[name] = _typed(entry, shape)
    outputs = checked_names([entry.name for entry in request.outputs], "outputs", limits)
    return InferRequest(inputs, outputs, {key: _value(value) for key, value in request.parameters.items()})


def _typed(entry: Any, shape: tuple[int, ...]) -> np.ndarray:
    name, datatype = entry.name, entry.datatype
    field = _CONTENTS.get(datatype)
    if field is None:
        raise bad_request(f"input {name!r}: {datatype} travels in raw_input_contents only")
    values: Any = getattr(entry.contents, field)
    if len(values) != int(np.prod(shape, dtype=object)):
        raise bad_request(
            f"input {name!r}: expected the values of {list(shape)} in {field}, found {len(values)}"
        )
    if datatype == "BYTES":
        values = [decoded(value, name) for value in values]
    try:
        return np.array(values, DATATYPES[datatype]).reshape(shape)
    except OverflowError:
        raise bad_request(
            f"input {name!r}: expected values of {datatype}, found values beyond these"
        ) from None


def _value(parameter: Any) -> Any:
    choice = parameter.WhichOneof("parameter_choice")
    return getattr(parameter, choice) if choice else None
