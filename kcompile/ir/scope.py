"""Where an operator is emitted: the layer path that nodes carry in names, printouts and error messages, the
device that they are placed on, and the precision that training computes them in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_scope: ContextVar[str] = ContextVar("kcompile_scope", default="")
_device: ContextVar[str | None] = ContextVar("kcompile_device", default=None)
_precision: ContextVar[str | None] = ContextVar("kcompile_precision", default=None)

_DEVICE = re.compile(r"(?:^|[/:])(?P<kind>cpu|gpu|cuda)(?::(?P<index>\d+))?$", re.IGNORECASE)


def current_scope() -> str:
    """The path of the enclosing scopes, ``"model_1/dense_2"``; empty outside of any."""
    return _scope.get()


@contextmanager
def name_scope(name: str) -> Iterator[str]:
    """Nodes emitted inside carry ``name`` below the enclosing scope."""
    outer = _scope.get()
    path = f"{outer}/{name}" if outer else name
    token = _scope.set(path)
    try:
        yield path
    finally:
        _scope.reset(token)


@contextmanager
def absolute_scope(path: str) -> Iterator[str]:
    """Nodes emitted inside carry exactly ``path`` (a pass re-emits nodes under their old names)."""
    token = _scope.set(path)
    try:
        yield path
    finally:
        _scope.reset(token)


def device_name(name: str) -> str:
    """The one spelling of a device: ``"gpu:0"`` for "/gpu:0", "cuda:0", "GPU" or "/device:GPU:0".

    Raises:
        ValueError: if it names neither a CPU nor a GPU.
    """
    found = _DEVICE.search(name) if isinstance(name, str) else None
    if found is None:
        raise ValueError(f'A device is "/cpu:0", "/gpu:0", "/gpu:1", ...; found {name!r}.')
    kind = "cpu" if found["kind"].lower() == "cpu" else "gpu"
    return f"{kind}:{int(found['index'] or 0)}"


def current_device() -> str | None:
    """The device that nodes are placed on now, ``"gpu:0"``; None where nothing says."""
    return _device.get()


@contextmanager
def device_scope(name: str | None) -> Iterator[str | None]:
    """Nodes emitted inside are placed on this device, in any of the spellings of ``device_name``.

    Whether there is such a device is not asked here. None lifts an outer scope.
    """
    token = _device.set(None if name is None else device_name(name))
    try:
        yield _device.get()
    finally:
        _device.reset(token)


def current_precision() -> str | None:
    """The half precision that steps of training compute nodes in now, ``"bfloat16"``; None for their own."""
    return _precision.get()


@contextmanager
def precision_scope(name: str | None) -> Iterator[None]:
    """Nodes emitted inside are computed in this type, "float16" or "bfloat16", by whoever trains.

    Their values stay what they are declared to be, float32, and so does what predicts and what is exported.
    None lifts an outer scope.
    """
    token = _precision.set(name)
    try:
        yield
    finally:
        _precision.reset(token)
