"""A Model to an Archive and back; the files themselves are kcompile.formats' business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...formats import Archive, LayerWeights, json
from ...ir import Parameter
from .. import rules
from ..core.layer import Layer
from ..core.layer_configs import deserialize
from ..core.network import Network
from ..core.weight_budget import WeightBudget
from ..optimizers import layouts
from ..training.model import Model
from ..utils.generic_utils import SafeModeScope, get_custom_objects
from ..utils.living import class_name
from ..utils.messages import harmless_messages, raw_name
from .compile_configs import compile_config_in_file, compile_from_file, training_config
from .limits import MemoryBudget, making
from .versions.keras1 import WeightUpgrade
from .versions.keras1_merge import by_names_of
from .versions.keras2 import hdf5_config, whole_names
from .versions.keras3_weights import TreeMatch, is_made_of_layers, objects_of
from .versions.keras3_writing import model_to_keras_3
from .versions.tf_keras_writing import (
    KERAS_VERSION,
    is_of_tf_keras,
    model_to_tf_keras,
    objects_in_tf_keras,
)
from .versions.upgrade import upgrade
from .versions.writer import Writer, writer_of
from .vocabularies import with_vocabularies
from .weight_assignment import assign, assign_in_order


def archive_of(model: Network, include_optimizer: bool = True) -> Archive:
    """Everything that a model file holds of a model.

    Raises:
        ValueError: if it is not built.
        NotImplementedError: for a subclassed model, whose structure is code.
    """
    _require_weights(model)
    if not is_made_of_layers(model):
        Network.get_config(model)  # raises where the class says no more
        raise NotImplementedError(
            f"The model {model.name} ({type(model).__name__}) is a subclassed model: an HDF5 file holds "
            "those that are made of layers. Save it to a .keras file, or its weights with save_weights."
        )
    archive = Archive(config=hdf5_config(model), layer_weights=layer_weights(model.layers))
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        archive.training_config = training_config(model)
        archive.training_config["loss"] = whole_names(archive.training_config["loss"])
        if include_optimizer and optimizer.weights:
            archive.optimizer_weights = layouts.h5_state(optimizer, model._trained_weights)
    return archive


def _require_weights(model: Network) -> None:
    if not model.built:
        raise ValueError(
            f"The model {model.name} is not built yet and has no weights to save: give its first layer an "
            "input_shape, call build(batch_input_shape), or fit it first."
        )


def keras_archive_of(model: Network, include_optimizer: bool = True) -> Archive:
    """Everything that a ``.keras`` file holds of a model: as Keras 3 has it, or tf.keras where the model was
    made by its rules.

    Raises:
        ValueError: if it is not built.
        NotImplementedError: for a subclassed model without ``get_config``.
    """
    _require_weights(model)
    of_tf_keras = is_of_tf_keras(model)
    archive = Archive(objects=weight_objects(model))
    archive.config = model_to_tf_keras(model) if of_tf_keras else model_to_keras_3(model)
    if of_tf_keras:
        archive.metadata["keras_version"] = KERAS_VERSION
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and archive.objects is not None:
        archive.training_config = compile_config_in_file(model)
        if include_optimizer and optimizer.weights:
            state_of = layouts.tf_keras_state if of_tf_keras else layouts.keras_3_state
            state = state_of(optimizer, model._trained_weights)
            archive.objects["optimizer"] = LayerWeights(type(optimizer).__name__.lower(), state)
    return archive


def weight_objects(model: Network) -> dict[str, LayerWeights]:
    """The weights by the tree of objects, as ``.keras`` and ``.weights.h5`` files have them."""
    return objects_in_tf_keras(model) if is_of_tf_keras(model) else objects_of(model)


def model_config(model: Network) -> dict[str, Any]:
    """``{"class_name": ..., "config": ...}``, the class being Keras's own for plain models; of a subclassed
    one also what ``build`` was called with."""
    config = {"class_name": class_name(model), "config": model.get_config(), **rules.said_of_model(model)}
    return config if is_made_of_layers(model) else {**config, "build_config": model.get_build_config()}


def architecture(model: Network) -> Archive:
    """What JSON and YAML texts hold; a subclass may change it in ``_updated_config``."""
    config = model._updated_config()
    return Archive(config={key: config[key] for key in ("class_name", "config", "rules") if key in config})


def layer_weights(layers: Sequence[Layer]) -> list[LayerWeights]:
    """The weights by layer, in the order of the layers; the arrays are the live ones, not copies."""
    return [
        LayerWeights(
            raw_name(layer.name), [(_h5_name(p), np.asarray(p.storage.array)) for p in layer.weights]
        )
        for layer in layers
    ]


def _h5_name(parameter: Parameter) -> str:
    return f"{parameter.name}:0"


# --- loading ------------------------------------------------------------------------------------------------


def model_from_archive(archive: Archive, source: str, compile: bool = True) -> Model:
    """Builds the model of an archive, sets its weights, compiles it and restores the optimizer's state."""
    config = archive.config
    if config is None:
        raise ValueError(
            f"{source} holds no model architecture, only weights. Build the model in code and call "
            f"model.load_weights({source!r})."
        )
    config = dict(with_vocabularies(config, archive, source))
    writer = writer_of(archive.metadata)
    with rules.following(writer.rules):
        return _model_of(archive, config, writer, source, compile)


def _model_of(
    archive: Archive, config: Mapping[str, Any], writer: Writer, source: str, compile: bool
) -> Model:
    if not (archive.layer_weights or archive.objects):
        with making(source, config), MemoryBudget(source):
            model = _new_model(config, writer)
    else:
        with making(source, config), WeightBudget(source, _elements_of(archive)):
            model = _new_model(config, writer)
            takes_objects = getattr(model, "take_objects", None)
            if takes_objects is None and not model.built:
                _build_from(model, archive)
        if takes_objects is not None:
            takes_objects(archive.objects, source)
        elif archive.objects is None:
            stored = archive.layer_weights
            if writer.program == "keras_1":
                stored = list(by_names_of(model.layers, stored))
            assign_in_order(model.layers, model.name, stored, source, upgrade=WeightUpgrade(writer))
        else:
            assign_objects(model, archive.objects, source)
    if compile and archive.training_config is not None:
        compile_from_file(model, archive, source, writer)
    return model


def _elements_of(archive: Archive) -> int:
    """How many values the file has for weights of the model."""
    entries = [*archive.layer_weights, *(archive.objects or {}).values()]
    return sum(int(array.size) for entry in entries for _, array in entry.weights)


def assign_objects(
    model: Network,
    objects: Mapping[str, LayerWeights],
    source: str,
    by_name: bool = False,
    skip_mismatch: bool = False,
) -> None:
    """Weights from a file of Keras 3, by the tree of objects; nothing is changed unless all of it fits."""

    match = TreeMatch(objects, source)
    assign((match.by_name(model, skip_mismatch) if by_name else match.model(model)).plan)


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
    model.build(_shapes(shape))


def _shapes(said: Any) -> Any:
    """Shapes of a file, which has lists for tuples."""
    if isinstance(said, Mapping):
        return {key: _shapes(shape) for key, shape in said.items()}
    nested = any(isinstance(entry, list | tuple | Mapping) for entry in said)
    return [_shapes(shape) for shape in said] if nested else tuple(said)


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


def entry_of_keras_3(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """``{"class_name": ..., "config": ...}`` from what a functional model of Keras 3 gave by ``get_config``.

    Raises:
        ValueError: for classes and functions that are not known, and for what has no counterpart.
    """
    known = {**(custom_objects or {}), **get_custom_objects()}
    entry: Mapping[str, Any] = upgrade(
        {"class_name": "Functional", "config": config}, Writer("keras_3"), known
    )
    return entry


def _new_model(
    config: Mapping[str, Any], writer: Writer, custom_objects: Mapping[str, Any] | None = None
) -> Any:
    known = {**(custom_objects or {}), **get_custom_objects()}
    return deserialize(upgrade(config, writer, known), custom_objects=known)


def model_to_json(model: Network, **kwargs: Any) -> str:
    """The architecture as JSON text; keyword arguments go to ``json.dumps``."""
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
        writer = writer_of(archive.metadata)
        with making(source, archive.config), MemoryBudget(source), rules.following(writer.rules):
            return _new_model(archive.config or {}, writer, custom_objects)
