"""TransparentWrapper: a layer around a layer that is called as that one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ...ir import Parameter
from .. import registry
from ..core.layer import Layer
from .wrappers import Wrapper


class AddingWrapper(Wrapper):
    """A layer with weights beside those of the layer inside: all are read and written, in the order of
    ``weights``. Masks and shapes are those of the layer inside. Made to be subclassed."""

    def _build_layer(self, input_shape: Any) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """That of the layer inside."""
        return self.layer.compute_mask(inputs, mask)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in the order of ``weights``."""
        return Layer.get_weights(self)

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Overwrites all weights, in the order of ``weights``."""
        Layer.set_weights(self, weights)

    def convert_stored_weights(self, stored: Sequence[tuple[str, Any]]) -> list[Any]:
        """Those of files: of the layer inside as it does, then those of the wrapper as they are."""
        return Layer.convert_stored_weights(self, stored)


class TransparentWrapper(AddingWrapper):
    """A layer with something besides: arguments of calls, masks and shapes are those of the layer inside.

    Made to be subclassed. A subclass builds the layer inside by ``_build_layer``, adds weights of its own and
    may override ``call``, which goes on to ``_call_layer``.

    Args:
        layer: the layer inside, whatever it is.
        name: by default that of the layer behind the prefix of the class.
    """

    _prefix: ClassVar[str]

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if isinstance(layer, Layer):
            kwargs.setdefault("name", f"{self._prefix}_{layer.name}")
            if hasattr(layer, "batch_input_shape"):
                kwargs.setdefault("batch_input_shape", layer.batch_input_shape)
        super().__init__(layer, **kwargs)
        self.supports_masking = layer.supports_masking
        self.stateful = layer.stateful

    def call(self, inputs: Any, **arguments: Any) -> Any:
        return self._call_layer(inputs, arguments)

    def _call_layer(self, inputs: Any, arguments: dict[str, Any]) -> Any:
        return self.layer._called(inputs, arguments)

    def _call_parameters(self) -> Any:
        return self.layer._call_parameters()

    def _taken_apart(self, inputs: Any) -> tuple[Any, Any]:
        return self.layer._taken_apart(inputs)

    def _as_taken(self, inputs: Any, nesting: Any) -> Any:
        return self.layer._as_taken(inputs, nesting)


def kernels(layer: Layer) -> list[Parameter]:
    """The weights of a built layer that are made of many: trainable ones of at least two axes, but for
    depthwise kernels, which have few and need them all."""
    named = [(weight, weight.name.rsplit("/", 1)[-1]) for weight in layer.trainable_weights]
    return [w for w, name in named if len(w.shape) > 1 and not name.startswith("depthwise")]


registry.register(globals())
