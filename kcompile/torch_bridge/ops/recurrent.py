"""LSTM, GRU and RNN: torch's fused kernels where the activations are theirs, a loop over the steps otherwise.

ONNX's rules on ``sequence_lens``: outputs after the end of a sequence are zero, the last state is that of the
last valid step (the initial one for an empty sequence), and the reverse direction starts at the end of each
sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..gradients import differentiated_twice
from . import gru_steps, lstm_steps
from ._common import several
from .tensor import reverse_steps

Activation = Callable[[Tensor], Tensor]


def _hard_sigmoid(x: Tensor, alpha: float, beta: float) -> Tensor:
    return torch.clamp(x * alpha + beta, 0, 1)


# name -> (function of x and of its parameters, defaults of the parameters)
_ACTIVATIONS: dict[str, tuple[Callable[..., Tensor], tuple[float, ...]]] = {
    "sigmoid": (torch.sigmoid, ()),
    "tanh": (torch.tanh, ()),
    "relu": (torch.relu, ()),
    "softsign": (F.softsign, ()),
    "softplus": (F.softplus, ()),
    "hardsigmoid": (_hard_sigmoid, (0.2, 0.5)),
    "affine": (lambda x, alpha, beta: x * alpha + beta, (1.0, 0.0)),
    "scaledtanh": (lambda x, alpha, beta: alpha * torch.tanh(beta * x), (1.0, 1.0)),
    "leakyrelu": (lambda x, alpha: F.leaky_relu(x, alpha), (0.01,)),
    "thresholdedrelu": (lambda x, alpha: F.threshold(x, alpha, 0.0), (1.0,)),
    "elu": (lambda x, alpha: F.elu(x, alpha), (1.0,)),
}


def _activations(
    op_type: str,
    R: Tensor,
    names: Sequence[str] | None,
    alphas: Sequence[float] | None,
    betas: Sequence[float] | None,
) -> list[Activation]:
    """The functions of all directions by name; alphas and betas go, in order, to those that have them."""
    alphas, betas = list(alphas or ()), list(betas or ())
    found = []
    for name in names or _PER_DIRECTION[op_type] * R.shape[0]:
        function, parameters = _ACTIVATIONS[name.lower()]
        values = list(parameters)
        for i, given in enumerate((alphas, betas)):
            if i < len(values) and given:
                values[i] = given.pop(0)
        found.append(_bound(function, values))
    return found


def _bound(function: Callable[..., Tensor], values: list[float]) -> Activation:
    return partial(_applied, function, values) if values else function


def _applied(function: Callable[..., Tensor], values: list[float], x: Tensor) -> Tensor:
    return function(x, *values)


def _folded(
    f: Activation, gates: int, weights: Sequence[Tensor], bias: Tensor | None
) -> tuple[Activation, list[Tensor], Tensor | None]:
    """A hard sigmoid's slope and offset, taken into weights and bias once instead of in each step.

    Args:
        f: activation of the first ``gates`` rows.
        weights: each with the rows of all gates first.
    """
    if not (isinstance(f, partial) and f.args[0] is _hard_sigmoid):
        return f, list(weights), bias
    alpha, beta = f.args[1]
    slope = torch.ones_like(weights[0][:, 0])
    slope[:gates] = alpha
    offset = torch.zeros_like(slope)
    offset[:gates] = beta
    folded = offset if bias is None else torch.addcmul(offset, bias, slope)
    scaled = [weight * slope.unsqueeze(1) for weight in weights]
    return _unit_clamp, scaled, folded


def _unit_clamp(x: Tensor) -> Tensor:
    return torch.clamp(x, 0, 1)


@dataclass
class _Inputs:
    """The operands of a recurrent operator, time first."""

    X: Tensor
    W: Tensor
    R: Tensor
    B: Tensor | None
    lengths: Tensor | None
    states: list[Tensor]
    direction: str

    @classmethod
    def of(
        cls,
        X: Tensor,
        W: Tensor,
        R: Tensor,
        B: Tensor | None,
        lengths: Tensor | None,
        states: Sequence[Tensor | None],
        direction: str,
        layout: int,
    ) -> _Inputs:
        if layout:
            X = X.transpose(0, 1)
            states = [None if state is None else state.transpose(0, 1) for state in states]
        directions, hidden, batch = R.shape[0], R.shape[2], X.shape[1]
        if lengths is not None and not lengths.is_cuda and bool((lengths >= X.shape[0]).all()):
            lengths = None
        filled = [X.new_zeros(directions, batch, hidden) if state is None else state for state in states]
        _check(X, W, R, B, filled)
        if lengths is not None:  # gradients of what does not count are zero, also where it is no number
            X = torch.where(_running(X, lengths), X, 0.0)
        return cls(X, W, R, B, lengths, filled, direction)

    def reversed(self, x: Tensor) -> Tensor:
        """Steps in reverse, of each sequence for itself."""
        return x.flip(0) if self.lengths is None else reverse_steps(x, self.lengths)


def _check(X: Tensor, W: Tensor, R: Tensor, B: Tensor | None, states: Sequence[Tensor]) -> None:
    """Torch's kernels trust the shapes that they are given: others take the process down.

    Raises:
        ValueError: if the shapes, which a graph need not know before it runs, do not fit one another.
    """
    directions, rows, hidden = R.shape
    wanted = {
        "X": (X, (*X.shape[:2], W.shape[-1])),
        "W": (W, (directions, rows, W.shape[-1])),
        **({} if B is None else {"B": (B, (directions, 2 * rows))}),
        **{f"state {i}": (state, (directions, X.shape[1], hidden)) for i, state in enumerate(states)},
    }
    for name, (tensor, shape) in wanted.items():
        if tuple(tensor.shape) != tuple(shape):
            raise ValueError(f"{name} should have the shape {tuple(shape)}; found {tuple(tensor.shape)}.")


def _result(y: Tensor, states: Sequence[Tensor], layout: int, outputs: int) -> Any:
    """Y [time, direction, batch, hidden] and the last states in the layout that is asked for."""
    if layout:
        y, states = y.permute(2, 0, 1, 3), [state.transpose(0, 1) for state in states]
    return several((y, *states), outputs)


# --- torch's kernels ---


def _fused(
    function: Callable[..., Any], given: _Inputs, gates: tuple[int, ...]
) -> tuple[Tensor, list[Tensor]]:
    """Runs one of torch._VF's recurrent functions.

    Args:
        gates: for each of torch's gates its place among ONNX's.
    """
    flat = [weight for d in range(given.R.shape[0]) for weight in _torch_weights(given, d, gates)]
    bidirectional = given.direction == "bidirectional"
    x = given.reversed(given.X) if given.direction == "reverse" else given.X
    initial = tuple(state.contiguous() for state in given.states)
    hx: Any = initial if len(initial) > 1 else initial[0]
    # cudnn keeps what backward needs only if told that this is training
    tail = (flat, given.B is not None, 1, 0.0, torch.is_grad_enabled(), bidirectional)
    with _differentiable_kernels():
        if given.lengths is None:
            y, *states = function(x, hx, *tail, False)
        elif _mostly_padding(given):
            y, states = _packed(function, x, given.lengths, initial, tail)
        else:
            y, states = _padded(function, x, given.lengths, initial, tail)
    if given.direction == "reverse":
        y = given.reversed(y)
    return y.reshape(y.shape[0], y.shape[1], given.R.shape[0], -1).transpose(1, 2), states


def _differentiable_kernels() -> AbstractContextManager[Any]:
    """cudnn's recurrent layers have no second derivative; torch's own have."""
    return torch.backends.cudnn.flags(enabled=False) if differentiated_twice() else nullcontext()


def _torch_weights(given: _Inputs, d: int, gates: tuple[int, ...]) -> list[Tensor]:
    weights = [given.W[d], given.R[d]]
    if given.B is not None:
        weights += given.B[d].chunk(2)
    if gates == tuple(range(len(gates))):
        return weights
    ordered = []
    for weight in weights:
        parts = weight.chunk(len(gates))
        ordered.append(torch.cat([parts[gate] for gate in gates]))
    return ordered


def _mostly_padding(given: _Inputs) -> bool:
    """Whether packing pays: steps are dear where they are many, and cudnn has a kernel of its own for it.

    Autograd over torch's packed kernels on the CPU clears a buffer of all steps at every step; up to some
    three steps of padding for each that counts it is quicker to compute them all.
    """
    assert given.lengths is not None
    steps, batch = given.X.shape[:2]
    both = given.direction == "bidirectional"  # its second half begins at the end of each sequence
    return given.lengths.is_cuda or both or 4 * int(given.lengths.sum()) < steps * batch


def _padded(
    function: Callable[..., Any],
    x: Tensor,
    lengths: Tensor,
    initial: tuple[Tensor, ...],
    tail: tuple[Any, ...],
) -> tuple[Tensor, list[Tensor]]:
    """Runs all steps, then drops what comes after the end of a sequence.

    The last output of a GRU or RNN is its state, and so is an LSTM's first one. Its cell stays what it is
    where the input gate is shut and the forget gate open: one more feature, set behind the end, does that.
    """
    running = _running(x, lengths)
    if len(initial) > 1:
        (weight, *others), *rest = tail
        x = torch.cat([x, (~running).to(x.dtype)], 2)
        tail = ([torch.cat([weight, _holding(weight)], 1), *others], *rest)
    y, *states = function(x, initial if len(initial) > 1 else initial[0], *tail, False)
    last = _at_end(y, lengths, initial[0][0]).unsqueeze(0)
    return torch.where(running, y, 0.0), [last, *states[1:]]


def _holding(weight: Tensor) -> Tensor:
    """The column of an LSTM's weights, gates in torch's order ifco, that shuts i and opens f."""
    gates = weight.new_tensor([-_SATURATED, _SATURATED, 0.0, 0.0])
    return gates.repeat_interleave(weight.shape[0] // 4).unsqueeze(1)


_SATURATED = 1e4
"""A sigmoid of it is exactly one, of its negative exactly zero, whatever gates of a network add to it."""


def _packed(
    function: Callable[..., Any],
    x: Tensor,
    lengths: Tensor,
    initial: tuple[Tensor, ...],
    tail: tuple[Any, ...],
) -> tuple[Tensor, list[Tensor]]:
    """Sorts by length and packs, so that each step computes the sequences that are still running."""
    lengths = lengths.cpu().long()
    ordered, order = torch.sort(lengths.clamp(1, x.shape[0]), descending=True)
    back = torch.argsort(order).to(x.device)
    order = order.to(x.device)
    data, sizes = torch._VF._pack_padded_sequence(x.index_select(1, order), ordered, False)
    first = tuple(state.index_select(1, order) for state in initial)
    y, *states = function(data, sizes, first if len(first) > 1 else first[0], *tail)
    y, _ = torch._VF._pad_packed_sequence(y, sizes, False, 0.0, x.shape[0])
    y = y.index_select(1, back)
    states = [state.index_select(1, back) for state in states]
    if int(lengths.min()) < 1:  # an empty sequence ran for one step
        some = (lengths > 0).to(x.device).reshape(1, -1, 1)
        y = torch.where(some, y, 0.0)
        states = [torch.where(some, after, before) for after, before in zip(states, initial, strict=True)]
    return y, states


# --- the loop ---

Cell = Callable[[Tensor, list[Tensor]], list[Tensor]]
Runner = Callable[[Tensor, list[Tensor], Tensor | None], tuple[Tensor, list[Tensor]]]


def _loop(
    given: _Inputs, runner_of: Callable[[int], tuple[Tensor, Tensor | None, Runner]]
) -> tuple[Tensor, list[Tensor]]:
    """Runs a cell over the steps, direction by direction.

    Args:
        runner_of: for a direction the weights and the bias by which all steps' inputs are projected at
            once, and what runs the steps: (projected inputs, states, lengths) -> outputs, last states.
    """
    ys, finals = [], []
    for d in range(given.R.shape[0]):
        weight, bias, runner = runner_of(d)
        backwards = given.direction == "reverse" or d == 1
        x = given.reversed(given.X) if backwards else given.X
        y, states = runner(F.linear(x, weight, bias), [state[d] for state in given.states], given.lengths)
        ys.append(given.reversed(y) if backwards else y)
        finals.append(states)
    states = [torch.stack(parts) for parts in zip(*finals, strict=True)]
    return torch.stack(ys, 1), states


def _run(cell: Cell, x: Tensor, states: list[Tensor], lengths: Tensor | None) -> tuple[Tensor, list[Tensor]]:
    """Steps a cell: (projected input, states) -> new states, the first of which is the output."""
    rows = []
    valid: Sequence[Tensor | None] = [None] * x.shape[0]
    if lengths is not None:
        valid = _running(x, lengths).unbind(0)
    for xt, running in zip(x.unbind(0), valid, strict=True):
        new = cell(xt, states)
        if running is None:
            rows.append(new[0])
            states = new
        else:
            rows.append(torch.where(running, new[0], 0.0))
            states = [torch.where(running, after, before) for after, before in zip(new, states, strict=True)]
    if not rows:
        return x.new_zeros(0, *states[0].shape), states
    return torch.stack(rows), states


def _run_hard_lstm(
    cell: Cell, recurrent: Tensor, x: Tensor, states: list[Tensor], lengths: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    """The same for the cell that LstmSteps has written out, where that can be used."""
    if not lstm_steps.lstm_applies(x, x.shape[0]):
        return _run(cell, x, states, lengths)
    if lengths is None:
        y, c = lstm_steps.LstmSteps.apply(x, *states, recurrent)
        return y, [y[-1], c[-1]]
    running = _running(x, lengths)
    y, c = lstm_steps.LstmSteps.apply(x, *states, recurrent)
    finals = [_at_end(rows, lengths, first) for rows, first in zip((y, c), states, strict=True)]
    return torch.where(running, y, 0.0), finals


def _running(x: Tensor, lengths: Tensor) -> Tensor:
    """[time, batch, 1]: whether a step belongs to its sequence."""
    steps = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    return (steps < lengths.to(x.device)).unsqueeze(2)


def _at_end(rows: Tensor, lengths: Tensor, first: Tensor) -> Tensor:
    """Of [time, batch, units] what stands at the last step of each sequence; ``first`` where it has none."""
    lengths = lengths.to(rows.device).long().unsqueeze(1)
    end = (lengths - 1).clamp(min=0).unsqueeze(0).expand(1, *rows.shape[1:])
    return torch.where(lengths > 0, rows.gather(0, end)[0], first)


def _clipped(functions: list[Activation], clip: float | None) -> list[Activation]:
    """Activations of the clipped input."""
    if clip is None:
        return functions
    return [partial(_of_clipped, function, clip) for function in functions]


def _of_clipped(function: Activation, clip: float, x: Tensor) -> Tensor:
    return function(torch.clamp(x, -clip, clip))


def _gru_steps(given: _Inputs, d: int) -> tuple[Tensor, Tensor | None, Runner]:
    """What ``_loop`` needs of a direction of a GRU whose steps are written out."""
    bias = (None, given.R.new_zeros(given.R.shape[1])) if given.B is None else given.B[d].chunk(2)
    return given.W[d], bias[0], partial(_run_gru, given.R[d], bias[1])


def _run_gru(
    recurrent: Tensor, bias: Tensor, x: Tensor, states: list[Tensor], lengths: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    y = gru_steps.GruSteps.apply(x, *states, recurrent, bias)
    if lengths is None:
        return y, [y[-1]]
    return torch.where(_running(x, lengths), y, 0.0), [_at_end(y, lengths, states[0])]


# --- the operators ---

_PER_DIRECTION = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}


def _is_default(op_type: str, activations: Sequence[str] | None, clip: float | None) -> bool:
    usual = _PER_DIRECTION[op_type]
    names = tuple(name.lower() for name in activations or ())
    return clip is None and names in ((), *((tuple(n.lower() for n in usual) * k) for k in (1, 2)))


def LSTM(
    X: Tensor,
    W: Tensor,
    R: Tensor,
    B: Tensor | None = None,
    sequence_lens: Tensor | None = None,
    initial_h: Tensor | None = None,
    initial_c: Tensor | None = None,
    P: Tensor | None = None,
    *,
    activation_alpha: tuple[float, ...] | None = None,
    activation_beta: tuple[float, ...] | None = None,
    activations: tuple[str, ...] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    input_forget: int = 0,
    layout: int = 0,
    in_torchs_order: bool = False,
    outputs: int = 1,
) -> Any:
    given = _Inputs.of(X, W, R, B, sequence_lens, (initial_h, initial_c), direction, layout)
    if _is_default("LSTM", activations, clip) and P is None and not input_forget:
        order = (0, 1, 2, 3) if in_torchs_order else (0, 2, 3, 1)  # ifco of iofc
        y, states = _fused(torch._VF.lstm, given, order)
        return _result(y, states, layout, outputs)
    functions = _activations("LSTM", R, activations, activation_alpha, activation_beta)
    hidden = R.shape[2]

    def runner_of(d: int) -> tuple[Tensor, Tensor | None, Runner]:
        f, g = _clipped(functions[3 * d : 3 * d + 2], clip)
        h = functions[3 * d + 2]  # onnxruntime clips the gates, not the cell
        bias = None if B is None else B[d, : 4 * hidden] + B[d, 4 * hidden :]
        weight, recurrent = W[d], R[d]
        if P is None:
            f, (weight, recurrent), bias = _folded(f, 3 * hidden, (weight, recurrent), bias)
        recurrent = recurrent.t()

        def cell(x: Tensor, states: list[Tensor]) -> list[Tensor]:
            before, c = states
            gates = torch.addmm(x, before, recurrent)
            iof, candidate = gates.split((3 * hidden, hidden), 1)
            i, o, forget = f(iof).chunk(3, 1)
            if input_forget:
                forget = 1 - i
            c = torch.addcmul(forget * c, i, g(candidate))
            return [o * h(c), c]

        def peeping(x: Tensor, states: list[Tensor]) -> list[Tensor]:
            before, c = states
            i, o, forget, candidate = torch.addmm(x, before, recurrent).chunk(4, 1)
            pi, po, pf = peepholes
            i = f(i + pi * c)
            forget = 1 - i if input_forget else f(forget + pf * c)
            c = torch.addcmul(forget * c, i, g(candidate))
            return [f(o + po * c) * h(c), c]

        if P is not None:
            peepholes = P[d].chunk(3)
            return weight, bias, partial(_run, peeping)
        if f is _unit_clamp and g is h is torch.tanh and not input_forget:
            return weight, bias, partial(_run_hard_lstm, cell, recurrent)
        return weight, bias, partial(_run, cell)

    y, states = _loop(given, runner_of)
    return _result(y, states, layout, outputs)


def GRU(
    X: Tensor,
    W: Tensor,
    R: Tensor,
    B: Tensor | None = None,
    sequence_lens: Tensor | None = None,
    initial_h: Tensor | None = None,
    *,
    activation_alpha: tuple[float, ...] | None = None,
    activation_beta: tuple[float, ...] | None = None,
    activations: tuple[str, ...] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    linear_before_reset: int = 0,
    outputs: int = 1,
) -> Any:
    given = _Inputs.of(X, W, R, B, sequence_lens, (initial_h,), direction, layout)
    if _is_default("GRU", activations, clip) and linear_before_reset:
        if gru_steps.applies(given.X, given.W, given.R):
            y, states = _loop(given, partial(_gru_steps, given))
        else:
            y, states = _fused(torch._VF.gru, given, (1, 0, 2))  # zrh -> rzh
        return _result(y, states, layout, outputs)
    functions = _activations("GRU", R, activations, activation_alpha, activation_beta)
    hidden = R.shape[2]

    def runner_of(d: int) -> tuple[Tensor, Tensor | None, Runner]:
        f, g = _clipped(functions[2 * d : 2 * d + 2], clip)
        if B is None:
            bias, inner = None, X.new_zeros(hidden)
        else:
            of_x, of_h = B[d].chunk(2)
            inner = of_h[2 * hidden :]
            bias = torch.cat([of_x[: 2 * hidden] + of_h[: 2 * hidden], of_x[2 * hidden :]])
            if not linear_before_reset:
                bias = of_x + of_h
        f, (weight, recurrent), bias = _folded(f, 2 * hidden, (W[d], R[d]), bias)
        both, last = recurrent[: 2 * hidden].t(), recurrent[2 * hidden :].t()

        def reset_first(x: Tensor, states: list[Tensor]) -> list[Tensor]:
            (before,) = states
            of_gates, of_h = x.split((2 * hidden, hidden), 1)
            z, r = f(torch.addmm(of_gates, before, both)).chunk(2, 1)
            return [torch.lerp(g(torch.addmm(of_h, r * before, last)), before, z)]

        def linear_first(x: Tensor, states: list[Tensor]) -> list[Tensor]:
            (before,) = states
            of_gates, of_h = x.split((2 * hidden, hidden), 1)
            z, r = f(torch.addmm(of_gates, before, both)).chunk(2, 1)
            return [torch.lerp(g(torch.addcmul(of_h, r, torch.addmm(inner, before, last))), before, z)]

        return weight, bias, partial(_run, linear_first if linear_before_reset else reset_first)

    y, states = _loop(given, runner_of)
    return _result(y, states, layout, outputs)


def RNN(
    X: Tensor,
    W: Tensor,
    R: Tensor,
    B: Tensor | None = None,
    sequence_lens: Tensor | None = None,
    initial_h: Tensor | None = None,
    *,
    activation_alpha: tuple[float, ...] | None = None,
    activation_beta: tuple[float, ...] | None = None,
    activations: tuple[str, ...] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    outputs: int = 1,
) -> Any:
    given = _Inputs.of(X, W, R, B, sequence_lens, (initial_h,), direction, layout)
    names = {name.lower() for name in activations or ("Tanh",)}
    if clip is None and names in ({"tanh"}, {"relu"}):
        y, states = _fused(torch._VF.rnn_tanh if names == {"tanh"} else torch._VF.rnn_relu, given, (0,))
        return _result(y, states, layout, outputs)
    functions = _activations("RNN", R, activations, activation_alpha, activation_beta)

    def runner_of(d: int) -> tuple[Tensor, Tensor | None, Runner]:
        (f,) = _clipped(functions[d : d + 1], clip)
        recurrent = R[d].t()
        bias = None if B is None else torch.add(*B[d].chunk(2))
        return W[d], bias, partial(_run, lambda x, states: [f(torch.addmm(x, states[0], recurrent))])

    y, states = _loop(given, runner_of)
    return _result(y, states, layout, outputs)
