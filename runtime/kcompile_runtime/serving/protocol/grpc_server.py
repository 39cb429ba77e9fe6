"""The Open Inference Protocol over gRPC."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ... import __version__
from ...wire import part, text
from ..batching import Batcher
from ..errors import ServingError
from ..inference import InferRequest, InferResponse, infer, response_of, submit
from ..traces import tracing
from . import grpc_connection as codes
from .datatypes import as_buffer, datatype_of_array
from .grpc_connection import Call
from .grpc_messages import PACKAGE, message
from .grpc_requests import Requests, parsed
from .rest import EXTENSIONS
from .service import Service, log, log_request, request_id

_PREFIX = f"/{PACKAGE}.GRPCInferenceService/"
_CODES = {
    400: codes.INVALID_ARGUMENT,
    401: codes.UNAUTHENTICATED,
    403: codes.PERMISSION_DENIED,
    404: codes.NOT_FOUND,
    408: codes.DEADLINE_EXCEEDED,
    413: codes.RESOURCE_EXHAUSTED,
    415: codes.UNIMPLEMENTED,
    429: codes.RESOURCE_EXHAUSTED,
    500: codes.INTERNAL,
    501: codes.UNIMPLEMENTED,
    503: codes.UNAVAILABLE,
    504: codes.DEADLINE_EXCEEDED,
}
_RESPONSE = message("ModelInferResponse")
_ID, _RAW_CONTENTS = 3, 6
"""Numbers of fields of a response."""
_MOST_STARTS = 256
_NO_TIME_S = 1e6
"""What clients say that want to wait for any time."""
Method = Callable[[Any], Awaitable[Any]]
_OPEN = ("ServerLive", "ServerReady")


class _Asked:
    """A call, and what is said of it besides its answer; of inference a `Listener`."""

    __slots__ = ("_call", "_name", "_service", "_start", "batcher", "id", "names")

    batcher: Batcher
    names: list[str]

    def __init__(self, service: GrpcService, call: Call, name: str) -> None:
        self._service, self._call, self._name = service, call, name
        self._start = time.perf_counter()
        self.id = ""

    def done(self) -> bool:
        return not self._call.open

    def set_result(self, results: list[Any]) -> None:
        try:
            answer = self._service.written(self.id, response_of(self.batcher, self.names, results))
        except Exception as error:
            self.set_exception(error)
        else:
            self.reply(answer)

    def set_exception(self, error: Exception) -> None:
        refusal = self._service.refusal(error, self._name)
        wait = refusal.retry_after_s
        more = {} if wait is None else {"retry_after": str(wait)}
        self._call.refuse(_CODES[refusal.status], refusal.message, **more)
        self._log(refusal.status)

    def reply(self, answer: bytes) -> None:
        self._call.reply(answer)
        self._log(200)

    def _log(self, status: int) -> None:
        if log.isEnabledFor(logging.DEBUG):
            key = request_id(self._call.head.metadata.get("x-request-id", "").encode())
            log_request(key, "gRPC", self._name, status, self._start)


class GrpcService(Service):
    """Methods of one repository; `answer` is what a `GrpcServer` calls."""

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
        self._requests = Requests(self._limits)
        #: The first bytes of answers, by the model, its version and the shapes.
        self._starts: dict[Any, bytes] = {}
        self._methods: dict[str, Method] = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelStatistics": self.model_statistics,
            "RepositoryIndex": self.repository_index,
            "RepositoryModelLoad": self.repository_load,
            "RepositoryModelUnload": self.repository_unload,
        }

    def answer(self, call: Call, content: bytes | Exception) -> None:
        """Has a call answered: inference by its listener, which needs no task, the others by a task each."""
        path = call.head.path
        name = path[len(_PREFIX) :] if path.startswith(_PREFIX) else ""
        asked = _Asked(self, call, name)
        try:
            if isinstance(content, Exception):
                raise content
            if self._keys is not None and name not in _OPEN:
                self._check_key(call.head.metadata.get("authorization", ""))
            if name == "ModelInfer":
                self._infer(asked, call, content)
                return
            method = self._methods.get(name)
            if method is None:
                raise ServingError(501, f"there is no method {path[:200]!r}")
            request = parsed(message(f"{name}Request"), content)
        except Exception as error:
            asked.set_exception(error)
        else:
            call.owned(asyncio.get_running_loop().create_task(_answer(asked, method(request))))

    def refusal(self, error: Exception, request: str) -> ServingError:
        """What a client is told of an error."""
        return self._refusal(error, request)

    def _infer(self, asked: _Asked, call: Call, content: bytes) -> None:
        """Of bytes and to bytes: making messages of both took as long as all else here."""
        found = self._requests.read(content)
        request, head = found.request, call.head
        if head.timeout_s is not None and head.timeout_s < _NO_TIME_S and "timeout" not in request.parameters:
            timeout = max(1, int(head.timeout_s * 1e6))
            request.parameters = {**request.parameters, "timeout": timeout}
        asked.id = found.id
        asked.batcher = self._repository.batcher(found.model, found.version)
        if tracing():
            request.carrier = head.metadata
            call.owned(asyncio.get_running_loop().create_task(_answer(asked, self._traced(asked, request))))
        else:
            asked.names = submit(asked.batcher, request, asked)

    async def _traced(self, asked: _Asked, request: InferRequest) -> bytes:
        return self.written(asked.id, await infer(asked.batcher, request))

    async def server_live(self, request: Any) -> Any:
        return message("ServerLiveResponse")(live=True)

    async def server_ready(self, request: Any) -> Any:
        return message("ServerReadyResponse")(ready=self._repository.ready)

    async def model_ready(self, request: Any) -> Any:
        try:
            self._repository.batcher(request.name, request.version)
        except ServingError as error:
            if error.status != 503:
                raise
            return message("ModelReadyResponse")(ready=False)
        return message("ModelReadyResponse")(ready=True)

    async def server_metadata(self, request: Any) -> Any:
        return message("ServerMetadataResponse")(name="kcompile", version=__version__, extensions=EXTENSIONS)

    async def model_metadata(self, request: Any) -> Any:
        model = self._repository.batcher(request.name, request.version).model
        return message("ModelMetadataResponse")(**model.metadata(self._repository.versions(request.name)))

    def written(self, key: str, response: InferResponse) -> bytes:
        """The message: its start, which is the same for all answers of these shapes, and what is not."""
        outputs = response.outputs
        shapes = [(name, array.dtype, array.shape) for name, array in outputs.items()]
        what = (response.model, response.version, *shapes)
        start = self._starts.get(what)
        if start is None:
            start = _start(response)
            if len(self._starts) >= _MOST_STARTS:
                self._starts.clear()
            self._starts[what] = start
        parts = [start, text(_ID, key)] if key else [start]
        parts += [part(_RAW_CONTENTS, as_buffer(array).tobytes()) for array in outputs.values()]
        return b"".join(parts)

    async def model_statistics(self, request: Any) -> Any:
        one = request.name and [self._repository.batcher(request.name, request.version)]
        stats = [
            batcher.statistics.described(batcher.model.name, batcher.model.version)
            for batcher in one or self._repository.batchers()
        ]
        return message("ModelStatisticsResponse")(model_stats=stats)

    async def repository_index(self, request: Any) -> Any:
        return message("RepositoryIndexResponse")(models=self._repository.index(request.ready))

    async def repository_load(self, request: Any) -> Any:
        self._check_may_load()
        await self._repository.load(request.model_name)
        return message("RepositoryModelLoadResponse")()

    async def repository_unload(self, request: Any) -> Any:
        self._check_may_load()
        await self._repository.unload(request.model_name)
        return message("RepositoryModelUnloadResponse")()


def _start(response: InferResponse) -> bytes:
    outputs = [
        {"name": name, "datatype": datatype_of_array(array), "shape": array.shape}
        for name, array in response.outputs.items()
    ]
    return _RESPONSE(
        model_name=response.model, model_version=response.version, outputs=outputs
    ).SerializeToString()


async def _answer(asked: _Asked, answer: Awaitable[Any]) -> None:
    try:
        found = await answer
        asked.reply(found if isinstance(found, bytes) else found.SerializeToString())
    except Exception as error:
        asked.set_exception(error)
