"""A base for users' cells, and what those of SimpleRNN, GRU and LSTM share: weights, dropout, layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from ....ir import Parameter, Value, op
from ... import backend as K
from ... import initializers, registry, rules
from ...backend.tensors import dims_of, filled, known_shape
from ...core.layer import Layer
from ...declaration import ANY, declared, only
from ...operations.recurrent_operators import operator_bias, operator_kernel
from ..arguments import unit_interval, weight_arguments
from .arguments import without_keras3_arguments
from .base import RNN
from .stacked_cells import zero_states
from .states import States

Cell = TypeVar("Cell", bound=Layer)

OF_SEQUENCES = (
    "activity_regularizer",
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
)
"""Arguments of a layer that its cell does without."""


def _generate_dropout_mask(ones: Value, rate: float, training: Any = None, count: int = 1) -> Any:
    """Ones that are dropped while training, for cells that users write: a tensor, or a list of ``count``."""
    masks = [K.in_train_phase(lambda: K.dropout(ones, rate), ones, training=training) for _ in range(count)]
    return masks if count > 1 else masks[0]


class _CellAttribute:
    """An attribute of a layer that is its cell's: ``LSTM(4).units`` is ``LSTM(4).cell.units``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        return self if layer is None else getattr(layer.cell, self.name)


class MakesCell(RNN):
    """A recurrent layer that makes its cell of arguments of its own, and has them as attributes.

    Attributes:
        cell_class: the class of the cell; what its constructor declares are the arguments.
    """

    cell_class: type[Layer]

    @classmethod
    def made_of(cls, cell_class: type[Cell]) -> type[Cell]:
        """Decorates the class of this layer's cells, which is like it but for what concerns the sequence."""
        cls.cell_class = cell_class
        for name in declared(cell_class):
            setattr(cls, name, _CellAttribute(name))
        return cell_class

    @classmethod
    def _make_cell(cls, arguments: dict[str, Any]) -> None:
        """Puts a cell in the place of the arguments that are the cell's."""
        own = {name: arguments.pop(name) for name in declared(cls.cell_class) if name in arguments}
        arguments["cell"] = cls.cell_class(**own, dtype=arguments.get("dtype"))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["cell"]
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
        return cls(**without_keras3_arguments(config))


class DroppingCell:
    """A cell with dropout by masks drawn once a sequence, for the inputs and for the previous output.

    It drops ``inputs`` and ``previous output`` with the same elements at every step (Gal and Ghahramani
    2016). The layer around it draws the masks before its loop; a cell that is called alone draws them at its
    call. A subclass has ``project(inputs, training)``, which is what a step does with inputs alone, and
    ``step(projected, states, training)``.
    """

    dropout: float
    recurrent_dropout: float
    input_masks: list[Value] | None = None
    state_masks: list[Value] | None = None
    gates: int
    implementation = 1
    project: Any
    step: Any

    def call(
        self, inputs: Value, states: States | Value, training: Any = None
    ) -> tuple[Value, States | Value]:
        """One step.

        Args:
            inputs: (batch, features), of a convolutional cell (batch, spatial..., channels).
            states: each (batch, units), or (batch, new spatial..., filters); as in tf.keras, the one state
                of a cell may come without a list around it.

        Returns:
            output, of the shape of a state, and the new states, in a list if they came in one.
        """
        if not isinstance(states, list | tuple):
            output, (state,) = self._one_step(inputs, [states], training)
            return output, state
        return self._one_step(inputs, list(states), training)

    def _one_step(self, inputs: Value, states: States, training: Any) -> tuple[Value, States]:
        alone = self.input_masks is None and self.state_masks is None
        if alone:
            self.draw_masks(inputs, states)
        try:
            return self.step(self.project(inputs, training), states, training)
        finally:
            if alone:
                self.forget_masks()

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        return cls(**without_keras3_arguments(config))

    @property
    def drops_inputs(self) -> bool:
        """Whether inputs are dropped while training."""
        return 0 < self.dropout < 1

    @property
    def drops_states(self) -> bool:
        """Whether the previous output is dropped while training."""
        return 0 < self.recurrent_dropout < 1

    @property
    def one_mask(self) -> bool:
        """Whether all gates share their dropout masks."""
        return self.implementation != 1 or self.gates == 1

    def draw_masks(self, inputs: Value, states: States) -> None:
        """Draws the masks of a sequence, one for each gate or one for all, where the cell drops something.

        Args:
            inputs: (batch, ...), of a convolutional cell (batch, ..., spatial..., channels).
            states: those before the sequence.
        """
        self.forget_masks()
        if self.drops_inputs or self.drops_states:
            of_inputs, of_states = self._dropped_sizes(inputs, states)
            if self.drops_inputs:
                self.input_masks = self._drawn(self.dropout, of_inputs, inputs)
            if self.drops_states:
                self.state_masks = self._drawn(self.recurrent_dropout, of_states, inputs)

    def _dropped_sizes(self, inputs: Value, states: States) -> tuple[list[Any], list[Any]]:
        """Sizes of the masks for inputs and previous output."""
        raise NotImplementedError

    def _drawn(self, rate: float, sizes: list[Any], like: Value) -> list[Value]:
        ones = filled(1, sizes, like.dtype)
        return [K.dropout(ones, rate) for _ in range(1 if self.one_mask else self.gates)]

    def forget_masks(self) -> None:
        """The next call draws new masks."""
        self.input_masks = self.state_masks = None

    def dropped(self, x: Value, masks: list[Value] | None, training: Any) -> list[Value]:
        """``x``, while training without what the masks drop: once for each mask."""
        if masks is None:
            return [x]
        masks = _along_time(masks, x)
        return [K.in_train_phase(lambda m=mask: op.Mul(x, m), x, training=training) for mask in masks]

    def dropped_product(
        self,
        x: Value,
        masks: list[Value] | None,
        kernel: Value,
        multiply: Callable[[Value, Value], Value],
        training: Any,
        axis: int = -1,
    ) -> Value:
        """``multiply(x, kernel)`` with what the masks drop while training.

        Args:
            masks: one for all gates, or one for each, which then has its own part of the kernel's last axis.
            axis: where the product has the gates.
        """
        if masks is None or len(masks) == 1:
            return multiply(self.dropped(x, masks, training)[0], kernel)

        def per_gate() -> Value:
            parts = op.Split(kernel, axis=-1, num_outputs=len(masks), outputs=len(masks))
            aligned = _along_time(masks, x)
            products = [multiply(op.Mul(x, m), part) for m, part in zip(aligned, parts, strict=True)]
            return op.Concat(*products, axis=axis)

        return K.in_train_phase(per_gate, lambda: multiply(x, kernel), training=training)


def _along_time(masks: list[Value], x: Value) -> list[Value]:
    """Masks (batch, ...) that fit x, which may have a time axis behind the batch axis."""
    if masks[0].rank is not None and x.rank == masks[0].rank + 1:
        return [op.Unsqueeze(mask, [1]) for mask in masks]
    return masks


def _units(layer: Layer, name: str, value: Any) -> int:
    units = int(value)
    if units < 1:
        raise ValueError(f"Layer {layer.name}: units must be a positive integer; found {value!r}.")
    return units


CELL_ARGUMENTS: dict[str, Any] = {
    "units": _units,
    "dropout": unit_interval,
    "recurrent_dropout": unit_interval,
    "seed": only(ANY),
}
"""What there is to say of the arguments that the cells have in common."""


class AbstractRNNCell(Layer):
    """A base for cells of ``RNN``.

    A subclass has ``call(inputs, states)``, ``state_size`` and ``output_size``.

    Raises:
        NotImplementedError: when called, or asked for its sizes, where a subclass defines none.
    """

    def call(self, inputs: Any, states: Any) -> Any:
        raise NotImplementedError(f"The cell {type(self).__name__} defines no call(inputs, states).")

    @property
    def state_size(self) -> Any:
        """Features of each state: a number, or a list of them."""
        raise NotImplementedError(f"The cell {type(self).__name__} defines no state_size.")

    @property
    def output_size(self) -> Any:
        """Features of the output."""
        raise NotImplementedError(f"The cell {type(self).__name__} defines no output_size.")

    def get_initial_state(
        self, inputs: Value | None = None, batch_size: Any = None, dtype: Any = None
    ) -> Any:
        """Zeros, (batch, features) for each state."""
        return zero_states(self, inputs, batch_size, dtype)


class GatedCell(DroppingCell, Layer):
    """A cell with a kernel, a recurrent kernel and a bias for one or more gates.

    A step is ``step(project(inputs), states)``: the product of inputs and kernel does not depend on the
    states, so a loop computes it for all steps at once.

    Attributes:
        gates: how many gates share the weights.
        implementation: 1 draws one dropout mask per gate, 2 one for all.
    """

    gates = 1
    implementation = 2
    activation: Any
    kernel_initializer: Any
    recurrent_initializer: Any
    bias_initializer: Any

    def _choose_masks(self) -> None:
        """In tf.keras and Keras 3 cells that drop their state have a mask for each gate, whatever is said."""
        if self.drops_states and rules.in_force().drops_by_gate:
            self.implementation = 1

    # --- weights ----------------------------------------------------------------------------------------
    def build(self, input_shape: Any) -> None:
        self.kernel = self._weight(
            "kernel", (input_shape[-1], self.gates * self.units), self.kernel_initializer
        )
        recurrent = self.recurrent_initializer
        if isinstance(recurrent, initializers.Identity) and self.gates > 1:
            recurrent = self._identity_per_gate
        shape = (self.units, self.gates * self.units)
        self.recurrent_kernel = self._weight("recurrent_kernel", shape, recurrent)
        self.bias = None
        if self.use_bias:
            self.bias = self._weight("bias", self._bias_shape(), self._bias_initializer())
        self.built = True

    def _weight(self, name: str, shape: tuple[int, ...], initializer: Any) -> Parameter:
        kind = name.split("_")[0]
        return self.add_weight(
            name,
            shape,
            **{**weight_arguments(self, kind), "initializer": initializer},
            # ONNX and the kernels want (gates * units, inputs)
            memory_order=(1, 0) if kind != "bias" else None,
        )

    def _identity_per_gate(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return np.tile(np.eye(shape[0]) * self.recurrent_initializer.gain, (1, self.gates)).astype(dtype)

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _bias_initializer(self) -> Any:
        return self.bias_initializer

    def get_initial_state(
        self, inputs: Value | None = None, batch_size: Any = None, dtype: Any = None
    ) -> Any:
        """Zeros, (batch, units): one tensor, or a list of them for a cell with several states."""
        return zero_states(self, inputs, batch_size, dtype)

    # --- a step -----------------------------------------------------------------------------------------
    def ahead_of_time(self, inputs: Value, training: Any) -> tuple[Value, Callable[..., Any]]:
        """The projected sequence (batch, time, gates * units) of (batch, time, features), and its step."""
        if type(self).call is not GatedCell.call:
            return inputs, lambda x, states: self.call(x, states, training=training)
        return self.project(inputs, training), lambda x, states: self.step(x, states, training)

    def project(self, inputs: Value, training: Any = None) -> Value:
        """Inputs (batch, features) or (batch, time, features) times the kernel, plus the bias."""
        product = self.dropped_product(inputs, self.input_masks, self.kernel, K.dot, training)
        bias = self._input_bias()
        return product if bias is None else op.Add(product, bias)

    def step(self, projected: Value, states: States, training: Any = None) -> tuple[Value, States]:
        """One step from projected inputs (batch, gates * units)."""
        raise NotImplementedError(f"{type(self).__name__} has no step")

    def _input_bias(self) -> Value | None:
        return self.bias

    def _recurrent_product(self, h: Value, training: Any) -> Value:
        """The previous output (batch, units), dropped, times the recurrent kernel."""
        return self.dropped_product(h, self.state_masks, self.recurrent_kernel, op.MatMul, training)

    def _split(self, x: Value, count: int) -> tuple[Value, ...]:
        parts = op.Split(x, axis=-1, num_outputs=count, outputs=count)
        return parts if isinstance(parts, tuple) else (parts,)

    # --- dropout ----------------------------------------------------------------------------------------
    def _dropped_sizes(self, inputs: Value, states: States) -> tuple[list[Any], list[Any]]:
        batch = dims_of(inputs)[0]
        return [batch, known_shape(self.kernel)[0]], [batch, self.units]

    # --- ONNX -------------------------------------------------------------------------------------------
    def onnx_activations(self) -> list[Callable[..., Any]]:
        """The activation functions in the order of the ONNX operator."""
        return [self.activation]

    def onnx_weights(self) -> tuple[Value, Value, Value | None]:
        """W (1, gates * units, features), R (1, gates * units, units) and B (1, 2 * gates * units) of the
        ONNX operator."""
        bias = None if self.bias is None else self._onnx_bias(self.bias)
        return self._onnx_kernel(self.kernel), self._onnx_kernel(self.recurrent_kernel), bias

    onnx_gates: tuple[int, ...] | None = None
    """For each gate of the ONNX operator its place among Keras's; None where the order is the same."""

    def _onnx_kernel(self, kernel: Value) -> Value:
        return operator_kernel(kernel, self.gates, self.onnx_gates)

    def _onnx_bias(self, bias: Value) -> Value:
        return operator_bias(bias, self.gates, self.onnx_gates)


registry.register(globals())
