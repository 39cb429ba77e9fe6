"""Configurations as .h5 files hold them: Keras 2's own, with what tf.keras 2 and Keras 3 need to open them
too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import registry, rules
from ...core.network import Network
from ...training.sequential import Sequential
from ...utils.living import class_name
from ...utils.nested import each

#: Entries of a configuration that are layers themselves. Keras 3 finds their classes by module.
_INNER = ("layer", "cell", "cells", "backward_layer")


def hdf5_config(model: Network) -> dict[str, Any]:
    """``{"class_name", "config"}`` of a whole model.

    Raises:
        NotImplementedError: for a subclassed model, whose structure is code.
    """
    config = {"class_name": class_name(model), "config": model.get_config()}
    return {**_adapted(config, model), **rules.said_of_model(model)}


def _adapted(entry: Mapping[str, Any], layer: Any) -> dict[str, Any]:
    config = dict(entry["config"])
    result = {**entry, "config": config}
    if isinstance(config.get("layers"), list) and isinstance(layer, Network):
        config["layers"] = [_adapted(e, layer.get_layer(_name_of(e))) for e in config["layers"]]
        if isinstance(layer, Sequential) and layer.inputs:
            config["layers"].insert(0, _input_entry(layer))
        return result
    for key in (*_INNER, "layers") if registry.is_built_in(type(layer)) else _INNER:
        if isinstance(config.get(key), list | Mapping):
            config[key] = _with_module(config[key], getattr(layer, key, None))
    for key, value in config.items():
        if key.endswith("activation") and isinstance(value, Mapping):
            config[key] = _with_module(value, getattr(layer, key, None))
    rule = _RULES.get(entry["class_name"])
    if rule is not None and registry.is_built_in(type(layer)):
        rule(result, config, layer)
    return result


def _input_entry(model: Any) -> dict[str, Any]:
    """The input of a Sequential, as tf.keras writes it: else Keras 3 takes the batch for one axis more."""
    tensor, own = model.inputs[0], model._stacked_layers[0]
    name = own.name if type(own).__name__ == "InputLayer" else f"{own.name}_input"
    shape = list(tensor._keras_shape)
    config = {"batch_input_shape": shape, "dtype": tensor.dtype.name, "sparse": False, "name": name}
    return {"class_name": "InputLayer", "config": config}


def _name_of(entry: Mapping[str, Any]) -> Any:
    return entry.get("name") or entry["config"]["name"]


def _with_module(value: Any, layer: Any) -> Any:
    """A layer within a layer, with the module that Keras 3 asks for; tf.keras and Keras 2 pay no attention
    to it."""
    if isinstance(value, list):
        layers = list(layer) if isinstance(layer, list | tuple) else [None] * len(value)
        return [_with_module(entry, inner) for entry, inner in zip(value, layers, strict=True)]
    if not isinstance(value, Mapping) or "class_name" not in value or not registry.is_built_in(type(layer)):
        return value
    module = "keras" if isinstance(layer, Network) else "keras.layers"
    return {**_adapted(value, layer), "module": module, "registered_name": None}


#: Losses that Keras 3 does not find in an .h5 file by these names.
_ABBREVIATED = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
}


def whole_names(loss: Any) -> Any:
    """compile()'s losses with whole names for abbreviations."""
    if isinstance(loss, str):
        return _ABBREVIATED.get(loss.lower(), loss)
    return loss if isinstance(loss, Mapping) and "class_name" in loss else each(loss, whole_names)


def drop_defaults(config: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    """Leaves out what says no more than its absence."""
    for key, default in defaults.items():
        if key in config and config[key] == default:
            del config[key]


def _attention(entry: dict[str, Any], config: dict[str, Any], layer: Any) -> None:
    if config.get("score_mode") == "dot":
        del config["score_mode"]  # Keras 3 takes the word in an .h5 file for the function dot


def _spatial_dropout(entry: dict[str, Any], config: dict[str, Any], layer: Any) -> None:
    drop_defaults(config, {"trainable": True, "noise_shape": None})  # which Keras 3 does not take


def _multi_head_attention(entry: dict[str, Any], config: dict[str, Any], layer: Any) -> None:
    """tf.keras makes the weights from the shapes in the configuration, and passes all but the query by
    keyword."""
    calls = entry.get("inbound_nodes") or []
    shapes = [list(x._keras_shape) for node in layer._inbound_nodes[:1] for x in node.input_tensors]
    if not calls or len(shapes) < 2:
        return
    query, value, key = [*shapes, shapes[1]][:3] if len(shapes) == 2 else shapes[:3]
    later = {"sliding_window": None, "use_gate": False, "seed": None, "flash_attention": None}
    drop_defaults(config, later)  # arguments that tf.keras does not have
    config |= {"query_shape": query, "value_shape": value, "key_shape": key}
    names = ("value", "key", "attention_mask")
    entry["inbound_nodes"] = [
        [[*call[0][:3], {**call[0][3], **{n: place[:3] for n, place in zip(names, call[1:], strict=False)}}]]
        for call in calls
    ]


def _image(entry: dict[str, Any], config: dict[str, Any], layer: Any) -> None:
    later: dict[str, Any] = {"data_format": "channels_last"}  # what tf.keras does not take
    if entry["class_name"] == "RandomContrast":
        later["value_range"] = [0, 255]
    if entry["class_name"] == "Resizing":
        later |= {
            "pad_to_aspect_ratio": False,
            "fill_mode": "constant",
            "fill_value": 0.0,
            "antialias": False,
        }
    drop_defaults(config, later)


_IMAGES = (
    "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomHeight", "RandomRotation",
    "RandomTranslation", "RandomWidth", "RandomZoom", "Resizing", "CenterCrop",
)  # fmt: skip


def _up_sampling(entry: dict[str, Any], config: dict[str, Any], layer: Any) -> None:
    """Other programs have no such argument: the rules that the layer follows say it to us."""
    if config.pop("half_pixel_centers", False) and not rules.of_layer(layer).half_pixel_centers:
        entry["rules"] = rules.TF_KERAS.name
    elif layer.half_pixel_centers:
        entry["rules"] = rules.of_layer(layer).name


_RULES = {
    "UpSampling2D": _up_sampling,
    **dict.fromkeys(_IMAGES, _image),
    "Attention": _attention,
    "MultiHeadAttention": _multi_head_attention,
    "SpatialDropout1D": _spatial_dropout,
    "SpatialDropout2D": _spatial_dropout,
    "SpatialDropout3D": _spatial_dropout,
}
