"""GRU: gated recurrent units (Cho et al. 2014)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....ir import Value, op
from ... import registry
from ...declaration import Argument, configured, like
from .cells import CELL_ARGUMENTS, OF_SEQUENCES, GatedCell
from .cudnn_layouts import gru_weights
from .fused import FusedRNN
from .states import States


class GRU(FusedRNN):
    """Gated recurrent units.

    With update gate z and reset gate r, both
    ``recurrent_activation(x @ kernel + h @ recurrent_kernel + bias)``:
    ``h = z * h + (1 - z) * activation(x @ kernel_h + (r * h) @ recurrent_kernel_h + bias_h)``, or with
    ``r * (h @ recurrent_kernel_h + recurrent_bias_h)`` if reset_after.

    Args:
        units: size of the output.
        activation: of the candidate (default tanh).
        recurrent_activation: of the gates (default sigmoid).
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: Regularizer or
            None.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraint or None.
        dropout: part of the inputs to drop while training; the same at all steps.
        recurrent_dropout: part of the previous output to drop while training; the same at all steps.
        implementation: 1 draws one dropout mask per gate, 2 one for all; the results are otherwise the same.
        return_sequences, return_state, go_backwards, stateful, unroll: see RNN.
        reset_after: apply the reset gate after the matrix product (as cuDNN does) instead of before it.

    Input: (batch, time, features). Output: (batch, units), or as return_sequences and return_state say.
    Weights: kernel (features, 3 units), recurrent_kernel (units, 3 units), bias (3 units,), with reset_after
    (2, 3 units): one for the inputs, one for the previous output. Gates in the order z, r, h.
    Exports as the ONNX operator GRU. (Cho et al. 2014; reset_after: version 1 of that paper, 2014)
    """

    op_type = "GRU"
    cell: GRUCell

    @configured(activity_regularizer=Argument(after="reset_after"))
    def __init__(
        self: Any,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        implementation: int = 2,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = False,
        **kwargs: Any,
    ) -> None: ...

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        cls._make_cell(arguments)

    def _operator_attributes(self) -> dict[str, Any]:
        return {"linear_before_reset": int(self.reset_after)}

    def convert_stored_weights(self, stored: Sequence[tuple[str, Any]]) -> list[Any]:
        """Takes the weights of a CuDNNGRU as well, where this layer has ``reset_after``."""
        return gru_weights([array for _, array in stored], self, cudnn=False)


@GRU.made_of
class GRUCell(GatedCell):
    """The cell of GRU.

    Args: those of GRU that do not concern the sequence.

    Call: inputs (batch, features), states [(batch, units)]; returns output (batch, units) and the new states.
    """

    gates = 3  # update (z), reset (r), candidate (h): ONNX has the same order

    @configured(**CELL_ARGUMENTS)
    @like(GRU.__init__, without=OF_SEQUENCES)
    def __init__(self) -> None:
        self._choose_masks()
        self.state_size = self.units
        self.output_size = self.units

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _bias_row(self, row: int) -> Value | None:
        if self.bias is None:
            return None
        return op.Gather(self.bias, np.array(row, np.int64), axis=0) if self.reset_after else self.bias

    def _input_bias(self) -> Value | None:
        return self._bias_row(0)

    def step(self, projected: Value, states: States, training: Any = None) -> tuple[Value, States]:
        dropped = self.dropped(states[0], self.state_masks, training)
        # with one mask for all gates Keras carries the dropped state over, with three the whole one
        before = dropped[0] if self.one_mask else states[0]
        h_of_r, h_of_candidate = (dropped * 3)[1:3]
        x_z, x_r, x_h = self._split(projected, 3)
        if self.reset_after:
            inner, bias = self._recurrent_product(states[0], training), self._bias_row(1)
            h_z, h_r, h_h = self._split(inner if bias is None else op.Add(inner, bias), 3)
            z, r = self._gate(x_z, h_z), self._gate(x_r, h_r)
            candidate = op.Mul(r, h_h)
        else:
            w_z, w_r, w_h = self._split(self.recurrent_kernel, 3)
            z = self._gate(x_z, op.MatMul(dropped[0], w_z))
            r = self._gate(x_r, op.MatMul(h_of_r, w_r))
            candidate = op.MatMul(op.Mul(r, h_of_candidate), w_h)
        new = self.activation(op.Add(x_h, candidate))
        output = op.Add(op.Mul(z, before), op.Mul(1 - z, new))
        return output, [output]

    def _gate(self, x: Value, h: Value) -> Value:
        return self.recurrent_activation(op.Add(x, h))

    def onnx_activations(self) -> list[Callable[..., Any]]:
        return [self.recurrent_activation, self.activation]

    def _onnx_bias(self, bias: Value) -> Value:
        if self.reset_after:
            return op.Reshape(bias, [1, 6 * self.units])
        return super()._onnx_bias(bias)


registry.register(globals(), listed=True)
