"""The model of a folder to deploy: checked, under a name that is safe everywhere, copied with its weights."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from kcompile_runtime import Executor, StateInfo, TensorInfo
from kcompile_runtime.header import inspect

from ..onnx_io.loading import is_called_after

#: What Kubernetes takes for the name of a Service (RFC 1035); it is a folder's and an image's name too.
_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class CheckedModel:
    """An ONNX file that onnxruntime has loaded.

    Attributes:
        path: the file.
        inputs, outputs: those that users see.
        states: pairs of an input and an output that carry state.
        metadata: the file's own entries; text of a stranger.
        weights: names of the files beside it that hold weights.
    """

    path: Path
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    states: list[StateInfo]
    metadata: dict[str, str]
    weights: tuple[str, ...]

    def copy_to(self, folder: Path) -> None:
        """Makes the folder, with the model as ``model.onnx`` and its weights beside it."""
        folder.mkdir(parents=True)
        self.copy_into(folder)

    def copy_into(self, folder: Path) -> None:
        """Puts the model there as ``model.onnx``, and its weights beside it."""
        shutil.copyfile(self.path, folder / "model.onnx")
        for name in self.weights:
            shutil.copyfile(self.path.parent / name, folder / name)


def check_model(path: str | os.PathLike[str]) -> CheckedModel:
    """An ONNX model, after all that docs/files.md says has been checked and onnxruntime has loaded it.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is no model, damaged, or more than it is allowed to be.
        ValueError: its weights are in a file that is not called after it.
    """
    file = Path(path)
    external, _ = inspect(file, repr(str(file)))
    for weight in external:
        if not is_called_after(weight.location, file):
            raise ValueError(
                f"{file}: expected its weights in {file.name}.data or another file called after it, "
                f"beside it, found {weight.location!r}; write it anew with its weights there"
            )
    executor = Executor(file, providers=["CPUExecutionProvider"], intra_op_threads=1)
    names = tuple(dict.fromkeys(weight.location for weight in external))
    return CheckedModel(
        file, executor.inputs, executor.outputs, executor.states, dict(executor.metadata), names
    )


def check_name(name: str) -> str:
    """The name, if folders, images and Kubernetes take it.

    Raises:
        ValueError: it is no DNS label: a-z, 0-9 and "-", 63 at most, a letter first, no "-" last.
    """
    if not _LABEL.fullmatch(name):
        raise ValueError(
            f"expected a name of at most 63 characters a-z, 0-9 and '-' that begins with a letter "
            f"and does not end with '-', found {name!r}; give one by --name"
        )
    return name


def name_of(path: str | os.PathLike[str]) -> str:
    """The name that a file's own name gives: ``My_Model.v2.onnx`` is ``my-model-v2``.

    Raises:
        ValueError: nothing is left of it that could be a name.
    """
    return check_name(re.sub(r"[^a-z0-9]+", "-", Path(path).stem.lower()).strip("-")[:63].rstrip("-"))
