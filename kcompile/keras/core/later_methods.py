"""Methods of layers that tf.keras 2 has and Keras 2.3 had not."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ... import ir
from .. import backend as K
from .. import registry
from ..utils.generic_utils import to_list, unpack_singleton
from .weighted_layer import WeightedLayer


class LaterMethods(WeightedLayer):
    """What code of tf.keras calls on layers; nothing here calls it, but for classes that do so themselves."""

    def add_variable(self, *args: Any, **kwargs: Any) -> ir.Parameter:
        """``add_weight``, under its name in tf.keras 1."""
        return self.add_weight(*args, **kwargs)

    def finalize_state(self) -> None:
        """Ends the making of state; preprocessing layers of tf.keras override it."""

    def compute_output_signature(self: Any, input_signature: Any) -> Any:
        """What comes out for symbolic inputs, of which shape and element type are read.

        Args:
            input_signature: a tensor or a ``tf.TensorSpec``, or a list of them.

        Returns:
            placeholder of the output's shape, of the layer's element type; a list of them for several.
        """
        shapes = [tuple(spec.shape) for spec in to_list(input_signature)]
        computed = self.compute_output_shape(unpack_singleton(shapes))
        made = [K.placeholder(tuple(shape), dtype=self.dtype) for shape in to_list(computed)]
        return made if isinstance(computed, list) else made[0]

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The layers in this one, at any depth."""
        inner = [found for layer in self._layers for found in (layer, *layer.submodules)]
        return tuple({id(layer): layer for layer in inner}.values())

    # --- as .keras files of tf.keras have layers ------------------------------------------------------------

    def get_build_config(self: Any) -> dict[str, Any] | None:
        """The shape that the layer was first called on, as ``{"input_shape": ...}``; None if it was not."""
        shape = self.__dict__.get("_build_input_shape")
        if shape is None and self._inbound_nodes:
            shape = unpack_singleton(self._inbound_nodes[0].input_shapes)
        return None if shape is None else {"input_shape": shape}

    def build_from_config(self: Any, config: Mapping[str, Any] | None) -> None:
        """Builds the layer as ``get_build_config`` said."""
        if config and config.get("input_shape") is not None:
            self.build(config["input_shape"])

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Puts the arrays of the layer's own weights into a dict, by number."""
        for i, weight in enumerate(self._trainable_weights + self._non_trainable_weights):
            store[str(i)] = weight.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Sets the layer's own weights from what ``save_own_variables`` put there.

        Raises:
            ValueError: if there are more or fewer, or shapes differ; nothing is changed then.
        """
        own = self._trainable_weights + self._non_trainable_weights
        if len(store) != len(own):
            raise ValueError(
                f"The layer {self.name} has {len(own)} weights of its own; {len(store)} are given. A layer "
                "that has none yet has not been built."
            )
        arrays = [np.asarray(store[str(i)]) for i in range(len(own))]
        for weight, array in zip(own, arrays, strict=True):
            if weight.shape != array.shape:
                raise ValueError(f"The weight {weight.name} has the shape {weight.shape}, not {array.shape}.")
        ir.assign_all(zip(own, arrays, strict=True))

    @classmethod
    def with_name_scope(cls, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method within whose calls names begin with that of the layer."""

        @functools.wraps(method)
        def scoped(self: Any, *args: Any, **kwargs: Any) -> Any:
            with ir.name_scope(self.name):
                return method(self, *args, **kwargs)

        return scoped


registry.register(globals())
