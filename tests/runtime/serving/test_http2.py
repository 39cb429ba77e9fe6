"""gRPC on the wire: frames that a client may send, and those that it may not; calls by gRPC's own client."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from hpack import Encoder

from kcompile_runtime.serving.limits import Settings
from kcompile_runtime.serving.protocol import http2
from kcompile_runtime.serving.protocol.grpc_connection import Call, GrpcConnection, GrpcServer
from kcompile_runtime.serving.protocol.grpc_messages import message
from kcompile_runtime.serving.protocol.http2 import END_HEADERS, END_STREAM, frame
from tests.runtime import models

from . import mutations
from .conftest import LIMITS, Running, serving, write
from .peers import EMPTY, FIELDS, SERVICE, Peer, changed, expected, outputs, padded, request, whole


@pytest.fixture
def peer(running: Running) -> Iterator[Peer]:
    made = Peer(running)
    yield made
    made.close()


# What may be sent

GOOD: dict[str, Callable[[Peer], list[bytes]]] = {
    "as usual": lambda p: [p.call(1)],
    "a message in the last frame": lambda p: [p.header(1), frame(http2.DATA, END_STREAM, 1, EMPTY)],
    "padding": lambda p: [
        frame(http2.HEADERS, END_HEADERS | http2.PADDED, 1, padded(p.encoder.encode(FIELDS), 7)),
        frame(http2.DATA, END_STREAM | http2.PADDED, 1, padded(EMPTY, 255)),
    ],
    "a priority": lambda p: [
        frame(http2.PRIORITY, 0, 1, bytes(4) + b"\x10"),
        frame(http2.HEADERS, END_HEADERS | 32, 1, bytes(4) + b"\x10" + p.encoder.encode(FIELDS)),
        frame(http2.DATA, END_STREAM, 1, EMPTY),
    ],
    "a header in pieces": lambda p: [
        frame(http2.HEADERS, 0, 1, (content := p.encoder.encode(FIELDS))[:5]),
        frame(http2.CONTINUATION, 0, 1, content[5:9]),
        frame(http2.CONTINUATION, END_HEADERS, 1, content[9:]),
        frame(http2.DATA, END_STREAM, 1, EMPTY),
    ],
    "empty frames": lambda p: [p.header(1), 3 * frame(http2.DATA, 0, 1), *_message(1)],
    "a byte a frame": lambda p: [
        p.header(1),
        *(frame(http2.DATA, 0, 1, b"\0") for _ in EMPTY),
        frame(http2.DATA, END_STREAM, 1),
    ],
    "a time of eleven thousand years": lambda p: [
        p.header(1, changed(grpc_timeout="99999999H")),
        *_message(1),
    ],
    "a time that is none": lambda p: [p.header(1, changed(grpc_timeout="soon")), *_message(1)],
    "a length that is said": lambda p: [p.header(1, changed(content_length="5")), *_message(1)],
    "fields after the message": lambda p: [
        p.header(1),
        frame(http2.DATA, 0, 1, EMPTY),
        p.header(1, [("x", "y")], END_HEADERS | END_STREAM),
    ],
    "frames nobody knows": lambda p: [frame(77, 255, 1, b"?"), p.call(1)],
    "settings nobody knows": lambda p: [http2.settings_frame({0xFE03: 1}), p.call(1)],
    "a farewell before the answer": lambda p: [p.call(1), frame(http2.GOAWAY, 0, 0, bytes(8))],
}


def _message(stream: int) -> list[bytes]:
    return [frame(http2.DATA, END_STREAM, stream, EMPTY)]


@pytest.mark.parametrize("what", GOOD)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_the_protocol_allows_is_answered(peer: Peer, what: str, at_once: bool) -> None:
    sent = b"".join(GOOD[what](peer))
    for piece in [sent] if at_once else [sent[n : n + 1] for n in range(len(sent))]:
        peer.send(piece)
    content, fields = peer.answer(1)
    assert fields["grpc-status"] == "0"
    assert message("ServerLiveResponse").FromString(content[5:]).live


def test_pings_are_answered_and_settings_acknowledged(peer: Peer) -> None:
    peer.send(
        frame(http2.PING, 0, 0, b"12345678"), frame(http2.PING, http2.ACK, 0, b"abcdefgh"), peer.call(1)
    )
    assert peer.next() == (http2.PING, http2.ACK, 0, b"12345678")
    assert peer.status(1) == "0"


def test_headers_mean_what_the_table_says_when_they_come(peer: Peer) -> None:
    """What is remembered of a block holds only until the table is another."""
    for number in range(1, 400, 4):
        peer.send(peer.header(number, [*FIELDS, ("x", str(number % 60))]), *_message(number))
        peer.send(peer.header(number + 2, changed(pseudo_path=f"/none{number % 7}")), *_message(number + 2))
        (_, good), (_, bad) = peer.answers(number, number + 2)
        assert good["grpc-status"] == "0" and f"/none{number % 7}'" in bad["grpc-message"]
    peer.encoder.header_table_size = 0  # the table is emptied: places in it mean nothing more
    peer.send(peer.call(401), peer.call(403))
    assert peer.status(401, 403) == "0"


def test_streams_are_answered_whatever_others_do(peer: Peer) -> None:
    peer.send(peer.header(1), peer.header(3), frame(http2.DATA, 0, 1, EMPTY[:2]), peer.call(5))
    assert peer.status(5) == "0"
    peer.send(frame(http2.RST_STREAM, 0, 1, bytes(4)), frame(http2.DATA, END_STREAM, 3, EMPTY))
    assert peer.status(3) == "0"
    peer.send(frame(http2.DATA, END_STREAM, 1, EMPTY), frame(http2.WINDOW_UPDATE, 0, 1, b"\0\0\0\1"))
    peer.send(frame(http2.RST_STREAM, 0, 1, bytes(4)), peer.call(7))  # of a stream that has ended
    assert peer.status(7) == "0"


def test_answers_come_as_the_peer_has_room_for_them(running: Running) -> None:
    rows = 4000
    small = http2.PREFACE + http2.settings_frame({4: 1000})
    peer = Peer(running, small)
    peer.send(*(peer.infer(stream, rows) for stream in (1, 3)))
    seen = {1: b"", 3: b""}

    def read(least: int) -> None:
        while sum(map(len, seen.values())) < least:
            found = peer.next()
            assert found is not None
            if found[0] == http2.DATA:
                assert len(found[3]) <= 1 << 14
                seen[found[2]] += found[3]

    read(2000)
    assert {len(content) for content in seen.values()} == {1000}
    peer.send(http2.settings_frame({4: 3000}))  # of streams that are open, too
    read(6000)
    assert {len(content) for content in seen.values()} == {3000}
    peer.send(frame(http2.WINDOW_UPDATE, 0, 1, (1 << 20).to_bytes(4, "big")))
    peer.send(frame(http2.WINDOW_UPDATE, 0, 3, (1 << 20).to_bytes(4, "big")))
    read(65535)  # as much as the connection has room for at first
    peer.send(frame(http2.PING, 0, 0, bytes(8)))
    assert peer.next() == (http2.PING, http2.ACK, 0, bytes(8)), "more came than the connection has room for"
    peer.send(frame(http2.RST_STREAM, 0, 1, bytes(4)))  # it waits no more: all the room is the other's
    peer.send(frame(http2.WINDOW_UPDATE, 0, 0, (1 << 20).to_bytes(4, "big")))
    content, fields = peer.answer(3)
    assert fields["grpc-status"] == "0"
    np.testing.assert_allclose(outputs((seen[3] + content)[5:]), expected(rows), rtol=1e-4, atol=1e-5)
    peer.close()


# What may not

BAD: dict[str, tuple[int, Callable[[Peer], bytes]]] = {
    "a frame that is too long": (6, lambda p: frame(http2.DATA, 0, 1, bytes((1 << 14) + 1))),
    "data of no stream": (1, lambda p: frame(http2.DATA, 0, 0, b"?")),
    "data before a header": (1, lambda p: frame(http2.DATA, 0, 1, b"?")),
    "a header of no stream": (1, lambda p: p.header(0)),
    "a header of a server's stream": (1, lambda p: p.header(2)),
    "a header that is none": (9, lambda p: frame(http2.HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\x7f")),
    "a place of no table": (9, lambda p: frame(http2.HEADERS, END_HEADERS, 1, b"\xfe")),
    "a table that is too large": (9, lambda p: frame(http2.HEADERS, END_HEADERS, 1, b"\x3f\xe1\xff\x03")),
    "a header without end": (1, lambda p: frame(http2.HEADERS, 0, 1, b"\x88") + p.call(3)),
    "a header of too many bytes": (11, lambda p: frame(http2.HEADERS, 0, 1, bytes(1 << 14))
        + 4 * frame(http2.CONTINUATION, 0, 1, bytes(1 << 14))),
    "a header in too many pieces": (11, lambda p: frame(http2.HEADERS, 0, 1) + 20 * frame(9, 0, 1)),
    "a header that unpacks to too much": (11, lambda p: p.header(1, [*FIELDS, ("x", 4000 * "y")])
        + frame(http2.HEADERS, END_HEADERS, 3, 100 * b"\xbe")),
    "a continuation of nothing": (1, lambda p: frame(http2.CONTINUATION, END_HEADERS, 1, b"\x88")),
    "more padding than frame": (1, lambda p: p.header(1) + frame(http2.DATA, 8, 1, b"\x05abc")),
    "padding of an empty frame": (1, lambda p: p.header(1) + frame(http2.DATA, 8, 1)),
    "a short priority": (6, lambda p: frame(http2.PRIORITY, 0, 1, b"?")),
    "a priority of no stream": (1, lambda p: frame(http2.PRIORITY, 0, 0, bytes(5))),
    "a header with a short priority": (6, lambda p: frame(http2.HEADERS, 4 | 32, 1, b"?")),
    "a short reset": (6, lambda p: p.header(1) + frame(http2.RST_STREAM, 0, 1, b"?")),
    "a reset before a header": (1, lambda p: frame(http2.RST_STREAM, 0, 1, bytes(4))),
    "settings of a stream": (1, lambda p: frame(http2.SETTINGS, 0, 1)),
    "settings that are cut": (6, lambda p: frame(http2.SETTINGS, 0, 0, b"?")),
    "an acknowledgement with settings": (6, lambda p: frame(http2.SETTINGS, 1, 0, bytes(6))),
    "a window beyond all": (3, lambda p: http2.settings_frame({4: 1 << 31})),
    "promises that are neither wanted nor not": (1, lambda p: http2.settings_frame({2: 2})),
    "a header behind an answer": (5, lambda p: p.header(1, changed(content_type="?"), 5) + p.header(1)),
    "frames that are too short": (1, lambda p: http2.settings_frame({5: 1})),
    "frames that are too long": (1, lambda p: http2.settings_frame({5: 1 << 24})),
    "a promise": (1, lambda p: frame(http2.PUSH_PROMISE, 0, 1, bytes(8))),
    "a short ping": (6, lambda p: frame(http2.PING, 0, 0, b"?")),
    "a ping of a stream": (1, lambda p: frame(http2.PING, 0, 1, bytes(8))),
    "a farewell of a stream": (1, lambda p: frame(http2.GOAWAY, 0, 1, bytes(8))),
    "room of no size": (1, lambda p: frame(http2.WINDOW_UPDATE, 0, 0, bytes(4))),
    "a short window": (6, lambda p: frame(http2.WINDOW_UPDATE, 0, 0, b"?")),
    "more room than there can be": (3, lambda p: frame(http2.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff")),
    "room before a header": (1, lambda p: frame(http2.WINDOW_UPDATE, 0, 1, b"\0\0\0\1")),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_breaks_the_protocol_ends_the_connection(running: Running, peer: Peer, what: str) -> None:
    code, content = BAD[what]
    peer.send(content(peer))
    assert peer.end() == code
    other = Peer(running)
    other.send(other.call(1))
    assert other.status(1) == "0"
    other.close()


RESET: dict[str, tuple[int, Callable[[Peer], bytes]]] = {
    "no path": (1, lambda p: p.header(1, changed(pseudo_path=None))),
    "an empty path": (1, lambda p: p.header(1, changed(pseudo_path=""))),
    "a length that is none": (1, lambda p: p.header(1, changed(content_length="-1"))),
    "another length": (1, lambda p: p.header(1, changed(content_length="6")) + _message(1)[0]),
    "data behind the answer": (5, lambda p: p.header(1, changed(content_type="?"), 5) + _message(1)[0]),
    "two paths": (1, lambda p: p.header(1, [(":path", "/"), *FIELDS])),
    "fields of the protocol that are none": (1, lambda p: p.header(1, [(":what", "?"), *FIELDS])),
    "fields of the protocol behind others": (1, lambda p: p.header(1, [FIELDS[-1], *FIELDS[:-1]])),
    "fields of connections": (1, lambda p: p.header(1, changed(connection="close"))),
    "names in capitals": (1, lambda p: p.header(1, [*FIELDS, ("X", "y")])),
    "other transfers": (1, lambda p: p.header(1, changed(te="gzip"))),
    "data behind the end": (5, lambda p: p.infer(1) + frame(http2.DATA, 0, 1, b"?")),
    "a header behind the end": (5, lambda p: p.infer(1) + p.header(1, [("x", "y")], 5)),
    "a second header": (1, lambda p: p.header(1) + p.header(1, [("x", "y")])),
    "room of no size": (1, lambda p: p.header(1) + frame(http2.WINDOW_UPDATE, 0, 1, bytes(4))),
    "more room than there can be": (3, lambda p: p.header(1) + frame(8, 0, 1, b"\x7f\xff\xff\xff")),
}  # fmt: skip


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose answers take a while."""
    folder = tmp_path_factory.mktemp("waiting")
    write(folder, "dense", models.dense())
    with serving(folder, settings=Settings(limits=LIMITS, intra_op_threads=1, delay_s=0.3)) as found:
        yield found


@pytest.mark.parametrize("what", RESET)
def test_what_is_wrong_with_one_stream_ends_it_alone(waiting: Running, what: str) -> None:
    code, content = RESET[what]
    peer = Peer(waiting)
    peer.send(content(peer), peer.call(3))
    assert peer.reset() == (1, code)
    assert peer.status(3) == "0"
    peer.close()


def test_more_streams_than_may_be_are_refused(waiting: Running) -> None:
    peer = Peer(waiting)
    peer.send(*(peer.header(2 * n + 1) for n in range(http2.STREAMS + 1)))
    assert peer.reset() == (2 * http2.STREAMS + 1, 7)
    peer.send(frame(http2.DATA, END_STREAM, 1, EMPTY))
    assert peer.status(1) == "0"
    peer.close()


@pytest.mark.parametrize("greeting", [b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", b"PRI * HTTP/2.1\r\n\r\n"])
def test_other_protocols_are_told_and_end(running: Running, greeting: bytes) -> None:
    assert Peer(running, greeting).end() == 1


def test_who_says_nothing_is_left(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2, "_GREETING_S", 0.1)
    assert Peer(running, http2.PREFACE[:5]).end() is None


def test_messages_that_take_too_long_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "dense", models.dense())
    limits = replace(LIMITS, body_seconds=0.3)
    with serving(tmp_path, settings=Settings(limits=limits, intra_op_threads=1)) as running:
        peer = Peer(running)
        peer.send(peer.header(1), frame(http2.DATA, 0, 1, EMPTY[:2]), peer.call(3))
        assert peer.status(3) == "0"
        time.sleep(0.2)
        peer.send(peer.header(5))
        assert peer.status(1) == "4"
        peer.send(frame(http2.DATA, END_STREAM, 5, EMPTY), peer.call(7))
        assert peer.status(5, 7) == "0"
        peer.send(frame(http2.DATA, END_STREAM, 1, EMPTY[2:]), peer.call(9))  # what was on its way
        assert peer.status(9) == "0"
        peer.close()


def test_who_does_not_read_is_not_read(running: Running) -> None:
    """Each ping asks for one: whoever sends without reading may not fill the server's memory with them."""
    peer = Peer(running)
    peer.socket.settimeout(0.3)
    pings = 4096 * frame(http2.PING, 0, 0, bytes(8))
    with pytest.raises(TimeoutError):
        for _ in range(1000):
            peer.send(pings)
    peer.close()
    other = Peer(running)
    other.send(other.call(1))
    assert other.status(1) == "0"
    other.close()


def test_what_nobody_waits_for_is_not_run(waiting: Running) -> None:
    statistics = waiting.server.repository.batcher("dense", None).statistics
    before = statistics.described("dense", "1")["inference_count"]
    peer = Peer(waiting)
    peer.send(peer.infer(1), frame(http2.RST_STREAM, 0, 1, bytes(4)), peer.infer(3))
    assert peer.status(3) == "0"
    leaving = Peer(waiting)
    leaving.send(leaving.infer(1))
    leaving.close()
    peer.send(peer.infer(5))
    assert peer.status(5) == "0"
    time.sleep(0.1)
    assert int(statistics.described("dense", "1")["inference_count"]) == int(before) + 2
    peer.close()


def test_a_server_that_stops_answers_what_it_has(tmp_path: Path) -> None:
    write(tmp_path, "dense", models.dense())
    with serving(tmp_path, settings=Settings(limits=LIMITS, intra_op_threads=1, delay_s=0.8)) as running:
        peer, idle = Peer(running), Peer(running)
        peer.send(peer.infer(1))
        idle.send(idle.call(1))
        assert idle.status(1) == "0"
        running.server.stop()
        assert idle.end() == 0
        peer.send(peer.call(3))
        assert peer.status(1) == "0"
        assert peer.end() is None


class Sink(asyncio.Transport):
    """Takes what a connection writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed = bytearray(), False

    def write(self, data: Any) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


def fed(contents: Iterable[bytes]) -> Counter[str]:
    """What becomes of connections that are sent this, but for faults, which are errors."""
    counts: Counter[str] = Counter()

    def answer(call: Call, content: bytes | Exception) -> None:
        if isinstance(content, Exception):
            call.refuse(3, str(content))
        else:
            call.reply(content)

    async def feed() -> None:
        server = GrpcServer(answer, 1 << 16)
        for content in contents:
            connection, sink = GrpcConnection(server), Sink()
            connection.connection_made(sink)
            for start in range(0, len(content), 100):
                if not sink.closed:
                    connection.data_received(content[start : start + 100])
            counts["ended" if sink.closed else "open"] += 1
            connection.connection_lost(None)
            assert not (connection._streams or connection._blocked or connection._arriving)

    asyncio.run(feed())
    return counts


def test_changed_bytes_bring_no_fault_of_the_server() -> None:
    rng = np.random.default_rng(0)
    encoder = Encoder()
    greeting = http2.PREFACE + http2.settings_frame({4: 100, 5: 1 << 14})
    frames = [greeting]
    for stream in range(1, 9, 2):
        frames.append(frame(http2.HEADERS, END_HEADERS, stream, encoder.encode(changed(x=str(stream)))))
        frames.append(frame(http2.DATA, http2.PADDED, stream, padded(whole(bytes(200)), 3)))
        frames.append(frame(http2.WINDOW_UPDATE, 0, 0, (1 << 16).to_bytes(4, "big")))
        frames.append(frame(http2.DATA, END_STREAM, stream))
        frames.append(frame(http2.PING, 0, 0, bytes(8)) + frame(http2.RST_STREAM, 0, 1, bytes(4)))
    good = b"".join(frames)
    assert fed([good]) == {"open": 1}
    changes = (greeting + mutations.mutated(good[len(greeting) :], rng) for _ in range(3000))
    found = fed(changes)
    assert min(found["ended"], found["open"]) > 300


# What gRPC says of calls

Refused = tuple[str, Callable[[Peer], bytes]]
REFUSED: dict[str, Refused] = {
    "a method that is none": ("12", lambda p: p.call(1, path=SERVICE + "None")),
    "a service that is none": ("12", lambda p: p.call(1, path="/other.Service/ServerLive")),
    "no message": ("3", lambda p: p.header(1, flags=END_HEADERS | END_STREAM)),
    "a part of a message": ("3", lambda p: p.call(1, whole(b"12")[:-1])),
    "two messages": ("3", lambda p: p.call(1, EMPTY + EMPTY)),
    "a message that is none": ("3", lambda p: p.call(1, whole(b"\xff"), SERVICE + "ModelMetadata")),
    "a message that is too large": ("8", lambda p: p.call(1, whole(bytes(LIMITS.body_bytes + 1)))),
    "no coding": ("12", lambda p: p.call(1, b"\1" + whole(b"")[1:])),
    "an unknown coding": ("12", lambda p: p.header(1, changed(grpc_encoding="br")) + _packed(b"?")),
    "no gzip": ("3", lambda p: p.header(1, changed(grpc_encoding="gzip")) + _packed(b"?")),
    "a bomb": ("8", lambda p: p.header(1, changed(grpc_encoding="gzip")) + _packed(_bomb())),
}  # fmt: skip


def _packed(content: bytes) -> bytes:
    return frame(http2.DATA, END_STREAM, 1, b"\1" + whole(content)[1:])


def _bomb() -> bytes:
    return gzip.compress(bytes(2 * LIMITS.body_bytes))


@pytest.mark.parametrize("what", REFUSED)
def test_calls_that_are_none_are_told_so(peer: Peer, what: str) -> None:
    code, content = REFUSED[what]
    peer.send(content(peer))
    assert peer.status(1) == code
    peer.send(peer.call(3))
    assert peer.status(3) == "0"


@pytest.mark.parametrize("field", [{"pseudo_method": "GET"}, {"content_type": "text/plain"}])
def test_what_is_no_grpc_is_told_so_by_http(peer: Peer, field: dict[str, str]) -> None:
    peer.send(peer.header(1, changed(**field)), *_message(1))
    assert peer.answer(1)[1] == {":status": "415"}


def _infer(channel: grpc.Channel, rows: int, **more: Any) -> bytes:
    return channel.unary_unary(SERVICE + "ModelInfer")(request(rows), timeout=20, **more)


CHANNELS: dict[str, list[tuple[str, Any]]] = {
    "as usual": [],
    "small frames and windows": [("grpc.http2.max_frame_size", 16384), ("grpc.http2.lookahead_bytes", 1024)],
    "no table": [("grpc.http2.hpack_table_size.encoder", 0)],
}


@pytest.mark.parametrize("options", CHANNELS)
@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_grpc_s_own_client_is_answered(running: Running, options: str, compression: Any) -> None:
    with grpc.insecure_channel(running.grpc, CHANNELS[options], compression) as channel:
        for rows in (1, 300, 2000, 16000, 2):
            np.testing.assert_allclose(
                outputs(_infer(channel, rows)), expected(rows), rtol=1e-4, atol=1e-5, err_msg=f"{rows} rows"
            )


def test_many_calls_of_one_channel_are_answered_each(running: Running) -> None:
    with grpc.insecure_channel(running.grpc) as channel:
        call = channel.unary_unary(SERVICE + "ModelInfer")
        sizes = [1 + n * 37 % 2500 for n in range(60)]
        found = [(rows, call.future(request(rows), timeout=20)) for rows in sizes]
        for rows, answer in found:
            np.testing.assert_allclose(outputs(answer.result()), expected(rows), rtol=1e-4, atol=1e-5)


def test_grpc_s_own_client_hears_what_is_wrong(waiting: Running) -> None:
    with grpc.insecure_channel(waiting.grpc) as channel:
        call = channel.unary_unary(SERVICE + "ModelInfer")
        cases: list[tuple[bytes, dict[str, Any], grpc.StatusCode, str]] = [
            (request(1, "n\u00f6 %\n model"), {}, grpc.StatusCode.NOT_FOUND, "n\u00f6 %"),
            (b"\xff", {}, grpc.StatusCode.INVALID_ARGUMENT, "no ModelInferRequest"),
            (request(1), {"timeout": 0.05}, grpc.StatusCode.DEADLINE_EXCEEDED, ""),
            (bytes(LIMITS.body_bytes + 1), {}, grpc.StatusCode.RESOURCE_EXHAUSTED, "at most"),
        ]
        for content, options, code, text in cases:
            with pytest.raises(grpc.RpcError) as caught:
                call(content, **{"timeout": 20, **options})
            assert caught.value.code() == code and text in caught.value.details()  # type: ignore[attr-defined]
        assert outputs(call(request(2), timeout=1e9)).shape == (2, 3)
        cancelled = call.future(request(1))
        cancelled.cancel()
        assert outputs(call(request(3), timeout=20)).shape == (3, 3)
