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


def span(name: str, carrier: Mapping[str, str], **attributes: str) -> AbstractContextManager[None]:
    """A span of the server around a block; an error that leaves the block is recorded in it.

    Args:
        name: of the span.
        carrier: headers of the request, whose trace it belongs to.
        attributes: by names without ``kcompile.``.
    """
    if not tracing():
        return _NOTHING
    return _span(name, carrier, {f"kcompile.{key}": value for key, value in attributes.items()})


@contextlib.contextmanager
def _span(name: str, carrier: Mapping[str, str], attributes: Mapping[str, str]) -> Iterator[None]:
    from opentelemetry import propagate, trace

    tracer = trace.get_tracer("kcompile.serving")
    context = propagate.extract(carrier)
    kind = trace.SpanKind.SERVER
    with tracer.start_as_current_span(name, context, kind, attributes):
        yield
