"""The Open Inference Protocol over gRPC."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from ... import __version__
from ...wire import part, text
from ..errors import ServingError
from ..inference import InferResponse, infer
from ..traces import tracing
from .datatypes import as_buffer, datatype_of_array
from .grpc_messages import PACKAGE, message
from .grpc_requests import Requests, parsed
from .rest import EXTENSIONS
from .service import Service, log, log_request, request_id

SERVICE = f"{PACKAGE}.GRPCInferenceService"
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_RESPONSE = message("ModelInferResponse")
_ID, _RAW_CONTENTS = 3, 6
"""Numbers of fields of a response."""
_MOST_STARTS = 256
Method = Callable[[Any, Any], Awaitable[Any]]


class GrpcService(Service):
    """Methods of one repository."""

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
        self._requests = Requests(self._limits)
        #: The first bytes of answers, by the model, its version and the shapes.
        self._starts: dict[Any, bytes] = {}

    def handler(self) -> Any:
        """What a grpc.aio server is given."""
        methods: dict[str, Method] = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.model_infer,
            "ModelStatistics": self.model_statistics,
            "RepositoryIndex": self.repository_index,
            "RepositoryModelLoad": self.repository_load,
            "RepositoryModelUnload": self.repository_unload,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(self._guarded(name, method))
            for name, method in methods.items()
        }
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def _guarded(self, name: str, method: Method) -> Method:
        kind, infers = message(f"{name}Request"), name == "ModelInfer"
        asks_for_key = self._keys is not None and name not in ("ServerLive", "ServerReady")

        async def answer(request: bytes, context: Any) -> Any:
            start, refusal = time.perf_counter(), None
            try:
                if asks_for_key:
                    self._check_key(_metadata(context).get("authorization", ""))
                response = await method(request if infers else parsed(kind, request), context)
                answered = response if infers else response.SerializeToString()
            except Exception as error:
                refusal = self._refusal(error, name)
            if log.isEnabledFor(logging.DEBUG):
                key = request_id(_metadata(context).get("x-request-id", "").encode())
                log_request(key, "gRPC", name, 200 if refusal is None else refusal.status, start)
            if refusal is None:
                return answered
            if refusal.retry_after_s is not None:
                context.set_trailing_metadata((("retry-after", str(refusal.retry_after_s)),))
            await context.abort(_CODES[refusal.status], refusal.message)

        return answer

    async def server_live(self, request: Any, context: Any) -> Any:
        return message("ServerLiveResponse")(live=True)

    async def server_ready(self, request: Any, context: Any) -> Any:
        return message("ServerReadyResponse")(ready=self._repository.ready)

    async def model_ready(self, request: Any, context: Any) -> Any:
        try:
            self._repository.batcher(request.name, request.version)
        except ServingError as error:
            if error.status != 503:
                raise
            return message("ModelReadyResponse")(ready=False)
        return message("ModelReadyResponse")(ready=True)

    async def server_metadata(self, request: Any, context: Any) -> Any:
        return message("ServerMetadataResponse")(name="kcompile", version=__version__, extensions=EXTENSIONS)

    async def model_metadata(self, request: Any, context: Any) -> Any:
        model = self._repository.batcher(request.name, request.version).model
        return message("ModelMetadataResponse")(**model.metadata(self._repository.versions(request.name)))

    async def model_infer(self, content: bytes, context: Any) -> bytes:
        """Of its own bytes and to bytes: making messages of both took as long as all else here."""
        asked = self._requests.read(content)
        request = asked.request
        left = context.time_remaining()
        if left is not None and left < 1e6 and "timeout" not in request.parameters:
            request.parameters = {**request.parameters, "timeout": max(1, int(left * 1e6))}
        if tracing():
            request.carrier = _metadata(context)
        batcher = self._repository.batcher(asked.model, asked.version)
        return self._written(asked.id, await infer(batcher, request))

    def _written(self, key: str, response: InferResponse) -> bytes:
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

    async def model_statistics(self, request: Any, context: Any) -> Any:
        one = request.name and [self._repository.batcher(request.name, request.version)]
        stats = [
            batcher.statistics.described(batcher.model.name, batcher.model.version)
            for batcher in one or self._repository.batchers()
        ]
        return message("ModelStatisticsResponse")(model_stats=stats)

    async def repository_index(self, request: Any, context: Any) -> Any:
        return message("RepositoryIndexResponse")(models=self._repository.index(request.ready))

    async def repository_load(self, request: Any, context: Any) -> Any:
        self._check_may_load()
        await self._repository.load(request.model_name)
        return message("RepositoryModelLoadResponse")()

    async def repository_unload(self, request: Any, context: Any) -> Any:
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


def _metadata(context: Any) -> dict[str, str]:
    return dict(context.invocation_metadata() or ())
