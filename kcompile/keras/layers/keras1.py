"""Layers of Keras 1 that Keras 2.3 still has: MaxoutDense, Highway, and bases for recurrent layers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ...ir import Value
from .. import backend as K
from .. import registry
from ..backend.tensors import dims_of, filled
from ..core.layer import InputSpec, Layer
from ..declaration import ANY, Argument, configured, converted, only
from ..utils import conv_utils
from ..utils.generic_utils import to_list
from .recurrent.arguments import all_keras_tensors
from .recurrent.states import batch_of_states, require_stateful, reset


class _LegacyDense(Layer):
    """The constructor arguments that MaxoutDense and Highway have in common."""

    input_spec = InputSpec(ndim=2)

    @configured(weights=Argument(attribute="_initial_weights", written="never"))
    def __init__(
        self,
        init: Any,
        weights: Any,
        W_regularizer: Any,
        b_regularizer: Any,
        activity_regularizer: Any,
        W_constraint: Any,
        b_constraint: Any,
        bias: bool,
        input_dim: int | None,
        **kwargs: Any,
    ) -> None:
        warnings.warn(
            f"The `{type(self).__name__}` layer is deprecated and will be removed after 06/2017.",
            stacklevel=7,  # past the constructors of the class and the base class, as they are declared
        )

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        if arguments["input_dim"]:
            arguments["input_shape"] = (arguments["input_dim"],)

    def _add_kernel_and_bias(self, kernel_shape: tuple[int, ...], bias_shape: tuple[int, ...]) -> None:
        self.W = self.add_weight(
            "W",
            kernel_shape,
            initializer=self.init,
            regularizer=self.W_regularizer,
            constraint=self.W_constraint,
        )
        self.b = None
        if self.bias:
            self.b = self.add_weight(
                "b",
                bias_shape,
                initializer="zeros",
                regularizer=self.b_regularizer,
                constraint=self.b_constraint,
            )

    def _projected(self, x: Value) -> Value:
        product = K.dot(x, self.W)
        return product if self.b is None else product + self.b


class MaxoutDense(_LegacyDense):
    """The elementwise maximum of several linear layers.

    Args:
        output_dim: size of the output.
        nb_feature: number of linear layers (default 4).
        init: initializer of the kernels.
        weights: initial values of [W, b].
        W_regularizer, b_regularizer, activity_regularizer: Regularizer or None.
        W_constraint, b_constraint: Constraint or None.
        bias: whether there is a bias.
        input_dim: size of the input, for the first layer of a model.

    Input: (batch, features); output: (batch, output_dim).
    Weights: W (nb_feature, features, output_dim), b (nb_feature, output_dim). (Goodfellow et al. 2013)
    """

    @configured
    def __init__(
        self,
        output_dim: int,
        nb_feature: int = 4,
        init: Any = "glorot_uniform",
        weights: Any = None,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        activity_regularizer: Any = None,
        W_constraint: Any = None,
        b_constraint: Any = None,
        bias: bool = True,
        input_dim: int | None = None,
        **kwargs: Any,
    ) -> None: ...

    def build(self, input_shape: Any) -> None:
        features = input_shape[1]
        self.input_spec = InputSpec(shape=(None, features))
        self._add_kernel_and_bias(
            (self.nb_feature, features, self.output_dim), (self.nb_feature, self.output_dim)
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        return K.max(self._projected(inputs), axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], self.output_dim)


class Highway(_LegacyDense):
    """A dense layer that mixes its output with its input: ``t * activation(x @ W + b) + (1 - t) * x``.

    The gate is ``t = sigmoid(x @ W_carry + b_carry)``.

    Args:
        init: initializer of the kernels.
        activation: name or function (default linear).
        weights: initial values of [W, W_carry, b, b_carry].
        W_regularizer, b_regularizer, activity_regularizer: Regularizer or None.
        W_constraint, b_constraint: Constraint or None.
        bias: whether there are biases.
        input_dim: size of the input, for the first layer of a model.

    Input and output: (batch, features).
    Weights: W, W_carry (features, features), b, b_carry (features,). (Srivastava et al. 2015)
    """

    @configured(transform_bias=only(ANY))
    def __init__(
        self,
        init: Any = "glorot_uniform",
        activation: Any = None,
        weights: Any = None,
        W_regularizer: Any = None,
        b_regularizer: Any = None,
        activity_regularizer: Any = None,
        W_constraint: Any = None,
        b_constraint: Any = None,
        bias: bool = True,
        input_dim: int | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("transform_bias") is not None:
            warnings.warn("`transform_bias` argument is deprecated and has been removed.", stacklevel=5)

    def build(self, input_shape: Any) -> None:
        features = input_shape[1]
        self.input_spec = InputSpec(shape=(None, features))
        self._add_kernel_and_bias((features, features), (features,))
        self.W_carry = self.add_weight("W_carry", (features, features), initializer=self.init)
        self.b_carry = self.add_weight("b_carry", (features,), initializer="ones") if self.bias else None
        # the order of Keras: kernels before biases
        self.trainable_weights = [w for w in (self.W, self.W_carry, self.b, self.b_carry) if w is not None]
        self.built = True

    def call(self, inputs: Any) -> Any:
        gate = K.dot(inputs, self.W_carry)
        gate = K.sigmoid(gate if self.b_carry is None else gate + self.b_carry)
        return gate * self.activation(self._projected(inputs)) + (1 - gate) * inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Recurrent(Layer):
    """Base of recurrent layers that define ``step``; new code gives a cell to ``RNN`` instead.

    A subclass sets ``units``, ``states`` (one None per state) and, in build, ``input_spec`` and
    ``state_spec``; it overrides ``step(inputs, states) -> (output, new states)`` and perhaps
    ``preprocess_input``, ``get_constants`` (what step finds behind the states) and ``get_initial_state``.

    Args:
        return_sequences: return the outputs of all steps instead of the last one.
        return_state: return the last states behind the output.
        go_backwards: take the last step first.
        stateful: start each batch from the states that the batch before left; needs a fixed batch size.
        unroll: emit each step instead of a loop; needs a fixed number of steps.
        implementation: kept for subclasses.

    Input: (batch, time, features), and behind it, in a list, initial states (batch, units).
    Output: (batch, time, units) or (batch, units); with return_state a list with the states behind it.

    Raises:
        ValueError: for another number of initial states, or ``unroll`` over an unknown number of
            steps.
    """

    units: int
    supports_masking = True

    @configured
    def __init__(
        self,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        implementation: int = 0,
        **kwargs: Any,
    ) -> None:
        self.input_spec = [InputSpec(ndim=3)]
        self.state_spec: Any = None
        self.states: list[Any] = [None]
        self.dropout = 0.0
        self.recurrent_dropout = 0.0

    # --- what a subclass overrides --------------------------------------------------------------------------

    def step(self, inputs: Any, states: Sequence[Any]) -> tuple[Any, Sequence[Any]]:
        """One step: inputs (batch, features), states and then constants; returns output and new states."""
        raise NotImplementedError(f"{type(self).__name__} is to define step(inputs, states).")

    def get_constants(self, inputs: Any, training: Any = None) -> list[Any]:
        """Tensors that each step gets behind the states."""
        return []

    def preprocess_input(self, inputs: Any, training: Any = None) -> Any:
        """What is done to the whole sequence before the loop."""
        return inputs

    def get_initial_state(self, inputs: Any) -> list[Any]:
        """Zeros, (batch, units) for each state."""
        zeros = filled(0, [dims_of(inputs)[0], self.units], inputs.dtype)
        zeros.refine([inputs.dims[0], self.units])
        return [zeros] * len(self.states)

    # --- shapes and masks -----------------------------------------------------------------------------------

    def compute_output_shape(self, input_shape: Any) -> Any:
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        output = (*input_shape[:2], self.units) if self.return_sequences else (input_shape[0], self.units)
        return [output, *[(input_shape[0], self.units)] * len(self.states)] if self.return_state else output

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = to_list(mask)[0]
        output_mask = mask if self.return_sequences else None
        return [output_mask] + [None] * len(self.states) if self.return_state else output_mask

    # --- calling --------------------------------------------------------------------------------------------

    def __call__(self, inputs: Any, initial_state: Any = None, **kwargs: Any) -> Any:
        """Calls the layer; initial states that are Keras tensors become inputs of it."""
        if isinstance(inputs, list | tuple) and len(inputs) > 1 and initial_state is None:
            inputs, initial_state = inputs[0], list(inputs[1:])
        if initial_state is None:
            return super().__call__(inputs, **kwargs)
        states = to_list(initial_state, allow_tuple=True)
        if all_keras_tensors(self, states):
            return super().__call__([inputs, *states], **kwargs)
        return super().__call__(inputs, initial_state=states, **kwargs)

    def assert_input_compatibility(self, inputs: Any) -> None:
        spec, self.input_spec = self.input_spec, to_list(self.input_spec)[:1]
        try:
            super().assert_input_compatibility(to_list(inputs)[0])
        finally:
            self.input_spec = spec

    def _maybe_build(self, inputs: Any, nesting: Any = None) -> None:
        super()._maybe_build(inputs[0] if isinstance(inputs, list) else inputs)

    def call(self, inputs: Any, mask: Any = None, training: Any = None, initial_state: Any = None) -> Any:
        mask = to_list(mask)[0]
        if isinstance(inputs, list):
            initial_state = inputs[1:] or initial_state
            inputs = inputs[0]
        if initial_state is None:
            initial_state = list(self.states) if self.stateful else self.get_initial_state(inputs)
        if len(initial_state) != len(self.states):
            raise ValueError(
                f"Layer {self.name} has {len(self.states)} states but was passed "
                f"{len(initial_state)} initial states."
            )
        steps = inputs.shape[1] if isinstance(inputs.shape[1], int) else None
        if self.unroll and steps in (None, 1):
            raise ValueError(
                f"Layer {self.name}: unrolling needs a fixed number of timesteps above 1, but "
                "the input has the shape "
                f"{K.int_shape(inputs)}. Give it with input_shape or Input(shape=...), or use unroll=False."
            )
        last, outputs, states = K.rnn(
            self.step,
            self.preprocess_input(inputs, training=None),
            initial_state,
            go_backwards=self.go_backwards,
            mask=mask,
            constants=self.get_constants(inputs, training=None),
            unroll=self.unroll,
            input_length=steps,
        )
        if self.stateful:
            self.add_update(list(zip(self.states, states, strict=True)))
        output = outputs if self.return_sequences else last
        return [output, *states] if self.return_state else output

    # --- states ---------------------------------------------------------------------------------------------

    def reset_states(self, states: Any = None) -> None:
        """Sets the states of a stateful layer: arrays (batch, units), zeros by default.

        Raises:
            AttributeError: if the layer is not stateful.
            ValueError: if the batch size is not known, or the number or a shape of the states does not fit.
        """
        require_stateful(self)
        shape = (batch_of_states(self, to_list(self.input_spec)[0]), self.units)
        held = None if self.states[0] is None else self.states
        self.states = reset(self, held, [shape] * len(self.states), states)

    def _tracks_name(self, name: str) -> bool:
        """What is carried from batch to batch is no weight."""
        return name != "states" and super()._tracks_name(name)


def _pair(layer: Layer, name: str, value: Any) -> tuple[int, ...]:
    return conv_utils.normalize_tuple(value, 2, name)


class ConvRecurrent2D(Recurrent):
    """Base of convolutional recurrent layers that define ``step``; new code gives a cell to ``ConvRNN2D``.

    Args:
        filters: channels of the output.
        kernel_size, strides, padding, data_format, dilation_rate: as for Conv2D.
        return_sequences, go_backwards, stateful: as for Recurrent.

    Input: (batch, time, rows, cols, channels), or (batch, time, channels, rows, cols) for channels_first.
    Output: the same with new rows and cols and ``filters`` channels; without the time unless
    return_sequences.
    """

    @configured(
        kernel_size=_pair,
        strides=_pair,
        padding=converted(conv_utils.normalize_padding),
        data_format=converted(K.normalize_data_format),
        dilation_rate=_pair,
    )
    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        return_sequences: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        self.input_spec = [InputSpec(ndim=5)]

    def compute_output_shape(self, input_shape: Any) -> Any:
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        first = self.data_format == "channels_first"
        windows = zip(
            input_shape[3:5] if first else input_shape[2:4],
            self.kernel_size,
            self.strides,
            self.dilation_rate,
            strict=True,
        )
        sizes = [conv_utils.conv_output_length(n, k, self.padding, s, d) for n, k, s, d in windows]
        image = (self.filters, *sizes) if first else (*sizes, self.filters)
        output = (*input_shape[:2], *image) if self.return_sequences else (input_shape[0], *image)
        state = (input_shape[0], *image)
        return [output, state, state] if self.return_state else output


registry.register(globals(), listed=True)
