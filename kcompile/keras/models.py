"""Models: ``Sequential``, ``Model``, loading, and cloning."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from kcompile_runtime.lazy_packages import attach

from ..ir import Value
from . import rules
from .core.input_layer import Input, InputLayer
from .core.layer import Layer
from .core.node import as_nested, keras_history, replace_tensors
from .legacy.old_names import answer_old_names
from .training.model import Model
from .training.sequential import Sequential
from .utils.generic_utils import CustomObjectScope, to_list, unpack_singleton
from .utils.living import living
from .utils.nested import leaves

if TYPE_CHECKING:
    from .saving.archives import model_from_config as model_from_config
    from .saving.archives import model_from_json as model_from_json
    from .saving.archives import model_from_yaml as model_from_yaml
    from .saving.saving_api import load_model as load_model
    from .saving.saving_api import save_model as save_model

__all__ = [
    "Input",
    "InputLayer",
    "Model",
    "Sequential",
    "clone_model",
]

#: Where files are read and written, which most programs do later or never.
_OF_FILES = {
    "load_model": "saving.saving_api",
    "model_from_config": "saving.archives",
    "model_from_json": "saving.archives",
    "model_from_yaml": "saving.archives",
    "save_model": "saving.saving_api",
}
attach(globals(), _OF_FILES)


def clone_model(
    model: Model, input_tensors: Any = None, clone_function: Callable[[Layer], Layer] | None = None
) -> Model:
    """A copy of a model with new layers and newly initialised weights.

    Args:
        model: a functional or Sequential model.
        input_tensors: tensors to build the copy on, one per input; new Inputs if left out.
        clone_function: gives the layer that stands in the copy for a layer, which may be that layer itself;
            by default a new one of its configuration.

    Raises:
        ValueError: for a subclassed model, or a wrong number of tensors.
    """
    if not isinstance(model, Model):
        raise ValueError(f"Expected `model` argument to be a `Model` instance, got {model!r}.")
    if isinstance(model, Sequential):
        return _clone_sequential(model, input_tensors, clone_function or cloned_layer)
    if not model._is_graph_network:
        raise ValueError(
            f"{model.name} is a subclassed model: its structure is code, so it cannot be cloned."
        )
    return _clone_functional(model, input_tensors, clone_function or cloned_layer)


def _clone_sequential(
    model: Sequential, input_tensors: Any, clone_function: Callable[[Layer], Layer]
) -> Sequential:
    layers = [clone_function(layer) for layer in model.layers]
    if input_tensors is None:
        clone = Sequential(layers, name=model.name)
        if model.built and not clone.built:
            clone.build(model.input_shape)
        return clone
    tensors = to_list(input_tensors)
    if len(tensors) != 1:
        raise ValueError(f"A Sequential model has one input; {len(tensors)} tensors were given.")
    clone = Sequential(name=model.name)
    clone.add(keras_history(_as_inputs(tensors)[0]).layer)
    for layer in layers:
        clone.add(layer)
    return clone


def _clone_functional(model: Model, input_tensors: Any, clone_function: Callable[[Layer], Layer]) -> Model:
    if input_tensors is None:
        inputs = [
            Input(batch_shape=layer.batch_input_shape, dtype=layer.dtype, name=layer.name)
            for layer in model._input_layers
        ]
    else:
        inputs = _as_inputs(to_list(input_tensors))
    if len(inputs) != len(model.inputs):
        raise ValueError(f"{model.name} has {len(model.inputs)} inputs; {len(inputs)} tensors were given.")
    copies: dict[Layer, Layer] = {}
    values: dict[Value, Value] = dict(zip(model.inputs, inputs, strict=True))
    for node in model._network_nodes:
        if all(tensor in values for tensor in node.output_tensors):
            continue
        layer = cast(Layer, node.outbound_layer)
        if layer not in copies:
            copies[layer] = clone_function(layer)
        arguments = replace_tensors(node.arguments, lambda tensor: values.get(tensor, tensor))
        operands = unpack_singleton([values[x] for x in node.input_tensors])
        called = copies[layer](as_nested(operands, node.nesting), **arguments)
        values.update(zip(node.output_tensors, leaves(called), strict=True))
    given = dict(zip(model.input_names, inputs, strict=True)) if model._input_keys else inputs
    given = as_nested(given, model._input_nesting)
    return Model(given, model._as_given([values[x] for x in model.outputs]), name=model.name)


def cloned_layer(layer: Layer) -> Layer:
    """A new layer of a layer's configuration; of a model a clone."""
    if isinstance(layer, Model):
        return clone_model(layer)
    with living() as scope:
        config = layer.get_config()
    known = {type(layer).__name__: type(layer), **scope.of_users()}
    with CustomObjectScope(known), rules.following(rules.of_layer(layer)):
        return type(layer).from_config(config)


def _as_inputs(tensors: list[Value]) -> list[Value]:
    """Tensors that no layer made are wrapped in an Input."""
    return [x if hasattr(x, "_keras_history") else Input(tensor=x) for x in tensors]


answer_old_names(__name__)
