"""HTTP and gRPC on the wire: the shorter ways of requests for inference answer as the longer ones do."""

from __future__ import annotations

import json
import socket
import time
import weakref
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from kcompile_runtime.serving.errors import ServingError
from kcompile_runtime.serving.limits import Limits
from kcompile_runtime.serving.protocol.grpc_messages import message
from kcompile_runtime.serving.protocol.grpc_requests import Requests
from kcompile_runtime.wire import part
from tests.runtime import models

from .conftest import Running

REQUEST = message("ModelInferRequest")


def body(x: np.ndarray) -> bytes:
    entry = {"name": "x", "datatype": "FP32", "shape": list(x.shape), "data": x.ravel().tolist()}
    return json.dumps({"inputs": [entry]}).encode()


def posted(content: bytes, *fields: str, model: str = "dense", chunked: bool = False) -> bytes:
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(content)}"
    head = [f"POST /v2/models/{model}/infer HTTP/1.1", "Host: here", length, *fields, "", ""]
    framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content) if chunked else content
    return "\r\n".join(head).encode() + framed


class Wire:
    """A connection, of which answers are read one by one."""

    def __init__(self, running: Running) -> None:
        self.socket = socket.create_connection(("127.0.0.1", running.server.http_port), timeout=30)
        self._read = self.socket.makefile("rb")

    def answer(self) -> tuple[int, dict[str, str], Any]:
        status = int(self._read.readline().split()[1])
        fields = dict(iter(lambda: self._read.readline().decode().strip().partition(": ")[::2], ("", "")))
        content = self._read.read(int(fields.get("content-length", 0)))
        return status, fields, json.loads(content) if content else None

    def ended(self) -> bool:
        return self._read.read(1) == b""


@pytest.fixture
def wire(running: Running) -> Iterator[Wire]:
    made = Wire(running)
    yield made
    made.socket.close()


def outputs(answer: Any) -> np.ndarray:
    return np.array(answer["outputs"][0]["data"], np.float32)


@pytest.mark.parametrize("chunked", [False, True])
def test_requests_sent_ahead_are_answered_in_their_order(wire: Wire, chunked: bool) -> None:
    xs = np.random.default_rng(0).random((6, 1, 4), np.float32)
    sent = [posted(body(x), f"x-request-id: {n}", chunked=chunked and n % 2 == 0) for n, x in enumerate(xs)]
    sent.insert(3, b"GET /v2/models/dense HTTP/1.1\r\nHost: here\r\n\r\n")
    sent.insert(5, posted(body(xs[0]), model="none"))
    wire.socket.sendall(b"".join(sent))
    found = [wire.answer() for _ in sent]
    assert [status for status, _, _ in found] == [200, 200, 200, 200, 200, 404, 200, 200]
    assert found.pop(5)[2]["error"] and found.pop(3)[2]["name"] == "dense"
    for n, (x, (_, fields, answer)) in enumerate(zip(xs, found, strict=True)):
        assert fields["x-request-id"] == str(n)
        np.testing.assert_allclose(outputs(answer), models.dense_reference(x)[0], rtol=1e-5)


@pytest.mark.parametrize("pieces", [1, 7, 40])
def test_bodies_come_in_pieces(wire: Wire, pieces: int) -> None:
    x = np.ones((1, 4), np.float32)
    content = posted(body(x))
    step = -(-len(content) // pieces)
    for start in range(0, len(content), step):
        wire.socket.sendall(content[start : start + step])
    status, _, answer = wire.answer()
    assert status == 200
    np.testing.assert_allclose(outputs(answer), models.dense_reference(x)[0], rtol=1e-5)


def test_a_client_that_asks_whether_to_send_is_told_to(wire: Wire) -> None:
    content = body(np.ones((1, 4), np.float32))
    whole = posted(content, "Expect: 100-continue")
    wire.socket.sendall(whole[: -len(content)])
    assert wire.answer()[0] == 100
    wire.socket.sendall(content)
    assert wire.answer()[0] == 200


@pytest.mark.parametrize("shape, expected", [((1, 4), 200), ((4, 1), 400)])
def test_a_connection_that_is_to_end_ends(wire: Wire, shape: tuple[int, ...], expected: int) -> None:
    wire.socket.sendall(posted(body(np.ones(shape, np.float32)), "Connection: close"))
    status, fields, _ = wire.answer()
    assert (status, fields["connection"]) == (expected, "close")
    assert wire.ended()


def test_who_asks_for_a_web_socket_is_answered_without(running: Running) -> None:
    """Whatever is installed: uvicorn would hand the connection to a library of web sockets."""
    wire = Wire(running)
    fields = ["Host: here", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    fields += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
    wire.socket.sendall("\r\n".join(["GET /v2 HTTP/1.1", *fields]).encode())
    status, _, answer = wire.answer()
    assert (status, answer["name"]) == (200, "kcompile")
    wire.socket.close()
    assert running.ask("GET", "/v2").status == 200


def test_clients_that_leave_change_nothing_for_others(running: Running) -> None:
    content = posted(body(np.ones((1, 4), np.float32)))
    for count in (len(content), len(content) - 10, 60):
        leaving = Wire(running)
        leaving.socket.sendall(content[:count])
        leaving.socket.close()
        assert running.infer("dense", np.ones((1, 4))).status == 200


def raw(*data: bytes, inputs: int = 1, **more: Any) -> bytes:
    entries = [{"name": f"x{n}", "datatype": "FP32", "shape": [1, 2]} for n in range(inputs)]
    parameters = more.pop("parameters", {})
    request = REQUEST(model_name="m", inputs=entries, raw_input_contents=data, **more)
    for name, value in parameters.items():
        request.parameters[name].int64_param = value
    return request.SerializeToString()


@pytest.mark.parametrize("inputs", [1, 3])
def test_messages_that_come_again_have_their_own_tensors(inputs: int) -> None:
    requests, rng = Requests(Limits()), np.random.default_rng(0)
    for model_version in ("", "1", "", "22"):
        for _ in range(3):
            arrays = rng.random((inputs, 1, 2), np.float32)
            content = raw(*(a.tobytes() for a in arrays), inputs=inputs, model_version=model_version)
            asked = requests.read(content)
            assert (asked.model, asked.version, asked.id) == ("m", model_version, "")
            assert list(asked.request.inputs) == [f"x{n}" for n in range(inputs)]
            for array, found in zip(arrays, asked.request.inputs.values(), strict=True):
                np.testing.assert_array_equal(found, array)
    assert requests._known


def test_what_only_looks_like_a_known_message_is_read_anew() -> None:
    requests = Requests(Limits())
    ones, twos = (np.full((1, 2), n, np.float32).tobytes() for n in (1, 2))
    known = raw(ones)
    requests.read(known)
    other = raw(ones)[: -len(ones) - 2] + part(7, twos)
    assert len(other) == len(known)
    np.testing.assert_array_equal(requests.read(other).request.inputs["x0"], [[2, 2]])
    with pytest.raises(ServingError, match="no ModelInferRequest"):
        requests.read(known[: -len(ones) - 2] + b"\x3a\x07" + ones)
    renamed = known.replace(b"x0", b"y0")
    assert list(requests.read(renamed).request.inputs) == ["y0"]
    early = part(7, ones) + raw() + part(15, part(7, ones))  # a field that nobody knows is last
    requests.read(early)
    changed = early[: -len(ones)] + twos
    np.testing.assert_array_equal(requests.read(changed).request.inputs["x0"], [[1, 1]])


def test_ids_and_parameters_are_those_of_each_message() -> None:
    requests = Requests(Limits())
    data = np.zeros((1, 2), np.float32).tobytes()
    for key in ("a", "b", ""):
        for priority in (1, 2):
            asked = requests.read(raw(data, id=key, parameters={"priority": priority}))
            assert (asked.id, asked.request.parameters) == (key, {"priority": priority})


def test_answers_over_grpc_are_the_protocols_messages(running: Running) -> None:
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    entry = {"name": "x", "datatype": "FP32", "shape": x.shape}
    with grpc.insecure_channel(running.grpc) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for key in ("", "\u4e16", ""):
            request = REQUEST(model_name="dense", id=key, inputs=[entry], raw_input_contents=[x.tobytes()])
            found = message("ModelInferResponse").FromString(call(request.SerializeToString(), timeout=30))
            assert (found.id, found.model_name, list(found.outputs[0].shape)) == (key, "dense", [2, 3])
            y = np.frombuffer(found.raw_output_contents[0], np.float32).reshape(2, 3)
            np.testing.assert_allclose(y, models.dense_reference(x), rtol=1e-5)


def known(running: Running) -> dict[bytes, Any]:
    return running.server._uvicorn.config.app.known  # type: ignore[union-attr]


def asked(x: np.ndarray, *fields: str) -> bytes:
    """One that is told from others by its tensor alone."""
    entry = {"name": "x", "datatype": "FP32", "shape": x.shape, "parameters": {"binary_data_size": x.nbytes}}
    header = json.dumps({"inputs": [entry]}).encode()
    return posted(header + x.tobytes(), f"Inference-Header-Content-Length: {len(header)}", *fields)


IN_PIECES: dict[str, list[slice]] = {
    "whole": [slice(None)],
    "header first": [slice(None, 100), slice(100, None)],
    "all but a byte": [slice(None, -1), slice(-1, None)],
    "a byte first": [slice(None, 1), slice(1, None)],
}


@pytest.mark.parametrize("pieces", IN_PIECES)
def test_headers_that_come_again_have_their_own_bodies(running: Running, wire: Wire, pieces: str) -> None:
    rng = np.random.default_rng(len(pieces))
    for number in range(8):
        for shape, field in (((1, 4), "x-one: 1"), ((2, 4), "x-one: 1"), ((1, 4), "x-two: 2")):
            x = rng.random(shape, np.float32)
            content = asked(x, field)
            for piece in IN_PIECES[pieces] if number % 2 else [slice(None)]:
                wire.socket.sendall(content[piece])
                time.sleep(0.002)
            status, fields, answer = wire.answer()
            assert status == 200 and len(fields["x-request-id"]) == 32
            np.testing.assert_allclose(outputs(answer).reshape(-1, 3), models.dense_reference(x), rtol=1e-5)
    assert {b"x-one: 1" in head for head in known(running)} >= {True}


def test_requests_behind_a_known_header_are_answered_in_order(wire: Wire) -> None:
    xs = np.random.default_rng(1).random((40, 1, 4), np.float32)
    first, *others = [asked(x, "x-many: 1") for x in xs]
    wire.socket.sendall(first)
    assert wire.answer()[0] == 200
    for start in range(0, 39, 3):  # one that is known and alone, and two behind it
        wire.socket.sendall(others[start])
        wire.socket.sendall(b"".join(others[start + 1 : start + 3]))
    for x in xs[1:]:
        status, _, answer = wire.answer()
        assert status == 200
        np.testing.assert_allclose(outputs(answer).reshape(-1, 3), models.dense_reference(x), rtol=1e-5)


@pytest.mark.parametrize("field", ["Connection: close", "x-request-id: mine", "Expect: 100-continue"])
def test_headers_that_do_not_come_again_are_not_kept(running: Running, field: str) -> None:
    for _ in range(2):
        wire = Wire(running)
        wire.socket.sendall(asked(np.ones((1, 4), np.float32), field, "x-kept: no"))
        status, fields, _ = wire.answer()
        if status == 100:
            status, fields, _ = wire.answer()
        assert status == 200
        if field.startswith("x-request-id"):
            assert fields["x-request-id"] == "mine"
        wire.socket.close()
    assert not any(b"x-kept" in head for head in known(running))


def test_lines_without_carriage_returns_are_not_kept(running: Running) -> None:
    """Where a parser takes these for the end of a header, it is not where it is looked for."""
    content = asked(np.ones((1, 4), np.float32), "x-bare: 1").replace(b"x-bare: 1\r\n", b"x-bare: 1\n")
    for _ in range(2):
        wire = Wire(running)
        wire.socket.sendall(content)
        assert wire.socket.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 400")
        wire.socket.close()
    assert not any(b"x-bare" in head for head in known(running))


def test_refusals_are_those_of_each_request(wire: Wire) -> None:
    for _ in range(3):
        wire.socket.sendall(posted(b"{}" + bytes(40), model="none"))
        assert wire.answer()[0] == 404
        wire.socket.sendall(posted(b"{}" + bytes(40)))
        assert wire.answer()[0] == 400


def test_however_many_wait_behind_one_they_are_answered(wire: Wire) -> None:
    good, bad = posted(body(np.ones((1, 4), np.float32))), posted(b"{}", model="none")
    wire.socket.sendall(good + 1500 * bad + good)
    assert [wire.answer()[0] for _ in range(1502)] == [200, *[404] * 1500, 200]


def test_what_is_remembered_of_messages_holds_no_tensors() -> None:
    requests = Requests(Limits())
    array = requests.read(raw(np.zeros((1, 2), np.float32).tobytes())).request.inputs["x0"]
    assert requests._known
    held = weakref.ref(array)
    del array
    assert held() is None


def test_long_requests_and_answers_are_as_short_ones(running: Running) -> None:
    x = np.random.default_rng(0).random((5000, 4), np.float32)
    entry: dict[str, Any] = {"name": "x", "datatype": "FP32"}
    for rows in (5000, 2000):  # by ASGI, and past it with an answer that is written apart
        entry |= {"shape": [rows, 4], "parameters": {"binary_data_size": 16 * rows}}
        header = json.dumps({"inputs": [entry], "parameters": {"binary_data_output": True}}).encode()
        said = {"Inference_Header_Content_Length": str(len(header)), "x_request_id": "long"}
        answer = running.ask("POST", "/v2/models/dense/infer", header + x[:rows].tobytes(), **said)
        assert (answer.status, answer.headers["x-request-id"]) == (200, "long")
        y = np.frombuffer(answer.body[int(answer.headers["inference-header-content-length"]) :], np.float32)
        np.testing.assert_allclose(y.reshape(-1, 3), models.dense_reference(x[:rows]), rtol=1e-4, atol=1e-5)
