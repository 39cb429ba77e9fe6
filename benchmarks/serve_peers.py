"""What our server is compared with, each as a process: ``python -m benchmarks.serve_peers KIND ...``.

constant         Starlette on uvicorn, and grpc.aio, whose handlers answer the same to all
http2            such a handler of gRPC over our own HTTP/2
by_hand MODEL    a Starlette handler as it is written by hand: bytes in, ``session.run``, bytes out
loop MODEL       onnxruntime without a server: answers lines with the samples that it does a second
stack MODEL      imports what our server imports, and makes a session
mlserver MODEL   MLServer with a runtime of a few lines, in the environment of ``make serve-peers``
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
_SERVICE = "inference.GRPCInferenceService"


def main() -> None:
    """Runs one of them until it is killed."""
    kind, *arguments = sys.argv[1:]
    kinds = (constant, http2, by_hand, loop, stack, mlserver)
    {made.__name__: made for made in kinds}[kind](*arguments)


def constant() -> None:
    """Bodies are read and messages parsed, as every handler does."""
    import grpc
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    numbers, output, request, response = _answer()
    entry = {**output, "parameters": {"binary_data_size": len(numbers)}}
    header = json.dumps({"model_name": "m", "model_version": "1", "outputs": [entry]}).encode()
    said = {"Inference-Header-Content-Length": str(len(header))}

    async def rest(asked: Request) -> Response:
        await asked.body()
        return Response(header + numbers, headers=said, media_type="application/octet-stream")

    async def rpc(asked: Any, context: Any) -> Any:
        return response

    handler = grpc.unary_unary_rpc_method_handler(rpc, request, type(response).SerializeToString)

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> Any:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, {"ModelInfer": handler}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(f"http://127.0.0.1:{listening.getsockname()[1]}, gRPC on port {port}", flush=True)
        yield

    listening = socket.create_server(("127.0.0.1", 0))
    routes = [Route("/v2/models/{name}/infer", rest, methods=["POST"])]
    _serve(Starlette(routes=routes, lifespan=lifespan), listening)


def http2() -> None:
    """gRPC alone, on the loop that uvicorn takes."""
    import asyncio

    import uvloop

    from kcompile_runtime.serving.protocol.grpc_connection import GrpcServer

    _, _, request, response = _answer()

    def rpc(call: Any, content: Any) -> None:
        request(content)
        call.reply(response.SerializeToString())

    async def serve() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        await GrpcServer(rpc, 64 << 20).start(listening, None)
        print(f"gRPC on port {listening.getsockname()[1]}", flush=True)
        await asyncio.Event().wait()

    uvloop.run(serve())


def _answer() -> tuple[bytes, dict[str, Any], Any, Any]:
    """Of ten numbers: their bytes, what is said of them, what reads a request, and the message of both."""
    from kcompile_runtime.serving.protocol.grpc_messages import message

    numbers = np.full(10, 0.1, np.float32).tobytes()
    output = {"name": "y", "datatype": "FP32", "shape": [1, 10]}
    response = message("ModelInferResponse")(
        model_name="m", model_version="1", outputs=[output], raw_output_contents=[numbers]
    )
    return numbers, output, message("ModelInferRequest").FromString, response


def by_hand(model: str) -> None:
    """One run a request, on the event loop."""
    import onnxruntime
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    session = onnxruntime.InferenceSession(model)
    (entry,) = session.get_inputs()

    async def predict(request: Request) -> Response:
        x = np.frombuffer(await request.body(), np.float32).reshape(-1, *entry.shape[1:])
        return Response(session.run(None, {entry.name: x})[0].tobytes())

    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    _serve(Starlette(routes=[Route("/predict", predict, methods=["POST"])]), listening)


def _serve(app: Any, listening: socket.socket) -> None:
    """As our server is run."""
    import uvicorn

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, proxy_headers=False
    )
    uvicorn.Server(config).run(sockets=[listening])


def loop(model: str) -> None:
    """Lines {"samples": ..., "seconds": ...} are answered with samples a second."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model)
    (entry,) = session.get_inputs()
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        x = np.random.default_rng(0).random((asked["samples"], *entry.shape[1:]), np.float32)
        session.run(None, {entry.name: x})
        runs, start = 0, time.perf_counter()
        while (taken := time.perf_counter() - start) < asked["seconds"]:
            session.run(None, {entry.name: x})
            runs += 1
        print(json.dumps(runs * len(x) / taken), flush=True)


def stack(model: str) -> None:
    """Is ready when all of it is there."""
    import hpack
    import onnxruntime
    import prometheus_client
    import starlette.applications
    import starlette.routing
    import uvicorn.protocols.http.httptools_impl
    import uvloop
    from google.protobuf import descriptor_pool

    session = onnxruntime.InferenceSession(model)
    loaded = (hpack, prometheus_client, starlette, uvicorn, uvloop, descriptor_pool, session)
    print("ready", len(loaded), flush=True)
    time.sleep(600)


_RUNTIME = """
import numpy, onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class OnnxModel(MLModel):
    async def load(self):
        self._session = onnxruntime.InferenceSession(self.settings.parameters.uri)
        return True

    async def predict(self, payload):
        x = NumpyCodec.decode_input(payload.inputs[0])
        y = self._session.run(None, {self._session.get_inputs()[0].name: x})[0]
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("y", y)])
"""


def mlserver_python() -> Path | None:
    """The interpreter of the environment that ``make serve-peers`` makes, if it is there."""
    named = os.environ.get("KCOMPILE_MLSERVER_PYTHON")
    path = Path(named) if named else ROOT / ".venv-mlserver" / "bin" / "python"
    return path if path.exists() else None


def mlserver(model: str) -> None:
    """With adaptive batching, and the model in the process that takes the requests."""
    ports = [_free_port() for _ in range(3)]
    name = Path(model).stem
    with tempfile.TemporaryDirectory() as folder:
        settings = dict(zip(("http_port", "grpc_port", "metrics_port"), ports, strict=True))
        settings |= {"host": "127.0.0.1", "parallel_workers": 0, "debug": False}
        described = {
            "name": name,
            "implementation": "runtime.OnnxModel",
            "parameters": {"uri": os.path.abspath(model)},
            "max_batch_size": 32,
            "max_batch_time": 0.005,
        }
        Path(folder, "settings.json").write_text(json.dumps(settings))
        Path(folder, "model-settings.json").write_text(json.dumps(described))
        Path(folder, "runtime.py").write_text(_RUNTIME)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        log = Path(folder, "log")
        with log.open("w") as stream:
            server = subprocess.Popen(
                [str(mlserver_python()), "-c", "from mlserver.cli import main; main()", "start", folder],
                env=environment,
                stdout=stream,
                stderr=stream,
            )
        try:
            _await(f"http://127.0.0.1:{ports[0]}/v2/models/{name}/ready", server, log)
            print(f"http://127.0.0.1:{ports[0]}, gRPC on port {ports[1]}", flush=True)
            sys.stdin.read()  # until the benchmark ends this process
        finally:
            server.kill()
            server.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def _await(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(address) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"MLServer did not start: {log.read_text()[-2000:]}")


if __name__ == "__main__":
    main()
