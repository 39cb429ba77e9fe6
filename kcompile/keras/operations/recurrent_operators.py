"""ONNX's recurrent operators RNN, GRU and LSTM with Keras's conventions: any sequence length, any mask.

Under a mask the valid steps are gathered to the front, the operator is told their number, and outputs are
gathered back by the running count of the mask. That gives what a loop gives that repeats its output and keeps
its states where the mask is false.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Value, claim_steps, op, to_onnx
from .. import activations
from .. import backend as K
from ..backend.tensors import dims_of, known_shape, shape_vector

LSTM_GATES = (0, 3, 1, 2)
"""For each gate of the operator LSTM (i, o, f, c) its place among Keras's. GRU's are in Keras's order."""

IN_TIME = "_outputs_in_order_of_time"
"""Under this key the ``meta`` of outputs of a layer that goes backwards has them in the order of time."""


# --- weights ------------------------------------------------------------------------------------------------


def operator_kernel(kernel: Value, gates: int, order: Sequence[int] | None) -> Value:
    """W or R (1, gates * units, inputs) of the operator, of a kernel (inputs, gates * units).

    Each weight goes through one chain of operators that only move elements, so that export applies it to
    the stored weight.

    Args:
        order: for each gate of the operator its place among Keras's; None where the order is the same.
    """
    rows = op.Transpose(kernel, perm=[1, 0])
    if order is None:
        return op.Unsqueeze(rows, [0])
    inputs, width = known_shape(kernel)
    per_gate = op.Reshape(rows, [gates, width // gates, inputs])
    return op.Reshape(ordered(per_gate, order), [1, width, inputs])


def operator_bias(bias: Value, gates: int, order: Sequence[int] | None) -> Value:
    """B (1, 2 * gates * units) of a bias (gates * units,) of the inputs; that of the previous output is
    zero."""
    width = known_shape(bias)[0]
    if order is not None:
        bias = ordered(op.Reshape(bias, [gates, width // gates]), order)
    return op.Pad(op.Reshape(bias, [1, width]), [0, 0, 0, width])


def ordered(per_gate: Value, order: Sequence[int]) -> Value:
    """The gates along the first axis in the order of the operator."""
    return op.Gather(per_gate, np.array(order, np.int64), axis=0)


# --- activations --------------------------------------------------------------------------------------------

# Keras's activations among those that ONNX's recurrent operators have: name, alpha, beta.
_ONNX_ACTIVATIONS: dict[Callable[..., Any], tuple[str, float | None, float | None]] = {
    activations.sigmoid: ("Sigmoid", None, None),
    activations.tanh: ("Tanh", None, None),
    activations.relu: ("Relu", None, None),
    activations.softsign: ("Softsign", None, None),
    activations.softplus: ("Softplus", None, None),
    activations.hard_sigmoid: ("HardSigmoid", 0.2, 0.5),
    activations.hard_sigmoid_3: ("HardSigmoid", 1 / 6, 0.5),
    activations.elu: ("Elu", 1.0, None),
    activations.linear: ("Affine", 1.0, 0.0),
    activations.leaky_relu: ("LeakyRelu", 0.2, None),
    K.sigmoid: ("Sigmoid", None, None),
    K.tanh: ("Tanh", None, None),
    K.relu: ("Relu", None, None),
    K.softsign: ("Softsign", None, None),
    K.softplus: ("Softplus", None, None),
    K.hard_sigmoid: ("HardSigmoid", 0.2, 0.5),
    K.elu: ("Elu", 1.0, None),
}
_DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


def activation_attributes(op_type: str, functions: Sequence[Callable[..., Any]]) -> dict[str, Any] | None:
    """The attributes that give an ONNX recurrent operator these activations; None if it lacks one."""
    try:
        found = [_ONNX_ACTIVATIONS.get(function) for function in functions]
    except TypeError:  # a callable that cannot be hashed is not one of Keras's functions
        return None
    known = [entry for entry in found if entry is not None]
    if len(known) < len(found):
        return None
    names = [name for name, _, _ in known]
    if names == _DEFAULTS[op_type]:
        return {}
    return {
        "activations": names,
        "activation_alpha": [alpha for _, alpha, _ in known if alpha is not None] or None,
        "activation_beta": [beta for _, _, beta in known if beta is not None] or None,
    }


# --- operators ----------------------------------------------------------------------------------------------

_INT64 = to_onnx(np.dtype(np.int64))
_INT32 = to_onnx(np.dtype(np.int32))


def recurrent_operator(
    op_type: str,
    inputs: Value,
    weights: tuple[Value, Value, Value | None],
    units: int,
    initial_state: list[Value] | None,
    mask: Value | None,
    go_backwards: bool,
    states: int,
    **attributes: Any,
) -> tuple[Value, Value, list[Value]]:
    """Emits one ONNX recurrent operator with Keras's conventions around it.

    Args:
        op_type: "RNN", "GRU" or "LSTM".
        inputs: (batch, time, features).
        weights: W, R and B of the operator.
        initial_state: one (batch, units) per state; None for zeros.
        mask: (batch, time) or (batch, time, 1); None if all steps count.
        go_backwards: take the last step first; outputs come in the order in which they were computed.
        states: how many states the operator has.
        attributes: of the operator.

    Returns:
        last output (batch, units), outputs (batch, time, units), last states.
    """
    initial = (
        [None] * states if initial_state is None else [op.Unsqueeze(state, [0]) for state in initial_state]
    )
    packed = None if mask is None else _Packed(inputs, mask, go_backwards)
    sequence = op.Transpose(inputs, perm=[1, 0, 2]) if packed is None else packed.sequence
    y, *finals = getattr(op, op_type)(
        sequence,
        *weights,
        None if packed is None else packed.lengths,
        *initial,
        hidden_size=units,
        direction="reverse" if go_backwards and packed is None else None,
        outputs=1 + states,
        **attributes,
    )
    finals = [op.Squeeze(state, [0]) for state in finals]
    if packed is None:
        y = op.Squeeze(y, [1])
        outputs = op.Transpose(y, perm=[1, 0, 2])
        if go_backwards:
            in_time, outputs = outputs, _reversed(outputs, 1)
            in_time.refine([*known_shape(inputs)[:2], units])
            outputs.annotations[IN_TIME] = in_time
        last = finals[0]
    else:
        outputs = packed.unpack(y, units)
        last = finals[0]
        if initial_state is not None:
            # onnxruntime returns zeros as the states of a sequence without steps, whatever they were at first
            finals = [op.Where(packed.some, new, old) for new, old in zip(finals, initial_state, strict=True)]
            last = op.Where(packed.some, last, np.array(0, last.dtype))
    batch, time = known_shape(inputs)[:2]
    outputs.refine([batch, time, units])
    for value in (last, *finals):
        value.refine([batch, units])
    return last, outputs, finals


def _reversed(x: Value, axis: int) -> Value:
    return op.Slice(x, [-1], [np.iinfo(np.int64).min], [axis], [-1])


class _Packed:
    """A sequence with its valid steps in front, and the way back.

    Attributes:
        sequence: (time, batch, features), each sample's valid steps first, in the order in which they are
            taken.
        lengths: (batch,) int32, how many they are.
        some: (batch, 1) bool, whether there are any.
    """

    def __init__(self, inputs: Value, mask: Value, go_backwards: bool) -> None:
        valid = K.cast(mask, "bool")
        valid = op.Squeeze(valid, [2]) if valid.rank == 3 else valid
        batch, times, features = dims_of(inputs)
        steps = _range(times)  # (time,)
        if go_backwards:
            valid = _reversed(valid, 1)
        ones = op.Cast(valid, to=_INT64)
        running = op.CumSum(ones, np.array(1, np.int64))  # (batch, time): valid steps up to and with this one
        total = op.ReduceSum(ones, [1], keepdims=1)  # (batch, 1)
        # where each step goes: the valid ones to the front, the others behind them; both keep their order
        place = op.Where(valid, running - 1, op.Sub(op.Add(total, steps), running))
        source = op.Sub(op.Sub(_scalar(times), steps), _one()) if go_backwards else steps
        order = op.ScatterElements(running, place, op.Expand(source, op.Shape(valid)), axis=1)
        self._rows = op.Unsqueeze(_range(batch), [1])  # (batch, 1)
        flat = op.Add(order, op.Mul(self._rows, _scalar(times)))
        data = op.Reshape(inputs, shape_vector([-1, features]))
        self.sequence = op.Gather(data, op.Transpose(flat, perm=[1, 0]), axis=0)
        self.lengths = op.Cast(op.Squeeze(total, [1]), to=_INT32)
        self.some = op.Greater(total, np.array(0, np.int64))
        self._running, self._batch = running, batch

    def unpack(self, y: Value, units: int) -> Value:
        """(batch, time, units) of the operator's (time, 1, batch, units): to each step the last valid one."""
        data = op.Reshape(y, [-1, units])
        step = op.Max(self._running - 1, np.array(0, np.int64))
        outputs = op.Gather(data, op.Add(op.Mul(step, _scalar(self._batch)), self._rows), axis=0)
        begun = op.Unsqueeze(op.Greater(self._running, np.array(0, np.int64)), [2])
        return op.Where(begun, outputs, np.array(0, outputs.dtype))


def _one() -> Constant:
    return Constant(np.array(1, np.int64))


def _scalar(size: Any) -> Value:
    """A size, a number or a vector of one, as an int64 scalar."""
    return op.Squeeze(size, [0]) if isinstance(size, Value) else Constant(np.array(size, np.int64))


def _range(size: Any) -> Value:
    """0 to size - 1."""
    if not isinstance(size, Value):
        claim_steps(int(size), f"{size} steps")
        return Constant(np.arange(size))
    return op.Range(np.array(0, np.int64), _scalar(size), np.array(1, np.int64))
