"""LSTM: long short-term memory (Hochreiter and Schmidhuber 1997)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....ir import Value, op
from ... import initializers, registry
from ...declaration import Argument, configured, like
from ...operations.recurrent_operators import LSTM_GATES
from .cells import CELL_ARGUMENTS, OF_SEQUENCES, GatedCell
from .cudnn_layouts import lstm_weights
from .fused import FusedRNN
from .states import States

__all__ = ["LSTM", "LSTMCell"]


def forget_gate_at_one(
    initializer: Any, units: int, before: int = 1, after: int = 2
) -> Callable[..., np.ndarray]:
    """Initializes a bias: parts of size ``units``, ``before`` of them, then one of ones, then ``after``."""

    def initialize(shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        dtype = dtype or "float32"
        parts = [
            initializers.initial_value(initializer, (before * units,), dtype),
            np.ones(units, dtype),
            initializers.initial_value(initializer, (after * units,), dtype),
        ]
        return np.concatenate(parts)

    return initialize


class LSTM(FusedRNN):
    """Long short-term memory.

    With gates i, f, o = ``recurrent_activation(x @ kernel + h @ recurrent_kernel + bias)``:
    ``c = f * c + i * activation(x @ kernel_c + h @ recurrent_kernel_c + bias_c)``, ``h = o * activation(c)``.

    Args:
        units: size of the output.
        activation: of candidate and output (default tanh).
        recurrent_activation: of the gates (default sigmoid).
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: name or Initializer.
        unit_forget_bias: start the bias of the forget gate at one (Jozefowicz et al. 2015).
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: Regularizer or
            None.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraint or None.
        dropout: part of the inputs to drop while training; the same at all steps.
        recurrent_dropout: part of the previous output to drop while training; the same at all steps.
        implementation: 1 draws one dropout mask per gate, 2 one for all; the results are otherwise the same.
        return_sequences, return_state, go_backwards, stateful, unroll: see RNN. The states are h and c.

    Input: (batch, time, features). Output: (batch, units), or as return_sequences and return_state say.
    Weights: kernel (features, 4 units), recurrent_kernel (units, 4 units), bias (4 units,), gates in the
    order i, f, c, o.
    Exports as the ONNX operator LSTM. (Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000)
    """

    op_type = "LSTM"
    cell: LSTMCell

    @configured(
        unit_forget_bias=Argument(after="use_bias"), activity_regularizer=Argument(after="implementation")
    )
    def __init__(
        self: Any,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        implementation: int = 2,
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

    def convert_stored_weights(self, stored: Sequence[tuple[str, Any]]) -> list[Any]:
        """Takes the weights of a CuDNNLSTM as well."""
        return lstm_weights([array for _, array in stored], self, cudnn=False)


@LSTM.made_of
class LSTMCell(GatedCell):
    """The cell of LSTM.

    Args: those of LSTM that do not concern the sequence.

    Call: inputs (batch, features), states [h, c], each (batch, units); returns output h and the new states.
    """

    gates = 4  # input (i), forget (f), candidate (c), output (o)
    onnx_gates = LSTM_GATES

    @configured(unit_forget_bias=Argument(after="use_bias"), **CELL_ARGUMENTS)
    @like(LSTM.__init__, without=OF_SEQUENCES)
    def __init__(self) -> None:
        self._choose_masks()
        self.state_size = (self.units, self.units)
        self.output_size = self.units

    def _bias_initializer(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer
        return forget_gate_at_one(self.bias_initializer, self.units)

    def step(self, projected: Value, states: States, training: Any = None) -> tuple[Value, States]:
        h, c = states
        gates = op.Add(projected, self._recurrent_product(h, training))
        i, f, candidate, o = self._split(gates, 4)
        c = op.Add(
            op.Mul(self.recurrent_activation(f), c),
            op.Mul(self.recurrent_activation(i), self.activation(candidate)),
        )
        h = op.Mul(self.recurrent_activation(o), self.activation(c))
        return h, [h, c]

    def onnx_activations(self) -> list[Callable[..., Any]]:
        return [self.recurrent_activation, self.activation, self.activation]


registry.register(globals())
