"""gRPC asked by h2load, nghttp2's load generator in C, so that next to nothing is the client's.

It is of Debian's nghttp2-client. It sends the frames of one request again and again, over a connection for
each client, and knows nothing of gRPC: that all were answered is seen from the bytes that came back.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile

import numpy as np

from kcompile_runtime.serving.protocol.grpc_messages import message

from .serve_models import Served

PATH = "/inference.GRPCInferenceService/ModelInfer"


def is_there() -> bool:
    """Whether it is installed."""
    return shutil.which("h2load") is not None


def rate(port: int, model: Served, samples: int, seconds: float, clients: int) -> float:
    """Good answers a second of a port of this machine, asked for so long in whole seconds.

    Raises:
        RuntimeError: some were none, or not as long as the first.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(_request(model, samples))
        file.flush()
        more = ["-m", "1", "-d", file.name, f"http://127.0.0.1:{port}{PATH}"]
        _, length, _ = _asked("-c", "1", "-n", "1", *more)
        if length <= 5:  # a refusal has no message
            raise RuntimeError("expected an answer, found a refusal")
        done, data, found = _asked("-c", str(clients), "-D", str(max(1, round(seconds))), *more)
    if data < done * length:
        raise RuntimeError(f"expected {done} answers of {length} bytes, found {data} bytes")
    return found


def _request(model: Served, samples: int) -> bytes:
    """The message in gRPC's frame."""
    shape = (samples, *model.sizes)
    content = np.random.default_rng(0).random(shape, np.float32).tobytes()
    entry = {"name": model.input, "datatype": "FP32", "shape": shape}
    made = message("ModelInferRequest")(model_name=model.name, inputs=[entry], raw_input_contents=[content])
    request = made.SerializeToString()
    return b"\0" + len(request).to_bytes(4, "big") + request


def _asked(*options: str) -> tuple[int, int, float]:
    """Requests that were answered, bytes of their answers, and requests a second."""
    command = ["h2load", "-H", "content-type: application/grpc", "-H", "te: trailers", *options]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return _read(said)


def _read(said: str) -> tuple[int, int, float]:
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed", said)
    speed, data = re.search(r"([\d.]+) req/s", said), re.search(r"\((\d+)\) data", said)
    if counts is None or speed is None or data is None:
        raise RuntimeError(f"expected h2load's report, found {said[-500:]!r}")
    done, succeeded, failed = map(int, counts.groups())
    if failed or done != succeeded or not done:
        raise RuntimeError(f"expected good answers alone, found {said[-500:]!r}")
    return done, int(data[1]), float(speed[1])
