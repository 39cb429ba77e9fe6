"""Requests that were good and are changed: none may bring a fault of the server.

python -m tests.runtime.serving.mutations 20000 [SEED]      half by REST, half by gRPC
"""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from kcompile_runtime.serving.protocol.grpc_messages import message

from .conftest import Running, all_types, serving

X = {"name": "x", "datatype": "FP32", "shape": [1, 4]}
BINARY = {**X, "parameters": {"binary_data_size": 16}}
PARAMETERS = {"priority": 1, "timeout": 1000000, "sequence_id": 3, "sequence_start": True}
OUTPUTS = [{"name": "y", "parameters": {"binary_data": True}}]
PLAIN = {"inputs": [{**X, "data": [1, 2.5, -3e9, 4]}], "parameters": PARAMETERS, "id": "a"}
TEXTS = {"inputs": [{"name": "x", "datatype": "BYTES", "shape": [1, 2], "data": ["a", "\u00fc"]}]}


def _bodies() -> list[tuple[str, bytes, int | None]]:
    header = json.dumps({"inputs": [BINARY], "outputs": OUTPUTS, "parameters": PARAMETERS}).encode()
    rows = {"instances": [[1, 2, 3, 4], [5.5, 6, 7, 8]], "signature_name": "serving_default"}
    return [
        ("/v2/models/dense/infer", header + np.ones(4, np.float32).tobytes(), len(header)),
        ("/v2/models/dense/infer", json.dumps(PLAIN).encode(), None),
        ("/v2/models/identity_BYTES/infer", json.dumps(TEXTS).encode(), None),
        ("/v1/models/dense:predict", json.dumps(rows).encode(), None),
    ]


def _messages() -> list[bytes]:
    request = message("ModelInferRequest")
    dense = request(model_name="dense", inputs=[X], raw_input_contents=[np.ones(4, np.float32).tobytes()])
    dense.parameters["sequence_id"].int64_param = 3
    numbers = {**X, "contents": {"fp32_contents": [1, 2, 3, 4]}}
    small = {"name": "x", "datatype": "INT8", "shape": [1, 2], "contents": {"int_contents": [1, 2]}}
    return [
        dense.SerializeToString(),
        request(model_name="dense", inputs=[numbers], outputs=[{"name": "y"}]).SerializeToString(),
        request(model_name="identity_INT8", inputs=[small]).SerializeToString(),
    ]


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """One or two changes: a byte, a piece taken out, a piece doubled."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 3)):
        place, length = int(rng.integers(max(1, len(changed)))), int(rng.integers(1, 9))
        kind = rng.integers(3)
        if kind == 0:
            changed[place : place + 1] = bytes([rng.integers(256)])
        elif kind == 1:
            del changed[place : place + length]
        else:
            changed[place:place] = changed[place : place + length]
    return bytes(changed)


def by_rest(running: Running, count: int, seed: int) -> Counter[int]:
    """How often each status came."""
    rng = np.random.default_rng(seed)
    bodies = _bodies()
    counts: Counter[int] = Counter()
    with contextlib.closing(http.client.HTTPConnection(running.http, timeout=30)) as connection:
        for number in range(count):
            path, body, length = bodies[number % len(bodies)]
            headers = {} if length is None else {"Inference-Header-Content-Length": str(length)}
            connection.request("POST", path, mutated(body, rng), headers)
            response = connection.getresponse()
            json.loads(response.read()) if response.status != 200 else response.read()
            counts[response.status] += 1
    return counts


def by_grpc(running: Running, count: int, seed: int) -> Counter[str]:
    """How often each code came."""
    rng = np.random.default_rng(seed)
    messages = _messages()
    counts: Counter[str] = Counter()
    with grpc.insecure_channel(running.grpc) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for number in range(count):
            try:
                call(mutated(messages[number % len(messages)], rng), timeout=30)
                counts["OK"] += 1
            except grpc.RpcError as error:
                counts[error.code().name] += 1  # type: ignore[attr-defined]
    return counts


@contextlib.contextmanager
def _server() -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        all_types(Path(folder))
        with serving(Path(folder), poll_s=0.0) as running:
            yield running


if __name__ == "__main__":
    number, chosen = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with _server() as found:
        print("REST", dict(by_rest(found, number // 2, chosen)))
        print("gRPC", dict(by_grpc(found, number - number // 2, chosen)))
