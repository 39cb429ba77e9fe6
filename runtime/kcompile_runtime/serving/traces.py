"""Spans of OpenTelemetry, where its SDK is loaded (``opentelemetry-instrument kcompile-serve ...``)."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager

_NOTHING = contextlib.nullcontext()


def tracing() -> bool:
    """Whether anybody looks at spans."""
    return "opentelemetry.sdk.trace" in sys.modules


def span(model: str, version: str, carrier: Mapping[str, str]) -> AbstractContextManager[None]:
    """A span of the server around a block; an error that leaves the block is recorded in it.

    Args:
        model, version: that are asked.
        carrier: headers of the request, whose trace it belongs to.
    """
    if not tracing():
        return _NOTHING
    return _span(f"infer {model}", carrier, {"kcompile.model": model, "kcompile.version": version})


@contextlib.contextmanager
def _span(name: str, carrier: Mapping[str, str], attributes: Mapping[str, str]) -> Iterator[None]:
    from opentelemetry import propagate, trace

    tracer = trace.get_tracer("kcompile.serving")
    context = propagate.extract(carrier)
    kind = trace.SpanKind.SERVER
    with tracer.start_as_current_span(name, context, kind, attributes):
        yield
