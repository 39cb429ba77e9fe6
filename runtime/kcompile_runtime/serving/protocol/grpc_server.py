"""The Open Inference Protocol over gRPC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import numpy as np
from google.protobuf.message import DecodeError

from ... import __version__
from ..errors import ServingError, bad_request
from ..inference import InferRequest, InferResponse, checked_names, infer
from ..limits import Limits
from ..traces import tracing
from .datatypes import DATATYPES, as_buffer, checked_shape, datatype_of_array, decoded, dtype_of, from_bytes
from .grpc_messages import PACKAGE, message
from .rest import EXTENSIONS
from .service import Service

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
# Fields of InferTensorContents by datatype; FP16 travels as bytes only, as the protocol says.
_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
_RESPONSE = message("ModelInferResponse")
_MOST_STARTS = 256
Method = Callable[[Any, Any], Awaitable[Any]]


class GrpcService(Service):
    """Methods of one repository."""

    def __init__(self, *shared: Any) -> None:
        super().__init__(*shared)
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
        kind = message(f"{name}Request")
        asks_for_key = self._keys is not None and name not in ("ServerLive", "ServerReady")

        async def answer(request: bytes, context: Any) -> Any:
            try:
                if asks_for_key:
                    self._check_key(_metadata(context).get("authorization", ""))
                response = await method(_parsed(kind, request), context)
                return response if type(response) is bytes else response.SerializeToString()
            except Exception as error:
                refusal = self._refusal(error, name)
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

    async def model_infer(self, request: Any, context: Any) -> bytes:
        asked = _read(request, self._limits)
        left = context.time_remaining()
        if left is not None and left < 1e6 and "timeout" not in asked.parameters:
            asked.parameters = {**asked.parameters, "timeout": max(1, int(left * 1e6))}
        if tracing():
            asked.carrier = _metadata(context)
        batcher = self._repository.batcher(request.model_name, request.model_version)
        return self._written(request.id, await infer(batcher, asked))

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
        parts = [as_buffer(array).tobytes() for array in outputs.values()]
        return start + _RESPONSE(id=key, raw_output_contents=parts).SerializeToString()

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


def _parsed(kind: Any, content: bytes) -> Any:
    try:
        return kind.FromString(content)
    except DecodeError:
        raise bad_request(f"the bytes are no {kind.DESCRIPTOR.name}") from None


def _read(request: Any, limits: Limits) -> InferRequest:
    names = checked_names([entry.name for entry in request.inputs], "inputs", limits)
    raw = request.raw_input_contents
    if raw and len(raw) != len(names):
        raise bad_request(
            f"raw_input_contents: expected one for each of {len(names)} inputs, found {len(raw)}"
        )
    inputs = {}
    for index, (name, entry) in enumerate(zip(names, request.inputs, strict=True)):
        shape = checked_shape(list(entry.shape), name, limits)
        dtype_of(entry.datatype, name)
        if raw:
            inputs[name] = from_bytes(memoryview(raw[index]), entry.datatype, shape, name)
        else:
            inputs[name] = _typed(entry, shape)
    outputs = checked_names([entry.name for entry in request.outputs], "outputs", limits)
    return InferRequest(inputs, outputs, {key: _value(value) for key, value in request.parameters.items()})


def _typed(entry: Any, shape: tuple[int, ...]) -> np.ndarray:
    name, datatype = entry.name, entry.datatype
    field = _CONTENTS.get(datatype)
    if field is None:
        raise bad_request(f"input {name!r}: {datatype} travels in raw_input_contents only")
    values: Any = getattr(entry.contents, field)
    if len(values) != int(np.prod(shape, dtype=object)):
        raise bad_request(
            f"input {name!r}: expected the values of {list(shape)} in {field}, found {len(values)}"
        )
    if datatype == "BYTES":
        values = [decoded(value, name) for value in values]
    try:
        return np.array(values, DATATYPES[datatype]).reshape(shape)
    except OverflowError:
        raise bad_request(
            f"input {name!r}: expected values of {datatype}, found values beyond these"
        ) from None


def _value(parameter: Any) -> Any:
    choice = parameter.WhichOneof("parameter_choice")
    return getattr(parameter, choice) if choice else None


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
