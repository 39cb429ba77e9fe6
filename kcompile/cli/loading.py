"""Model files of every kind, and applications by name, as Keras models or (foreign ONNX files) as graphs."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import CommandError
from .importing import is_in_module, model_in_module

if TYPE_CHECKING:
    from ..ir import Graph
    from ..keras.training.model import Model

ARCHITECTURE_ONLY = ("json", "yaml")
APPLICATION = "app:"


class ModelFile(NamedTuple):
    """A model as the command line names it.

    Attributes:
        path: the model file, app:NAME for an application with the weights of ImageNet, or MODULE:ATTRIBUTE
            for a model that code of the user's makes.
        weights: an HDF5 file for a model whose file holds none.
        safe_mode: False runs the functions that the file holds, and allows any amount of work.
    """

    path: Path
    weights: Path | None = None
    safe_mode: bool = True


def kind_of(path: Path) -> str:
    """The format that a file's content shows: "hdf5", "onnx", "json", "yaml" ...; "application" for app:NAME,
    "module" for MODULE:ATTRIBUTE.

    Raises:
        CommandError: nothing that is known here.
        OSError: the file cannot be read.
    """
    if str(path).startswith(APPLICATION):
        return "application"
    if is_in_module(path):
        return "module"
    from .. import formats

    kind = formats.detect(path)
    if kind is None and os.path.getsize(path) == 0:
        raise CommandError(f"{path}: the file is empty.")
    if kind is None:
        raise CommandError(f"{path}: not a model file (expected .keras, .h5, .onnx, .json or .yaml).")
    return kind


def load(file: ModelFile, new_weights: bool = False) -> Model | Graph:
    """A Keras model, or the graph of an ONNX file that no Keras model was exported to.

    Args:
        file: a model of any kind.
        new_weights: whether a model without weights may have new ones.

    Raises:
        CommandError: a file without weights and no weights given, or weights for a file that has its own.
    """
    path, weights, safe_mode = file
    kind = kind_of(path)
    if kind == "application":
        return _application(str(path)[len(APPLICATION) :], weights, new_weights)
    if kind == "module":
        return model_in_module(str(path), weights)
    if weights is not None and kind not in ARCHITECTURE_ONLY:
        raise CommandError(f"{path} holds its own weights; --weights goes with .json and .yaml files.")
    if kind in ARCHITECTURE_ONLY and weights is None and not new_weights:
        raise CommandError(f"{path} is an architecture without weights; give them by --weights W.h5.")
    if kind == "onnx" and not is_keras_onnx(path):
        from ..onnx_io.reading import read_graph

        return read_graph(path, external_data=True)
    from ..keras.models import load_model

    model = load_model(path, compile=False, safe_mode=safe_mode)
    if weights is not None:
        model.load_weights(weights)
    return model


def _application(name: str, weights: Path | None, new_weights: bool) -> Model:
    """The application ``ResNet50``, or ``resnet.ResNet50`` by its module."""
    from ..keras import applications

    module, _, function = name.rpartition(".")
    known: dict[str, Any] = applications.ARCHITECTURES
    if module:
        within = getattr(applications, module, None) if module in applications.__all__ else None
        known = {n: getattr(within, n) for n in getattr(within, "__all__", ()) if n[:1].isupper()}
    if function not in known:
        close = difflib.get_close_matches(function, known or applications.ARCHITECTURES, n=3, cutoff=0.4)
        hint = f" Did you mean {' or '.join(APPLICATION + n for n in close)}?" if close else ""
        raise CommandError(f"{APPLICATION}{name}: there is no such application.{hint}")
    build = known[function] if module else getattr(applications, function)
    return build(weights=str(weights) if weights is not None else None if new_weights else "imagenet")


def is_keras_onnx(path: Path) -> bool:
    """Whether an ONNX file was exported from a Keras model and can become one again."""
    import onnx

    try:
        proto = onnx.load(os.fspath(path), load_external_data=False)
    except OSError:
        raise
    except Exception as error:  # protobuf's DecodeError has no public base class
        raise CommandError(f"{path}: not a readable ONNX file ({error}).") from error
    return any(entry.key == "kcompile.config" for entry in proto.metadata_props)


def inference_graph(model: Model | Graph) -> Graph:
    """The operators that prediction runs."""
    from ..ir import Graph

    if isinstance(model, Graph):
        return model
    from ..keras.saving.exporting import inference_graph

    return inference_graph(model)
