"""Keras's own recurrent cells as ONNX's operators LSTM, GRU and RNN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kcompile.ir import Value, op
from kcompile.keras import activations as own
from kcompile.keras.backend.tensors import known_shape
from kcompile.keras.operations.recurrent_operators import (
    LSTM_GATES,
    activation_attributes,
    operator_bias,
    operator_kernel,
    recurrent_operator,
)

from .nn.types import graph_dtype
from .tensors import as_value, dtype_of, operation

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_NAMES = {"hard_sigmoid": "hard_sigmoid_3"}
#: Those of Keras's activations that the operators have.
_KNOWN = ("sigmoid", "tanh", "relu", "softsign", "softplus", "hard_sigmoid", "elu", "linear", "leaky_relu")


def fused_activations(op_type: str, *functions: Any, **others: Any) -> dict[str, Any]:
    """The attributes that give an operator these activations, in its order, and the others.

    Raises:
        NotImplementedError: if it lacks one of them.
    """
    named = [_own_activation(function) for function in functions]
    found = None if None in named else activation_attributes(op_type, [f for f in named if f is not None])
    if found is None:
        raise NotImplementedError(f"ONNX's {op_type} has no activations {functions}.")
    return {**found, **others}


def _own_activation(function: Any) -> Any:
    """Our function of one of Keras's; None for all others."""
    from keras.src import activations, ops

    for name in _KNOWN:
        if any(function is getattr(place, name, None) for place in (activations, ops)):
            return getattr(own, _NAMES.get(name, name))
    return None


class Weights:
    """Kernel, recurrent kernel and bias of a cell as its operator has them.

    Attributes:
        type: the operator.
        units: size of the output.
        W, R, B: of one direction; B is None without a bias.
    """

    def __init__(self, op_type: str, kernel: Any, recurrent_kernel: Any, bias: Any) -> None:
        kernel = as_value(kernel)
        self.type, self.dtype = op_type, graph_dtype(dtype_of(kernel))
        kernel = as_value(kernel, self.dtype)
        recurrent = as_value(recurrent_kernel, self.dtype)
        gates, order = _GATES[op_type], LSTM_GATES if op_type == "LSTM" else None
        self.units = int(known_shape(recurrent)[0])
        self.W, self.R = (operator_kernel(weight, gates, order) for weight in (kernel, recurrent))
        self.B = None if bias is None else self._bias(as_value(bias, self.dtype), gates, order)

    def _bias(self, bias: Value, gates: int, order: Any) -> Value:
        if len(known_shape(bias)) == 2:  # GRU(reset_after=True): of the inputs, and of the previous output
            return op.Reshape(bias, [1, 2 * gates * self.units])
        return operator_bias(bias, gates, order)


@operation
def fused(
    op_type: str,
    inputs: Any,
    states: Sequence[Any],
    mask: Any,
    weights: tuple[Any, Any, Any],
    go_backwards: bool,
    attributes: dict[str, Any],
) -> Any:
    """One direction over inputs (batch, time, features): last output, outputs in the order in which they
    were computed, last states. Where the mask is false, the output before is repeated."""
    of = Weights(op_type, *weights)
    return recurrent_operator(
        op_type,
        as_value(inputs, of.dtype),
        (of.W, of.R, of.B),
        of.units,
        [as_value(state, of.dtype) for state in states],
        None if mask is None else as_value(mask, "bool"),
        go_backwards,
        len(states),
        **attributes,
    )


@operation
def fused_both_ways(
    op_type: str,
    inputs: Any,
    states: Sequence[tuple[Any, Any]],
    forward: tuple[Any, Any, Any],
    backward: tuple[Any, Any, Any],
    attributes: dict[str, Any],
) -> Any:
    """Both directions over inputs (batch, time, features) by one operator.

    Args:
        states: each state of the forward direction with that of the backward one.

    Returns:
        For each direction the last output, the outputs in the order of time, the last states.
    """
    both = [Weights(op_type, *weights) for weights in (forward, backward)]
    units, dtype = both[0].units, both[0].dtype
    x = as_value(inputs, dtype)
    W, R = (op.Concat(*(getattr(of, name) for of in both), axis=0) for name in ("W", "R"))
    biases = [of.B for of in both if of.B is not None]
    B = op.Concat(*biases, axis=0) if len(biases) == 2 else None
    twice = {key: None if value is None else [*value, *value] for key, value in attributes.items()
             if key != "linear_before_reset"}  # fmt: skip
    if "linear_before_reset" in attributes:
        twice["linear_before_reset"] = attributes["linear_before_reset"]
    initial = [
        op.Concat(*(op.Unsqueeze(as_value(state, dtype), [0]) for state in pair), axis=0) for pair in states
    ]
    y, *finals = getattr(op, op_type)(
        op.Transpose(x, perm=[1, 0, 2]), W, R, B, None, *initial,
        hidden_size=units, direction="bidirectional", outputs=1 + len(states), **twice,
    )  # fmt: skip
    batch, time = known_shape(x)[:2]
    results = []
    for i in range(2):
        outputs = op.Transpose(_at(y, i, 1), perm=[1, 0, 2])
        outputs.refine([batch, time, units])
        last = [_at(state, i, 0) for state in finals]
        for state in last:
            state.refine([batch, units])
        results.append((last[0], outputs, last))
    return tuple(results)


def _at(x: Value, i: int, axis: int) -> Value:
    return op.Squeeze(op.Slice(x, [i], [i + 1], [axis]), [axis])
