"""Loading a model file as it is, with the weights that an export put beside it."""

from __future__ import annotations

import os
from pathlib import Path

import onnx

from .errors import FormatError
from .reading import _location, _parse, _read_external, _tensors
from .saving import data_file_pattern


def load(path: str | os.PathLike[str], *, external_data: bool | None = None) -> onnx.ModelProto:
    """The model in a file, all its weights inline.

    Args:
        path: of the file.
        external_data: whether weights may be read from other files of the same folder. By default only
            from the one that ``save_with_data`` writes, ``<name>.<16 hex digits>.data``: a file from
            elsewhere does not get to name what is read.

    Raises:
        FileNotFoundError: there is no such file.
        FormatError: it is no ONNX model, is cut off, or wants weights from a file that is not allowed.
    """
    path = Path(path)
    model = _parse(path.read_bytes(), str(path))
    if not model.graph.node and not model.graph.output:
        raise FormatError(f"{path}: not an ONNX model: it has no graph.")
    ours = data_file_pattern(path.name)
    for tensor in _tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        allowed = ours.fullmatch(_location(tensor)) is not None if external_data is None else external_data
        if not allowed:
            raise FormatError(
                f"{path} keeps the weight {tensor.name!r} in another file ({_location(tensor)!r}), which "
                "is not read unless you pass external_data=True; do so if you trust the model's source."
            )
        _read_external(tensor, path.parent.resolve(), str(path))
    return model
