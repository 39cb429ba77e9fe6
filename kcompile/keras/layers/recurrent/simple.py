"""SimpleRNN: the previous output fed back through one dense layer."""

from __future__ import annotations

import warnings
from typing import Any

from ....ir import Value, op
from ... import activations, registry
from .base import States, without_later_arguments
from .cells import WEIGHT_FIELDS, GatedCell, cell_attribute
from .fused import FusedRNN

_FIELDS = ("units", "activation", "use_bias", *WEIGHT_FIELDS, "dropout", "recurrent_dropout")


class SimpleRNNCell(GatedCell):
    """The cell of SimpleRNN: ``h = activation(x @ kernel + h @ recurrent_kernel + bias)``.

    Args: those of SimpleRNN that do not concern the sequence.

    Call: inputs (batch, features), states [(batch, units)]; returns output (batch, units) and the new states.
    """

    fields = _FIELDS

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**without_later_arguments(kwargs))
        self._set_up(units, use_bias, dropout, recurrent_dropout, locals())
        self.activation = activations.get(activation)
        self.state_size = self.units

    def step(self, projected: Value, states: States, training: Any = None) -> tuple[Value, States]:
        output = self.activation(op.Add(projected, self._recurrent_product(states[0], training)))
        return output, [output]


class SimpleRNN(FusedRNN):
    """Fully connected recurrent layer whose output is fed back to its input.

    ``h = activation(x @ kernel + h @ recurrent_kernel + bias)``, step by step.

    Args:
        units: size of the output.
        activation: name or function (default tanh).
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: Regularizer or
            None.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraint or None.
        dropout: part of the inputs to drop while training; the same at all steps.
        recurrent_dropout: part of the previous output to drop while training; the same at all steps.
        return_sequences, return_state, go_backwards, stateful, unroll: see RNN.

    Input: (batch, time, features). Output: (batch, units), or as return_sequences and return_state say.
    Weights: kernel (features, units), recurrent_kernel (units, units), bias (units,).
    Exports as the ONNX operator RNN.
    """

    op_type = "RNN"
    fields = _FIELDS
    cell: SimpleRNNCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        if "implementation" in kwargs:
            kwargs.pop("implementation")
            warnings.warn("SimpleRNN no longer takes `implementation`; it has no effect.", stacklevel=2)
        given = locals()
        cell = SimpleRNNCell(**{name: given[name] for name in _FIELDS}, dtype=kwargs.get("dtype"))
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll, **kwargs)
        self._finish(activity_regularizer)

    units, activation, use_bias = cell_attribute(), cell_attribute(), cell_attribute()
    kernel_initializer, recurrent_initializer = cell_attribute(), cell_attribute()
    bias_initializer = cell_attribute()
    kernel_regularizer, recurrent_regularizer = cell_attribute(), cell_attribute()
    bias_regularizer = cell_attribute()
    kernel_constraint, recurrent_constraint = cell_attribute(), cell_attribute()
    bias_constraint = cell_attribute()
    dropout, recurrent_dropout = cell_attribute(), cell_attribute()


registry.register(globals())
