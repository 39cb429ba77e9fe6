"""The server's application on a Ray cluster, by Ray Serve: a front that passes requests on, and replicas.

The head node has the entrance and the front. A request whose replica is lost goes to another one, since an
answer changes nothing but the states of sequences; models with states have one replica, and its loss is said.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kcompile_runtime.serving.metrics import Metrics
from kcompile_runtime.serving.protocol.rest import RestServer
from kcompile_runtime.serving.repository import Repository
from kcompile_runtime.serving.server import Options

from .ray_tasks import connect

NAME = "kcompile"
_HEAD = {"node:__internal_head__": 0.001}
_ONGOING = 1000
"""Requests that a replica has at a time; its own queue refuses what is too much."""
_MORE_AFTER_S = 10.0
"""How long there must be more requests than replicas can do before another one is started."""
_ATTEMPTS = 8
_WAIT_S = 0.25
#: What a front sends of ASGI's description of a request.
_SCOPE = (
    "type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "headers"
)  # fmt: skip


@dataclass(frozen=True)
class Replicas:
    """How many processes serve: of ``least`` and ``most`` that differ, as many as requests ask for."""

    least: int = 1
    most: int = 8

    @classmethod
    def parse(cls, text: str) -> Replicas:
        """Of "4" or "1:8".

        Raises:
            ValueError: it is neither.
        """
        numbers = re.fullmatch(r"([0-9]{1,5})(?::([0-9]{1,5}))?", text)
        if numbers is None:
            raise ValueError(f"--replicas: expected a number, or LEAST:MOST, found {text!r}")
        found = cls(int(numbers[1]), int(numbers[2] or numbers[1]))
        if not 1 <= found.least <= found.most <= 10_000:
            raise ValueError(f"--replicas: expected 1 or more, the least first, found {text!r}")
        return found


@dataclass(frozen=True)
class Answer:
    """A response as plain data."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def serve_on_ray(
    options: Options,
    replicas: Replicas | None = None,
    address: str | None = None,
    until: Callable[[], None] | None = None,
) -> None:
    """Serves models on a cluster over HTTP until SIGTERM or Ctrl-C; then takes the application down.

    Args:
        options: as of a server on one machine. Models must lie where every node sees them under one path.
        replicas: how many processes; by default 1 to 8, and 1 where a model has states.
        address: of the cluster; by default the one that ``RAY_ADDRESS`` names, else one on this machine.
        until: waits for the end; by default for a signal.

    Raises:
        MissingPackageError: Ray is not installed.
        ConnectionError: no cluster answers.
        ValueError: no model can be served, or options that have no meaning on a cluster.
    """
    options = _checked(options)
    names, stateful = asyncio.run(_look(options))
    if stateful and replicas is not None and replicas.most > 1:
        raise ValueError(f"model {stateful[0]!r} has states, which live in one process: --replicas 1")
    replicas = Replicas(1, 1) if stateful else replicas or Replicas()
    connect(address)
    from ray import serve

    # one entrance, beside the front: clients notice nothing of other nodes
    serve.start(proxy_location="HeadOnly", http_options=_http(serve, options))
    try:
        serve.run(_application(serve, options, replicas, repeat=not stateful), name=NAME, route_prefix="/")
        scheme = "https" if options.certificate else "http"
        print(f"{scheme}://{options.host}:{options.http_port}: {', '.join(names)}", flush=True)
        (until or _wait_for_signal)()
    finally:
        serve.delete(NAME)


def _checked(options: Options) -> Options:
    if options.may_load:
        raise ValueError(
            "--allow-load: replicas would differ; change the folder, which each of them looks at"
        )
    if options.http_port == 0:
        raise ValueError("--port: expected one, since Ray Serve takes no free one of its own")
    settings = dataclasses.replace(options.settings, intra_op_threads=options.settings.intra_op_threads or 1)
    return dataclasses.replace(options, models=os.path.abspath(options.models), settings=settings)


async def _look(options: Options) -> tuple[list[str], list[str]]:
    """Names of the models, and of those with states; each is loaded once, so that errors are said here."""
    repository = Repository(options.models, options.settings)
    await repository.refresh()
    found = [batcher.model for batcher in repository.batchers()]
    failed = [row["reason"] for row in repository.index() if row["state"] != "READY"]
    await repository.close()
    if not found:
        raise ValueError("; ".join(failed) or f"{options.models}: there are no models in it")
    return [f"{model.name} ({model.version})" for model in found], [m.name for m in found if m.stateful]


def _http(serve: Any, options: Options) -> Any:
    return serve.HTTPOptions(
        host=options.host,
        port=options.http_port,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.private_key,
    )


def _application(serve: Any, options: Options, replicas: Replicas, repeat: bool) -> Any:
    """The front before replicas, as Ray Serve has applications."""
    several: dict[str, Any] = {"num_replicas": replicas.least}
    if replicas.least < replicas.most:
        scaling = {
            "min_replicas": replicas.least,
            "max_replicas": replicas.most,
            "target_ongoing_requests": options.settings.max_batch,
            "upscale_delay_s": _MORE_AFTER_S,
        }
        several = {"autoscaling_config": scaling}
    threads = options.settings.intra_op_threads or 1
    replica = serve.deployment(
        Replica, ray_actor_options={"num_cpus": threads}, max_ongoing_requests=_ONGOING, **several
    )
    front = serve.deployment(
        Front,
        num_replicas=1,
        ray_actor_options={"num_cpus": 0, "resources": _HEAD},
        max_ongoing_requests=100 * _ONGOING,
    )
    return front.bind(replica.bind(options), repeat, options.settings.limits.body_bytes)


class Replica:
    """The server's application in a worker of the cluster."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._repository: Repository | None = None
        self._starting = asyncio.Lock()

    async def answer(self, scope: dict[str, Any], body: bytes) -> Answer:
        """The application's response to a request."""
        async with self._starting:
            if self._repository is None:
                await self._start()
        return await ask(self._app, scope, body)

    async def _start(self) -> None:
        options = self._options
        repository = Repository(options.models, options.settings)
        await repository.refresh()
        metrics = Metrics(repository)
        self._app = RestServer(repository, metrics, options.settings.limits, options.keys, False)
        self._watching = asyncio.create_task(self._watch(repository, options.poll_s))
        self._repository = repository

    async def _watch(self, repository: Repository, seconds: float) -> None:
        while seconds:
            await asyncio.sleep(seconds)
            await repository.refresh()


class Front:
    """Passes requests on to replicas, and those whose replica is lost to another.

    Args:
        replicas: Ray Serve's handle of them.
        repeat: whether a request may be made again.
        most: bytes of a body.
    """

    def __init__(self, replicas: Any, repeat: bool, most: int) -> None:
        self._replicas = replicas
        self._repeat = repeat
        self._most = most

    async def __call__(self, request: Any) -> Any:
        from ray.exceptions import RayActorError
        from ray.serve.exceptions import BackPressureError
        from starlette.responses import JSONResponse, Response

        scope = {key: request.scope[key] for key in _SCOPE if key in request.scope}
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > self._most:
                return JSONResponse({"error": f"expected a body of at most {self._most} bytes"}, 413)
        for attempt in range(_ATTEMPTS if self._repeat else 1):
            try:
                answer = await self._replicas.answer.remote(scope, bytes(body))
            except RayActorError:
                await asyncio.sleep(_WAIT_S * attempt)
            except BackPressureError:
                return JSONResponse({"error": "too many requests wait"}, 429, {"retry-after": "1"})
            else:
                response = Response(answer.body, answer.status)
                response.raw_headers = answer.headers
                return response
        hint = "ask again" if self._repeat else "its states are gone: begin its sequences anew"
        return JSONResponse(
            {"error": f"the replica of this request was lost; {hint}"}, 503, {"retry-after": "1"}
        )


async def ask(app: Any, scope: dict[str, Any], body: bytes) -> Answer:
    """The response of an ASGI application to a request that is there as a whole."""
    incoming = [{"type": "http.request", "body": body, "more_body": False}]
    status, headers, parts = 500, [], []
    ended = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], [(bytes(k), bytes(v)) for k, v in message["headers"]]
        elif message["type"] == "http.response.body":
            parts.append(bytes(message.get("body", b"")))
            if not message.get("more_body"):
                ended.set()

    await app({**scope, "extensions": {}}, receive, send)
    return Answer(status, headers, b"".join(parts))


def _wait_for_signal() -> None:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
