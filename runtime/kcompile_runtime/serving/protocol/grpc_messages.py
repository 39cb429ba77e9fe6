"""The messages of the Open Inference Protocol over gRPC.

Their names and field numbers are the protocol's. The classes are made at run time, in a pool of their own:
generated modules work with some versions of protobuf only, and would meet those of a client in one process.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
# Message: its fields as "name=number:type"; * is repeated, % a map from texts, | one of several.
_MESSAGES = {
    "ServerLiveRequest": "",
    "ServerLiveResponse": "live=1:bool",
    "ServerReadyRequest": "",
    "ServerReadyResponse": "ready=1:bool",
    "ModelReadyRequest": "name=1:string version=2:string",
    "ModelReadyResponse": "ready=1:bool",
    "ServerMetadataRequest": "",
    "ServerMetadataResponse": "name=1:string version=2:string extensions=3:*string",
    "ModelMetadataRequest": "name=1:string version=2:string",
    "ModelMetadataResponse": "name=1:string versions=2:*string platform=3:string "
    "inputs=4:*ModelMetadataResponse.TensorMetadata outputs=5:*ModelMetadataResponse.TensorMetadata",
    "ModelMetadataResponse.TensorMetadata": "name=1:string datatype=2:string shape=3:*int64",
    "InferParameter": "bool_param=1:|bool int64_param=2:|int64 string_param=3:|string double_param=4:|double "
    "uint64_param=5:|uint64",
    "InferTensorContents": "bool_contents=1:*bool int_contents=2:*int32 int64_contents=3:*int64 "
    "uint_contents=4:*uint32 uint64_contents=5:*uint64 fp32_contents=6:*float fp64_contents=7:*double "
    "bytes_contents=8:*bytes",
    "ModelInferRequest": "model_name=1:string model_version=2:string id=3:string "
    "parameters=4:%InferParameter inputs=5:*ModelInferRequest.InferInputTensor "
    "outputs=6:*ModelInferRequest.InferRequestedOutputTensor raw_input_contents=7:*bytes",
    "ModelInferRequest.InferInputTensor": "name=1:string datatype=2:string shape=3:*int64 "
    "parameters=4:%InferParameter contents=5:InferTensorContents",
    "ModelInferRequest.InferRequestedOutputTensor": "name=1:string parameters=2:%InferParameter",
    "ModelInferResponse": "model_name=1:string model_version=2:string id=3:string "
    "parameters=4:%InferParameter outputs=5:*ModelInferResponse.InferOutputTensor "
    "raw_output_contents=6:*bytes",
    "ModelInferResponse.InferOutputTensor": "name=1:string datatype=2:string shape=3:*int64 "
    "parameters=4:%InferParameter contents=5:InferTensorContents",
    "ModelRepositoryParameter": "bool_param=1:|bool int64_param=2:|int64 string_param=3:|string "
    "bytes_param=4:|bytes",
    "RepositoryIndexRequest": "repository_name=1:string ready=2:bool",
    "RepositoryIndexResponse": "models=1:*RepositoryIndexResponse.ModelIndex",
    "RepositoryIndexResponse.ModelIndex": "name=1:string version=2:string state=3:string reason=4:string",
    "RepositoryModelLoadRequest": "repository_name=1:string model_name=2:string "
    "parameters=3:%ModelRepositoryParameter",
    "RepositoryModelLoadResponse": "",
    "RepositoryModelUnloadRequest": "repository_name=1:string model_name=2:string "
    "parameters=3:%ModelRepositoryParameter",
    "RepositoryModelUnloadResponse": "",
    "ModelStatisticsRequest": "name=1:string version=2:string",
    "StatisticDuration": "count=1:uint64 ns=2:uint64",
    "InferStatistics": "success=1:StatisticDuration fail=2:StatisticDuration queue=3:StatisticDuration "
    "compute_input=4:StatisticDuration compute_infer=5:StatisticDuration compute_output=6:StatisticDuration",
    "InferBatchStatistics": "batch_size=1:uint64 compute_input=2:StatisticDuration "
    "compute_infer=3:StatisticDuration compute_output=4:StatisticDuration",
    "ModelStatistics": "name=1:string version=2:string last_inference=3:uint64 inference_count=4:uint64 "
    "execution_count=5:uint64 inference_stats=6:InferStatistics batch_stats=7:*InferBatchStatistics",
    "ModelStatisticsResponse": "model_stats=1:*ModelStatistics",
}
_FIELD: Any = descriptor_pb2.FieldDescriptorProto


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="open_inference.proto", package=PACKAGE, syntax="proto3")
    made: dict[str, Any] = {}
    for name, fields in _MESSAGES.items():  # a message stands before those inside it
        outer, _, inner = name.rpartition(".")
        message = (made[outer].nested_type if outer else file.message_type).add(name=inner)
        made[name] = message
        for text in fields.split():
            _add_field(message, f".{PACKAGE}.{name}", text)
    return file


def _add_field(message: Any, path: str, text: str) -> None:
    name, _, rest = text.partition("=")
    number, _, kind = rest.partition(":")
    field = message.field.add(name=name, number=int(number), label=_FIELD.LABEL_OPTIONAL)
    if kind[0] in "*%":
        field.label = _FIELD.LABEL_REPEATED
    if kind[0] == "|":
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0
    if kind[0] == "%":
        entry = message.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        _add_field(entry, path, "key=1:string")
        _add_field(entry, path, f"value=2:{kind[1:]}")
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f"{path}.{entry.name}"
        return
    kind = kind.lstrip("*|")
    if kind[0].isupper():
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(_FIELD, f"TYPE_{kind.upper()}")


_POOL = descriptor_pool.DescriptorPool()
_POOL.AddSerializedFile(_file().SerializeToString())


def message(name: str) -> Any:
    """The class of a message: ``message("ModelInferRequest")``."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))
