"""The addresses of the server over HTTP."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ... import __version__
from ..errors import ServingError, bad_request, not_found, too_large
from ..inference import infer
from ..status_page import status_page
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
Handler = Callable[[Request], Awaitable[Response]]


class RestServer(Service):
    """Handlers of one repository."""

    def app(self, lifespan: Any = None) -> Starlette:
        """The ASGI application; ``lifespan`` is Starlette's."""
        get, post = ["GET"], ["POST"]
        models = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
        table: list[tuple[str, Handler, list[str]]] = [  # looked through in this order
            *((f"{model}/infer", self.infer, post) for model in models),
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
        return Starlette(
            routes=routes, exception_handlers={HTTPException: _unknown_address}, lifespan=lifespan
        )

    # Around every handler

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            start = time.perf_counter()
            key = request.headers.get("x-request-id", "")
            key = key if 0 < len(key) <= 128 and key.isprintable() else f"{_STARTED}{next(_NUMBERS):016x}"
            try:
                if request.url.path not in _OPEN:
                    self._check_key(request.headers.get("authorization", ""))
                response = await handler(request)
            except ClientDisconnect:
                raise
            except Exception as error:
                response = self._refused(error, key)
            response.headers["x-request-id"] = key
            if log.isEnabledFor(logging.DEBUG):
                taken = 1e3 * (time.perf_counter() - start)
                self._log(request, key, response.status_code, taken)
            return response

        return answer

    def _refused(self, error: Exception, key: str) -> Response:
        refusal = self._refusal(error, f"request {key}")
        wait = refusal.retry_after_s
        headers = None if wait is None else {"retry-after": str(wait)}
        return JSONResponse({"error": refusal.message}, refusal.status, headers)

    def _log(self, request: Request, key: str, status: int, taken: float) -> None:
        fields = {
            "request_id": key,
            "method": request.method,
            "path": request.url.path,
            "status": status,
            "ms": round(taken, 3),
        }
        text = " ".join(map(str, fields.values()))
        log.debug("request %s", text, extra={"fields": fields})

    async def _body(self, request: Request) -> bytes:
        """All of the body, unpacked, or 413 as soon as it is known to be too large."""
        most = self._limits.body_bytes
        said = request.headers.get("content-length", "")
        known = int(said[:20]) if said.isascii() and said.isdigit() else None
        if known is not None and known > most:
            raise too_large(f"expected a body of at most {most} bytes, found {said[:20]}")
        if known is not None and known <= _AT_ONCE:
            body = await self._received(request, most)
        else:
            try:
                body = await asyncio.wait_for(self._received(request, most), self._limits.body_seconds)
            except asyncio.TimeoutError:
                raise ServingError(408, "the body took too long to arrive") from None
        return unpacked(body, request.headers.get("content-encoding", ""), most)

    async def _received(self, request: Request, most: int) -> bytes:
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise too_large(f"expected a body of at most {most} bytes, found more")
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

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

    async def infer(self, request: Request) -> Response:
        name, version = _which(request)
        self._repository.batcher(name, version).check_room()  # before anything is read
        body = memoryview(await self._body(request))
        said = request.headers.get(v2_json.HEADER_LENGTH)
        if said is not None and not (said.isascii() and said.isdigit() and len(said) < 19):
            raise bad_request(f"{v2_json.HEADER_LENGTH}: expected a number, found {said[:64]!r}")
        asked, answer = v2_json.read_request(body, None if said is None else int(said), self._limits)
        asked.carrier = request.headers
        content, header = answer.write(await infer(self._repository, name, version, asked))
        content, coding = packed(content, request.headers.get("accept-encoding", ""))
        headers = {} if header is None else {v2_json.HEADER_LENGTH: str(header)}
        if coding is not None:
            headers["content-encoding"] = coding
        kind = "application/json" if header is None else "application/octet-stream"
        return Response(content, headers=headers, media_type=kind)

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


def _which(request: Request) -> tuple[str, str | None]:
    return request.path_params.get("name", ""), request.path_params.get("version")


async def _unknown_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    refusal = not_found(f"there is no address {request.url.path[:200]!r} for {request.method}")
    return JSONResponse({"error": refusal.message}, status)
