"""A server in a thread of the test's process, on free ports of loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runtime import models

for _package in ("starlette", "uvicorn", "hpack", "grpc", "prometheus_client"):
    pytest.importorskip(_package)

from kcompile_runtime.serving.limits import Limits, Settings  # noqa: E402
from kcompile_runtime.serving.server import Options, Server  # noqa: E402

LIMITS = Limits(body_bytes=1 << 20, queue=64, elements=1 << 16)


@dataclass
class Answer:
    """What came back over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Running:
    """A server that answers, and its folder of models."""

    server: Server
    folder: Path

    @property
    def http(self) -> str:
        return f"127.0.0.1:{self.server.http_port}"

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.server.grpc_port}"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request by the standard library's client; a dict is sent as JSON."""
        connection = http.client.HTTPConnection(self.http, timeout=30)
        with contextlib.closing(connection):
            content = json.dumps(body) if isinstance(body, dict) else body
            names = {key.replace("_", "-"): value for key, value in headers.items()}
            connection.request(method, path, content, names)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def infer(self, model: str, data: Any, name: str = "x", datatype: str = "FP32", **more: Any) -> Answer:
        """One tensor in JSON."""
        array = np.asarray(data)
        entry = {"name": name, "datatype": datatype, "shape": list(array.shape), "data": array.tolist()}
        return self.ask("POST", f"/v2/models/{model}/infer", {"inputs": [entry], **more})

    def await_version(self, model: str, version: str) -> None:
        """Until a version serves."""
        _wait(lambda: self.server.repository.versions(model) == [version])


def _wait(condition: Any) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def write(folder: Path, name: str, model: bytes, version: int = 1) -> Path:
    """NAME/VERSION/model.onnx."""
    path = folder / name / str(version) / "model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(model)
    return path


@contextlib.contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Running]:
    """A server over a folder, until the end of the block."""
    settings = options.pop("settings", Settings(limits=LIMITS, intra_op_threads=1))
    server = Server(Options(str(folder), http_port=0, grpc_port=0, settings=settings, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        _wait(lambda: server.repository.ready)
        yield Running(server, folder)
    finally:
        server.stop()
        thread.join(30)
        assert not thread.is_alive()


def all_types(folder: Path) -> None:
    """identity models by datatype, a dense one, one of two inputs, and three with states."""
    types = {
        "BOOL": 9, "INT8": 3, "INT16": 5, "INT32": 6, "INT64": 7, "UINT8": 2, "UINT16": 4, "UINT32": 12,
        "UINT64": 13, "FP16": 10, "BF16": 16, "FP32": 1, "FP64": 11, "BYTES": 8,
    }  # fmt: skip
    for name, kind in types.items():
        write(folder, f"identity_{name}", models.identity(kind))
    write(folder, "dense", models.dense())
    write(folder, "two_inputs", models.two_inputs())
    write(folder, "accumulator", models.accumulator())
    write(folder, "lstm", models.lstm()[0])
    write(folder, "scalar_sum", models.scalar_sum())


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that tests share and leave as it is."""
    folder = tmp_path_factory.mktemp("models")
    all_types(folder)
    with serving(folder, poll_s=0.0) as found:
        yield found
