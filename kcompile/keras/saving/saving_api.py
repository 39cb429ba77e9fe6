"""Models and weights to files and back, in the format that a path or a file's content names."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ... import formats
from ...ir import unchanging
from .. import rules
from ..core.network import Network
from ..state_dict import state_dict, write_tensors
from ..state_dict.files import is_tensor_file
from ..state_dict.loading import load_torch_weights
from ..training.model import Model
from ..utils.generic_utils import CustomObjectScope, SafeModeScope
from ..utils.io_utils import ask_to_proceed_with_overwrite
from ..utils.messages import harmless_messages, raw_name
from .archives import (
    archive_of,
    assign_objects,
    keras_archive_of,
    layer_weights,
    model_from_archive,
    weight_objects,
)
from .exporting import import_model
from .published_layouts import other_layout
from .versions.keras1 import WeightUpgrade
from .versions.tf_keras_writing import is_of_tf_keras
from .versions.writer import writer_of
from .weight_assignment import assign_by_name, assign_by_weight_name, assign_in_order, unique_names


@unchanging()
def save_model(
    model: Network,
    filepath: Any,
    overwrite: bool = True,
    include_optimizer: bool = True,
    save_format: str | None = None,
) -> None:
    """Writes architecture, weights, training configuration and optimizer state to one file.

    Args:
        model: a built model.
        filepath: path, open h5py.File or h5py.Group, or binary file object. A path that ends in ``.keras``
            gets the format of Keras 3, or of tf.keras where the model was made by its rules, ``.onnx`` is
            exported, ``.json``, ``.yaml`` and ``.yml`` get the architecture alone,
            ``.safetensors`` the weights alone; all others are HDF5.
        overwrite: False asks before replacing an existing file.
        include_optimizer: whether to write the optimizer's state.
        save_format: "h5" or "keras", whatever the path ends in.

    Raises:
        ValueError: if the model is not built; for "tf", and in the dialect of tf.keras for a path without an
            ending, as a SavedModel is not written.
        NotImplementedError: for a subclassed model, whose structure is code; a ``.keras`` file can hold one
            that overrides ``get_config``.
    """
    path = os.fspath(filepath) if isinstance(filepath, str | os.PathLike) else None
    _make_folder(model, path)
    if path is not None and path.endswith(".onnx"):
        model.export(path)
        return
    if path is not None and path.lower().endswith(".safetensors"):
        save_weights(model, path, overwrite)
        return
    _refuse_saved_model(model, path, save_format)
    by_path = path is not None and path.lower().endswith(".keras")
    keras_3 = by_path if save_format is None else save_format == "keras"
    archive = (keras_archive_of if keras_3 else archive_of)(model, include_optimizer)
    if path is None or _may_write(path, overwrite):
        formats.write(archive, filepath, **({} if save_format is None else {"format": _FORMATS[save_format]}))


def _make_folder(model: Network, path: str | None) -> None:
    """The folder of a file, which tf.keras makes where it is missing."""
    folder = os.path.dirname(path or "")
    if folder and rules.of_dialect(model).makes_folders:
        os.makedirs(folder, exist_ok=True)


#: What ``save_format`` may say, and the format of ``formats`` that it is.
_FORMATS = {"h5": "hdf5", "hdf5": "hdf5", "keras": "keras"}


def _refuse_saved_model(model: Network, path: str | None, save_format: str | None) -> None:
    folder = path is not None and not os.path.splitext(path)[1] and rules.of_dialect(model).saves_folders
    if save_format in _FORMATS or save_format is None and not folder:
        return
    asked = f"save_format={save_format!r}" if save_format else f"the path {path!r}, which has no ending,"
    if save_format not in (None, "tf"):
        raise ValueError(f"{asked}: known are {', '.join(map(repr, _FORMATS))}.")
    name = os.path.splitext(path or "model")[0]
    raise ValueError(
        f"{asked} asks for a SavedModel of TensorFlow, which is not written here. To train on, save to "
        f"{name + '.keras'!r} or {name + '.h5'!r}; to serve, model.export({name + '.onnx'!r}) writes what "
        "numpy and onnxruntime run."
    )


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """A model from a file: HDF5 with its weights and training state, ONNX, or an architecture in JSON or
    YAML.

    Args:
        filepath: path, open h5py.File or h5py.Group, or binary file object.
        custom_objects: names in the file -> classes or functions that Keras does not have.
        compile: whether to compile the model as the file says, and restore the optimizer's state.
        safe_mode: False allows functions stored as bytecode (Lambda layers), which run code from the file,
            and weights of an ONNX model in any file of its folder, whatever it is called.

    Raises:
        kcompile.formats.FileFormatError: if the file is foreign, damaged or unsafe.
        ValueError: if it holds no architecture, an unknown class, or weights that do not fit.
    """
    format = formats.detect(filepath)
    if format == "onnx":
        with harmless_messages():
            return import_model(filepath, custom_objects, safe_mode)
    with harmless_messages(), SafeModeScope(safe_mode), CustomObjectScope(custom_objects or {}):
        with formats.read(filepath, lazy=True, format=format) as archive:
            return model_from_archive(archive, _name_of(filepath), compile)


# --- weights ------------------------------------------------------------------------------------------------


@unchanging()
def save_weights(model: Network, filepath: Any, overwrite: bool = True) -> None:
    """Writes the weights alone: ``.weights.h5`` as Keras 3, ``.safetensors`` under their names, ``.pt`` and
    ``.pth`` as a state_dict of PyTorch's, all others HDF5 as Keras 2; but those that were a checkpoint of
    tf.keras, which knows weights by the attributes that lead to them, as Keras 3."""
    model._assert_weights_exist()
    path = os.fspath(filepath) if isinstance(filepath, str | os.PathLike) else ""
    _make_folder(model, path)
    if path.lower().endswith((".pt", ".pth")):
        if _may_write(path, overwrite):
            write_tensors(state_dict(model), path)
        return
    archive, format = formats.Archive(), "hdf5"
    if path.lower().endswith(".weights.h5") or _is_checkpoint(model, path):
        archive.objects = weight_objects(model)
    else:
        archive.layer_weights = layer_weights(model.layers)
    if path.lower().endswith(".safetensors"):
        format = "safetensors"
        pairs = zip(unique_names(model.weights), model.weights, strict=True)
        archive.layer_weights = [
            formats.LayerWeights(
                raw_name(model.name), [(name, np.asarray(p.storage.array)) for name, p in pairs]
            )
        ]
    if not path or _may_write(path, overwrite):
        formats.write(archive, filepath, format=format)


def _is_checkpoint(model: Network, path: str) -> bool:
    """Whether tf.keras writes a checkpoint of TensorFlow to a path."""
    other = (".h5", ".hdf5", ".keras", ".safetensors")
    return bool(path) and is_of_tf_keras(model) and not path.lower().endswith(other)


def load_weights(
    model: Network,
    filepath: Any,
    by_name: bool = False,
    skip_mismatch: bool = False,
    reshape: bool = False,
    mapping: Any = None,
) -> None:
    """Reads weights from a file of Keras's or PyTorch's; see ``Network.load_weights``."""
    if mapping is not None or is_tensor_file(filepath) and not _has_own_names(model, filepath):
        model._assert_weights_exist()
        load_torch_weights(model, filepath, mapping, skip_mismatch)
        return
    try:
        _load_keras_weights(model, filepath, by_name, skip_mismatch, reshape)
    except ValueError as error:
        hint = other_layout(model, filepath)
        if hint:
            raise ValueError(f"{error}\n{hint}") from error
        raise


def _load_keras_weights(
    model: Network, filepath: Any, by_name: bool, skip_mismatch: bool, reshape: bool
) -> None:
    if skip_mismatch and not by_name:
        raise ValueError("skip_mismatch needs by_name=True: only then can single layers be left out.")
    model._assert_weights_exist()
    with harmless_messages(), formats.read(filepath, lazy=True) as archive:
        source = _name_of(filepath)
        if archive.metadata.get("format") == "safetensors":
            assign_by_weight_name(model, archive.layer_weights[0].weights, source, by_name, skip_mismatch)
        elif archive.objects is not None:
            assign_objects(model, archive.objects, source, by_name, skip_mismatch)
        elif by_name:
            layout = WeightUpgrade(writer_of(archive.metadata))
            assign_by_name(model.layers, archive.layer_weights, source, skip_mismatch, reshape, layout)
        else:
            layout = WeightUpgrade(writer_of(archive.metadata))
            assign_in_order(model.layers, model.name, archive.layer_weights, source, reshape, layout)


def _has_own_names(model: Network, filepath: Any) -> bool:
    """Whether the file is ``.safetensors`` with names of this model's weights, as ``save_weights`` writes
    them."""
    if formats.detect(filepath) != "safetensors":
        return False
    with formats.read(filepath, lazy=True) as archive:
        names = {name for name, _ in archive.layer_weights[0].weights}
    return not names.isdisjoint(unique_names(model.weights))


def _name_of(filepath: Any) -> str:
    if isinstance(filepath, str | os.PathLike):
        return str(Path(filepath))
    return getattr(filepath, "filename", None) or getattr(filepath, "name", None) or type(filepath).__name__


def _may_write(path: str, overwrite: bool) -> bool:
    return overwrite or not os.path.isfile(path) or ask_to_proceed_with_overwrite(path)


# --- pickling as Keras 2.3 has it; models pickle themselves by copying.py -----------------------------------


def pickle_model(model: Model) -> bytes:
    """The whole model as the bytes of an HDF5 file."""
    buffer = io.BytesIO()
    save_model(model, buffer)
    return buffer.getvalue()


def unpickle_model(state: bytes) -> Model:
    """A model from ``pickle_model``'s bytes."""
    return load_model(io.BytesIO(state))
