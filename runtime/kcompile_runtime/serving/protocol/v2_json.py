"""Bodies of the Open Inference Protocol over HTTP: JSON, and tensors behind it as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from ..errors import bad_request
from ..inference import InferRequest, InferResponse, checked_names
from ..limits import Limits
from .datatypes import (
    as_buffer,
    checked_shape,
    datatype_of_array,
    dtype_of,
    from_bytes,
    from_json,
    to_json,
)

HEADER_LENGTH = "Inference-Header-Content-Length"
_MOST_DEPTH = 64
_MOST_FORMS, _MOST_LENGTH = 256, 2048
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def parse(content: bytes) -> dict[str, Any]:
    """An object of JSON.

    Raises:
        ServingError: 400 for anything else, NaN and deep nesting included.
    """
    try:
        if _depth(content) > _MOST_DEPTH:
            raise ValueError(f"it is nested deeper than {_MOST_DEPTH}")
        value = _DECODER.decode(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the body is no JSON: {str(error)[:200]}") from None
    if not isinstance(value, dict):
        raise bad_request(f"expected an object as body, found {type(value).__name__}")
    return value


def _depth(content: bytes) -> int:
    """At most so deep: brackets in texts count too, which nobody nests."""
    if content.count(b"[") + content.count(b"{") <= _MOST_DEPTH:
        return 0
    depth = deepest = 0
    for character in content.translate(None, _NOT_BRACKETS):
        depth += 1 if character in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Requests:
    """Reads requests, and remembers the JSON of those that may come again.

    Clients send the same for each request of a shape; it is kept where nothing in it but shapes can vary.

    Args:
        limits: what one request may hold.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: dict[bytes, _Form] = {}

    def read(self, body: bytes, header_length: int | None) -> tuple[InferRequest, Answer]:
        """A request, and how it wants its answer.

        Args:
            body: all of it.
            header_length: bytes of JSON in it; None where it is nothing else.

        Raises:
            ServingError: 400 or 413.
        """
        if header_length is None:
            return _Form(parse(body), self._limits).filled(memoryview(b""))
        if not 0 <= header_length <= len(body):
            raise bad_request(f"{HEADER_LENGTH}: expected at most the {len(body)} bytes of the body")
        text = body[:header_length]
        form = self._known.get(text)
        if form is None:
            form = _Form(parse(text), self._limits)
            if form.lasting and header_length <= _MOST_LENGTH:
                if len(self._known) >= _MOST_FORMS:
                    self._known.clear()
                self._known[text] = form
        return form.filled(memoryview(body)[header_length:])


class _Form:
    """The JSON of a request, read and checked: all but the bytes behind it."""

    def __init__(self, content: dict[str, Any], limits: Limits) -> None:
        parameters = _mapping(content, "parameters")
        default = parameters.pop("binary_data_output", False) is True
        self._parameters = parameters
        entries = _list(content, "inputs")
        names = checked_names([entry.get("name") for entry in entries], "inputs", limits)
        self._given: dict[str, np.ndarray] = {}
        self._sent: list[tuple[str, str, tuple[int, ...], int]] = []
        for name, entry in zip(names, entries, strict=True):
            self._add(name, entry, limits)
        wanted = _list(content, "outputs")
        self._names = checked_names([output.get("name") for output in wanted], "outputs", limits)
        binary = {
            name: _mapping(output, "parameters").get("binary_data", default) is True
            for name, output in zip(self._names, wanted, strict=True)
        }
        key = content.get("id", "")
        if not isinstance(key, str) or len(key) > limits.name_length:
            raise bad_request(f"id: expected a text of at most {limits.name_length} characters")
        self._answer = Answer(key, binary, default)
        #: Whether the next request may have the same.
        self.lasting = not (self._given or key or parameters)

    def _add(self, name: str, entry: dict[str, Any], limits: Limits) -> None:
        datatype: Any = entry.get("datatype")
        dtype_of(datatype, name)
        shape = checked_shape(entry.get("shape"), name, limits)
        size = _mapping(entry, "parameters").get("binary_data_size")
        if size is None:
            self._given[name] = from_json(entry.get("data"), datatype, shape, name)
            return
        if type(size) is not int or size < 0:
            raise bad_request(
                f"input {name!r}: binary_data_size: expected a number of bytes, found {str(size)[:64]}"
            )
        if "data" in entry:
            raise bad_request(f"input {name!r}: expected data or binary_data_size, found both")
        self._sent.append((name, datatype, shape, size))

    def filled(self, tail: memoryview) -> tuple[InferRequest, Answer]:
        """With the bytes of its tensors."""
        inputs = dict(self._given)
        start = 0
        for name, datatype, shape, size in self._sent:
            if size > len(tail) - start:
                raise bad_request(
                    f"input {name!r}: binary_data_size: expected at most the {len(tail) - start} bytes that "
                    f"are left, found {size}"
                )
            inputs[name] = from_bytes(tail[start : start + size], datatype, shape, name)
            start += size
        if start != len(tail):
            raise bad_request(f"{len(tail) - start} bytes are left behind the tensors")
        return InferRequest(inputs, self._names, self._parameters), self._answer


def _list(content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = content.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise bad_request(f"{key}: expected a list of objects")
    return value


def _mapping(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key, {})
    if not isinstance(value, dict):
        raise bad_request(f"{key}: expected an object, found {type(value).__name__}")
    return value


class Answer:
    """How a request wants its answer: its id, and which outputs as bytes."""

    def __init__(self, key: str, binary: dict[str, bool], default: bool) -> None:
        self._key = key
        self._binary = binary
        self._default = default
        self._headers: dict[Any, bytes] = {}

    def write(self, response: InferResponse) -> tuple[bytes, int | None]:
        """The body, and the bytes of JSON in it; None where it is nothing else."""
        parts, shapes = [], []
        for name, array in response.outputs.items():
            if self._binary.get(name, self._default):
                part = as_buffer(array)
                shapes.append((name, array.dtype, array.shape, part.nbytes))
                parts.append(part)
        if not parts:
            return self._header(response, {}), None
        what = (response.model, response.version, len(response.outputs), *shapes)
        header = self._headers.get(what)
        if header is None:
            header = self._header(response, {name: size for name, _, _, size in shapes})
            if len(parts) == len(response.outputs) and len(self._headers) < _MOST_SHAPES:
                self._headers[what] = header  # nothing in it but shapes
        return b"".join([header, *parts]), len(header)

    def _header(self, response: InferResponse, sizes: Mapping[str, int]) -> bytes:
        outputs = []
        for name, array in response.outputs.items():
            entry: dict[str, Any] = {
                "name": name,
                "datatype": datatype_of_array(array),
                "shape": list(array.shape),
            }
            if name in sizes:
                entry["parameters"] = {"binary_data_size": sizes[name]}
            else:
                entry["data"] = to_json(array.ravel())
            outputs.append(entry)
        content: dict[str, Any] = {
            "model_name": response.model,
            "model_version": response.version,
            "outputs": outputs,
        }
        if self._key:
            content["id"] = self._key
        return _ENCODER.encode(content).encode()


_MOST_SHAPES = 16
