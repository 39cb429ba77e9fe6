"""Connections of clients that do next to nothing: bytes that were made before go out, and what comes back is
read no further than to see that it is an answer.

A client of a library, gRPC's own above all, takes more of the cores than the server that it measures.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from kcompile_runtime.serving.protocol import http2
from kcompile_runtime.serving.protocol.http2 import END_HEADERS, END_STREAM, frame

_FRAME = struct.Struct(">HBBBI")
_ROOM = (1 << 31) - 1
CLOSED = "closed"
"""In place of a status: nothing was sent."""
PATH = "/inference.GRPCInferenceService/ModelInfer"


class HttpWire(asyncio.Protocol):
    """A connection over HTTP/1.1, with one request at a time.

    Args:
        payload: header and body of the request.
    """

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._data = b""
        self._answer: asyncio.Future[str] | None = None

    def connection_made(self, transport: Any) -> None:
        """Keeps what requests are written to."""
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """Who waits hears of it."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result("lost")

    def ask(self) -> asyncio.Future[str]:
        """Sends the request; the status of its answer, CLOSED where the server ended the connection."""
        self._answer = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():  # it lay idle for longer than the server keeps it
            self._answer.set_result(CLOSED)
        else:
            self._transport.write(self._payload)
        return self._answer

    def data_received(self, data: bytes) -> None:
        """The answer, or a part of it."""
        data = self._data = self._data + data if self._data else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return
        start = data[:end].lower().find(b"\r\ncontent-length:")
        length = data[start + 17 : end].split(b"\r", 1)[0]
        if len(data) < end + 4 + int(length):
            return
        self._data = b""
        assert self._answer is not None
        self._answer.set_result(data[9:12].decode())

    def close(self) -> None:
        """Ends it."""
        self._transport.close()


class GrpcWire(asyncio.Protocol):
    """A connection over HTTP/2, with as many calls at a time as are asked for.

    Args:
        authority: host and port.
        message: of each call.
    """

    def __init__(self, authority: str, message: bytes) -> None:
        fields = {":method": "POST", ":scheme": "http", ":path": PATH, ":authority": authority}
        fields |= {"content-type": "application/grpc", "te": "trailers"}
        self._head = http2.block([(name.encode(), value.encode()) for name, value in fields.items()])
        body = b"\0" + len(message).to_bytes(4, "big") + message
        self._body = [body[start : start + (1 << 14)] for start in range(0, len(body), 1 << 14)]
        self._next, self._rest = 1, b""
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._with_message: set[int] = set()

    def connection_made(self, transport: Any) -> None:
        """Says that answers need not wait for room."""
        self._transport = transport
        room = (_ROOM - 65535).to_bytes(4, "big")
        takes = http2.settings_frame({4: _ROOM}) + frame(http2.WINDOW_UPDATE, 0, 0, room)
        transport.write(http2.PREFACE + takes)

    def connection_lost(self, error: Exception | None) -> None:
        """Who waits hears of it."""
        for answer in self._waiting.values():
            answer.set_result("lost")

    def ask(self) -> asyncio.Future[str]:
        """Sends the request; OK, or that there was none."""
        number, self._next = self._next, self._next + 2
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        frames = [frame(http2.HEADERS, END_HEADERS, number, self._head)]
        frames += [frame(http2.DATA, 0, number, part) for part in self._body[:-1]]
        frames.append(frame(http2.DATA, END_STREAM, number, self._body[-1]))
        self._transport.write(b"".join(frames))
        return answer

    def data_received(self, data: bytes) -> None:
        """A refusal has a header alone, an answer has a message before its end."""
        data = self._rest + data if self._rest else data
        place, end = 0, len(data)
        while end - place >= 9:
            high, low, kind, flags, number = _FRAME.unpack_from(data, place)
            stop = place + 9 + (high << 8 | low)
            if stop > end:
                break
            if kind == http2.DATA:
                self._with_message.add(number)
            elif kind == http2.PING and not flags & http2.ACK:
                self._transport.write(frame(http2.PING, http2.ACK, 0, data[place + 9 : stop]))
            elif kind == http2.SETTINGS and not flags & http2.ACK:
                self._transport.write(frame(http2.SETTINGS, http2.ACK, 0))
            if flags & END_STREAM and kind in (http2.DATA, http2.HEADERS):
                answered = number in self._with_message
                self._with_message.discard(number)
                self._waiting.pop(number).set_result("OK" if answered else "refused")
            place = stop
        self._rest = data[place:]

    def close(self) -> None:
        """Ends it."""
        self._transport.close()
