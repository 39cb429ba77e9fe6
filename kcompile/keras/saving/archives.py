"""A Model to an Archive and back; the files themselves are kcompile.formats' business."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import Parameter, unchanging
from ..core.layer_configs import deserialize
from ..core.weight_budget import WeightBudget
from ..optimizers import layouts
from ..state_dict import state_dict, write_tensors
from ..utils.generic_utils import CustomObjectScope, SafeModeScope, get_custom_objects
from ..utils.io_utils import ask_to_proceed_with_overwrite
from ..utils.living import class_name
from ..utils.messages import harmless_messages, raw_name
from .compile_configs import compile_from_file, training_config
from .hdf5_groups import load_attributes_from_hdf5_group as load_attributes_from_hdf5_group
from .hdf5_groups import load_weights_from_hdf5_group as load_weights_from_hdf5_group
from .hdf5_groups import load_weights_from_hdf5_group_by_name as load_weights_from_hdf5_group_by_name
from .hdf5_groups import preprocess_weights_for_loading as preprocess_weights_for_loading
from .hdf5_groups import save_attributes_to_hdf5_group as save_attributes_to_hdf5_group
from .hdf5_groups import save_weights_to_hdf5_group as save_weights_to_hdf5_group
from .limits import MemoryBudget, making
from .versions.keras1 import WeightUpgrade
from .versions.keras1_merge import by_names_of
from .versions.keras2 import hdf5_config, whole_names
from .versions.keras3_weights import TreeMatch, objects_of
from .versions.keras3_writing import model_to_keras_3, training_to_keras_3
from .versions.upgrade import upgrade
from .versions.writer import Writer, writer_of
from .weight_assignment import assign, assign_by_name, assign_by_weight_name, assign_in_order, unique_names

if TYPE_CHECKING:
    from ...formats import Archive, LayerWeights
    from ..core.layer import Layer
    from ..core.network import Network
    from ..training.model import Model


@unchanging()
def save_model(model: Network, filepath: Any, overwrite: bool = True, include_optimizer: bool = True) -> None:
    """Writes architecture, weights, training configuration and optimizer state to one file.

    Args:
        model: a built model.
        filepath: path, open h5py.File or h5py.Group, or binary file object. A path that ends in ``.keras``
            gets the format of Keras 3, ``.onnx`` is exported, ``.json``, ``.yaml`` and ``.yml`` get the
            architecture alone, ``.safetensors`` the weights alone; all others are HDF5.
        overwrite: False asks before replacing an existing file.
        include_optimizer: whether to write the optimizer's state.

    Raises:
        ValueError: if the model is not built.
        NotImplementedError: for a subclassed model, whose structure is code.
    """
    from ... import formats

    path = os.fspath(filepath) if isinstance(filepath, str | os.PathLike) else None
    if path is not None and path.endswith(".onnx"):
        model.export(path)
        return
    if path is not None and path.lower().endswith(".safetensors"):
        save_weights(model, path, overwrite)
        return
    keras_3 = path is not None and path.lower().endswith(".keras")
    archive = (keras_3_archive_of if keras_3 else archive_of)(model, include_optimizer)
    if path is None or _may_write(path, overwrite):
        formats.write(archive, filepath)


def archive_of(model: Network, include_optimizer: bool = True) -> Archive:
    """Everything that a model file holds of a model."""
    from ...formats import Archive

    if not model.built:
        raise ValueError(
            f"The model {model.name} is not built yet and has no weights to save: give its first layer an "
            "input_shape, call build(batch_input_shape), or fit it first."
        )
    archive = Archive(config=hdf5_config(model), layer_weights=layer_weights(model.layers))
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        archive.training_config = training_config(model)
        archive.training_config["loss"] = whole_names(archive.training_config["loss"])
        if include_optimizer and optimizer.weights:
            archive.optimizer_weights = layouts.h5_state(optimizer, model._compiled.trainable)
    return archive


def keras_3_archive_of(model: Network, include_optimizer: bool = True) -> Archive:
    """Everything that a ``.keras`` file holds of a model."""
    from ...formats import LayerWeights

    archive = archive_of(model, include_optimizer=False)
    archive.config = model_to_keras_3(model)
    archive.objects, archive.layer_weights = objects_of(model), []
    if archive.training_config is not None:
        optimizer = model.optimizer
        archive.training_config = training_to_keras_3(
            archive.training_config, layouts.keras_3_config(optimizer)
        )
        if include_optimizer and optimizer.weights:
            state = layouts.keras_3_state(optimizer, model._compiled.trainable)
            archive.objects["optimizer"] = LayerWeights(type(optimizer).__name__.lower(), state)
    return archive


def model_config(model: Network) -> dict[str, Any]:
    """``{"class_name": ..., "config": ...}``, the class being Keras's own for plain models."""
    return {"class_name": class_name(model), "config": model.get_config()}


def architecture(model: Network) -> Archive:
    """What JSON and YAML texts hold; a subclass may change it in ``_updated_config``."""
    from ...formats import Archive

    config = model._updated_config()
    return Archive(config={key: config[key] for key in ("class_name", "config")})


def layer_weights(layers: Sequence[Layer]) -> list[LayerWeights]:
    """The weights by layer, in the order of the layers; the arrays are the live ones, not copies."""
    from ...formats import LayerWeights

    return [
        LayerWeights(
            raw_name(layer.name), [(_h5_name(p), np.asarray(p.storage.array)) for p in layer.weights]
        )
        for layer in layers
    ]


def _h5_name(parameter: Parameter) -> str:
    return f"{parameter.name}:0"


# --- loading ------------------------------------------------------------------------------------------------


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
    from ... import formats

    format = formats.detect(filepath)
    if format == "onnx":
        from .exporting import import_model

        with harmless_messages():
            return import_model(filepath, custom_objects, safe_mode)
    with harmless_messages(), SafeModeScope(safe_mode), CustomObjectScope(custom_objects or {}):
        with formats.read(filepath, lazy=True, format=format) as archive:
            return model_from_archive(archive, _name_of(filepath), compile)


def model_from_archive(archive: Archive, source: str, compile: bool = True) -> Model:
    """Builds the model of an archive, sets its weights, compiles it and restores the optimizer's state."""
    if archive.config is None:
        raise ValueError(
            f"{source} holds no model architecture, only weights. Build the model in code and call "
            f"model.load_weights({source!r})."
        )
    writer = writer_of(archive.metadata)
    if not (archive.layer_weights or archive.objects):
        with making(source, archive.config), MemoryBudget(source):
            model = _new_model(archive.config, writer)
    else:
        with making(source, archive.config), WeightBudget(source, _elements_of(archive)):
            model = _new_model(archive.config, writer)
            if not model.built:
                _build_from(model, archive)
        if archive.objects is None:
            stored = archive.layer_weights
            if writer.program == "keras_1":
                stored = list(by_names_of(model.layers, stored))
            assign_in_order(model.layers, model.name, stored, source, upgrade=WeightUpgrade(writer))
        else:
            _assign_objects(model, archive.objects, source)
    if compile and archive.training_config is not None:
        compile_from_file(model, archive, source, writer)
    return model


def _elements_of(archive: Archive) -> int:
    """How many values the file has for weights of the model."""
    entries = [*archive.layer_weights, *(archive.objects or {}).values()]
    return sum(int(array.size) for entry in entries for _, array in entry.weights)


def _assign_objects(
    model: Network,
    objects: Mapping[str, LayerWeights],
    source: str,
    by_name: bool = False,
    skip_mismatch: bool = False,
) -> None:
    """Weights from a file of Keras 3, by the tree of objects; nothing is changed unless all of it fits."""

    assign(TreeMatch(model, objects, source, by_name, skip_mismatch).plan)


def _build_from(model: Any, archive: Archive) -> None:
    """A model saved after its first fit knows its input shape from the configuration of that build."""
    shape = model.__dict__.get("_build_input_shape")
    if shape is None:
        build = (archive.config or {}).get("build_config")  # of tf.keras and Keras 3
        shape = build.get("input_shape") if isinstance(build, Mapping) else None
    if shape is None:
        raise ValueError(
            f"The model {model.name} has weights in the file but no input shape; build it in code, call "
            "model.build(batch_input_shape), and use load_weights."
        )
    model.build(shape)


def model_from_config(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A model without trained weights from ``{"class_name": ..., "config": ...}``.

    Raises:
        TypeError: for a list, which is the inner configuration of a Sequential model.
        ValueError: for an unknown class; the message says what custom_objects would need.
    """
    if isinstance(config, list):
        raise TypeError(
            "`model_from_config` expects a dictionary, not a list. Maybe you meant to use "
            "`Sequential.from_config(config)`?"
        )
    writer = writer_of(config) if isinstance(config, Mapping) else Writer()
    return _new_model(config, writer, custom_objects)


def _new_model(
    config: Mapping[str, Any], writer: Writer, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    known = {**(custom_objects or {}), **get_custom_objects()}
    return deserialize(upgrade(config, writer, known), custom_objects=known)


def model_to_json(model: Network, **kwargs: Any) -> str:
    """The architecture as JSON text; keyword arguments go to ``json.dumps``."""
    from ...formats import json

    return json.dumps(architecture(model), **kwargs)


def model_to_yaml(model: Network, **kwargs: Any) -> str:
    """The architecture as YAML text; keyword arguments go to ``yaml.dump``."""
    from ...formats import yaml

    return yaml.dumps(architecture(model), **kwargs)


def model_from_json(
    json_string: str, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """A model without trained weights from ``to_json``'s text.

    Raises:
        kcompile.formats.FileFormatError: if the text is not a model configuration.
    """
    from ...formats import json

    archive = json.loads(json_string)
    return _from_text(archive, "JSON config", custom_objects, safe_mode)


def model_from_yaml(
    yaml_string: str, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """A model without trained weights from ``to_yaml``'s text; only plain data is read.

    Raises:
        kcompile.formats.FileFormatError: if the text is not a model configuration, or names Python objects.
    """
    from ...formats import yaml

    archive = yaml.loads(yaml_string)
    return _from_text(archive, "YAML config", custom_objects, safe_mode)


def _from_text(
    archive: Archive, source: str, custom_objects: Mapping[str, Any] | None, safe_mode: bool
) -> Any:
    with harmless_messages(), SafeModeScope(safe_mode):
        with making(source, archive.config), MemoryBudget(source):
            return _new_model(archive.config or {}, writer_of(archive.metadata), custom_objects)


# --- weights ------------------------------------------------------------------------------------------------


@unchanging()
def save_weights(model: Network, filepath: Any, overwrite: bool = True) -> None:
    """Writes the weights alone: ``.weights.h5`` as Keras 3, ``.safetensors`` under their names, ``.pt`` and
    ``.pth`` as a state_dict of PyTorch's, all others HDF5 as Keras 2."""
    from ... import formats

    model._assert_weights_exist()
    path = os.fspath(filepath) if isinstance(filepath, str | os.PathLike) else ""
    if path.lower().endswith((".pt", ".pth")):
        if _may_write(path, overwrite):
            write_tensors(state_dict(model), path)
        return
    archive, format = formats.Archive(), "hdf5"
    if path.lower().endswith(".weights.h5"):
        archive.objects = objects_of(model)
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


def load_weights(
    model: Network, filepath: Any, by_name: bool = False, skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Reads weights from a file that ``save_weights`` or ``save`` wrote; see ``Network.load_weights``."""
    from ... import formats

    if skip_mismatch and not by_name:
        raise ValueError("skip_mismatch needs by_name=True: only then can single layers be left out.")
    model._assert_weights_exist()
    with harmless_messages(), formats.read(filepath, lazy=True) as archive:
        source = _name_of(filepath)
        if archive.metadata.get("format") == "safetensors":
            assign_by_weight_name(model, archive.layer_weights[0].weights, source, by_name, skip_mismatch)
        elif archive.objects is not None:
            _assign_objects(model, archive.objects, source, by_name, skip_mismatch)
        elif by_name:
            layout = WeightUpgrade(writer_of(archive.metadata))
            assign_by_name(model.layers, archive.layer_weights, source, skip_mismatch, reshape, layout)
        else:
            layout = WeightUpgrade(writer_of(archive.metadata))
            assign_in_order(model.layers, model.name, archive.layer_weights, source, reshape, layout)


def has_own_names(model: Network, filepath: Any) -> bool:
    """Whether the file is ``.safetensors`` with names of this model's weights, as ``save_weights`` writes
    them."""
    from ... import formats

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
    import io

    buffer = io.BytesIO()
    save_model(model, buffer)
    return buffer.getvalue()


def unpickle_model(state: bytes) -> Model:
    """A model from ``pickle_model``'s bytes."""
    import io

    return load_model(io.BytesIO(state))
