"""``.keras`` files as tf.keras 2 writes and opens them: configurations and the tree of weights, from live
models.

They have the words of tf.keras's ``.h5`` files (``batch_input_shape``, calls as lists, TFOpLambda for
operators), with module and registered name beside each class, by which tf.keras finds it. Its objects lie
where those of Keras 3 do, but for the order in which attributes are gone through, which says where an object
lies that has two owners.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ....formats import LayerWeights
from ... import registry, rules
from ...core.layer import Layer
from ...core.network import Network
from ...training.sequential import Sequential
from ...utils.living import class_name
from ...utils.messages import raw_name
from ...utils.nested import each
from .keras2 import hdf5_config
from .keras3_weights import is_made_of_layers, numbered, own_weights, owned_layers
from .keras3_writing import object_entry, subclassed_entry, training_to_objects

#: What files say of the version of Keras that wrote them; tf.keras opens those of any version.
KERAS_VERSION = "2.15.0"

_MODULES = {kind: f"keras.{kind}s" for kind in ("layer", "initializer", "regularizer", "constraint")}
#: Operators between layers. Later versions put "tf_" before the module.
_OPERATORS = ("TFOpLambda", "SlicingOpLambda")
_OF_OPERATORS = "keras.src.layers.core.tf_op_layer"
#: Lists of layers that an object has here and not there.
_OWN_LISTS = {"_input_layers", "_output_layers", "_metrics"}


def is_of_tf_keras(model: Any) -> bool:
    """Whether a model was made by the rules of tf.keras: its ``.keras`` files are tf.keras's."""
    return rules.of_layer(model).name == rules.TF_KERAS.name


# --- configurations -----------------------------------------------------------------------------------------


def model_to_tf_keras(model: Network) -> dict[str, Any]:
    """``{"module", "class_name", "config", "registered_name"}`` of a whole model.

    Raises:
        NotImplementedError: for a subclassed model without ``get_config``, whose structure is code.
    """
    if not is_made_of_layers(model):
        return subclassed_entry(model)
    users = {
        class_name(layer): type(layer).__module__
        for _, layer in _objects(model)
        if not registry.is_built_in(type(layer))
    }
    entry: dict[str, Any] = _with_modules(hdf5_config(model), users, "layer")
    shape = model.__dict__.get("_build_input_shape") if isinstance(model, Sequential) else None
    if shape is not None and not model.inputs:
        entry["build_config"] = {"input_shape": list(shape)}
    return entry


def _with_modules(value: Any, users: Mapping[str, str], kind: str | None = None) -> Any:
    """Configurations with the modules of their classes.

    Args:
        users: class -> module of classes that are not built in.
        kind: what the value is, where its place says it.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("class_name"), str):
        return each(value, lambda entry: _with_modules(entry, users, kind))
    name, config = value["class_name"], value.get("config")
    if isinstance(config, Mapping):
        kinds = {"layers": "layer"}
        inner = {key: _with_modules(entry, users, kinds.get(key)) for key, entry in config.items()}
        value = {**value, "config": inner}
    if "module" in value:
        return value
    module = _module_of(name, users, kind)
    if module is None and kind is None:
        return value  # of a kind that tf.keras finds by its place
    return {**object_entry(module, name, None, _registered(name, users)), **value}


def _module_of(name: str, users: Mapping[str, str], kind: str | None) -> str | None:
    if name in users:
        module = users[name]
        return None if module == "__main__" else module
    if name in _OPERATORS:
        return _OF_OPERATORS
    if name in ("Model", "Functional", "Sequential"):
        return "keras"
    found = kind or registry.kind_of(name)
    return _MODULES.get(found) if found is not None and name in registry.names(found) else None


def _registered(name: str, users: Mapping[str, str]) -> str | None:
    return name if name in users or name in _OPERATORS else None


def training_to_tf_keras(config: Mapping[str, Any], optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """``compile_config`` from what ``training_config`` made of compile()'s arguments.

    Args:
        optimizer: its entry for the optimizer.
    """
    unsaid = dict.fromkeys(("run_eagerly", "steps_per_execution", "jit_compile"))
    return {**training_to_objects(config, optimizer), **unsaid}


# --- weights ------------------------------------------------------------------------------------------------


def objects_in_tf_keras(model: Network) -> dict[str, LayerWeights]:
    """The variables of a model's objects by path; the arrays are the live ones, not copies."""
    result: dict[str, LayerWeights] = {}
    for path, layer in _objects(model):
        own: list[tuple[str, Any]] = [
            (str(i), np.asarray(p.storage.array)) for i, p in enumerate(own_weights(layer))
        ]
        result[path] = LayerWeights(raw_name(layer.name), own)
    return result


def _objects(model: Layer) -> Iterator[tuple[str, Any]]:
    """Each object once, at the first place where tf.keras comes by it."""
    yield from _objects_below(model, "", set())


def _objects_below(layer: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    seen.add(id(layer))
    yield path, layer
    prefix = f"{path}/" if path else ""
    for name, value in _attributes(layer):
        if not isinstance(value, list):
            if id(value) not in seen:
                yield from _objects_below(value, f"{prefix}{name}", seen)
            continue
        for key, member in numbered([member for member in value if id(member) not in seen]):
            if id(member) not in seen:
                yield from _objects_below(member, f"{prefix}{name}/{key}", seen)


def _attributes(layer: Any) -> list[tuple[str, Any]]:
    """Attributes that are layers or lists of layers, in tf.keras's order: from the last name to the first,
    among them ``layers`` of a model and ``metrics`` of anything."""
    found = {name: value for name, value in owned_layers(layer) if name not in _OWN_LISTS}
    if registry.is_a(layer, "layer", "Bidirectional"):
        found.pop("layer", None)  # its own copies have the weights
    if isinstance(layer, Network):
        found["layers"] = list(layer.layers)
    metrics = _metrics(layer)
    if metrics:
        found["metrics"] = metrics
    return sorted(found.items(), reverse=True)


def _metrics(layer: Any) -> list[Any]:
    """What ``layer.metrics`` is there after loading, before metrics of compile() are made."""
    defined = next(cls for cls in type(layer).__mro__ if "metrics" in vars(cls))
    if not registry.is_built_in(defined):
        said = layer.metrics
        return [metric for metric in said or [] if isinstance(metric, Layer)]
    below = layer._flat_layers if isinstance(layer, Network) else layer._layers
    found = [metric for inner in below for metric in _metrics(inner)]
    return list({id(metric): metric for metric in [*layer._metrics, *found]}.values())
