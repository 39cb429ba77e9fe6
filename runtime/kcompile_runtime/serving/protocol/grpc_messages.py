"""The messages of the Open Inference Protocol over gRPC; names and field numbers are the protocol's."""

from __future__ import annotations

from typing import Any

from .messages import declared

PACKAGE = "inference"
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
_CLASSES = declared(PACKAGE, _MESSAGES)


def message(name: str) -> Any:
    """The class of a message: ``message("ModelInferRequest")``."""
    return _CLASSES[name]
