"""gRPC over HTTP/2: calls with one message each way, their headers, status and compression."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import urllib.parse
from collections.abc import Callable
from typing import Any

from ..errors import ServingError, bad_request, too_large
from ..limits import Limits
from .compression import CODINGS, unpacked
from .http2 import Fields, Http2Connection, MalformedHeader, Stream, block

OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED = (
    range(8)
)
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = range(
    8, 15
)
UNAUTHENTICATED = 16
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_TIMEOUT = re.compile("([0-9]{1,8})([HMSmun])")
_MOST_TEXT = 2048
_TAKEN = ",".join(("identity", *CODINGS)).encode()
_STATUS_200 = b"\x88"  # by its place in the table that never changes
_HEAD = _STATUS_200 + block([(b"content-type", b"application/grpc"), (b"grpc-accept-encoding", _TAKEN)])
_TRAILERS_OK = block([(b"grpc-status", b"0")])
_UNSUPPORTED_MEDIA_TYPE = block([(b":status", b"415")])
_CONNECTION_FIELDS = (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
_PSEUDO = (b":method", b":scheme", b":path", b":authority")


class Head:
    """What a call's header says.

    Attributes:
        path: of the method, as "/package.Service/Method".
        coding: of messages that are compressed.
        length: of the body, where it is said.
        timeout_s: until which the client wants the answer; None for any time.
        metadata: all of its text, by lower-case names.
        is_grpc: whether it asks for gRPC at all.
    """

    __slots__ = ("coding", "is_grpc", "length", "metadata", "path", "timeout_s")

    def __init__(self, fields: Fields) -> None:
        names = [name for name, _ in fields]
        pseudo = [name for name in names if name.startswith(b":")]
        found = dict(fields)
        if (
            names[: len(pseudo)] != pseudo
            or len(set(pseudo)) < len(pseudo)
            or not {*_PSEUDO[:3]} <= {*pseudo} <= {*_PSEUDO}
            or any(name in found for name in _CONNECTION_FIELDS)
            or any(name != name.lower() for name in names)
            or found.get(b"te", b"trailers") != b"trailers"
            or not (found[b":path"] and found.get(b"content-length", b"0").isdigit())
        ):
            raise MalformedHeader
        text = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
        self.path, self.metadata = text[":path"], text
        media_type = text.get("content-type", "")
        self.is_grpc = text[":method"] == "POST" and media_type.startswith("application/grpc")
        length = text.get("content-length")
        self.length = None if length is None else int(length[:20])
        self.coding = text.get("grpc-encoding", "")
        timeout = _TIMEOUT.fullmatch(text.get("grpc-timeout", ""))
        self.timeout_s = int(timeout[1]) * _SECONDS[timeout[2]] if timeout else None


class Call:
    """A call that is to be answered once, by `reply` or `refuse`.

    Attributes:
        head: its header.
    """

    __slots__ = ("_connection", "_stream", "head")

    def __init__(self, connection: GrpcConnection, stream: Stream) -> None:
        self._connection, self._stream, self.head = connection, stream, stream.head

    @property
    def open(self) -> bool:
        """Whether the client still waits."""
        return self._stream.open

    def owned(self, owner: Any) -> None:
        """Has ``owner.cancel()`` called when the client waits no more."""
        self._stream.owner = owner

    def reply(self, message: bytes) -> None:
        """Answers with a message."""
        content = b"\0" + len(message).to_bytes(4, "big") + message
        self._connection.reply(self._stream, _HEAD, content, _TRAILERS_OK)

    def refuse(self, code: int, message: str, **metadata: str) -> None:
        """Answers with a status other than OK.

        Args:
            code: gRPC's.
            message: for people.
            metadata: what else the client is told; "_" stands for "-".
        """
        text = urllib.parse.quote(message[:_MOST_TEXT], safe=" !\"#$&'()*+,/:;<=>?@[\\]^`{|}")
        fields = [(b"grpc-status", b"%d" % code), (b"grpc-message", text.encode())]
        fields += [(name.replace("_", "-").encode(), value.encode()) for name, value in metadata.items()]
        self._connection.reply(self._stream, _HEAD + block(fields), b"", b"")


class GrpcConnection(Http2Connection):
    """A connection of gRPC.

    Args:
        server: whose it is.
    """

    def __init__(self, server: GrpcServer) -> None:
        self._server, self._message_bytes = server, server.message_bytes
        super().__init__(self._message_bytes + 5, server.body_seconds)

    def connection_made(self, transport: Any) -> None:
        """The server has one more."""
        super().connection_made(transport)
        self._server.begun(self)

    def connection_lost(self, error: Exception | None) -> None:
        """It has one less."""
        super().connection_lost(error)
        self._server.over(self)

    def read_head(self, fields: Fields) -> Head:
        """A call's header."""
        return Head(fields)

    def request(self, stream: Stream, body: bytes) -> None:
        """Hands the message over."""
        if not stream.head.is_grpc:
            self.reply(stream, _UNSUPPORTED_MEDIA_TYPE, b"", b"")
            return
        message: bytes | Exception
        try:
            message = self._message(stream.head, body)
        except ServingError as error:
            message = error
        self._server.answer(Call(self, stream), message)

    def oversized(self, stream: Stream) -> None:
        """Refuses it."""
        refusal = too_large(f"expected a message of at most {self._message_bytes} bytes")
        self._server.answer(Call(self, stream), refusal)

    def overdue(self, stream: Stream) -> None:
        """Refuses it."""
        self._server.answer(Call(self, stream), ServingError(408, "the message took too long to arrive"))

    def _message(self, head: Head, body: bytes) -> bytes:
        if len(body) < 5 or len(body) - 5 != int.from_bytes(body[1:5], "big"):
            raise bad_request("expected one whole message")
        if not body[0]:
            return body[5:]
        if head.coding not in CODINGS:
            raise ServingError(415, f"expected messages in {_TAKEN.decode()}, found {head.coding[:64]!r}")
        return unpacked(body[5:], head.coding, self._message_bytes)


class GrpcServer:
    """All connections of one port.

    Args:
        answer: called with each call, and its message or what is wrong with that.
        message_bytes: that a message may have.
        body_seconds: that one may take to arrive.
    """

    def __init__(
        self,
        answer: Callable[[Call, bytes | Exception], None],
        message_bytes: int,
        body_seconds: float = Limits.body_seconds,
    ) -> None:
        self.answer, self.message_bytes, self.body_seconds = answer, message_bytes, body_seconds
        self._connections: set[GrpcConnection] = set()
        self._ended = asyncio.Event()

    async def start(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Takes connections from a socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: GrpcConnection(self), sock=listening, ssl=tls)

    def begun(self, connection: GrpcConnection) -> None:
        """There is one more."""
        self._connections.add(connection)

    def over(self, connection: GrpcConnection) -> None:
        """One has ended."""
        self._connections.discard(connection)
        if not self._connections:
            self._ended.set()

    async def stop(self, seconds: float) -> None:
        """Takes no more calls, and waits so long for those that it has."""
        self._server.close()
        self._ended.clear()
        for connection in list(self._connections):
            connection.leave()
        if self._connections:
            try:
                await asyncio.wait_for(self._ended.wait(), seconds)
            except asyncio.TimeoutError:
                for connection in list(self._connections):
                    connection.abort()


def tls_context(certificate: str, private_key: str) -> ssl.SSLContext:
    """A context for servers of HTTP/2, of files in PEM."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, private_key)
    context.set_alpn_protocols(["h2"])
    return context
