"""How a layer is rounded, chosen by hand: QuantizeConfig, and the wrapper that does what it says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ... import ir
from ...ir import Value
from .. import registry
from ..core.layer import Layer
from ..core.layer_configs import deserialize
from ..utils.generic_utils import deserialize_keras_object, serialize_keras_object
from .quantize_wrapper import QuantizeWrapper
from .quantizers import Quantizer

Rounded = tuple[Any, Quantizer]
"""A weight or an activation of a layer, and how it is rounded."""


class QuantizeConfig(ABC):
    """Which parts of a layer are rounded, and how; made to be subclassed. It is that of
    tensorflow-model-optimization."""

    @abstractmethod
    def get_weights_and_quantizers(self, layer: Any) -> list[Rounded]:
        """``[(layer.kernel, LastValueQuantizer(...))]``."""

    @abstractmethod
    def get_activations_and_quantizers(self, layer: Any) -> list[Rounded]:
        """``[(layer.activation, MovingAverageQuantizer(...))]``."""

    @abstractmethod
    def set_quantize_weights(self, layer: Any, quantize_weights: Sequence[Any]) -> None:
        """Puts rounded weights in the place of those above. It is not called here: whatever reads the weights
        in a call of the layer reads rounded ones."""

    @abstractmethod
    def set_quantize_activations(self, layer: Any, quantize_activations: Sequence[Any]) -> None:
        """Puts functions with rounded results in the place of the activations; also back again."""

    @abstractmethod
    def get_output_quantizers(self, layer: Any) -> list[Quantizer]:
        """One for each output of the layer; an empty list for outputs that are not rounded."""

    @abstractmethod
    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> QuantizeConfig:
        """One from its configuration."""
        return cls(**config)


class QuantizeWrapperV2(QuantizeWrapper):
    """A layer that is rounded as a QuantizeConfig says.

    Args:
        layer: the layer.
        quantize_config: QuantizeConfig.
        inputs, momentum: of ``QuantizeWrapper``.

    Input and output: those of the layer.
    Weights: those of the layer, and those of the quantizers.

    Raises:
        ValueError: for no QuantizeConfig, or weights that are none of the layer's.
    """

    def __init__(
        self,
        layer: Layer,
        quantize_config: QuantizeConfig,
        inputs: Sequence[int] = (),
        momentum: float = 0.99,
        **kwargs: Any,
    ) -> None:
        self.quantize_config = checked_config(quantize_config)
        super().__init__(layer, inputs, False, momentum=momentum, **kwargs)
        self._quantized_weights: list[tuple[Any, Quantizer, Any]] = []
        self._quantized_activations: list[tuple[Any, Quantizer, Any]] = []
        self._output_quantizers: list[tuple[Quantizer, Any]] = []

    def build(self, input_shape: Any = None) -> None:
        self._build_layer(input_shape)
        config, layer = self.quantize_config, self.layer
        output_shape = layer.compute_output_shape(input_shape)
        self._input_ranges = {i: self._new_range(f"input_{i}") for i in self.rounds_inputs}
        self._quantized_weights = []
        for weight, quantizer in config.get_weights_and_quantizers(layer):
            if not any(weight is each for each in layer.weights):
                raise ValueError(
                    f"Layer {self.name}: {type(config).__name__}.get_weights_and_quantizers gives "
                    f"{weight!r}, which is no weight of the layer."
                )
            name = str(weight.name).rsplit("/", 1)[-1]
            self._quantized_weights.append((weight, quantizer, quantizer.build(weight.shape, name, self)))
        self._quantized_activations = [
            (function, quantizer, quantizer.build(output_shape, f"activation_{i}", self))
            for i, (function, quantizer) in enumerate(config.get_activations_and_quantizers(layer))
        ]
        self._output_quantizers = [
            (quantizer, quantizer.build(output_shape, f"output_{i}", self))
            for i, quantizer in enumerate(config.get_output_quantizers(layer))
        ]
        self.built = True

    def _called_rounded(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        training = self._training(arguments.get("training"))
        read: dict[Value, Value] = {
            weight: quantizer(weight, training, state) for weight, quantizer, state in self._quantized_weights
        }
        with ir.reading_as({**ir.current_readings(), **read}), self._rounding_activations(training):
            return self._call_layer(inputs, arguments)

    @contextmanager
    def _rounding_activations(self, training: Any) -> Iterator[None]:
        """Within, activations of the layer give rounded results."""
        if not self._quantized_activations:
            yield
            return
        config, layer = self.quantize_config, self.layer
        config.set_quantize_activations(
            layer, [_followed_by(*each, training) for each in self._quantized_activations]
        )
        try:
            yield
        finally:
            config.set_quantize_activations(layer, [function for function, *_ in self._quantized_activations])

    def _rounded_outputs(self, outputs: list[Any], training: Any) -> list[Any]:
        if not self._output_quantizers:
            return outputs
        training = self._training(training)
        pairs = zip(outputs, self._output_quantizers, strict=True)
        return [quantizer(x, training, state) for x, (quantizer, state) in pairs]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["outputs"], config["ranges"]
        return {**config, "quantize_config": serialize_keras_object(self.quantize_config)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        config = dict(config)
        layer = deserialize(config.pop("layer"), custom_objects=custom_objects)
        return cls(layer, config_of(config.pop("quantize_config"), custom_objects), **config)


def _followed_by(function: Any, quantizer: Quantizer, state: Any, training: Any) -> Callable[[Any], Any]:
    """An activation whose results are rounded; None is one that changes nothing."""
    return lambda x: quantizer(x if function is None else function(x), training, state)


def config_of(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The QuantizeConfig of a configuration, whose class is one of the user's; None for None."""
    return deserialize_keras_object(config, {}, dict(custom_objects or {}), "QuantizeConfig")


def checked_config(config: Any) -> QuantizeConfig:
    """
    Raises:
        ValueError: for what is no QuantizeConfig.
    """
    if not isinstance(config, QuantizeConfig):
        raise ValueError(f"quantize_config must be a QuantizeConfig; found {config!r}.")
    return config


def rounds_results(config: QuantizeConfig, layer: Layer) -> bool:
    """Whether what a layer gives is rounded."""
    return bool(config.get_output_quantizers(layer) or config.get_activations_and_quantizers(layer))


registry.register(globals())
