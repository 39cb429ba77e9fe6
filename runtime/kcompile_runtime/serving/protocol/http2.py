"""HTTP/2 (RFC 9113), as far as a server of gRPC needs it: frames, streams, flow control, the end.

Header blocks are read by hpack, and what it read is remembered for as long as the block means the same, since
a client sends the same with every request. Blocks of answers refer to no table, so they are bytes that never
change. Nothing is written before the peer has read what was written before: while its end is full, no more
of it is read, so that frames that only ask for other frames cost it as much as us.
"""

from __future__ import annotations

import asyncio
import struct
import time
from typing import Any

from hpack import Decoder
from hpack.exceptions import HPACKError, OversizedHeaderListError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE = range(9)
CONTINUATION = 9
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED = range(6)
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, _, ENHANCE_YOUR_CALM = range(6, 12)
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY_FLAG = 1, 1, 4, 8, 32
_ENABLE_PUSH, _MAX_CONCURRENT_STREAMS, _INITIAL_WINDOW_SIZE, _MAX_FRAME_SIZE, _MAX_HEADER_LIST_SIZE = range(
    2, 7
)
"""Numbers of settings."""
STREAMS = 1024
"""That a peer may have open at a time."""
HEADER_BYTES = 1 << 14
"""Of the header of a request, unpacked; and of the frames that it comes in, four times as many."""
FRAME_BYTES = 1 << 14
"""Of a frame that we take, as all may send."""
_MOST_WINDOW, _WINDOW, _CONNECTION_WINDOW = (1 << 31) - 1, (1 << 16) - 1, 16 << 20
_MOST_KNOWN, _MOST_CUT = 64, 4 * STREAMS
_WRITTEN_BYTES = 1 << 20
"""That wait for the peer before it is read from no more."""
_GREETING_S = 10.0
"""That a peer has to say which protocol it speaks."""
_FRAME = struct.Struct(">HBBBI")
_SETTING = struct.Struct(">HI")
Fields = list[tuple[bytes, bytes]]


class Broken(Exception):
    """The peer does not keep to the protocol: the connection ends.

    Attributes:
        code: of the RFC's errors.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class MalformedHeader(Exception):
    """A header that is none of a request: its stream ends, others do not."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame of at most 2^24 - 1 bytes."""
    size = len(payload)
    return _FRAME.pack(size >> 8, size & 255, kind, flags, stream) + payload


def settings_frame(values: dict[int, int]) -> bytes:
    """A frame with settings by their numbers."""
    return frame(SETTINGS, 0, 0, b"".join([_SETTING.pack(*pair) for pair in values.items()]))


def block(fields: Fields) -> bytes:
    """A header block of literals, which stand for themselves whatever was sent before."""
    return b"".join([b"\0" + _string(name) + _string(value) for name, value in fields])


def _string(value: bytes) -> bytes:
    size = len(value)
    if size < 127:
        return bytes([size]) + value
    size -= 127
    prefix = bytearray([127])
    while size > 127:
        prefix.append(size & 127 | 128)
        size >>= 7
    prefix.append(size)
    return bytes(prefix) + value


class Stream:
    """A request, from its header to the last byte of its answer.

    Attributes:
        head: what the connection's ``read_head`` made of its header.
        owner: whoever answers it, who is told by ``cancel()`` that nobody listens any more.
        open: whether an answer may still be sent.
    """

    __slots__ = ("ended", "head", "id", "open", "owner", "parts", "size", "unsent", "window")

    def __init__(self, number: int, head: Any, window: int) -> None:
        self.id, self.head, self.window = number, head, window
        self.parts: list[bytes] = []
        self.size = 0
        self.ended = False
        self.open = True
        self.owner: Any = None
        #: What is left of an answer that the peer has no room for, and the block that follows it.
        self.unsent: tuple[memoryview, bytes] | None = None


class Http2Connection(asyncio.Protocol):
    """A connection, whose requests are handed over when they are whole.

    Args:
        body_bytes: that a request may have.
        body_seconds: that all of it may take to arrive.
    """

    def __init__(self, body_bytes: int, body_seconds: float) -> None:
        self._most, self._body_seconds = body_bytes, body_seconds
        self._arriving: dict[int, float] = {}  # streams whose bodies are not whole, and since when
        self._overdue: asyncio.TimerHandle | None = None
        self._rest, self._greeted = b"", False
        self._decoder = Decoder(HEADER_BYTES)
        self._known: dict[bytes, Any] = {}
        self._streams: dict[int, Stream] = {}
        self._last = 0
        self._cut: dict[int, None] = {}  # streams that ended here while their requests were on their way
        self._block: tuple[int, int, list[bytes]] | None = None  # whose end has not come
        self._consumed = 0
        self._window = self._initial = _WINDOW
        self._frame_bytes = FRAME_BYTES
        self._blocked: dict[int, Stream] = {}  # with something to send, in the order of their answers
        self._leaving = False
        self._transport: Any = None
        self._greeting: asyncio.TimerHandle | None = None

    # What whoever speaks through it says

    def read_head(self, fields: Fields) -> Any:
        """What a header means; it is kept and given to other streams of the same header.

        Returns:
            an object whose ``length`` is that of the body, None where the header does not say.

        Raises:
            MalformedHeader: it is none of a request.
        """
        raise NotImplementedError

    def request(self, stream: Stream, body: bytes) -> None:
        """A request is whole. It is to be answered by `reply`, now or later."""
        raise NotImplementedError

    def oversized(self, stream: Stream) -> None:
        """Its body has more bytes than may be; it is to be answered now."""
        raise NotImplementedError

    def overdue(self, stream: Stream) -> None:
        """Its body takes too long; it is to be answered now."""
        raise NotImplementedError

    # What asyncio says

    def connection_made(self, transport: Any) -> None:
        """Sends what this end takes."""
        self._transport = transport
        transport.set_write_buffer_limits(_WRITTEN_BYTES)
        takes = {
            _MAX_CONCURRENT_STREAMS: STREAMS,
            # all of a body that is taken fits, so that streams need no more room later
            _INITIAL_WINDOW_SIZE: min(_MOST_WINDOW, self._most + FRAME_BYTES),
            _MAX_HEADER_LIST_SIZE: HEADER_BYTES,
        }
        transport.write(settings_frame(takes) + _window_update(0, _CONNECTION_WINDOW - _WINDOW))
        self._greeting = asyncio.get_running_loop().call_later(_GREETING_S, transport.abort)

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody listens to what is still computed."""
        for timer in (self._greeting, self._overdue):
            if timer is not None:
                timer.cancel()
        for stream in list(self._streams.values()):
            self._forget(stream)

    def pause_writing(self) -> None:
        """The peer reads no more, so no more of it is read."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It goes on."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Handles all whole frames."""
        if self._rest:
            data = self._rest + data
        place, end = 0, len(data)
        try:
            if not self._greeted:
                place = self._greet(data)
            while end - place >= 9:
                high, low, kind, flags, stream = _FRAME.unpack_from(data, place)
                size = high << 8 | low
                if size > FRAME_BYTES:
                    raise Broken(FRAME_SIZE_ERROR, f"expected frames of at most {FRAME_BYTES} bytes")
                start, stop = place + 9, place + 9 + size
                if stop > end:
                    break
                place = stop
                self._frame(kind, flags, stream & _MOST_WINDOW, data[start:stop])
        except Broken as error:
            self._break(error)
            return
        self._rest = data[place:]
        if self._arriving and self._overdue is None:
            self._look_later(self._body_seconds)

    def _look_later(self, seconds: float) -> None:
        self._overdue = asyncio.get_running_loop().call_later(seconds, self._end_overdue)

    def _end_overdue(self) -> None:
        self._overdue = None
        now = time.monotonic()
        for number, begun in list(self._arriving.items()):
            if now - begun >= self._body_seconds:
                self.overdue(self._streams[number])
        if self._arriving:
            self._look_later(max(1e-3, min(self._arriving.values()) + self._body_seconds - now))

    # Frames

    def _greet(self, data: bytes) -> int:
        if not PREFACE.startswith(data[: len(PREFACE)]):
            raise Broken(PROTOCOL_ERROR, "expected HTTP/2")
        if len(data) < len(PREFACE):
            return 0
        if self._greeting is not None:
            self._greeting.cancel()
        self._greeted = True
        return len(PREFACE)

    def _break(self, error: Broken) -> None:
        if not self._transport.is_closing():
            said = struct.pack(">II", self._last, error.code) + str(error).encode()
            self._transport.write(frame(GOAWAY, 0, 0, said))
            self._transport.close()
        for stream in list(self._streams.values()):
            self._forget(stream)

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if self._block is not None and (kind != CONTINUATION or number != self._block[0]):
            raise Broken(PROTOCOL_ERROR, "expected the end of a header")
        if kind == DATA:
            self._data(flags, number, payload)
        elif kind == HEADERS:
            self._headers(flags, number, payload)
        elif kind == WINDOW_UPDATE:
            self._more_room(number, payload)
        elif kind == SETTINGS:
            self._settings(flags, number, payload)
        elif kind == PING:
            _check(not number, PROTOCOL_ERROR, "PING: expected no stream")
            _check(len(payload) == 8, FRAME_SIZE_ERROR, "PING: expected 8 bytes")
            if not flags & ACK:
                self._transport.write(frame(PING, ACK, 0, payload))
        elif kind == RST_STREAM:
            _check(len(payload) == 4, FRAME_SIZE_ERROR, "RST_STREAM: expected 4 bytes")
            self._check_begun(number, "RST_STREAM")
            stream = self._streams.get(number)
            if stream is not None:
                self._forget(stream)
        elif kind == CONTINUATION:
            self._continuation(flags, payload)
        elif kind == GOAWAY:
            _check(not number, PROTOCOL_ERROR, "GOAWAY: expected no stream")
        elif kind == PRIORITY:
            _check(number > 0, PROTOCOL_ERROR, "PRIORITY: expected a stream")
            _check(len(payload) == 5, FRAME_SIZE_ERROR, "PRIORITY: expected 5 bytes")
        elif kind == PUSH_PROMISE:
            raise Broken(PROTOCOL_ERROR, "clients promise nothing")

    def _check_begun(self, number: int, what: str) -> None:
        if number == 0 or number > self._last:
            raise Broken(PROTOCOL_ERROR, f"{what} of a stream that has not begun")

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        self._check_begun(number, "DATA")
        self._consumed += len(payload)
        if self._consumed >= _CONNECTION_WINDOW // 2:
            self._transport.write(_window_update(0, self._consumed))
            self._consumed = 0
        stream = self._streams.get(number)
        if stream is None:
            if number not in self._cut:
                self._write_reset(number, STREAM_CLOSED)
            return
        if stream.ended:
            self._reset(stream, STREAM_CLOSED)
            return
        if flags & PADDED:
            payload = _unpadded(payload)
        stream.size += len(payload)
        if stream.size > self._most:
            self.oversized(stream)
            return
        stream.parts.append(payload)
        if flags & END_STREAM:
            self._whole(stream)

    def _whole(self, stream: Stream) -> None:
        if stream.head.length not in (None, stream.size):
            self._reset(stream, PROTOCOL_ERROR)
            return
        stream.ended = True
        self._arriving.pop(stream.id, None)
        parts, stream.parts = stream.parts, []
        self.request(stream, parts[0] if len(parts) == 1 else b"".join(parts))

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        if not number & 1:
            raise Broken(PROTOCOL_ERROR, "expected a header of a stream that a client begins")
        if flags & PADDED:
            payload = _unpadded(payload)
        if flags & PRIORITY_FLAG:
            _check(len(payload) >= 5, FRAME_SIZE_ERROR, "HEADERS: expected a priority")
            payload = payload[5:]
        if flags & END_HEADERS:
            self._header(flags, number, payload)
        else:
            self._block = number, flags, [payload]

    def _continuation(self, flags: int, payload: bytes) -> None:
        if self._block is None:
            raise Broken(PROTOCOL_ERROR, "CONTINUATION of no header")
        number, first, parts = self._block
        parts.append(payload)
        if len(parts) > 16 or sum(map(len, parts)) > 4 * HEADER_BYTES:
            raise Broken(ENHANCE_YOUR_CALM, "a header is too long")
        if flags & END_HEADERS:
            self._block = None
            self._header(first, number, b"".join(parts))

    def _header(self, flags: int, number: int, content: bytes) -> None:
        if number <= self._last:
            self._trailers(flags, number, content)
            return
        self._last = number
        stream = self._streams[number] = Stream(number, None, self._initial)
        stream.ended = bool(flags & END_STREAM)
        try:
            stream.head = self._head(content)
        except MalformedHeader:
            self._reset(stream, PROTOCOL_ERROR)
            return
        if self._leaving or len(self._streams) > STREAMS:
            self._reset(stream, REFUSED_STREAM)
        elif not stream.ended:
            self._arriving[number] = time.monotonic()
        else:
            self._whole(stream)

    def _trailers(self, flags: int, number: int, content: bytes) -> None:
        """What follows a body; of streams that were cut it is read for the table's sake alone."""
        self._decoded(content)
        stream = self._streams.get(number)
        if stream is None:
            _check(number in self._cut, STREAM_CLOSED, "a header of a stream that is over")
            return
        if stream.ended:
            self._reset(stream, STREAM_CLOSED)
        elif not flags & END_STREAM:
            self._reset(stream, PROTOCOL_ERROR)
        else:
            self._whole(stream)

    def _head(self, content: bytes) -> Any:
        head = self._known.get(content)
        if head is None:
            fields, lasting = self._decoded(content)
            head = self.read_head(fields)
            if lasting:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[content] = head
        return head

    def _decoded(self, content: bytes) -> tuple[Fields, bool]:
        """The fields of a block, and whether it has left the table as it was; what is known depends on it."""
        before = self._table()
        try:
            fields: Any = self._decoder.decode(content, raw=True)
        except OversizedHeaderListError:
            raise Broken(ENHANCE_YOUR_CALM, f"expected headers of at most {HEADER_BYTES} bytes") from None
        except (HPACKError, UnicodeError) as error:
            raise Broken(COMPRESSION_ERROR, f"the header block is none: {error}") from None
        after = self._table()
        lasting = before[:2] == after[:2] and before[2] is after[2]
        if not lasting:
            self._known.clear()
        return fields, lasting

    def _table(self) -> tuple[int, int, Any]:
        """Changes whenever the table of the decoder does: what is put into it becomes its first entry."""
        table = self._decoder.header_table
        entries = table.dynamic_entries
        return table.maxsize, len(entries), entries[0] if entries else None

    def _settings(self, flags: int, number: int, payload: bytes) -> None:
        _check(not number, PROTOCOL_ERROR, "SETTINGS: expected no stream")
        whole = not payload if flags & ACK else len(payload) % 6 == 0
        _check(whole, FRAME_SIZE_ERROR, "SETTINGS: expected pairs of a number and a value")
        if flags & ACK:
            return
        for name, value in _SETTING.iter_unpack(payload):
            if name == _INITIAL_WINDOW_SIZE:
                _check(value <= _MOST_WINDOW, FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE is too large")
                grown, self._initial = value - self._initial, value
                for stream in self._streams.values():
                    stream.window += grown
            elif name == _MAX_FRAME_SIZE:
                _check(FRAME_BYTES <= value < 1 << 24, PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE is none")
                self._frame_bytes = value
            elif name == _ENABLE_PUSH:
                _check(value <= 1, PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH: expected 0 or 1")
        self._transport.write(frame(SETTINGS, ACK, 0))
        self._send_blocked()

    def _more_room(self, number: int, payload: bytes) -> None:
        _check(len(payload) == 4, FRAME_SIZE_ERROR, "WINDOW_UPDATE: expected 4 bytes")
        grown = int.from_bytes(payload, "big") & _MOST_WINDOW
        if number == 0:
            self._window += grown
            if not grown or self._window > _MOST_WINDOW:
                raise Broken(FLOW_CONTROL_ERROR if grown else PROTOCOL_ERROR, "WINDOW_UPDATE")
            if self._blocked:
                self._send_blocked()
            return
        self._check_begun(number, "WINDOW_UPDATE")
        stream = self._streams.get(number)
        if stream is None:
            return
        stream.window += grown
        if not grown or stream.window > _MOST_WINDOW:
            self._reset(stream, FLOW_CONTROL_ERROR if grown else PROTOCOL_ERROR)
        elif self._blocked:
            self._send_blocked()

    # Answers

    def reply(self, stream: Stream, head: bytes, content: bytes, trailers: bytes) -> None:
        """Answers a stream: blocks of its header and of what follows the content.

        With no ``content`` the header says all, and ``trailers`` is left out.
        """
        if not stream.open:
            return
        number, size = stream.id, len(content)
        if not content:
            self._transport.write(frame(HEADERS, END_HEADERS | END_STREAM, number, head))
            self._answered(stream)
        elif size <= self._window and size <= stream.window and size <= self._frame_bytes:
            self._window -= size
            pack, before, after = _FRAME.pack, len(head), len(trailers)
            self._transport.write(
                b"".join(
                    (
                        pack(before >> 8, before & 255, HEADERS, END_HEADERS, number),
                        head,
                        pack(size >> 8, size & 255, DATA, 0, number),
                        content,
                        pack(after >> 8, after & 255, HEADERS, END_HEADERS | END_STREAM, number),
                        trailers,
                    )
                )
            )
            self._answered(stream)
        else:
            self._transport.write(frame(HEADERS, END_HEADERS, number, head))
            stream.unsent = memoryview(content), trailers
            self._blocked[number] = stream
            self._send_blocked()

    def _send_blocked(self) -> None:
        for stream in list(self._blocked.values()):
            if stream.unsent is None or self._window <= 0:
                continue
            content, trailers = stream.unsent
            while content and (size := min(len(content), self._window, stream.window, self._frame_bytes)) > 0:
                self._transport.write(frame(DATA, 0, stream.id, content[:size].tobytes()))
                self._window -= size
                stream.window -= size
                content = content[size:]
            stream.unsent = content, trailers
            if not content:
                self._transport.write(frame(HEADERS, END_HEADERS | END_STREAM, stream.id, trailers))
                self._answered(stream)

    def _answered(self, stream: Stream) -> None:
        """It is over; where its request is not, the rest of that is not wanted."""
        stream.owner = None
        if stream.ended:
            self._forget(stream)
        else:
            self._reset(stream, NO_ERROR)

    def _reset(self, stream: Stream, code: int) -> None:
        self._write_reset(stream.id, code)
        if not stream.ended:
            self._cut[stream.id] = None
            if len(self._cut) > _MOST_CUT:
                del self._cut[next(iter(self._cut))]
        self._forget(stream)

    def _write_reset(self, number: int, code: int) -> None:
        self._transport.write(frame(RST_STREAM, 0, number, code.to_bytes(4, "big")))

    def _forget(self, stream: Stream) -> None:
        stream.open = False
        stream.parts, stream.unsent = [], None
        self._streams.pop(stream.id, None)
        self._arriving.pop(stream.id, None)
        self._blocked.pop(stream.id, None)
        owner, stream.owner = stream.owner, None
        if owner is not None:
            owner.cancel()
        if self._leaving and not self._streams:
            self._transport.close()

    # The end

    def leave(self) -> None:
        """Takes no more requests, and ends when those that it has are answered."""
        if self._leaving:
            return
        self._leaving = True
        self._transport.write(frame(GOAWAY, 0, 0, struct.pack(">II", self._last, NO_ERROR)))
        if not self._streams:
            self._transport.close()

    def abort(self) -> None:
        """Ends now."""
        self._transport.abort()


def _window_update(number: int, size: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, number, size.to_bytes(4, "big"))


def _unpadded(payload: bytes) -> bytes:
    size = payload[0] if payload else 0
    if size >= len(payload):
        raise Broken(PROTOCOL_ERROR, "more padding than frame")
    return payload[1 : len(payload) - size]


def _check(right: bool, code: int, message: str) -> None:
    if not right:
        raise Broken(code, message)
