"""Connections over HTTP: uvicorn's, with a shorter way for requests for inference."""

from __future__ import annotations

import functools
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

_AS_ONE = 1 << 14
"""Bytes of bodies that are copied behind their header."""
_MOST_HEAD, _MOST_KNOWN = 2048, 256
_END = b"\r\n\r\n"
_OF_ONE = (b"x-request-id", b"traceparent")
"""Fields that are others with each request."""


class Connection(HttpToolsProtocol):
    """uvicorn makes a task and messages of ASGI for each request: half of the work, where a model is small.

    Requests that `RestServer.short` takes have neither, and one that comes whole, with a header as there was
    before, is not parsed again. All others go uvicorn's way, as do these with a release of it that starts its
    tasks elsewhere.
    """

    _awaited: Any = None
    """The short request whose body is on its way."""
    _between = True
    """Whether all that came belongs to requests that are whole."""
    _head: bytes | None = None
    """The header that is parsed now, where it may come again."""

    def data_received(self, data: bytes) -> None:
        """Answers a request whose header is known; else has it parsed."""
        self._head = None
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self._between and not self.flow.write_paused and data.startswith(b"POST "):
            end = data.find(_END, 0, _MOST_HEAD) + len(_END)
            if end >= len(_END):
                app: Any = self.app
                head = data[:end]
                known = app.known.get(head)
                if known is None:
                    self._head = head
                elif len(data) - end == known[1]:
                    self._unset_keepalive_if_required()
                    cycle: Any = _Cycle()
                    self.cycle = cycle
                    app.answer(known[0].again(), data[end:], functools.partial(self._send, cycle))
                    return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request has begun."""
        self._between = False
        super().on_message_begin()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        direct = app is self.app and not cycle.waiting_for_100_continue and not self.flow.write_paused
        exchange = app.short(cycle.scope) if direct else None
        if exchange is None:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._remember(cycle, exchange)
            self._awaited = cycle, exchange
        else:  # it had to wait for the answer to the one before, within whose sending this is
            self.loop.call_soon(self._answer, cycle, exchange)

    def _remember(self, cycle: Any, exchange: Any) -> None:
        """Keeps a header that the next request may have, too, byte for byte."""
        app: Any = self.app
        head, self._head = self._head, None
        if head is None or not cycle.keep_alive or head.count(b"\n") != head.count(b"\r\n"):
            return
        if b"upgrade" in exchange.headers or any([name in exchange.headers for name in _OF_ONE]):
            return
        if len(app.known) >= _MOST_KNOWN:
            app.known.clear()
        app.known[head] = exchange, int(exchange.headers[b"content-length"])

    def on_message_complete(self) -> None:
        """All of a body is there."""
        self._between = True
        super().on_message_complete()
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            self._answer(*awaited)

    def _answer(self, cycle: Any, exchange: Any) -> None:
        app: Any = self.app
        app.answer(exchange, bytes(cycle.body), functools.partial(self._send, cycle))

    def _send(self, cycle: Any, status: int, fields: list[tuple[bytes, bytes]], content: bytes) -> None:
        if cycle.disconnected:
            return
        lines = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *fields):
            lines += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        lines += (b"\r\n", content) if len(content) <= _AS_ONE else (b"\r\n",)
        self.transport.write(b"".join(lines))
        if len(content) > _AS_ONE:
            self.transport.write(content)
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()


class _Cycle:
    """What uvicorn asks of the request that is answered: one of HTTP/1.1, whole, and not the last."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete", "response_started")

    def __init__(self) -> None:
        self.disconnected = self.response_started = self.response_complete = False
        self.keep_alive = True
        self.message_event = _NOBODY


class _NobodyWaits:
    def set(self) -> None:
        """Of an event."""


_NOBODY = _NobodyWaits()
