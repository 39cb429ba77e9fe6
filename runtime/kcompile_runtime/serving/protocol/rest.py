"""The addresses of the server over HTTP."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route, Router
from starlette.types import Receive, Scope, Send

from ... import __version__
from ..batching import Batcher
from ..errors import ServingError, bad_request, too_large
from ..inference import InferRequest, InferResponse, infer, response_of, submit
from ..status_page import status_page
from ..traces import tracing
from . import tf_serving, v2_json
from .compression import packed, unpacked
from .service import Service, log, log_request, request_id

EXTENSIONS = ["binary_tensor_data", "sequence", "statistics", "model_repository"]
_OPEN = ("/v2/health/live", "/v2/health/ready")
_AT_ONCE = 1 << 16
"""Bytes of bodies for which no clock is set: a client that is slow with them holds a connection alone."""
_HEADER_LENGTH = v2_json.HEADER_LENGTH.lower().encode()
_JSON, _BYTES = (b"content-type", b"application/json"), (b"content-type", b"application/octet-stream")
_INFER = re.compile("/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
Headers = Mapping[bytes, bytes]
Reply = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, header and body."""


class Exchange:
    """A request, and what is said of it besides its answer: its id, and a line of the log.

    Attributes:
        headers: by lower-case names.
        infers: name and version of the model that is to infer; None for other addresses.
        id: the client's own where it is one.
    """

    __slots__ = ("headers", "id", "infers", "scope", "start")

    headers: Headers
    infers: tuple[str, str | None] | None

    def __init__(self, scope: Scope, before: Exchange | None = None) -> None:
        self.start = time.perf_counter()
        self.scope = scope
        if before is not None:
            self.headers, self.infers = before.headers, before.infers
        else:
            self.headers = dict(scope["headers"])
            place = _INFER.fullmatch(scope["path"]) if scope["method"] == "POST" else None
            self.infers = None if place is None else (place[1], place[2])
        self.id = request_id(self.headers.get(b"x-request-id", b""))

    def again(self) -> Exchange:
        """Another request with the same header."""
        return Exchange(self.scope, self)

    def finished(self, reply: Reply) -> Reply:
        """The reply with the id."""
        status, fields, _ = reply
        fields.append((b"x-request-id", self.id))
        if log.isEnabledFor(logging.DEBUG):
            log_request(self.id, self.scope["method"], self.scope["path"], status, self.start)
        return reply


class _Short:
    """A short request, which sends its answer as soon as there is one; a `Listener`."""

    __slots__ = ("_exchange", "_send", "_server", "batcher", "form", "names")

    batcher: Batcher
    form: v2_json.Answer
    names: list[str]

    def __init__(self, server: RestServer, exchange: Exchange, send: Callable[..., None]) -> None:
        self._server, self._exchange = server, exchange
        self._send: Callable[..., None] | None = send

    def done(self) -> bool:
        return self._send is None

    def set_result(self, results: list[Any]) -> None:
        try:
            response = response_of(self.batcher, self.names, results)
            reply = _written(self._exchange.headers, self.form, response)
        except Exception as error:
            reply = self._server.refused(error, self._exchange)
        self._finish(reply)

    def set_exception(self, error: Exception) -> None:
        self._finish(self._server.refused(error, self._exchange))

    def _finish(self, reply: Reply) -> None:
        send, self._send = self._send, None
        assert send is not None
        send(*self._exchange.finished(reply))


class RestServer(Service):
    """The ASGI application of one repository.

    Requests for inference, which are most, go past Starlette's objects; short ones past ASGI's, too, where
    `connection` hands them over.

    Args:
        shared: as of `Service`.
        lifespan: Starlette's.
    """

    def __init__(self, *shared: Any, lifespan: Any = None) -> None:
        super().__init__(*shared)
        self._requests = v2_json.Requests(self._limits)
        #: What requests with a header that may come again are, and the length of their bodies.
        self.known: dict[bytes, tuple[Exchange, int]] = {}
        self._lifespan = Router(lifespan=lifespan)
        self._routes = self._table()

    def _table(self) -> list[Route]:
        """All addresses but that of inference, in the order in which they are looked through."""
        found = [
            Route("/v1/models/{name}:predict", self.predict, methods=["POST"]),
            Route("/v1/models/{name}/versions/{version}:predict", self.predict, methods=["POST"]),
            Route("/", self.page),
            Route("/metrics", self.metrics),
            Route("/v2", self.server_metadata),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            Route("/v2/models/stats", self.statistics),
            Route("/v2/repository/index", self.index, methods=["POST"]),
            Route("/v2/repository/models/{name}/load", self.load, methods=["POST"]),
            Route("/v2/repository/models/{name}/unload", self.unload, methods=["POST"]),
        ]
        for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
            found.append(Route(model, self.model_metadata))
            found.append(Route(f"{model}/ready", self.model_ready))
            found.append(Route(f"{model}/stats", self.statistics))
        for model in ("/v1/models/{name}", "/v1/models/{name}/versions/{version}"):
            found.append(Route(model, self.tf_status))
            found.append(Route(f"{model}/metadata", self.tf_metadata))
        return found

    # Around every request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entrance."""
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        exchange = Exchange(scope)
        try:
            self._admit(exchange)
            if exchange.infers is not None:
                reply = await self._infer(exchange, receive)
            else:
                reply = _plain(await self._routed(scope, receive))
        except ClientDisconnect:
            return
        except Exception as error:
            reply = self.refused(error, exchange)
        status, fields, content = exchange.finished(reply)
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": content})

    def short(self, scope: Scope) -> Exchange | None:
        """A request for inference that `answer` takes, since its body comes at once; None for others."""
        exchange = Exchange(scope)
        length = exchange.headers.get(b"content-length", b"")
        known = length.isdigit() and len(length) < 9 and int(length) <= _AT_ONCE
        return exchange if known and exchange.infers is not None and not tracing() else None

    def answer(self, exchange: Exchange, body: bytes, send: Callable[..., None]) -> None:
        """Has ``send`` called with the status, the header and the body of the answer."""
        waiting = _Short(self, exchange, send)
        try:
            self._admit(exchange)
            waiting.batcher = self._repository.batcher(*exchange.infers)  # type: ignore[misc]
            asked, waiting.form = self._read(exchange.headers, body)
            waiting.names = submit(waiting.batcher, asked, waiting)
        except Exception as error:
            waiting.set_exception(error)

    def _admit(self, exchange: Exchange) -> None:
        if self._keys is not None and exchange.scope["path"] not in _OPEN:
            self._check_key(exchange.headers.get(b"authorization", b"").decode("latin-1"))

    async def _routed(self, scope: Scope, receive: Receive) -> Response:
        status = 404
        for route in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                return await route.endpoint(Request({**scope, **found}, receive))
            if match is Match.PARTIAL:
                status = 405
        raise ServingError(status, f"there is no address {scope['path'][:200]!r} for {scope['method']}")

    def refused(self, error: Exception, exchange: Exchange) -> Reply:
        """What a client is told of an error."""
        refusal = self._refusal(error, f"request {exchange.id.decode()}")
        wait = refusal.retry_after_s
        headers = None if wait is None else {"retry-after": str(wait)}
        return _plain(JSONResponse({"error": refusal.message}, refusal.status, headers))

    async def _body(self, receive: Receive, headers: Headers) -> bytes:
        """All of the body as it comes, or 413 as soon as it is known to be too large."""
        most = self._limits.body_bytes
        said = headers.get(b"content-length", b"")
        known = int(said[:20]) if said.isdigit() else None
        if known is not None and known > most:
            raise too_large(f"expected a body of at most {most} bytes, found {known}")
        if known is not None and known <= _AT_ONCE:
            return await _received(receive, most)
        try:
            return await asyncio.wait_for(_received(receive, most), self._limits.body_seconds)
        except asyncio.TimeoutError:
            raise ServingError(408, "the body took too long to arrive") from None

    def _unpacked(self, body: bytes, headers: Headers) -> bytes:
        coding, most = headers.get(b"content-encoding"), self._limits.body_bytes
        if len(body) > most:
            raise too_large(f"expected a body of at most {most} bytes, found {len(body)}")
        return body if coding is None else unpacked(body, coding.decode("latin-1"), most)

    async def _content(self, request: Request) -> bytes:
        headers = dict(request.scope["headers"])
        return self._unpacked(await self._body(request.receive, headers), headers)

    # Inference

    async def _infer(self, exchange: Exchange, receive: Receive) -> Reply:
        self._batcher(exchange)  # whether it takes any more is said before the body is read
        headers = exchange.headers
        asked, form = self._read(headers, await self._body(receive, headers))
        if tracing():
            asked.carrier = {key.decode("latin-1"): value.decode("latin-1") for key, value in headers.items()}
        return _written(headers, form, await infer(self._batcher(exchange), asked))

    def _batcher(self, exchange: Exchange) -> Batcher:
        assert exchange.infers is not None
        batcher = self._repository.batcher(*exchange.infers)
        batcher.check_room()
        return batcher

    def _read(self, headers: Headers, body: bytes) -> tuple[InferRequest, v2_json.Answer]:
        """The request, and how it wants its answer."""
        said = headers.get(_HEADER_LENGTH)
        if said is not None and not (said.isdigit() and len(said) < 19):
            text = said[:64].decode("latin-1")
            raise bad_request(f"{v2_json.HEADER_LENGTH}: expected a number, found {text!r}")
        return self._requests.read(self._unpacked(body, headers), None if said is None else int(said))

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

    async def statistics(self, request: Request) -> Response:
        name, version = _which(request)
        batchers = [self._repository.batcher(name, version)] if name else self._repository.batchers()
        stats = [b.statistics.described(b.model.name, b.model.version) for b in batchers]
        return JSONResponse({"model_stats": stats})

    # The repository

    async def index(self, request: Request) -> Response:
        body = await self._content(request)
        only_ready = v2_json.parse(body).get("ready") is True if body else False
        return JSONResponse(self._repository.index(only_ready))

    async def load(self, request: Request) -> Response:
        self._check_may_load()
        await self._content(request)
        await self._repository.load(_which(request)[0])
        return Response()

    async def unload(self, request: Request) -> Response:
        self._check_may_load()
        await self._content(request)
        await self._repository.unload(_which(request)[0])
        return Response()

    # TF Serving's form

    async def predict(self, request: Request) -> Response:
        content = v2_json.parse(await self._content(request))
        batcher = self._repository.batcher(*_which(request))
        asked, rows = tf_serving.read_request(content, batcher.model, self._limits)
        asked.carrier = request.headers
        return JSONResponse(tf_serving.written(await infer(batcher, asked), rows))

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


def _written(headers: Headers, form: v2_json.Answer, found: InferResponse) -> Reply:
    content, length = form.write(found)
    fields = [_JSON] if length is None else [_BYTES, (_HEADER_LENGTH, b"%d" % length)]
    accepted = headers.get(b"accept-encoding")
    if accepted is not None:
        content, coding = packed(content, accepted.decode("latin-1"))
        if coding is not None:
            fields.append((b"content-encoding", coding.encode()))
    fields.append((b"content-length", b"%d" % len(content)))
    return 200, fields, content


def _plain(response: Response) -> Reply:
    return response.status_code, response.raw_headers, bytes(response.body)


def _which(request: Request) -> tuple[str, str | None]:
    return request.path_params.get("name", ""), request.path_params.get("version")
