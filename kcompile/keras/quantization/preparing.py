"""prepare: a model that trains for 8 bits, from one that was trained in float."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from ..core.layer import Layer
from ..layers.onnx_graph import ONNXGraph
from ..models import clone_model, cloned_layer
from ..training.model import Model
from .analysis import Place, places
from .calibration import calibrate
from .quantize_config import QuantizeConfig, QuantizeWrapperV2, rounds_results
from .quantize_wrapper import QuantizeWrapper, check_settings


def prepare(
    model: Model,
    data: Any = None,
    *,
    ranges: str = "moving",
    momentum: float = 0.99,
    keep: Collection[str] = (),
) -> Model:
    """A copy of a model that computes as its file of 8-bit integers will, and trains that way.

    Products of weights get rounded operands: weights int8, symmetric, a scale for each channel; activations
    uint8, one scale for each tensor. Batch normalisation trains as it does in float, on statistics of the
    batch behind a convolution by rounded weights; export multiplies it into the scales of the channels and
    the bias, which changes no integer. Recurrent layers and loops compute in float, with matrices of int8;
    tables are uint8. What has no kernel of integers stays float. Compile the copy and fit it, at a tenth of
    the learning rate or less; it saves and loads as any model, and its file is QuantizeLinear and
    DequantizeLinear, which onnxruntime runs on integers.

    A file of anyone that rounds so already (``load_model("qdq.onnx")``) keeps its scales; its weights, stored
    as integers, become numbers that are trained, and integers again in the file that is exported. A live
    model that Keras 3 quantized (``from_keras`` of one after ``model.quantize("int8")``) trains on from the
    numbers of its integers.

    Args:
        model: Sequential or functional, built; its weights are copied, it stays as it is.
        data: samples to find the first ranges by, as ``predict`` takes them (200 are enough); without it
            ranges are found in the first batches of training.
        ranges: "moving": means of the least and largest numbers over batches. "learned": the scales are
            trained as weights are (LSQ, Esser et al. 2020); this needs ``data``.
        momentum: of moving ranges, once 1 / (1 - momentum) batches were seen.
        keep: names of layers that stay float.

    Raises:
        ValueError: for a subclassed or unbuilt model, a model that is prepared, one without products of
            weights, an unknown name in ``keep``, learned ranges without data, or another value of an
            argument than these.
    """
    check_settings(ranges, momentum)
    _check(model)
    model = _in_numbers(model)
    _check_names(model, keep)
    if ranges == "learned" and data is None:
        raise ValueError('ranges="learned" starts from calibrated scales: give some samples as data.')
    choices = _Choices(keep, {}, "quant_", {"ranges": ranges, "momentum": momentum})
    prepared = _checked(model, _prepared(model, choices))
    wrappers = [layer for layer in _layers_within(prepared) if isinstance(layer, QuantizeWrapper)]
    for wrapper in wrappers:
        wrapper.start_from_weights()
    if data is not None and wrappers:
        calibrate(prepared, data)
    return prepared


def prepared_by(
    model: Model, keep: Collection[str], configs: Mapping[str, QuantizeConfig], prefix: str
) -> Model:
    """A copy of a model that trains for 8 bits, some layers of which are rounded as their user says.

    Args:
        keep: names of layers that stay float.
        configs: how layers are rounded, by name.
        prefix: begins the names of the layers that are rounded.

    Raises:
        ValueError: as ``prepare`` does.
    """
    _check(model)
    model = _in_numbers(model)
    return _checked(model, _prepared(model, _Choices(keep, configs, prefix, {})))


class _Choices(NamedTuple):
    """What is rounded, and how; see ``prepare`` and ``prepared_by``."""

    keep: Collection[str]
    configs: Mapping[str, QuantizeConfig]
    prefix: str
    settings: Mapping[str, Any]

    def wrapper(self, layer: Layer, place: Place) -> Layer:
        """The layer, rounded."""
        name = f"{self.prefix}{layer.name}"
        config = self.configs.get(layer.name)
        if config is not None:
            return QuantizeWrapperV2(layer, config, place.inputs, name=name)
        return QuantizeWrapper(layer, place.inputs, place.outputs, name=name, **self.settings)


def _prepared(model: Model, choices: _Choices) -> Model:
    named = {layer.name: layer for layer in model.layers}
    rounding = {name: rounds_results(config, named[name]) for name, config in choices.configs.items()}
    found = places(model, choices.keep, rounding)
    copies: list[tuple[Layer, Layer]] = []

    def copied(layer: Layer) -> Layer:
        if isinstance(layer, Model):
            return _prepared(layer, choices._replace(configs={}))
        if _stores_integers(layer):
            return layer.with_numbers()
        copy = cloned_layer(layer)
        copies.append((layer, copy))
        place = found.get(layer)
        return copy if place is None else choices.wrapper(copy, place)

    prepared: Model = clone_model(model, clone_function=copied)
    for layer, copy in copies:
        if layer.weights:
            copy.set_weights(layer.get_weights())
    if not model.trainable:
        prepared.trainable = False
    return prepared


def _checked(model: Model, prepared: Model) -> Model:
    """What was prepared of a model, if anything is rounded in it."""
    if any(isinstance(layer, QuantizeWrapper) for layer in _layers_within(prepared)):
        return prepared
    if not any(_stores_integers(layer) for layer in _layers_within(model)):
        raise ValueError(f"The model {model.name} has no products of weights to be computed of integers.")
    return prepared


def _stores_integers(layer: Any) -> bool:
    return isinstance(layer, ONNXGraph) and layer.stores_integers


def _check(model: Any) -> None:
    if not isinstance(model, Model):
        raise ValueError(f"prepare takes a Model; found {model!r}.")
    if not model.inputs:
        raise ValueError(
            f"The model {model.name} is not built yet, so its operators are not known; build or fit it first."
        )
    if any(isinstance(layer, QuantizeWrapper) for layer in _layers_within(model)):
        raise ValueError(f"The model {model.name} is prepared for integers already.")


def _in_numbers(model: Model) -> Model:
    """The model, or, where a live model of Keras in it computes with integers, one of numbers."""
    for layer in _layers_within(model):
        make = getattr(layer, "model_in_numbers", None)
        found: Model | None = None if make is None else make(model)
        if found is not None:
            return found
    return model


def _check_names(model: Model, keep: Collection[str]) -> None:
    if isinstance(keep, str):
        raise ValueError(f"keep is a list of names of layers; found the text {keep!r}.")
    names = [layer.name for layer in _layers_within(model)]
    unknown = [name for name in keep if name not in names]
    if unknown:
        raise ValueError(
            f"keep: the model {model.name} has no layer {', '.join(map(repr, unknown))}; it has "
            f"{', '.join(names)}."
        )


def _layers_within(model: Model) -> Iterator[Any]:
    """The layers of a model, and of models in it."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, Model):
            yield from _layers_within(layer)
