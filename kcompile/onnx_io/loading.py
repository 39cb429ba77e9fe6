"""Loading a model file as it is, with the weights that an export put beside it."""

from __future__ import annotations

import os
from pathlib import Path

import onnx

from .errors import FormatError, located
from .reading import _location, _parse, _read_external, _tensors
from .vetting import vet

_ATTEMPTS = 3


def load(path: str | os.PathLike[str], *, external_data: bool | None = None) -> onnx.ModelProto:
    """The model in a file, all its weights inline.

    Args:
        path: of the file.
        external_data: whether weights may be read from any file of the same folder, True or False. By
            default from files that are called after the model, as exporters call them: for ``m.onnx``
            ``m.onnx.data`` (PyTorch), ``m.onnx_data`` (optimum), ``m.data``, ``m.bin``, ``m.weights``. So a
            file from elsewhere does not get to say which of the user's other files is read.

    Raises:
        FileNotFoundError: there is no such file.
        FormatError: it is no ONNX model, is cut off, or wants weights from a file that is not allowed.
    """
    path = Path(path)
    for _ in range(_ATTEMPTS):
        before = os.stat(path)
        try:
            return _load_once(path, external_data)
        except FormatError:
            after = os.stat(path)
            if (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns):
                raise
            # somebody saved a new model meanwhile, and removed the weights of the old one
    return _load_once(path, external_data)


def _load_once(path: Path, external_data: bool | None) -> onnx.ModelProto:
    model = _parse(path.read_bytes(), str(path))
    if not model.graph.node and not model.graph.output:
        raise FormatError(f"{path}: not an ONNX model: it has no graph.")
    with located(str(path)):
        for tensor in _tensors(model):
            if tensor.data_location != onnx.TensorProto.EXTERNAL:
                continue
            location = _location(tensor)
            if not (is_called_after(location, path) if external_data is None else external_data):
                raise FormatError(
                    f"{path} keeps the weight {tensor.name!r} in another file ({location!r}), which is not "
                    f"called after the model, as {path.name}.data would be, so it is not read unless you "
                    "pass external_data=True (to ONNXGraph, or safe_mode=False to load_model); do so if you "
                    "trust the model's source."
                )
            _read_external(tensor, path.parent.resolve(), str(path))
        vet(model)
    return model


_ENDINGS = (".data", "_data", ".bin", ".weights")


def is_called_after(location: str, model: Path) -> bool:
    """Whether a file beside the model bears its name, so that it can only have been put there with it."""
    if location != os.path.basename(location) or "\\" in location:
        return False
    of_its_own = location.startswith(model.name) and len(location) > len(model.name)
    return of_its_own or location in {f"{model.stem}{ending}" for ending in _ENDINGS}
