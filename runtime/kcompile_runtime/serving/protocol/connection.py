"""Connections over HTTP: uvicorn's, with a shorter way for requests for inference."""

from __future__ import annotations

import functools
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

_AS_ONE = 1 << 14
"""Bytes of bodies that are copied behind their header."""


class Connection(HttpToolsProtocol):
    """uvicorn makes a task and messages of ASGI for each request: half of the work, where a model is small.

    Requests that `RestServer.short` takes have neither. All others go uvicorn's way, as do these with a
    release of it that starts its tasks elsewhere.
    """

    _awaited: Any = None
    """The short request whose body is on its way."""

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        direct = app is self.app and not cycle.waiting_for_100_continue and not self.flow.write_paused
        exchange = app.short(cycle.scope) if direct else None
        if exchange is None:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._awaited = cycle, exchange
        else:  # it had to wait for the answer to the one before, within whose sending this is
            self.loop.call_soon(self._answer, cycle, exchange)

    def on_message_complete(self) -> None:
        """All of a body is there."""
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
