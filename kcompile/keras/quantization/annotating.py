"""Choosing which layers are rounded, and how: names and behaviour of
``tensorflow_model_optimization.quantization.keras``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import registry
from ..core.layer import Layer
from ..core.layer_configs import deserialize
from ..layers.core import Lambda
from ..layers.transparent_wrapper import TransparentWrapper
from ..models import clone_model
from ..training.model import Model
from ..utils.generic_utils import CustomObjectScope, serialize_keras_object
from . import quantizers
from .preparing import prepared_by
from .quantize_config import QuantizeConfig, QuantizeWrapperV2, checked_config, config_of
from .quantize_wrapper import QuantizeWrapper


class QuantizeAnnotate(TransparentWrapper):
    """A layer that ``quantize_apply`` is to round; until then it computes as ever.

    Args:
        layer: the layer.
        quantize_config: how it is rounded; by default as ``prepare`` rounds it.
    """

    _prefix = "quantize_annotate"

    def __init__(self, layer: Layer, quantize_config: QuantizeConfig | None = None, **kwargs: Any) -> None:
        super().__init__(_checked_layer(layer), **kwargs)
        self.quantize_config = quantize_config

    def build(self, input_shape: Any = None) -> None:
        self._build_layer(input_shape)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "quantize_config": serialize_keras_object(self.quantize_config)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        config = dict(config)
        layer = deserialize(config.pop("layer"), custom_objects=custom_objects)
        return cls(layer, config_of(config.pop("quantize_config", None), custom_objects), **config)


def quantize_annotate_layer(to_annotate: Any, quantize_config: QuantizeConfig | None = None) -> Any:
    """A layer that ``quantize_apply`` will round.

    Args:
        to_annotate: the layer.
        quantize_config: which parts of it are rounded, and how; by default as ``prepare`` does it.

    Raises:
        ValueError: for what is no layer, or a model, or no QuantizeConfig.
    """
    config = None if quantize_config is None else checked_config(quantize_config)
    return QuantizeAnnotate(_checked_layer(to_annotate), config)


def quantize_annotate_model(to_annotate: Any) -> Any:
    """A copy of a model whose layers are all annotated, but for Lambda layers and those that are already.

    Raises:
        ValueError: for what is no Sequential or functional model.
    """
    return _with_layers_of(_checked_model(to_annotate, "to_annotate"), _annotated)


def quantize_apply(model: Any, scheme: Any = None, quantized_layer_name_prefix: str | None = "quant_") -> Any:
    """A copy of a model whose annotated layers are rounded; it trains for 8 bits, as what ``prepare`` gives.

    Args:
        model: Sequential or functional, built, with annotated layers; its weights are copied, it stays as it
            is.
        scheme: None, for 8 bits by the rules of ``prepare``.
        quantized_layer_name_prefix: begins the names of the layers that are rounded.

    Raises:
        ValueError: for what is no such model, one without annotated layers, one that is not built, or another
            scheme.
    """
    if scheme is not None:
        raise ValueError(
            f"scheme must be None, the rules of kcompile.keras.quantization.prepare; found {scheme!r}."
        )
    annotated = {x.layer.name: x.quantize_config for x in _annotations(_checked_model(model, "model"))}
    if not annotated:
        raise ValueError(
            f"The model {model.name} has no layer that quantize_annotate_layer or quantize_annotate_model "
            "gave."
        )
    plain = _with_layers_of(
        model, lambda layer: layer.layer if isinstance(layer, QuantizeAnnotate) else layer
    )
    configs = {name: config for name, config in annotated.items() if config is not None}
    keep = [layer.name for layer in plain.layers if layer.name not in annotated]
    return prepared_by(plain, keep, configs, quantized_layer_name_prefix or "")


def quantize_model(to_quantize: Any, quantized_layer_name_prefix: str | None = "quant_") -> Any:
    """A copy of a model that trains for 8 bits: ``quantize_apply`` of all layers.

    Args:
        to_quantize: Sequential or functional, built; it stays as it is.
        quantized_layer_name_prefix: begins the names of the layers that are rounded.

    Raises:
        ValueError: for what is no such model, or one without weights to round.
    """
    annotated = quantize_annotate_model(_checked_model(to_quantize, "to_quantize"))
    return quantize_apply(annotated, quantized_layer_name_prefix=quantized_layer_name_prefix)


def quantize_scope(*args: Mapping[str, Any] | None) -> CustomObjectScope:
    """A scope with the names of these layers and quantizers, and of what is one's own.

    Args:
        args: dictionaries name -> class or function.
    """
    known = {cls.__name__: cls for cls in (QuantizeAnnotate, QuantizeWrapper, QuantizeWrapperV2)}
    named = {name: getattr(quantizers, name) for name in quantizers.__all__}
    return CustomObjectScope(*args, {**known, **named})


def _annotations(model: Model) -> list[QuantizeAnnotate]:
    return [layer for layer in model.layers if isinstance(layer, QuantizeAnnotate)]


def _annotated(layer: Layer) -> Layer:
    if isinstance(layer, QuantizeAnnotate | Lambda) or isinstance(layer, Model):
        return layer
    return QuantizeAnnotate(layer)


def _with_layers_of(model: Model, change: Any) -> Any:
    """A copy of a model of what a function gives for its layers, with its weights."""
    copy = clone_model(model)
    copy.set_weights(model.get_weights())
    return clone_model(copy, clone_function=change)


def _checked_layer(layer: Any) -> Layer:
    if not isinstance(layer, Layer) or isinstance(layer, Model):
        raise ValueError(f"Only a layer is annotated, and of models their layers; found {layer!r}.")
    return layer


def _checked_model(model: Any, name: str) -> Model:
    if not isinstance(model, Model) or not model._is_graph_network:
        raise ValueError(f"`{name}` can only be a built Sequential or functional model; found {model!r}.")
    return model


registry.register(globals())
