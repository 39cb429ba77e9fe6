"""Checks of ONNX models."""

from __future__ import annotations

import os

import onnx

from .errors import ExportError


def check_model(model: onnx.ModelProto | str | os.PathLike[str], where: str | None = None) -> None:
    """onnx's own checker, with full shape inference.

    Args:
        model: a model, or the path of a file (the only way for one of more than 2 GB).
        where: how the message calls the model; by default its path.

    Raises:
        ExportError: with what the checker found.
    """
    from onnx import checker, shape_inference

    subject = where or (str(model) if not isinstance(model, onnx.ModelProto) else "The model")
    try:
        checker.check_model(
            _with_known_outputs(model) if isinstance(model, onnx.ModelProto) else os.fspath(model),
            full_check=True,
        )
    except (checker.ValidationError, shape_inference.InferenceError) as error:
        raise ExportError(f"{subject} is no valid ONNX: {_shortened(str(error))}") from error


def _with_known_outputs(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without outputs of unknown rank: the checker refuses them, though runtimes take them."""
    known = [info for info in model.graph.output if not _has_unknown_rank(info)]
    if len(known) == len(model.graph.output):
        return model
    others = onnx.ModelProto()
    others.CopyFrom(model)
    del others.graph.output[:]
    others.graph.output.extend(known)
    return others


def _has_unknown_rank(info: onnx.ValueInfoProto) -> bool:
    return info.type.HasField("tensor_type") and not info.type.tensor_type.HasField("shape")


def _shortened(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return " ".join(lines)[:600]
