"""CuDNNLSTM and CuDNNGRU: LSTM and GRU with the weight layouts and the configuration of Keras's layers of
these names.

They run everywhere, through the same ONNX operators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...ir import Value, op
from .. import registry
from ..backend.tensors import known_shape
from ..declaration import Argument, configured, fixed, like
from ..legacy.old_names import answer_old_names
from ..operations.recurrent_operators import ordered
from .recurrent import GRU, LSTM, GRUCell, LSTMCell
from .recurrent.cells import GatedCell
from .recurrent.cudnn_layouts import gru_weights, lstm_weights
from .recurrent.fused import FusedRNN
from .recurrent.lstm import forget_gate_at_one
from .recurrent.states import States


class _CuDNNCell(GatedCell):
    """The weights of a cell as the CuDNN layers have them; mixed into LSTMCell and GRUCell."""

    def _bias_shape(self) -> tuple[int, ...]:
        return (2 * self.gates * self.units,)

    def _onnx_kernel(self, kernel: Value) -> Value:
        inputs, width = known_shape(kernel)
        per_gate = op.Transpose(op.Reshape(kernel, [inputs, self.gates, self.units]), perm=[1, 0, 2])
        # the elements of each gate, read row by row, are a matrix (units, inputs)
        per_gate = op.Reshape(per_gate, [self.gates, self.units, inputs])
        if self.onnx_gates is not None:
            per_gate = ordered(per_gate, self.onnx_gates)
        return op.Reshape(per_gate, [1, width, inputs])

    def _onnx_bias(self, bias: Value) -> Value:
        if self.onnx_gates is None:
            return op.Reshape(bias, [1, 2 * self.gates * self.units])
        per_gate = op.Reshape(bias, [2, self.gates, self.units])
        moved = ordered(op.Transpose(per_gate, perm=[1, 0, 2]), self.onnx_gates)
        return op.Reshape(op.Transpose(moved, perm=[1, 0, 2]), [1, 2 * self.gates * self.units])


# what the library leaves no choice of
_CHOSEN = (
    "activation",
    "recurrent_activation",
    "use_bias",
    "dropout",
    "recurrent_dropout",
    "implementation",
    "unroll",
)
_UNWRITTEN = {name: Argument(written="never") for name in _CHOSEN}


class _CuDNNRNN(FusedRNN):
    """What the two layers have in common."""

    def _run_cell(
        self, inputs: Value, mask: Any, training: Any, initial_state: States | None, constants: Any
    ) -> tuple[Value, Value, States]:
        if type(self)._process_batch is _CuDNNRNN._process_batch:
            return super()._run_cell(inputs, mask, training, initial_state, constants)
        state = self.get_initial_state(inputs) if initial_state is None else initial_state
        output, states = self._process_batch(inputs, state)
        return output, output, states

    def _process_batch(self, inputs: Value, initial_state: States) -> tuple[Value, States]:
        """The output (of all steps with ``return_sequences``, else of the last) and the last states."""
        last, outputs, states = super()._run_cell(inputs, None, None, initial_state, None)
        return outputs if self.return_sequences else last, states

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Any:
        return cls(**config)


class CuDNNLSTM(_CuDNNRNN, LSTM):
    """LSTM with tanh and sigmoid, in the layout of NVIDIA's library.

    Args:
        units: size of the output.
        kernel_initializer, recurrent_initializer, bias_initializer: name or Initializer.
        unit_forget_bias: start the bias of the forget gate at one.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: Regularizer or
            None.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraint or None.
        return_sequences, return_state, stateful: see RNN; go_backwards may be given too.

    Input: (batch, time, features). Output: (batch, units), or as return_sequences and return_state say.
    Weights: kernel (features, 4 units), recurrent_kernel (units, 4 units), bias (8 units,); of each gate's
    kernel the elements, read row by row, are a matrix (units, inputs).
    Loads the weights of an LSTM as well.
    """

    @configured(**_UNWRITTEN)
    @like(LSTM.__init__, without=(*_CHOSEN, "go_backwards"))
    def __init__(self) -> None: ...

    def convert_stored_weights(self, stored: Sequence[tuple[str, Any]]) -> list[Any]:
        """Takes the weights of an LSTM as well."""
        return lstm_weights([array for _, array in stored], self, cudnn=True)


@CuDNNLSTM.made_of
class _CuDNNLSTMCell(_CuDNNCell, LSTMCell):
    def _bias_initializer(self) -> Any:
        if not self.unit_forget_bias:
            return self.bias_initializer
        return forget_gate_at_one(self.bias_initializer, self.units, before=5, after=2)


class CuDNNGRU(_CuDNNRNN, GRU):
    """GRU with tanh, sigmoid and reset_after, in the layout of NVIDIA's library.

    Args:
        units: size of the output.
        kernel_initializer, recurrent_initializer, bias_initializer: name or Initializer.
        kernel_regularizer, recurrent_regularizer, bias_regularizer, activity_regularizer: Regularizer or
            None.
        kernel_constraint, recurrent_constraint, bias_constraint: Constraint or None.
        return_sequences, return_state, stateful: see RNN; go_backwards may be given too.

    Input: (batch, time, features). Output: (batch, units), or as return_sequences and return_state say.
    Weights: kernel (features, 3 units), recurrent_kernel (units, 3 units), bias (6 units,); of each gate's
    kernel the elements, read row by row, are a matrix (units, inputs).
    Loads the weights of a GRU(reset_after=True) as well.
    """

    @configured(reset_after=fixed(True), **_UNWRITTEN)
    @like(GRU.__init__, without=(*_CHOSEN, "go_backwards", "reset_after"))
    def __init__(self) -> None: ...

    def convert_stored_weights(self, stored: Sequence[tuple[str, Any]]) -> list[Any]:
        """Takes the weights of a GRU(reset_after=True) as well."""
        return gru_weights([array for _, array in stored], self, cudnn=True)


@CuDNNGRU.made_of
class _CuDNNGRUCell(_CuDNNCell, GRUCell):
    pass


answer_old_names(__name__)
registry.register(globals(), listed=True)
