"""TF Serving's REST form: rows (``instances``) or columns (``inputs``) of JSON."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np

from ...tensors import TensorInfo
from ..errors import bad_request
from ..inference import InferRequest, InferResponse, checked_names
from ..limits import Limits
from ..model import Model
from .datatypes import DATATYPES, array_of, datatype_of, decoded, to_json


def read_request(content: dict[str, Any], model: Model, limits: Limits) -> tuple[InferRequest, bool]:
    """A request, and whether it is in rows.

    Raises:
        ServingError: 400 for another form, names or values.
    """
    rows = "instances" in content
    if rows == ("inputs" in content):
        raise bad_request("expected either 'instances' (rows) or 'inputs' (columns)")
    signature = content.get("signature_name", "serving_default")
    if signature != "serving_default":
        raise bad_request("signature_name: expected 'serving_default', the only signature of an ONNX model")
    columns = _columns_of_rows(content["instances"]) if rows else content["inputs"]
    infos = {info.name: info for info in model.inputs}
    if not isinstance(columns, dict):
        if len(infos) != 1:
            raise bad_request(f"expected an object with the inputs {', '.join(infos)}")
        columns = {next(iter(infos)): columns}
    checked_names(list(columns), "inputs", limits)
    unknown = [name for name in columns if name not in infos]
    if unknown:
        raise bad_request(f"there is no input {unknown[0]!r}; the model has {', '.join(infos)}")
    return InferRequest({name: _array(value, infos[name]) for name, value in columns.items()}), rows


def _columns_of_rows(rows: Any) -> Any:
    if not isinstance(rows, list) or not rows:
        raise bad_request("instances: expected a list of at least one row")
    if not isinstance(rows[0], dict) or rows[0].keys() == {"b64"}:
        return rows
    if any(not isinstance(row, dict) or row.keys() != rows[0].keys() for row in rows):
        raise bad_request("instances: expected objects with the same names")
    return {name: [row[name] for row in rows] for name in rows[0]}


def _array(value: Any, info: TensorInfo) -> np.ndarray:
    texts = info.dtype == "object"
    dtype = DATATYPES[datatype_of(info.dtype) or ""]
    return array_of(_texts(value, info.name) if texts else value, dtype, info.name)


def _texts(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_texts(element, name) for element in value]
    if isinstance(value, dict) and value.keys() == {"b64"}:
        try:
            return decoded(base64.b64decode(value["b64"], validate=True), name)
        except (TypeError, ValueError, binascii.Error):
            raise bad_request(f"input {name!r}: expected base64 in 'b64'") from None
    return value


def written(response: InferResponse, rows: bool) -> dict[str, Any]:
    """The answer: ``predictions`` by row, or ``outputs`` by column."""
    values = {name: to_json(array) for name, array in response.outputs.items()}
    if len(values) == 1:
        (only,) = values.values()
        return {"predictions" if rows else "outputs": only}
    if not rows:
        return {"outputs": values}
    lengths = {len(value) if isinstance(value, list) else -1 for value in values.values()}
    if len(lengths) != 1 or -1 in lengths:
        raise bad_request("the outputs have no row for each instance: ask by columns, with 'inputs'")
    return {
        "predictions": [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    }


_TF_NAMES = {
    "bool": "DT_BOOL",
    "float16": "DT_HALF",
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
    "object": "DT_STRING",
    "tensor(bfloat16)": "DT_BFLOAT16",
}


def metadata(model: Model) -> dict[str, Any]:
    """The signature in TF Serving's words."""
    signature = {
        "inputs": {info.name: _described(info) for info in model.inputs},
        "outputs": {info.name: _described(info) for info in model.outputs},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": model.version},
        "metadata": {"signature_def": {"signature_def": {"serving_default": signature}}},
    }


def _described(info: TensorInfo) -> dict[str, Any]:
    sizes = [str(size) if isinstance(size, int) else "-1" for size in info.shape or ()]
    dims = [{"size": size, "name": ""} for size in sizes]
    dtype = _TF_NAMES.get(info.dtype, f"DT_{info.dtype.upper()}")
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": info.name}


def status(versions: list[str]) -> dict[str, Any]:
    """Every version that serves."""
    fine = {"error_code": "OK", "error_message": ""}
    return {"model_version_status": [{"version": v, "state": "AVAILABLE", "status": fine} for v in versions]}
