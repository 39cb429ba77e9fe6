"""SimpleRNN: the previous output fed back through one dense layer."""

from __future__ import annotations

from typing import Any

from ....ir import Value, op
from ... import registry
from ...declaration import Argument, configured, like
from .cells import CELL_ARGUMENTS, OF_SEQUENCES, GatedCell
from .fused import FusedRNN
from .states import States


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
    cell: SimpleRNNCell

    @configured(activity_regularizer=Argument(after="recurrent_dropout"))
    def __init__(
        self: Any,
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
    ) -> None: ...

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        cls._make_cell(arguments)


@SimpleRNN.made_of
class SimpleRNNCell(GatedCell):
    """The cell of SimpleRNN: ``h = activation(x @ kernel + h @ recurrent_kernel + bias)``.

    Args: those of SimpleRNN that do not concern the sequence.

    Call: inputs (batch, features), states [(batch, units)]; returns output (batch, units) and the new states.
    """

    @configured(**CELL_ARGUMENTS)
    @like(SimpleRNN.__init__, without=OF_SEQUENCES)
    def __init__(self) -> None:
        self.state_size = self.units
        self.output_size = self.units

    def step(self, projected: Value, states: States, training: Any = None) -> tuple[Value, States]:
        output = self.activation(op.Add(projected, self._recurrent_product(states[0], training)))
        return output, [output]


registry.register(globals(), listed=True)
