"""Configurations as Keras 3 writes them, made from live models."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ....ir import Value
from ... import registry, rules
from ...backend.tensors import static_sizes
from ...core.layer import Layer
from ...core.network import Network
from ...core.network_config import Places, by_key, serializable_arguments
from ...core.node import Node, as_nested
from ...core.operation_layers import OperationLayer
from ...training.sequential import Sequential
from ...utils.generic_utils import registered_name, unpack_singleton
from ...utils.nested import each
from ...utils.objects import serialize_keras_object
from .keras2 import drop_defaults
from .keras3_weights import is_made_of_layers

#: Arguments of layers that Keras 3 does not take, as it always does what they ask for.
_GONE = {"implementation", "input_length", "batch_input_shape"}
_RENAMED = {"LeakyReLU": {"alpha": "negative_slope"}}
_KINDS = ("initializer", "regularizer", "constraint")
_ATTENTIONS = ("MultiHeadAttention", "GroupQueryAttention")
#: Activations whose formula is another one under the same name.
_DIFFERENT = {"hard_sigmoid"}


def model_to_keras_3(model: Network) -> dict[str, Any]:
    """``{"module", "class_name", "config", "registered_name"}`` of a whole model.

    Raises:
        ValueError: for what Keras 3 computes differently under the same name (hard_sigmoid).
        NotImplementedError: for a subclassed model without ``get_config``, whose structure is code.
    """
    if not is_made_of_layers(model):
        return subclassed_entry(model)
    own = registry.is_built_in(type(model))
    if isinstance(model, Sequential):
        return object_entry(
            "keras", type(model).__name__, _sequential(model), None if own else _custom(model)
        )
    config = _functional(model)
    if own:
        return object_entry("keras.src.models.functional", "Functional", config, "Functional")
    return object_entry("keras", type(model).__name__, config, _custom(model))


def subclassed_entry(model: Any) -> dict[str, Any]:
    """What its class says, and the shape that it was built for."""
    config = serialize_keras_object(model.get_config())
    entry = object_entry(type(model).__module__, type(model).__name__, config, _custom(model))
    build = model.get_build_config()
    said = {} if build is None else {"build_config": serialize_keras_object(build)}
    return {**entry, **said, **rules.said_of_model(model)}


def object_entry(
    module: str | None, class_name: str, config: Any, registered_name: str | None = None
) -> dict[str, Any]:
    """An object as Keras 3 and tf.keras 2 have it in ``.keras`` files."""
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered_name}


def _custom(layer: Any) -> str:
    return registered_name(type(layer)) or str(type(layer).__name__)


def _sequential(model: Any) -> dict[str, Any]:
    layers = [layer_to_keras_3(layer) for layer in model.layers]
    first = model.inputs[0] if model.inputs else None
    if first is not None:
        # A model in first place has an input of its own, and Keras 3 wants one of the outer model all the
        # same.
        layers.insert(0, _input(model.inputs[0], f"{model.name}_input"))
    config = {"name": model.name, "trainable": model.trainable, "dtype": "float32", "layers": layers}
    if first is not None:
        config["build_input_shape"] = list(_shape(first))
    elif model.__dict__.get("_build_input_shape") is not None:
        config["build_input_shape"] = list(model._build_input_shape)
    return config


def _input(tensor: Value, name: str) -> dict[str, Any]:
    config = {"batch_shape": list(_shape(tensor)), "dtype": tensor.dtype.name, "sparse": False, "name": name}
    return object_entry("keras.layers", "InputLayer", config)


def _shape(tensor: Value) -> tuple[int | None, ...]:
    return static_sizes(tensor)


def _functional(model: Network) -> dict[str, Any]:
    model.get_config()  # refuses what cannot be written
    places = Places(model, counts_calls_alone=True)

    def ends(keys: list[str] | None, names: list[str], tensors: Any) -> Any:
        entries = [places.of(tensor) for tensor in tensors]
        return unpack_singleton(entries) if keys is None else by_key(keys, names, entries)

    def tensor_config(tensor: Value) -> dict[str, Any]:
        config = {
            "shape": list(_shape(tensor)),
            "dtype": tensor.dtype.name,
            "keras_history": places.of(tensor),
        }
        return {"class_name": "__keras_tensor__", "config": config}

    layers = []
    for layer in model.layers:
        calls = places.calls(layer)
        if isinstance(layer, OperationLayer):
            module, config = layer.keras_3_config()
            operation = layer.in_keras_3()[0]
            entry = object_entry(module, operation, config, operation)
            inbound = [layer.keras_3_call([tensor_config(x) for x in node.input_tensors]) for node in calls]
        else:
            _warn_of_masks(layer, calls)
            entry = layer_to_keras_3(layer)
            inbound = [_call(node, tensor_config) for node in calls]
        layers.append({**entry, "name": layer.name, "inbound_nodes": inbound})
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": as_nested(
            ends(model._input_keys, model.input_names, model.inputs), model._input_nesting
        ),
        "output_layers": ends(model._output_keys, model.output_names, model.outputs),
    }


def _warn_of_masks(layer: Layer, calls: list[Node]) -> None:
    if _masks_differ(layer, calls):
        warnings.warn(
            f"The layer {layer.name!r} ({type(layer).__name__}) is called on a mask with which Keras 3 does "
            "something else: a .keras file may predict something else there. Save to .h5 or .onnx.",
            stacklevel=2,
        )


def _masks_differ(layer: Layer, calls: Sequence[Node]) -> bool:
    """Whether Keras 3 would do otherwise with masks that these calls of the layer have."""
    own, name = rules.of_layer(layer), type(layer).__name__
    masks = [call.input_masks for call in calls if any(mask is not None for mask in call.output_masks)]
    if own is rules.KERAS_3 or not any(mask is not None for call in calls for mask in call.input_masks):
        return False
    if (name in own.drops_masks_in) != (name in rules.KERAS_3.drops_masks_in):
        return True
    several = any(any(mask is not each[0] for mask in each) for each in masks)
    return several and hasattr(layer, "_merge_function")


def _call(node: Node, tensor_config: Any) -> dict[str, Any]:
    tensors = [tensor_config(tensor) for tensor in node.input_tensors]
    kwargs = serializable_arguments(node, tensor_config)
    layer: Any = node.outbound_layer
    if node.nesting is not None:
        return {"args": [as_nested(tensors, node.nesting)], "kwargs": kwargs}
    if len(tensors) > 1 and registry.is_a(layer, "layer", "RNN", "Bidirectional"):
        # Keras 2 appends the states to the inputs of the layer.
        return {"args": tensors[:1], "kwargs": {**kwargs, "initial_state": tensors[1:]}}
    if type(layer).__name__ in _ATTENTIONS:  # called on several arguments, not on a list
        masks = {"attention_mask": tensors[3]} if len(tensors) > 3 else {}
        return {"args": tensors[:3], "kwargs": {**kwargs, **masks}}
    return {"args": [unpack_singleton(tensors)], "kwargs": kwargs}


def layer_to_keras_3(layer: Layer) -> dict[str, Any]:
    """The configuration of a layer or nested model."""
    if is_made_of_layers(layer):
        return model_to_keras_3(layer)
    if type(layer).__name__ == "InputLayer":
        return _input(layer._inbound_nodes[0].output_tensors[0], layer.name)
    config = _translated(layer.get_config(), type(layer).__name__, f"layer {layer.name!r}")
    wrapped = getattr(layer, "layer", None)
    if "layer" in config and isinstance(wrapped, Network):
        config["layer"] = model_to_keras_3(wrapped)  # type: ignore[arg-type]
    if registry.is_built_in(type(layer)):
        return {**object_entry("keras.layers", type(layer).__name__, config), **_rules_of(layer)}
    entry = object_entry(type(layer).__module__, type(layer).__name__, config, _custom(layer))
    return {**entry, **_rules_of(layer)}


def _rules_of(layer: Layer) -> dict[str, str]:
    """For us, as Keras 3 does not look at it: rules by which the layer trains otherwise, or what it makes."""
    its = rules.of_layer(layer)
    return {"rules": its.name} if its is not rules.KERAS_3 and _by_rules(layer) else {}


def _by_rules(layer: Layer) -> bool:
    """Whether Keras 3 may train a layer otherwise, or one that it wraps."""
    if not registry.is_built_in(type(layer)) or type(layer).__name__ == "BatchNormalization":
        return True
    if any(getattr(layer, name, None) for name in ("activity_regularizer", "_activity_regularizer")):
        return True
    wrapped = getattr(layer, "layer", None)
    return isinstance(wrapped, Layer) and _by_rules(wrapped)


def _translated(config: Mapping[str, Any], class_name: str, where: str) -> dict[str, Any]:
    renamed = _RENAMED.get(class_name, {})
    result: dict[str, Any] = {}
    for key, value in config.items():
        if key in _GONE:
            continue
        if key.endswith("activation") and isinstance(value, str) and value in _DIFFERENT:
            raise ValueError(
                f"The {where} has {key}={value!r}, which Keras 3 computes by another formula (slope 1/6 "
                "in place "
                "of 0.2): a .keras file would predict something else there. Save the model to .h5 or .onnx."
            )
        if key.endswith("activation") and value == "hard_sigmoid_3":
            value = "hard_sigmoid"
        result[renamed.get(key, key)] = _value(value, key, where)
    if class_name.startswith("SpatialDropout"):  # which takes no more than it needs
        drop_defaults(result, {"trainable": True, "noise_shape": None})
    if class_name == "UpSampling2D" and config.get("interpolation") == "bilinear":
        if not result.pop("half_pixel_centers", False):
            raise ValueError(
                f"The {where} samples as Keras 2.3 does, Keras 3 at half-pixel centres: a .keras file would "
                "predict something else there. Save the model to .h5 or .onnx, or give UpSampling2D "
                "half_pixel_centers=True."
            )
    return result


def _value(value: Any, key: str, where: str) -> Any:
    if isinstance(value, list):
        return [_value(entry, key, where) for entry in value]
    if not isinstance(value, Mapping) or set(value) != {"class_name", "config"}:
        return value
    class_name, config = value["class_name"], value["config"]
    kind = key.rsplit("_", 1)[-1]
    kind = kind if kind in _KINDS else "layer"
    if kind == "initializer" and class_name == "VarianceScaling":
        config = dict(config)
        if config.get("distribution") == "normal":
            config["distribution"] = "truncated_normal"
    if isinstance(config, Mapping):
        config = _translated(config, class_name, where)
    registered_name = None if class_name in registry.names(kind) else class_name
    return object_entry(f"keras.{kind}s", class_name, config, registered_name)


# --- training -----------------------------------------------------------------------------------------------


def training_to_objects(config: Mapping[str, Any], optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """``compile_config``, also of tf.keras 2, from what ``training_config`` made of compile()'s arguments.

    Args:
        optimizer: its entry for the optimizer.
    """
    its = config.get("rules") or rules.KERAS_2.name  # for us: Keras 3 does not look at it in this place
    return {
        "optimizer": {**optimizer, **({} if its == rules.KERAS_3.name else {"rules": its})},
        "loss": _named(config.get("loss"), "keras.losses"),
        "loss_weights": config.get("loss_weights"),
        "metrics": _named(config.get("metrics") or None, "keras.metrics"),
        "weighted_metrics": _named(config.get("weighted_metrics"), "keras.metrics"),
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }


def _named(value: Any, module: str) -> Any:
    if isinstance(value, Mapping) and set(value) == {"class_name", "config"}:
        class_name, config = value["class_name"], value["config"]
        registered = None if registry.kind_of(class_name, module) else class_name
        if isinstance(config.get("fn"), str):
            function = object_entry("builtins", "function", config["fn"], config["fn"])
            return object_entry(module, class_name, {**config, "fn": function}, registered)
        return object_entry(module, class_name, config, registered)
    return each(value, lambda entry: _named(entry, module))
