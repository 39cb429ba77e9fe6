"""Everything at once to a server for long: what ``soak`` does for serving.

REST, gRPC, sequences that are ended and some that never are, reloads, clients that leave in the middle and
requests that are wrong, on three models.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .serve_models import Served, written
from .serve_processes import Process, Server, kcompile_serve

#: The most that sequences that nobody ends may hold, in megabytes.
SESSION_MB = 1
_FAULTS = ("INTERNAL", "UNKNOWN", "UNAVAILABLE", "broken")


@contextlib.contextmanager
def serving() -> Iterator[tuple[Process, Callable[[], Counter[str]], Callable[[str], bool]]]:
    """A server, a round of requests to it, which gives the codes of its answers, and which codes are faults
    of the server."""
    with tempfile.TemporaryDirectory() as folder:
        load = _Load(Path(folder))
        options = ["--poll", "0.5", "--session-mb", str(SESSION_MB)]
        with kcompile_serve(Path(folder), *options) as server, load.connected(server):
            yield server, load.round, lambda code: code.startswith("5") or code in _FAULTS


class _Load:
    """Rounds of requests, each of every kind.

    Attributes:
        codes: of the answers of this round, how often each came, and the reloads.
    """

    def __init__(self, folder: Path) -> None:
        self.codes: Counter[str] = Counter()
        self._draw = np.random.default_rng(0)
        self._sequence = 0
        self._cnn = written("digits_cnn", folder)
        self._lstm = written("lstm", folder)
        self._steps = _stateful(folder)
        self._content = self._cnn.path.read_bytes()

    @contextlib.contextmanager
    def connected(self, server: Server) -> Iterator[None]:
        """Clients for the rounds of the block."""
        import grpc

        self._port = server.port
        self._rest = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            self._call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            yield
        self._rest.close()

    def round(self) -> Counter[str]:
        """Some of everything."""
        self.codes = Counter()
        for samples in (1, int(self._draw.integers(1, 33))):
            for model in (self._cnn, self._lstm):
                self._by_rest(*_body(model, samples))
                self._by_grpc(_message(model, samples))
        self._sequences()
        self._wrong()
        if self._draw.random() < 0.02:
            self._reload()
        if self._draw.random() < 0.05:
            self._leave()
        return self.codes

    def _by_rest(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        try:
            self._rest.request("POST", path, body, headers)
            response = self._rest.getresponse()
            response.read()
            self.codes[str(response.status)] += 1
        except (OSError, http.client.HTTPException):
            self._rest.close()
            self.codes["broken"] += 1

    def _by_grpc(self, content: bytes) -> None:
        import grpc

        try:
            self._call(content, timeout=60)
            self.codes["OK"] += 1
        except grpc.RpcError as error:
            self.codes[error.code().name] += 1  # type: ignore[attr-defined]

    def _sequences(self) -> None:
        """One of three steps, by both doors; every third is never ended."""
        self._sequence += 1
        for step in range(3):
            flags = {"sequence_start": step == 0, "sequence_end": step == 2 and self._sequence % 3 > 0}
            parameters = {"sequence_id": self._sequence, **flags}
            if self._sequence % 2:
                self._by_rest(*_body(self._steps, 1, parameters))
            else:
                self._by_grpc(_message(self._steps, 1, parameters))

    def _wrong(self) -> None:
        """Good ones with bytes changed; for the others a sequence that there is not, and no such model."""
        path, body, headers = _body(self._cnn, 1)
        self._by_rest(path, self._changed(body), headers)
        self._by_grpc(self._changed(_message(self._cnn, 1)))
        self._by_rest(*_body(self._steps, 1, {"sequence_id": "none"}))
        self._by_rest("/v2/models/none/infer", body, headers)
        self._by_rest("/v1/models/digits_cnn:predict", b'{"instances": [[1, 2', {})

    def _changed(self, content: bytes) -> bytes:
        changed = bytearray(content)
        for _ in range(3):
            changed[int(self._draw.integers(len(changed)))] = int(self._draw.integers(256))
        return bytes(changed)

    def _reload(self) -> None:
        new = self._cnn.path.with_suffix(".new")
        new.write_bytes(self._content)
        os.replace(new, self._cnn.path)
        self.codes["reload"] += 1

    def _leave(self) -> None:
        """A client that goes away before it has sent all."""
        path, body, _ = _body(self._cnn, 1)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self._port)) as leaving:
            leaving.sendall(head.encode() + body[:-10])


def _stateful(folder: Path) -> Served:
    """An LSTM that carries its states."""
    from kcompile import keras

    layers = [keras.layers.LSTM(16, stateful=True, batch_input_shape=(1, 4, 8)), keras.layers.Dense(4)]
    model = keras.models.Sequential(layers)
    path = folder / "steps.onnx"
    model.export(path, verify=False)
    return Served(path, model.input_names[0], (4, 8))


def _body(
    model: Served, samples: int, parameters: dict[str, Any] | None = None
) -> tuple[str, bytes, dict[str, str]]:
    content = np.zeros((samples, *model.sizes), np.float32).tobytes()
    entry: dict[str, Any] = {
        "name": model.input,
        "datatype": "FP32",
        "shape": [samples, *model.sizes],
        "parameters": {"binary_data_size": len(content)},
    }
    asked = {"inputs": [entry], "parameters": {"binary_data_output": True, **(parameters or {})}}
    header = json.dumps(asked).encode()
    return (
        f"/v2/models/{model.name}/infer",
        header + content,
        {"Inference-Header-Content-Length": str(len(header))},
    )


def _message(model: Served, samples: int, parameters: dict[str, Any] | None = None) -> bytes:
    from kcompile_runtime.serving.protocol.grpc_messages import message

    shape = (samples, *model.sizes)
    request = message("ModelInferRequest")(
        model_name=model.name,
        inputs=[{"name": model.input, "datatype": "FP32", "shape": shape}],
        raw_input_contents=[np.zeros(shape, np.float32).tobytes()],
    )
    for name, value in (parameters or {}).items():
        kind = "bool_param" if isinstance(value, bool) else "int64_param"
        setattr(request.parameters[name], kind, value)
    return request.SerializeToString()
