"""Layers around a layer: TimeDistributed and Bidirectional."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import Value, name_scope, op
from .. import backend as K
from .. import registry
from ..backend.tensors import dims_of, known_shape, shape_vector
from ..core.layer import InputSpec, Layer
from ..core.layer_configs import deserialize, serialize
from ..legacy.old_names import answer_old_names
from ..operations.recurrent_operators import IN_TIME
from ..utils.generic_utils import CustomObjectScope, has_arg, to_list
from ..utils.living import living
from ..utils.nested import mapped
from .recurrent.arguments import standardize_arguments, with_states

__all__ = ["Bidirectional", "TimeDistributed", "Wrapper"]


class Wrapper(Layer):
    """A layer that holds another one; made to be subclassed.

    Args:
        layer: the layer inside; its weights are the wrapper's.

    Input and output: of the shapes that the subclass takes and gives.

    Raises:
        ValueError: if it is no Layer.
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"{type(self).__name__} wraps a layer; found {layer!r} ({type(layer).__name__}). Pass a "
                "layer instance, such as Dense(8)."
            )
        trainable = kwargs.pop("trainable", None)
        super().__init__(**kwargs)
        self._hold(layer)
        if trainable is not None:
            self.trainable = trainable

    def _hold(self, layer: Layer) -> None:
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        self.built = True

    @property
    def trainable(self) -> bool:
        """Whether gradients update the weights: that of the layer inside."""
        inner = self.__dict__.get("layer")
        return True if inner is None else inner.trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        inner = self.__dict__.get("layer")
        if inner is not None:
            inner.trainable = value

    @property
    def activity_regularizer(self) -> Any:
        """That of the layer inside; it is applied to the output of the wrapper."""
        return getattr(self.layer, "activity_regularizer", None)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights of the layer inside, in its order."""
        return self.layer.get_weights()

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Overwrites the weights of the layer inside."""
        self.layer.set_weights(weights)

    def convert_stored_weights(self, stored: Sequence[tuple[str, Any]]) -> list[Any]:
        """As the layer inside does."""
        return self.layer.convert_stored_weights(stored)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": serialize(self.layer)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        config = dict(config)
        layer = deserialize(config.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **config)


class TimeDistributed(Wrapper):
    """Applies a layer to each step of a sequence: time becomes part of the batch, and comes back behind the
    layer.

    Args:
        layer: any layer or model with one input.

    Input: (batch, time, ...), at least three axes. Output: (batch, time, *output axes of the layer),
    nested as that of the layer.
    Weights: those of the layer.
    A mask (batch, time, ...) of more than two axes is handed to the layer step by step. If the layer gives
    no mask of
    its own, that of the steps is passed on: those of which something counts.

    Raises:
        ValueError: for an input of fewer than three axes.
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True
        self._folded: tuple[Value, Value] | None = None

    def build(self, input_shape: Any = None) -> None:
        if input_shape is None or len(input_shape) < 3:
            raise ValueError(
                f"Layer {self.name}: TimeDistributed needs an input with at least three axes (batch, time, "
                f"...); found the shape {input_shape}."
            )
        self.input_spec = InputSpec(shape=(None, None, *input_shape[2:]))
        if not self.layer.built:
            self.layer.build((input_shape[0], *input_shape[2:]))
            self.layer.built = True
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        inner = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        if isinstance(inner, list):
            return [(input_shape[0], input_shape[1], *shape[1:]) for shape in inner]
        return (input_shape[0], input_shape[1], *inner[1:])

    def call(self, inputs: Value, training: Any = None, mask: Any = None) -> Any:
        arguments: dict[str, Any] = {}
        if has_arg(self.layer.call, "training"):
            arguments["training"] = training
        steps = _fold_time(inputs)
        self._folded = (inputs, steps)
        # a mask (batch, time) leaves out whole steps, of which the layer inside has nothing to know
        if mask is not None and mask.rank != 2 and has_arg(self.layer.call, "mask"):
            arguments["mask"] = _step_mask(mask)
        outputs = self.layer.call(steps, **arguments)
        return mapped(outputs, lambda y: _unfold_time(y, inputs))

    def _regularized_samples(self, output: Value) -> Value:
        return K.shape(output)[0] * K.shape(output)[1]  # the layer inside is called on all steps as samples

    def compute_mask(self, inputs: Value, mask: Any = None) -> Any:
        folded, self._folded = self._folded, None
        steps = folded[1] if folded is not None and folded[0] is inputs else _fold_time(inputs)
        inner = self.layer.compute_mask(steps, None if mask is None else _step_mask(mask))
        if inner is None:
            return _of_steps(mask)
        if isinstance(inner, list):
            return [_of_steps(mask) if m is None else _unfold_time(m, inputs) for m in inner]
        return _unfold_time(inner, inputs)


def _step_mask(mask: Value) -> Value:
    """(batch * time, ...) from the mask (batch, time, ...)."""
    return _fold_time(mask) if mask.rank is not None and mask.rank > 2 else op.Reshape(mask, [-1])


def _of_steps(mask: Value | None) -> Value | None:
    """(batch, time): whether anything counts in a step."""
    while mask is not None and mask.rank is not None and mask.rank > 2:
        mask = K.any(mask, axis=-1)
    return mask


def _fold_time(x: Value) -> Value:
    """(batch * time, ...) from (batch, time, ...)."""
    batch, time = known_shape(x)[:2]
    both = batch * time if isinstance(batch, int) and isinstance(time, int) else None
    folded = op.Reshape(x, shape_vector([-1 if both is None else both, *dims_of(x)[2:]]))
    folded.refine([both, *known_shape(x)[2:]])
    return folded


def _unfold_time(y: Value, inputs: Value) -> Value:
    """(batch, time, ...) from (batch * time, ...)."""
    batch, time = known_shape(inputs)[:2]
    rest = dims_of(y)[1:]
    open_sizes = sum(isinstance(size, Value) for size in [time if isinstance(time, int) else y, *rest])
    if not open_sizes:
        shape = shape_vector([batch if isinstance(batch, int) else -1, time, *rest])
    else:
        shape = shape_vector([*dims_of(inputs)[:2], *rest])
    found = op.Reshape(y, shape)
    found.refine([batch, time, *known_shape(y)[1:]])
    return found


MERGE_MODES = ("sum", "mul", "ave", "concat", None)


class Bidirectional(Wrapper):
    """A recurrent layer in both directions, each with weights of its own.

    Args:
        layer: a recurrent layer; the forward one is a copy of it, the backward one is made from its
            configuration with go_backwards turned around.
        merge_mode: how the outputs are joined: "concat" (default, along the last axis), "sum", "mul", "ave",
            or None for a list of both.
        weights: initial values, those of the forward layer first.
        backward_layer: a layer for the other direction instead of that one; it goes the other way, and
            agrees with the layer in return_sequences, return_state and stateful.

    Input: (batch, time, features), and behind it, in a list, initial states: those of the forward layer
    first.
    Output: as of the layer, outputs of both directions in the order of the input's steps; with return_state
    the states of the forward layer, then those of the backward layer, behind it.
    Weights: those of the forward layer, then those of the backward layer.
    (Schuster and Paliwal 1997)

    Raises:
        ValueError: for another ``merge_mode``, or initial states that the layer does not take.
    """

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ) -> None:
        if merge_mode not in MERGE_MODES:
            raise ValueError(
                f"Bidirectional: invalid merge mode {merge_mode!r}. Merge mode should be one of "
                f"{', '.join(repr(mode) for mode in MERGE_MODES)}."
            )
        object.__setattr__(self, "_given_backward", backward_layer)
        super().__init__(layer, **kwargs)
        del self._given_backward  # it is backward_layer now
        self.merge_mode = merge_mode
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec
        self._num_constants: int | None = None
        if weights:
            self._initial_weights = weights

    def _hold(self, layer: Layer) -> None:
        self._set_sublayers(layer)

    def _set_sublayers(self, layer: Layer) -> None:
        """Makes the layers of both directions."""
        for attribute in ("go_backwards", "return_sequences", "return_state", "stateful"):
            if not hasattr(layer, attribute):
                raise ValueError(
                    f"Bidirectional wraps a recurrent layer; {type(layer).__name__} ({layer.name}) has no "
                    f"`{attribute}`."
                )
        backward = self._given_backward
        self._own_backward = backward is not None
        if backward is None:
            with living() as scope:
                config = _turned_around(layer)
            with CustomObjectScope(scope.of_users()):  # a cell of the user's is at hand, in the layer
                backward = type(layer).from_config(config)
            backward.name = f"backward_{layer.name}"
        else:
            _check_directions(layer, backward)
        forward = copy.copy(layer)
        forward._inbound_nodes, forward._outbound_nodes = [], []
        forward.name = f"forward_{layer.name}"
        # the template is kept for the configuration only: its weights are the forward layer's
        object.__setattr__(self, "layer", layer)
        self.forward_layer, self.backward_layer = forward, backward

    @property
    def trainable(self) -> bool:
        """Whether gradients update the weights of both directions."""
        return self.__dict__.get("_trainable", True)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.__dict__["_trainable"] = value
        for direction in ("forward_layer", "backward_layer"):
            if direction in self.__dict__:
                getattr(self, direction).trainable = value

    @property
    def states(self) -> list[Any]:
        """The states of both directions."""
        return [*self.forward_layer.states, *self.backward_layer.states]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights of the forward layer, then of the backward layer."""
        return self.forward_layer.get_weights() + self.backward_layer.get_weights()

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Overwrites the weights, given as ``get_weights`` returns them."""
        Layer.set_weights(self, weights)

    def convert_stored_weights(self, stored: Sequence[tuple[str, Any]]) -> list[Any]:
        """As the directions do, each with its half."""
        half = len(stored) // 2
        return [
            *self.forward_layer.convert_stored_weights(stored[:half]),
            *self.backward_layer.convert_stored_weights(stored[half:]),
        ]

    def reset_states(self, states: Any = None) -> None:
        """Sets the states of both directions: those of the forward layer first; zeros by default."""
        if states is None:
            self.forward_layer.reset_states()
            self.backward_layer.reset_states()
            return
        half = len(states) // 2
        self.forward_layer.reset_states(states[:half])
        self.backward_layer.reset_states(states[half:])

    def build(self, input_shape: Any = None) -> None:
        shapes = input_shape if isinstance(input_shape, list) else [input_shape]
        constants = shapes[-self._num_constants :] if self._num_constants else []
        own = [shapes[0], *constants] if constants else shapes[0] if self._takes_states else input_shape
        for layer in (self.forward_layer, self.backward_layer):
            layer._num_constants = self._num_constants
            if not layer.built:
                with name_scope(layer.name):
                    layer.build(own)
                    layer.built = True
        self.input_spec = self.forward_layer.input_spec
        self.built = True

    def assert_input_compatibility(self, inputs: Any) -> None:
        super().assert_input_compatibility(to_list(inputs)[0])

    def compute_output_shape(self, input_shape: Any) -> Any:
        found = self.forward_layer.compute_output_shape(input_shape)
        output, states = (found[0], found[1:]) if self.return_state else (found, [])
        if self.merge_mode == "concat":
            output = (*output[:-1], None if output[-1] is None else 2 * output[-1])
        outputs = [output, output] if self.merge_mode is None else [output]
        shapes = [*outputs, *states, *states]
        return shapes if len(shapes) > 1 else shapes[0]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if isinstance(mask, list):
            mask = mask[0]
        mask = mask if self.return_sequences else None
        outputs = [mask, mask] if self.merge_mode is None else [mask]
        states = [None] * len(self.states) if self.return_state else []
        masks = [*outputs, *states]
        return masks if len(masks) > 1 else masks[0]

    def __call__(self, inputs: Any, initial_state: Any = None, constants: Any = None, **kwargs: Any) -> Any:
        """Calls both directions; initial states and constants that are Keras tensors become inputs.

        Raises:
            ValueError: if the number of initial states is odd, or they do not fit the directions.
        """
        if isinstance(inputs, list | tuple) and not self._takes_states:
            return super().__call__(inputs, **kwargs)
        inputs, arguments = with_states(self, inputs, initial_state, constants, self._halves)
        return super().__call__(inputs, **arguments, **kwargs)

    @property
    def _takes_states(self) -> bool:
        """Whether what stands behind the sequence in a list are initial states; else a layer of the user's
        takes the list as it is."""
        return has_arg(self.forward_layer.call, "initial_state")

    def _halves(self, initial_state: Sequence[Value] | None) -> tuple[Any, Any]:
        """The initial states of the forward and of the backward layer."""
        if initial_state is None:
            return None, None
        if len(initial_state) % 2:
            raise ValueError(
                f"Layer {self.name}: the initial states of a Bidirectional layer are those of the forward "
                f"layer, then as many of the backward layer; found {len(initial_state)} of them."
            )
        half = len(initial_state) // 2
        halves = initial_state[:half], initial_state[half:]
        if hasattr(self.forward_layer, "check_initial_state"):
            for layer, states in zip((self.forward_layer, self.backward_layer), halves, strict=True):
                layer.check_initial_state(states)
        return halves

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: Any = None,
        initial_state: Any = None,
        constants: Any = None,
    ) -> Any:
        several = isinstance(inputs, list | tuple) and self._takes_states
        if several and len(inputs) > 1:
            inputs, initial_state, constants = standardize_arguments(
                inputs, initial_state, constants, self._num_constants
            )
        elif several:
            inputs = inputs[0]
        given = {
            "training": training,
            "mask": mask[0] if isinstance(mask, list) else mask,
            "constants": constants,
        }
        arguments = {name: value for name, value in given.items() if has_arg(self.layer.call, name)}
        results = []
        halves = self._halves(initial_state)
        for layer, states in zip((self.forward_layer, self.backward_layer), halves, strict=True):
            if has_arg(layer.call, "initial_state"):
                arguments["initial_state"] = states
            elif states:
                raise ValueError(f"Layer {self.name}: the layer inside does not take initial states.")
            with name_scope(layer.name):
                results.append(to_list(layer.call(inputs, **arguments), allow_tuple=True))
        (y, *states), (y_reversed, *states_reversed) = results
        if self.return_sequences:
            y_reversed = reverse_time(y_reversed)
        outputs = self._merged(y, y_reversed)
        if self.return_state:
            return [*outputs, *states, *states_reversed]
        return outputs if self.merge_mode is None else outputs[0]

    def _merged(self, y: Value, y_reversed: Value) -> list[Value]:
        if self.merge_mode is None:
            return [y, y_reversed]
        if self.merge_mode == "concat":
            return [K.concatenate([y, y_reversed])]
        if self.merge_mode == "mul":
            return [op.Mul(y, y_reversed)]
        total = op.Add(y, y_reversed)
        return [total / 2 if self.merge_mode == "ave" else total]

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "merge_mode": self.merge_mode}
        if self._own_backward:
            config["backward_layer"] = serialize(self.backward_layer)
        if self._num_constants is not None:
            config["num_constants"] = self._num_constants
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        config = dict(config)
        num_constants = config.pop("num_constants", None)
        backward = config.pop("backward_layer", None)
        if backward is not None:  # Keras 3 always writes it: only one of its own kind says something
            forward, backward = (
                deserialize(one, custom_objects=custom_objects) for one in (config["layer"], backward)
            )
            if not _is_turned_around(forward, backward):
                config["backward_layer"] = backward
        layer = super().from_config(config, custom_objects)
        layer._num_constants = num_constants
        return layer


def _turned_around(layer: Layer) -> dict[str, Any]:
    """The configuration of a recurrent layer for the other direction."""
    config = layer.get_config()
    return {**config, "go_backwards": not config["go_backwards"]}


def _is_turned_around(layer: Layer, other: Layer) -> bool:
    """Whether the other layer is what Bidirectional makes of the layer by itself."""
    left, right = _turned_around(layer), other.get_config()
    return type(layer) is type(other) and {**left, "name": ""} == {**right, "name": ""}


def _check_directions(layer: Layer, backward: Layer) -> None:
    """Raises a ValueError unless both layers go different ways and agree in all else that matters."""
    names = ("go_backwards", "return_sequences", "return_state", "stateful")
    found = {name: (getattr(layer, name), getattr(backward, name, None)) for name in names}
    wrong = [n for n, (one, other) in found.items() if (one == other) == (n == "go_backwards")]
    if wrong:
        raise ValueError(
            f"Bidirectional: layer and backward_layer must differ in go_backwards, and agree in "
            f"{', '.join(names[1:])}; found {', '.join(f'{n} {found[n]}' for n in wrong)}."
        )


def reverse_time(x: Value) -> Value:
    """(batch, time, ...) with the last step first."""
    if IN_TIME in x.annotations:
        return x.annotations[IN_TIME]
    found = K.reverse(x, 1)
    found.refine(known_shape(x))
    return found


answer_old_names(__name__)
registry.register(globals())
