"""Recurrent layers: loops over the steps of a sequence, and the operators that are such a loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from keras.src import tree

from kcompile.ir import Body, Value, op
from kcompile.keras.backend.tensors import known_shape, refine

from .recurrent_cells import fused, fused_activations, fused_both_ways
from .tensors import as_value, dtype_of, is_tracing, operation

Step = Callable[[Any, tuple[Any, ...]], tuple[Any, Any]]

# --- loops --------------------------------------------------------------------------------------------------


def rnn(
    step_function: Step,
    inputs: Any,
    initial_states: Any,
    go_backwards: bool = False,
    mask: Any = None,
    constants: Any = None,
    unroll: bool = False,
    input_length: Any = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Any, Any, Any]:
    """Applies a step along the time axis.

    In a graph this is one Scan, whatever the number of steps, or one of ONNX's recurrent operators for a cell
    of Keras that it has; else Python's loop.

    Args:
        step_function: takes (inputs of one time (batch, ...), states + constants) and returns (outputs
            (batch, ...), new states).
        inputs: (batch, time, ...), or (time, batch, ...) if ``time_major``; nested structures of such.
        initial_states: the states before the first step, as a list.
        go_backwards: take the last time first; outputs are in the order in which they were computed.
        mask: (batch, time) or (batch, time, 1); where it is false, states stay as they are, and the output of
            the time before is repeated (zeros at first), or zeros are put if ``zero_output_for_mask``.
        constants: handed to each step behind the states.
        unroll: the loop in Python in graphs as well.
        input_length: the number of steps for each sample (batch,), where there is no mask.
        return_all_outputs: whether the second result has all times; else the last alone, as an axis of one.

    Returns:
        (last output, outputs, last states).

    Raises:
        ValueError: if ``unroll`` is asked for an open number of steps.
    """
    gate = _gate(mask, input_length, inputs, go_backwards, time_major)
    loop = _Loop(step_function, inputs, initial_states, constants, gate, time_major)
    loop.backwards, loop.zeros = go_backwards, zero_output_for_mask
    if not unroll and not time_major:
        found = _as_operator(step_function, inputs, initial_states, constants, mask, loop)
        if found is not None:
            last, outputs, states = found
            return last, outputs if return_all_outputs else _expanded(last, 1), states
    if is_tracing() and not unroll:
        return loop.scanned(return_all_outputs)
    return loop.looped(return_all_outputs)


@operation
def _gate(mask: Any, input_length: Any, inputs: Any, go_backwards: bool, time_major: bool) -> Any:
    """(time, batch) or (batch, time) bool, as the inputs are; None where all steps count."""
    if mask is not None:
        mask = as_value(mask, "bool")
        return op.Squeeze(mask, [2]) if len(known_shape(mask)) == 3 else mask
    if input_length is None or np.ndim(input_length) == 0:
        return None
    lengths = as_value(input_length, "int64")
    axis = 0 if time_major else 1
    size = op.Shape(as_value(tree.flatten(inputs)[0]), start=axis, end=axis + 1)
    times = op.Range(np.int64(0), op.Squeeze(size, [0]), np.int64(1))
    if go_backwards:  # the last of the longest sample comes first
        times = op.ReduceMax(lengths, keepdims=0) - 1 - times
    both = (op.Unsqueeze(times, [1]), lengths) if time_major else (times, op.Unsqueeze(lengths, [1]))
    return op.Less(*both)


class _Loop:
    """A step over sequences, which are flat lists here, as are states and outputs.

    Attributes:
        backwards: whether the last time comes first.
        zeros: whether the output is zero where the gate is false.
    """

    backwards = False
    zeros = False

    def __init__(
        self, step: Step, inputs: Any, states: Any, constants: Any, gate: Any, time_major: bool
    ) -> None:
        self._step = step
        self._inputs, self._states = inputs, list(states)
        self._constants = tuple(constants or ())
        self.sequences = tree.flatten(inputs)
        self.gate = gate
        self.time = 0 if time_major else 1
        self._made: Any = None

    def step(self, items: Sequence[Any], states: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Flat outputs and states of one time."""
        given = tree.pack_sequence_as(self._inputs, list(items))
        packed = tree.pack_sequence_as(self._states, list(states))
        self._made, new = self._step(given, (*packed, *self._constants))
        return tree.flatten(self._made), tree.flatten(new)

    def _results(self, last: list[Any], outputs: list[Any], states: list[Any]) -> tuple[Any, Any, Any]:
        made = self._made
        return (
            tree.pack_sequence_as(made, last),
            tree.pack_sequence_as(made, outputs),
            tree.pack_sequence_as(self._states, states),
        )

    # --- Python's loop ------------------------------------------------------------------------------------

    def looped(self, all_outputs: bool) -> tuple[Any, Any, Any]:
        """Each step for itself."""
        times = self.sequences[0].shape[self.time]
        if not times:
            raise ValueError(
                f"Unrolling requires a fixed number of timesteps. Found {tuple(self.sequences[0].shape)}."
            )
        states = tree.flatten(self._states)
        kept: list[list[Any]] = []
        for time in reversed(range(times)) if self.backwards else range(times):
            outputs, new = self.step([_at(x, time, self.time) for x in self.sequences], states)
            if self.gate is not None:
                keep = _at(self.gate, time, self.time)
                before = kept[-1] if kept and not self.zeros else [None] * len(outputs)
                outputs = [_select(keep, y, old) for y, old in zip(outputs, before, strict=True)]
                new = [_select(keep, n, old) for n, old in zip(new, states, strict=True)]
            states = new
            kept = [*kept, outputs] if all_outputs else [outputs]
        stacked = [_stacked(each, self.time) for each in map(list, zip(*kept, strict=True))]
        return self._results(kept[-1], stacked, states)

    # --- ONNX's -------------------------------------------------------------------------------------------

    def scanned(self, all_outputs: bool) -> tuple[Any, Any, Any]:
        """One Scan."""
        sequences = [as_value(x) for x in self.sequences]
        states = [as_value(s) for s in tree.flatten(self._states)]
        items = [Value(x.dtype, self._without_time(x), f"step_input_{i}") for i, x in enumerate(sequences)]
        formal = [Value(s.dtype, s.dims, f"state_{i}") for i, s in enumerate(states)]
        outputs, new = ([as_value(v) for v in each] for each in self.step(items, formal))
        new = [as_value(n, dtype_of(s)) for n, s in zip(new, states, strict=True)]
        carried, inner, scanned = list(states), list(formal), [*sequences]
        if self.gate is not None:
            gate = as_value(self.gate)
            keep = Value(bool, self._without_time(gate), "keep")
            new = [_select(keep, n, old) for n, old in zip(new, formal, strict=True)]
            before = [Value(y.dtype, y.dims, f"previous_output_{i}") for i, y in enumerate(outputs)]
            outputs = [
                _select(keep, y, None if self.zeros else b) for y, b in zip(outputs, before, strict=True)
            ]
            scanned, items = [*scanned, gate], [*items, keep]
            if not self.zeros:
                carried += self._zero_outputs(sequences, states, outputs)
                inner, new = [*inner, *before], [*new, *outputs]
        finals, collected = self._scan(carried, scanned, Body([*new, *outputs], [*inner, *items]), outputs)
        last = []
        for y, each in zip(outputs, collected, strict=True):
            same = next((f for f, n in zip(finals, new, strict=True) if n is y), None)
            found = op.Gather(each, np.array(-1, np.int64), axis=self.time) if same is None else same
            last.append(refine(found, y.dims))
        kept = collected if all_outputs else [op.Unsqueeze(y, [self.time]) for y in last]
        return self._results(last, kept, [refine(f, s.dims) for f, s in zip(finals, states, strict=False)])

    def _scan(
        self, carried: list[Value], scanned: list[Value], body: Body, outputs: list[Value]
    ) -> tuple[list[Value], list[Value]]:
        count = len(scanned)
        found = op.Scan(
            *carried,
            *scanned,
            body=body,
            num_scan_inputs=count,
            scan_input_axes=[self.time] * count,
            scan_input_directions=[int(self.backwards)] * count,
            scan_output_axes=[self.time] * len(outputs),
            outputs=len(carried) + len(outputs),
        )
        results = list(found) if isinstance(found, tuple) else [found]
        finals, collected = results[: len(carried)], results[len(carried) :]
        times = known_shape(scanned[0])[self.time]
        for y, each in zip(outputs, collected, strict=True):
            if y.dims is not None:
                refine(each, [*y.dims[: self.time], times, *y.dims[self.time :]])
        return finals, collected

    def _without_time(self, x: Value) -> list[Any]:
        return [n for axis, n in enumerate(known_shape(x)) if axis != self.time]

    def _zero_outputs(self, sequences: list[Value], states: list[Value], outputs: list[Value]) -> list[Value]:
        """What a masked first step gives: zeros, of the shape of each output at the first time."""
        first: list[Any] | None = None
        zeros = []
        for i, y in enumerate(outputs):
            same = next((s for s in states if s.dims == y.dims and s.dtype == y.dtype), None)
            if same is None and first is None:
                first, _ = self.step([_at(x, 0, self.time) for x in sequences], states)
            like = same if same is not None else as_value((first or [])[i])
            zeros.append(op.ConstantOfShape(op.Shape(like), value=np.zeros(1, y.dtype)))
        return zeros


@operation
def _at(x: Any, time: int, axis: int) -> Any:
    return op.Gather(as_value(x), np.array(time, np.int64), axis=axis)


@operation
def _stacked(xs: list[Any], axis: int) -> Any:
    return op.Concat(*(op.Unsqueeze(as_value(x), [axis]) for x in xs), axis=axis)


@operation
def _expanded(x: Any, axis: int) -> Any:
    return op.Unsqueeze(as_value(x), [axis])


@operation
def _select(keep: Any, new: Any, old: Any) -> Any:
    """``new`` where the (batch,) ``keep`` is true, else ``old``, or zeros without one."""
    keep, new = as_value(keep), as_value(new)
    count = len(known_shape(new))
    if count > 1:
        keep = op.Unsqueeze(keep, list(range(1, count)))
    old = as_value(0 if old is None else old, dtype_of(new))
    return refine(op.Where(keep, new, old), new.dims)


# --- Keras's cells as operators -----------------------------------------------------------------------------


def _as_operator(
    step: Step, inputs: Any, states: Any, constants: Any, mask: Any, loop: _Loop
) -> tuple[Any, Any, Any] | None:
    """What a layer of Keras over one of its own cells computes, by one operator; None for other steps."""
    cell, training = _cell_of(step)
    if cell is None or constants or tree.is_nested(inputs):
        return None
    try:
        op_type, functions, attributes = _cells()[type(cell)](cell)
        attributes = fused_activations(op_type, *functions, **attributes)
    except (KeyError, NotImplementedError):
        return None
    if training and (cell.dropout or cell.recurrent_dropout):
        return None
    weights = (cell.kernel, cell.recurrent_kernel, cell.bias)
    last, outputs, finals = fused(op_type, inputs, list(states), mask, weights, loop.backwards, attributes)
    if mask is not None and loop.zeros:
        last, outputs = _zeroed(last, outputs, loop.gate, loop.backwards)
    return last, outputs, finals


def _cell_of(step: Step) -> tuple[Any, Any]:
    """The cell of the layer whose step this is, and whether it trains; None for other functions."""
    from keras.src.layers.rnn.rnn import RNN

    try:
        found = inspect.getclosurevars(step).nonlocals
    except TypeError:
        return None, None
    layer = found.get("self")
    if getattr(step, "__qualname__", "") != "RNN.inner_loop.<locals>.step" or not isinstance(layer, RNN):
        return None, None
    return layer.cell, found.get("cell_kwargs", {}).get("training", False)


def _cells() -> dict[type, Callable[[Any], tuple[str, list[Any], dict[str, Any]]]]:
    """Operator, activations in its order and attributes by the class of a cell; subclasses may do other
    things."""
    from keras.src.layers.rnn.gru import GRUCell
    from keras.src.layers.rnn.lstm import LSTMCell
    from keras.src.layers.rnn.simple_rnn import SimpleRNNCell

    def of_gru(c: Any) -> Any:
        return "GRU", [c.recurrent_activation, c.activation], {"linear_before_reset": int(c.reset_after)}

    return {
        LSTMCell: lambda c: ("LSTM", [c.recurrent_activation, c.activation, c.activation], {}),
        GRUCell: of_gru,
        SimpleRNNCell: lambda c: ("RNN", [c.activation], {}),
    }


@operation
def _zeroed(last: Any, outputs: Any, gate: Any, backwards: bool) -> Any:
    """The results with zeros where the gate (batch, time) is false; outputs are in the order computed."""
    if backwards:
        gate = op.Slice(gate, [-1], [np.iinfo(np.int64).min], [1], [-1])
    outputs = op.Where(op.Unsqueeze(gate, [2]), outputs, as_value(0, dtype_of(outputs)))
    at_last = op.Gather(gate, np.array(-1, np.int64), axis=1)
    return _select(at_last, last, None), outputs


def cudnn_ok(activation: Any, recurrent_activation: Any, unroll: bool, use_bias: bool = True) -> bool:
    """Whether LSTM and GRU of these arguments are one operator."""
    try:
        fused_activations("GRU", recurrent_activation, activation)
    except NotImplementedError:
        return False
    return not unroll


def lstm(
    inputs: Any,
    initial_state_h: Any,
    initial_state_c: Any,
    mask: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    activation: Any,
    recurrent_activation: Any,
    return_sequences: bool = False,
    go_backwards: bool = False,
    unroll: bool = False,
    batch_first: bool = True,
) -> Any:
    """An LSTM by one operator.

    Raises:
        NotImplementedError: for other activations than ONNX has, to unroll, and under a mask, of which
            ``rnn`` is told more.
    """
    _check(mask, unroll or not batch_first)
    attributes = fused_activations("LSTM", recurrent_activation, activation, activation)
    states, weights = [initial_state_h, initial_state_c], (kernel, recurrent_kernel, bias)
    found = fused("LSTM", inputs, states, None, weights, go_backwards, attributes)
    return _sequences(found, return_sequences)


def gru(
    inputs: Any,
    initial_state: Any,
    mask: Any,
    kernel: Any,
    recurrent_kernel: Any,
    bias: Any,
    activation: Any,
    recurrent_activation: Any,
    return_sequences: bool = False,
    go_backwards: bool = False,
    unroll: bool = False,
    reset_after: bool = True,
) -> Any:
    """A GRU by one operator.

    Raises:
        NotImplementedError: as ``lstm``.
    """
    _check(mask, unroll)
    reset = int(reset_after)
    attributes = fused_activations("GRU", recurrent_activation, activation, linear_before_reset=reset)
    weights = (kernel, recurrent_kernel, bias)
    found = fused("GRU", inputs, [initial_state], None, weights, go_backwards, attributes)
    return _sequences(found, return_sequences)


def _check(mask: Any, other: bool) -> None:
    if mask is not None or other:
        raise NotImplementedError("The operator is not used here; `rnn` is.")


def _sequences(found: tuple[Any, Any, Any], all_outputs: bool) -> tuple[Any, Any, Any]:
    last, outputs, states = found
    return last, outputs if all_outputs else _expanded(last, 1), states


def bidirectional_lstm(
    inputs: Any,
    fwd_initial_state_h: Any,
    fwd_initial_state_c: Any,
    bwd_initial_state_h: Any,
    bwd_initial_state_c: Any,
    mask: Any,
    fwd_kernel: Any,
    fwd_recurrent_kernel: Any,
    fwd_bias: Any,
    bwd_kernel: Any,
    bwd_recurrent_kernel: Any,
    bwd_bias: Any,
    activation: Any,
    recurrent_activation: Any,
    return_sequences: bool = False,
    unroll: bool = False,
) -> Any:
    """Both directions of an LSTM by one operator; outputs of both are in the order of time.

    Raises:
        NotImplementedError: as ``lstm``.
    """
    _check(mask, unroll)
    forward, backward = fused_both_ways(
        "LSTM",
        inputs,
        [(fwd_initial_state_h, bwd_initial_state_h), (fwd_initial_state_c, bwd_initial_state_c)],
        (fwd_kernel, fwd_recurrent_kernel, fwd_bias),
        (bwd_kernel, bwd_recurrent_kernel, bwd_bias),
        fused_activations("LSTM", recurrent_activation, activation, activation),
    )
    return _sequences(forward, return_sequences), _sequences(backward, return_sequences)


def bidirectional_gru(
    inputs: Any,
    fwd_initial_state: Any,
    bwd_initial_state: Any,
    mask: Any,
    fwd_kernel: Any,
    fwd_recurrent_kernel: Any,
    fwd_bias: Any,
    bwd_kernel: Any,
    bwd_recurrent_kernel: Any,
    bwd_bias: Any,
    activation: Any,
    recurrent_activation: Any,
    return_sequences: bool = False,
    unroll: bool = False,
    reset_after: bool = True,
) -> Any:
    """Both directions of a GRU by one operator; outputs of both are in the order of time.

    Raises:
        NotImplementedError: as ``lstm``.
    """
    _check(mask, unroll)
    forward, backward = fused_both_ways(
        "GRU",
        inputs,
        [(fwd_initial_state, bwd_initial_state)],
        (fwd_kernel, fwd_recurrent_kernel, fwd_bias),
        (bwd_kernel, bwd_recurrent_kernel, bwd_bias),
        fused_activations("GRU", recurrent_activation, activation, linear_before_reset=int(reset_after)),
    )
    return _sequences(forward, return_sequences), _sequences(backward, return_sequences)
