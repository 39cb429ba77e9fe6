"""WeightedLayer: what a layer holds, which is weights, the layers inside, and their weights."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ... import ir
from ...ir import Parameter, Storage, Value, assign_all, unchanging
from .. import backend as K
from .. import initializers, registry
from ..backend.assignments import Variable
from .changed_attributes import changes, emit_anew, lies_within
from .node import CalledLayer
from .tracked import tracked
from .weight_budget import weight_budget


def disable_tracking(func: Callable) -> Callable:
    """Marks an ``__init__`` whose attributes are not to be tracked as sub-layers or weights."""

    @functools.wraps(func)
    def wrapped(self: WeightedLayer, *args: Any, **kwargs: Any) -> Any:
        tracked = self.__dict__.get("_tracks_attributes", True)
        object.__setattr__(self, "_tracks_attributes", False)
        try:
            return func(self, *args, **kwargs)
        finally:
            object.__setattr__(self, "_tracks_attributes", tracked)

    return wrapped


class WeightedLayer(CalledLayer):
    """A layer by its weights: those that ``add_weight`` makes, those that are set as attributes, and those of
    layers set as attributes, which belong to it as well."""

    _kind_of_object = "layer"  # in messages
    name: str
    dtype: str
    trainable: bool
    built: bool

    def __init__(self) -> None:
        self._tracks_attributes = self.__dict__.get("_tracks_attributes", True)
        self._layers: list[Any] = []
        self._trainable_weights: list[Parameter] = []
        self._non_trainable_weights: list[Parameter] = []
        self._losses: list[Any] = []
        self._metrics: list[Any] = []

    def add_weight(
        self,
        name_or_shape: Any = None,
        shape_or_name: Any = None,
        /,
        dtype: str | None = None,
        initializer: Any = None,
        regularizer: Callable[[Value], Value] | None = None,
        trainable: bool = True,
        constraint: Callable[[Value], Value] | None = None,
        memory_order: Sequence[int] | None = None,
        name: str | None = None,
        shape: Sequence[int] | None = None,
        use_resource: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
    ) -> Parameter:
        """Makes a weight of this layer: ``add_weight("kernel", (3, 4))``, by keywords, or shape first.

        Args:
            name: last part of the weight's name (``dense_1/kernel``).
            shape: sizes of its axes.
            dtype: element type (default the layer's, else ``K.floatx()``).
            initializer: name or callable (default glorot_uniform for floats, zeros else).
            regularizer: function of the weight whose value is added to the training loss.
            trainable: whether gradients update it.
            constraint: function applied to it after each update.
            memory_order: axes from outermost to innermost in memory, where the kernels want another order
                than that of the shape; nothing else changes by it.
            use_resource, synchronization, aggregation: of TensorFlow's variables; they change nothing.

        Raises:
            ValueError: if a size is unknown or negative.
        """
        for given in (name_or_shape, shape_or_name):
            name, shape = (
                (given, shape) if isinstance(given, str) else (name, shape if given is None else given)
            )
        shape = tuple(shape if shape is not None else ())
        name = name or "weight"
        if not all(isinstance(dim, int | np.integer) and dim >= 0 for dim in shape):
            raise ValueError(
                f"Layer {self.name}: the weight {name!r} needs known sizes, got the shape {shape}. "
                "Give the layer an input whose last axes are fixed."
            )
        dtype = dtype or self.dtype or K.floatx()
        budget = weight_budget()
        if budget is not None:
            budget.claim(self.name, name, shape)
        else:
            ir.claim_steps(math.prod(int(size) for size in shape), f"the weight {name!r} of shape {shape}")
        if budget is None or not budget.from_zeros:
            value = initializers.initial_value(
                initializers.get(initializer or "glorot_uniform"), shape, dtype
            )
            storage = Storage(value, memory_order)
        else:  # the values come from a file
            storage = Storage.zeros(shape, ir.as_dtype(dtype), memory_order)
        scope = ir.current_scope() or self.name
        parameter = Variable(storage, f"{scope}/{name}", trainable)
        parameter.constraint = constraint
        if regularizer is not None:
            # a function of the weight for good, also where the layer is built while numbers are computed
            with ir.name_scope("weight_regularizer"), ir.eagerly(None), ir.emitting(symbolic=True):
                self._losses.append(regularizer(parameter))
        weights = self._trainable_weights if trainable else self._non_trainable_weights
        weights.append(parameter)
        return parameter

    @property
    def trainable_weights(self) -> list[Parameter]:
        """Weights that training updates: none where ``trainable`` is False; those of sub-layers included."""
        if not self.trainable:
            return []
        return unique(self._trainable_weights, *(layer.trainable_weights for layer in self._layers))

    @trainable_weights.setter
    def trainable_weights(self, weights: Iterable[Parameter]) -> None:
        self._trainable_weights = list(weights)

    @property
    def non_trainable_weights(self) -> list[Parameter]:
        """Weights that training does not update by gradients."""
        if not self.trainable:
            return unique(
                self._trainable_weights,
                self._non_trainable_weights,
                *(layer.weights for layer in self._layers),
            )
        return unique(self._non_trainable_weights, *(layer.non_trainable_weights for layer in self._layers))

    @non_trainable_weights.setter
    def non_trainable_weights(self, weights: Iterable[Parameter]) -> None:
        self._non_trainable_weights = list(weights)

    @property
    def weights(self) -> list[Parameter]:
        """All weights, the trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    @property
    def variables(self) -> list[Parameter]:
        """``weights``."""
        return self.weights

    @property
    def trainable_variables(self) -> list[Parameter]:
        """``trainable_weights``."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Parameter]:
        """``non_trainable_weights``."""
        return self.non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in the order of ``weights``."""
        with unchanging():
            return [weight.numpy() for weight in self._weights_in_order()]

    def _weights_in_order(self) -> list[Parameter]:
        """All weights in the order of ``get_weights``."""
        return self.weights

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Overwrites all weights.

        Raises:
            ValueError: if the number of arrays or one of their shapes differs; then nothing is changed.
        """
        self._assert_weights_exist()
        parameters = self._weights_in_order()
        what = f"{self._kind_of_object} {self.name!r}"
        if len(parameters) != len(weights):
            listed = ": " + ", ".join(f"{p.name} {p.shape}" for p in parameters[:8]) if parameters else ""
            raise ValueError(
                f"You called set_weights(weights) on {what} with a list of {len(weights)} arrays, but the "
                f"{self._kind_of_object} has {len(parameters)} weights{listed}."
            )
        arrays = [np.asarray(array) for array in weights]
        for parameter, array in zip(parameters, arrays, strict=True):
            if parameter.shape != array.shape:
                raise ValueError(
                    f"{self._kind_of_object.capitalize()} {self.name!r}: weight {parameter.name} has shape "
                    f"{parameter.shape}, the given array has shape {array.shape}."
                )
        assign_all(zip(parameters, arrays, strict=True))

    def _assert_weights_exist(self) -> None:
        """Refuses what has no weights yet: Sequential and subclassed models before their input shape is
        known."""

    def convert_stored_weights(self, stored: Sequence[tuple[str, Any]]) -> list[Any]:
        """The arrays of a file in the order and layout of ``weights``; a layer whose layout changed overrides
        it.

        Args:
            stored: pairs (name in the file, array), in the file's order.
        """
        return [array for _, array in stored]

    def count_params(self) -> int:
        """Number of scalars in the weights.

        Raises:
            RuntimeError: if the layer is not built yet.
        """
        if not self.built:
            raise RuntimeError(
                f"You tried to call count_params on {self.name}, but the layer isn't built. Build it with "
                f"{self.name}.build(batch_input_shape), or by calling it."
            )
        return sum(weight.size for weight in self.weights)

    # --- tracking of attributes -----------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        has = self.__dict__
        tracks = has.get("_tracks_attributes", False) and not name.startswith("__")
        if tracks and self._tracks_name(name):
            self._track_attribute(name, value)
            if not registry.is_built_in(type(self)):
                value = tracked(self, value)
        was_called = has.get("_inbound_nodes") or "_lies_within" in has
        is_changed = tracks and was_called and changes(self, name, value)
        super().__setattr__(name, value)
        if is_changed:
            emit_anew(self, name)

    def _forget_calls(self) -> None:
        """What was made of calls as they were is made anew when it is asked for."""

    def _tracks_name(self, name: str) -> bool:
        """Whether what an attribute of this name holds belongs to this layer."""
        return name not in _OWN_LISTS

    def _track_attribute(self, name: str, value: Any) -> None:
        """Layers, weights and metrics set as attributes, also inside lists and dicts, at once or later,
        belong to this layer."""
        if isinstance(value, list | tuple | dict):
            held = name == "states" or registry.is_built_in(type(self))  # variables that are no weights
            for element in value.values() if isinstance(value, dict) else value:
                if isinstance(element, WeightedLayer | list | tuple | dict):
                    self._track_attribute("", element)
                elif isinstance(element, Parameter) and not held:
                    self._track_attribute("", element)
        elif hasattr(value, "update_state") and hasattr(value, "reset_states"):
            if not any(value is metric for metric in self._metrics):
                self._metrics.append(value)
        elif isinstance(value, WeightedLayer):
            if value not in self._layers:
                self._layers.append(value)
            lies_within(value, self)
        elif isinstance(value, Parameter):
            weights = self._trainable_weights if value.trainable else self._non_trainable_weights
            if not any(value is weight for weight in self._trainable_weights + self._non_trainable_weights):
                weights.append(value)


_OWN_LISTS = {
    "_layers",
    "_trainable_weights",
    "_non_trainable_weights",
    "trainable_weights",
    "non_trainable_weights",
    "_losses",
    "_updates",
    "_metrics",
    "_inbound_nodes",
    "_outbound_nodes",
    "_unrecorded_calls",
    "_losses_at_once",
}


def unique(*lists: Iterable[Any]) -> list[Any]:
    """The elements in order, each object once; numbers are all counted."""
    found: dict[Any, Any] = {}
    for elements in lists:
        for element in elements:
            key: Any = tuple(map(id, element)) if isinstance(element, tuple) else id(element)
            found.setdefault(object() if isinstance(element, int | float) else key, element)
    return list(found.values())


registry.register(globals())
