"""Pipeline: layers one after another, as one layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ... import registry
from ...core.layer import Layer
from ...core.layer_configs import deserialize, serialize
from ...utils.generic_utils import has_arg
from .common import without_default_training


class Pipeline(Layer):
    """Applies layers one after another.

    Args:
        layers: the layers, in order.

    Attributes:
        layers: the layers, in order.

    Input: that of the first layer; output: that of the last one. Weights: those of the layers.

    Shapes: whatever these layers take and give.

    Raises:
        ValueError: if there are no layers, or something else among them.
    """

    def __init__(self, layers: Sequence[Layer], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if (
            not isinstance(layers, list | tuple)
            or not layers
            or any(not isinstance(x, Layer) for x in layers)
        ):
            raise ValueError(f"Pipeline takes a list of layers, found {layers!r}.")
        self.supports_masking = True
        self.layers = list(layers)

    def __call__(self, inputs: Any, **kwargs: Any) -> Any:
        return super().__call__(inputs, **without_default_training(kwargs))

    def call(self, inputs: Any, training: Any = None) -> Any:
        x = inputs
        for layer in self.layers:
            x = layer(x, **({"training": training} if has_arg(layer.call, "training") else {}))
        self._mask = getattr(x, "_keras_mask", None)
        return x

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """That of the last layer."""
        return self._mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {"name": self.name, "layers": [serialize(layer) for layer in self.layers]}
        return config if self.trainable else {**config, "trainable": False}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        config = dict(config)
        layers = [deserialize(one, custom_objects=custom_objects) for one in config.pop("layers", ())]
        return cls(layers, **config)


registry.register(globals(), listed=True)
