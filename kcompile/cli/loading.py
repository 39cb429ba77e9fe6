"""Model files of every kind as Keras models or, for ONNX files of others, as graphs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CommandError

if TYPE_CHECKING:
    from ..ir import Graph
    from ..keras.engine.training import Model

ARCHITECTURE_ONLY = ("json", "yaml")


def kind_of(path: Path) -> str:
    """The format that a file's content shows: "hdf5", "onnx", "json", "yaml" ...

    Raises:
        CommandError: nothing that is known here.
        OSError: the file cannot be read.
    """
    from .. import formats

    kind = formats.detect(path)
    if kind is None and os.path.getsize(path) == 0:
        raise CommandError(f"{path}: the file is empty.")
    if kind is None:
        raise CommandError(f"{path}: not a model file (expected .h5, .onnx, .json or .yaml).")
    return kind


def load(path: Path, weights: Path | None = None, new_weights: bool = False) -> Model | Graph:
    """A Keras model, or the graph of an ONNX file that no Keras model was exported to.

    Args:
        path: the model file.
        weights: an HDF5 file for a model whose file holds none.
        new_weights: whether a model without weights may have new ones.

    Raises:
        CommandError: a file without weights and no weights given, or weights for a file that has its own.
    """
    kind = kind_of(path)
    if weights is not None and kind not in ARCHITECTURE_ONLY:
        raise CommandError(f"{path} holds its own weights; --weights goes with .json and .yaml files.")
    if kind in ARCHITECTURE_ONLY and weights is None and not new_weights:
        raise CommandError(f"{path} is an architecture without weights; give them by --weights W.h5.")
    if kind == "onnx" and not is_keras_onnx(path):
        from ..onnx_io.reading import read_graph

        return read_graph(path, external_data=True)
    from ..keras.models import load_model

    model = load_model(path, compile=False)
    if weights is not None:
        model.load_weights(weights)
    return model


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
    from ..keras.engine.exporting import inference_graph

    return inference_graph(model)
