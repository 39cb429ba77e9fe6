"""The addresses of the server over HTTP."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ... import __version__
from ..errors import ServingError, bad_request, not_found, too_large
from ..inference import infer
from ..status_page import status_page
from ..traces import tracing
from . import tf_serving, v2_json
from .compression import packed, unpacked
from .service import Service

log = logging.getLogger("kcompile.serving")
EXTENSIONS = ["binary_tensor_data", "sequence", "statistics", "model_repository"]
_OPEN = ("/v2/health/live", "/v2/health/ready")
_STARTED, _NUMBERS = secrets.token_hex(8), itertools.count(1)
"""What requests are called that bring no id of their own: which server, and the how manieth."""
_AT_ONCE = 1 << 16
"""Bytes of bodies for which no clock is set: a client that is slow with them holds a connection alone."""
_HEADER_LENGTH = v2_json.HEADER_LENGTH.lower().encode()
_JSON, _BYTES = (b"content-type", b"application/json"), (b"content-type", b"application/octet-stream")
_INFER = re.compile("/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
Handler = Callable[[Request], Awaitable[Response]]
Infer = Callable[[str, "str | None", Scope, Receive, Send], Awaitable[None]]


class _Application(Starlette):
    """Starlette's, which looks for requests for inference before it looks through its table."""

    def __init__(self, infer: Infer, **options: Any) -> None:
        super().__init__(**options)
        self._infer = infer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        place = _INFER.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if place is None or scope["method"] != "POST":
            await super().__call__(scope, receive, send)
        else:
            await self._infer(place[1], place[2], scope, receive, send)


class RestServer(Service):
    """Handlers of one repository."""

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
        self._requests = v2_json.Requests(self._limits)

    def app(self, lifespan: Any = None) -> Starlette:
        """The ASGI application; ``lifespan`` is Starlette's."""
        get, post = ["GET"], ["POST"]
        models = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
        table: list[tuple[str, Handler, list[str]]] = [  # looked through in this order
            ("/v1/models/{name}:predict", self.predict, post),
            ("/v1/models/{name}/versions/{version}:predict", self.predict, post),
            ("/", self.page, get),
            ("/metrics", self.metrics, get),
            ("/v2", self.server_metadata, get),
            ("/v2/health/live", self.live, get),
            ("/v2/health/ready", self.ready, get),
            ("/v2/models/stats", self.statistics, get),
            ("/v2/repository/index", self.index, post),
            ("/v2/repository/models/{name}/load", self.load, post),
            ("/v2/repository/models/{name}/unload", self.unload, post),
        ]
        for model in models:
            table += [
                (model, self.model_metadata, get),
                (f"{model}/ready", self.model_ready, get),
                (f"{model}/stats", self.statistics, get),
            ]
        for model in ("/v1/models/{name}", "/v1/models/{name}/versions/{version}"):
            table += [(model, self.tf_status, get), (f"{model}/metadata", self.tf_metadata, get)]
        routes = [Route(path, self._guarded(handler), methods=methods) for path, handler, methods in table]
        handlers: Any = {HTTPException: _unknown_address}
        return _Application(self.infer, routes=routes, exception_handlers=handlers, lifespan=lifespan)

    # Around every handler

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            start = time.perf_counter()
            key = _request_id(request.headers.get("x-request-id", ""))
            try:
                if request.url.path not in _OPEN:
                    self._check_key(request.headers.get("authorization", ""))
                response = await handler(request)
            except ClientDisconnect:
                raise
            except Exception as error:
                response = self._refused(error, key)
            response.headers["x-request-id"] = key
            self._log(request.scope, key, response.status_code, start)
            return response

        return answer

    def _refused(self, error: Exception, key: str) -> Response:
        refusal = self._refusal(error, f"request {key}")
        wait = refusal.retry_after_s
        headers = None if wait is None else {"retry-after": str(wait)}
        return JSONResponse({"error": refusal.message}, refusal.status, headers)

    def _log(self, scope: Scope, key: str, status: int, start: float) -> None:
        if not log.isEnabledFor(logging.DEBUG):
            return
        fields = {
            "request_id": key,
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "ms": round(1e3 * (time.perf_counter() - start), 3),
        }
        text = " ".join(map(str, fields.values()))
        log.debug("request %s", text, extra={"fields": fields})

    async def _body(self, request: Request) -> bytes:
        return await self._read(request.receive, dict(request.scope["headers"]))

    async def _read(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        """All of the body, unpacked, or 413 as soon as it is known to be too large."""
        most = self._limits.body_bytes
        said = headers.get(b"content-length", b"")
        known = int(said[:20]) if said.isdigit() else None
        if known is not None and known > most:
            raise too_large(f"expected a body of at most {most} bytes, found {known}")
        if known is not None and known <= _AT_ONCE:
            body = await _received(receive, most)
        else:
            try:
                body = await asyncio.wait_for(_received(receive, most), self._limits.body_seconds)
            except asyncio.TimeoutError:
                raise ServingError(408, "the body took too long to arrive") from None
        coding = headers.get(b"content-encoding")
        return body if coding is None else unpacked(body, coding.decode("latin-1"), most)

    # The server

    async def page(self, request: Request) -> Response:
        return Response(status_page(self._repository), media_type="text/html")

    async def metrics(self, request: Request) -> Response:
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def live(self, request: Request) -> Response:
        return Response()

    async def ready(self, request: Request) -> Response:
        return Response(status_code=200 if self._repository.ready else 503)

    async def server_metadata(self, request: Request) -> Response:
        return JSONResponse({"name": "kcompile", "version": __version__, "extensions": EXTENSIONS})

    # Models

    async def model_metadata(self, request: Request) -> Response:
        name, version = _which(request)
        model = self._repository.batcher(name, version).model
        return JSONResponse(model.metadata(self._repository.versions(name)))

    async def model_ready(self, request: Request) -> Response:
        self._repository.batcher(*_which(request))
        return Response()

    async def infer(self, name: str, version: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        """What is asked most often, without Starlette around it."""
        start = time.perf_counter()
        headers = dict(scope["headers"])
        key = _request_id(headers.get(b"x-request-id", b"").decode("latin-1"))
        try:
            self._check_key(headers.get(b"authorization", b"").decode("latin-1"))
            content, fields = await self._inferred(name, version, headers, receive)
        except ClientDisconnect:
            return
        except Exception as error:
            response = self._refused(error, key)
            response.headers["x-request-id"] = key
            self._log(scope, key, response.status_code, start)
            await response(scope, receive, send)
            return
        fields += ((b"content-length", b"%d" % len(content)), (b"x-request-id", key.encode("latin-1")))
        self._log(scope, key, 200, start)
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": content})

    async def _inferred(
        self, name: str, version: str | None, headers: Mapping[bytes, bytes], receive: Receive
    ) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        self._repository.batcher(name, version).check_room()  # before anything is read
        body = memoryview(await self._read(receive, headers))
        said = headers.get(_HEADER_LENGTH)
        if said is not None and not (said.isdigit() and len(said) < 19):
            text = said[:64].decode("latin-1")
            raise bad_request(f"{v2_json.HEADER_LENGTH}: expected a number, found {text!r}")
        asked, answer = self._requests.read(body, None if said is None else int(said))
        if tracing():
            asked.carrier = {key.decode("latin-1"): value.decode("latin-1") for key, value in headers.items()}
        content, header = answer.write(await infer(self._repository, name, version, asked))
        fields = [_JSON] if header is None else [_BYTES, (_HEADER_LENGTH, b"%d" % header)]
        accepted = headers.get(b"accept-encoding")
        if accepted is not None:
            content, coding = packed(content, accepted.decode("latin-1"))
            fields += [(b"content-encoding", coding.encode())] if coding is not None else []
        return content, fields

    async def statistics(self, request: Request) -> Response:
        name, version = _which(request)
        batchers = [self._repository.batcher(name, version)] if name else self._repository.batchers()
        stats = [b.statistics.described(b.model.name, b.model.version) for b in batchers]
        return JSONResponse({"model_stats": stats})

    # The repository

    async def index(self, request: Request) -> Response:
        body = await self._body(request)
        only_ready = v2_json.parse(body).get("ready") is True if body else False
        return JSONResponse(self._repository.index(only_ready))

    async def load(self, request: Request) -> Response:
        self._check_may_load()
        await self._body(request)
        await self._repository.load(_which(request)[0])
        return Response()

    async def unload(self, request: Request) -> Response:
        self._check_may_load()
        await self._body(request)
        await self._repository.unload(_which(request)[0])
        return Response()

    # TF Serving's form

    async def predict(self, request: Request) -> Response:
        name, version = _which(request)
        model = self._repository.batcher(name, version).model
        content = v2_json.parse(await self._body(request))
        asked, rows = tf_serving.read_request(content, model, self._limits)
        asked.carrier = request.headers
        response = await infer(self._repository, name, model.version, asked)
        return JSONResponse(tf_serving.written(response, rows))

    async def tf_status(self, request: Request) -> Response:
        name, version = _which(request)
        self._repository.batcher(name, version)
        return JSONResponse(tf_serving.status([version] if version else self._repository.versions(name)))

    async def tf_metadata(self, request: Request) -> Response:
        return JSONResponse(tf_serving.metadata(self._repository.batcher(*_which(request)).model))


async def _received(receive: Receive, most: int) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise too_large(f"expected a body of at most {most} bytes, found more")
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _request_id(key: str) -> str:
    """The client's own where it is one."""
    return key if 0 < len(key) <= 128 and key.isprintable() else f"{_STARTED}{next(_NUMBERS):016x}"


def _which(request: Request) -> tuple[str, str | None]:
    return request.path_params.get("name", ""), request.path_params.get("version")


async def _unknown_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    refusal = not_found(f"there is no address {request.url.path[:200]!r} for {request.method}")
    return JSONResponse({"error": refusal.message}, status)
