"""A client of HTTP/2 that sends whatever it is told to, and requests for it to send."""

from __future__ import annotations

import socket
import struct
from typing import Any

import numpy as np
from hpack import Decoder, Encoder

from kcompile_runtime.serving.protocol import http2
from kcompile_runtime.serving.protocol.grpc_messages import message
from kcompile_runtime.serving.protocol.http2 import END_HEADERS, END_STREAM, frame
from tests.runtime import models

from .conftest import Running

SERVICE = "/inference.GRPCInferenceService/"
LIVE = SERVICE + "ServerLive"
EMPTY = b"\0\0\0\0\0"
FIELDS = [(":method", "POST"), (":scheme", "http"), (":path", LIVE), (":authority", "here")]
FIELDS += [("content-type", "application/grpc"), ("te", "trailers")]


def request(rows: int, name: str = "dense") -> bytes:
    x = np.random.default_rng(rows).random((rows, 4), np.float32)
    entry = {"name": "x", "datatype": "FP32", "shape": x.shape}
    return message("ModelInferRequest")(
        model_name=name, inputs=[entry], raw_input_contents=[x.tobytes()]
    ).SerializeToString()


def outputs(answer: bytes) -> np.ndarray:
    found = message("ModelInferResponse").FromString(answer)
    return np.frombuffer(found.raw_output_contents[0], np.float32).reshape(tuple(found.outputs[0].shape))


def expected(rows: int) -> np.ndarray:
    return models.dense_reference(np.random.default_rng(rows).random((rows, 4), np.float32))


def whole(content: bytes) -> bytes:
    return b"\0" + len(content).to_bytes(4, "big") + content


class Peer:
    """A client that sends whatever it is told to."""

    def __init__(self, running: Running, greeting: bytes | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", running.server.grpc_port), timeout=20)
        self.encoder, self.decoder = Encoder(), Decoder()
        self._read = self.socket.makefile("rb")
        self.send(http2.PREFACE + http2.settings_frame({}) if greeting is None else greeting)

    def close(self) -> None:
        self._read.close()
        self.socket.close()

    def send(self, *frames: bytes) -> None:
        self.socket.sendall(b"".join(frames))

    def header(self, stream: int, fields: Any = FIELDS, flags: int = END_HEADERS) -> bytes:
        return frame(http2.HEADERS, flags, stream, self.encoder.encode(fields))

    def call(self, stream: int, body: bytes = EMPTY, path: str = LIVE) -> bytes:
        fields = [(name, path if name == ":path" else value) for name, value in FIELDS]
        data = [body[start : start + (1 << 14)] for start in range(0, len(body), 1 << 14)]
        frames = [frame(http2.DATA, 0, stream, part) for part in data]
        return self.header(stream, fields) + b"".join(frames) + frame(http2.DATA, END_STREAM, stream)

    def infer(self, stream: int, rows: int = 1) -> bytes:
        return self.call(stream, whole(request(rows)), SERVICE + "ModelInfer")

    def next(self) -> tuple[int, int, int, bytes] | None:
        """The next frame but those of windows, settings and their answers; None at the end."""
        while True:
            try:
                start = self._read.read(9)
            except ConnectionResetError:
                return None
            if len(start) < 9:
                return None
            high, low, kind, flags, stream = struct.unpack(">HBBBI", start)
            payload = self._read.read(high << 8 | low)
            if kind not in (http2.SETTINGS, http2.WINDOW_UPDATE):
                return kind, flags, stream, payload

    def answers(self, *streams: int) -> list[tuple[bytes, dict[str, str]]]:
        """The message of each stream, and the last of its fields."""
        content: dict[int, bytes] = dict.fromkeys(streams, b"")
        found: dict[int, dict[str, str]] = {}
        while len(found) < len(streams):
            following = self.next()
            assert following is not None
            kind, flags, number, payload = following
            fields = (
                {str(n): str(v) for n, v in self.decoder.decode(payload)} if kind == http2.HEADERS else {}
            )
            if number in content:
                content[number] += payload if kind == http2.DATA else b""
                if flags & END_STREAM:
                    found[number] = fields
        return [(content[number], found[number]) for number in streams]

    def answer(self, stream: int) -> tuple[bytes, dict[str, str]]:
        return self.answers(stream)[0]

    def status(self, *streams: int) -> str:
        """The status that all of them have."""
        (found,) = {fields["grpc-status"] for _, fields in self.answers(*streams)}
        return found

    def end(self) -> int | None:
        """The error of the connection that ends; None where it only ends."""
        code = None
        while (found := self.next()) is not None:
            if found[0] == http2.GOAWAY:
                code = int.from_bytes(found[3][4:8], "big")
        return code

    def reset(self) -> tuple[int, int]:
        """The stream that is reset next, and why."""
        while (found := self.next()) is not None:
            if found[0] == http2.RST_STREAM:
                return found[2], int.from_bytes(found[3], "big")
        raise AssertionError("the connection has ended")


def changed(**fields: str | None) -> list[tuple[str, str]]:
    """The header with some fields changed, added, or taken out."""
    names = {name.replace("_", "-").replace("pseudo-", ":"): value for name, value in fields.items()}
    kept = [(name, names.pop(name, value)) for name, value in FIELDS]
    return [(name, value) for name, value in (*kept, *names.items()) if value is not None]


def padded(content: bytes, padding: int) -> bytes:
    return bytes([padding]) + content + bytes(padding)
