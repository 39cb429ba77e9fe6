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
            model if isinstance(model, onnx.ModelProto) else os.fspath(model), full_check=True
        )
    except (checker.ValidationError, shape_inference.InferenceError) as error:
        raise ExportError(f"{subject} is no valid ONNX: {_shortened(str(error))}") from error


def _shortened(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return " ".join(lines)[:600]
