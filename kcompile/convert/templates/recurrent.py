"""LSTM, GRU and SimpleRNN, one way and both."""

from __future__ import annotations

from typing import Any

from ...keras.state_dict.layouts import recurrent_kind
from ..layer_call import FUNCTIONS, KERAS, Call, Expression, Template, activation_name, constructor


def _recurrent_module(call: Call, layer: Any, both: bool, masked: bool) -> str:
    """Constructor of nn.LSTM, nn.GRU or nn.RNN, or of the helper where these lack something."""
    if recurrent_kind(layer) is None:
        call.fail(f"there is no template for {type(layer).__name__} in it")
    kind, cell = call.torch_class, layer.cell
    activation = activation_name(cell.activation)
    gate = None if kind == "nn.RNN" else activation_name(cell.recurrent_activation)
    sizes = (call.inputs[0].shape[-1], layer.units)
    options: dict[str, Any] = {"bias": bool(cell.use_bias), "bidirectional": both}
    reset_after = getattr(cell, "reset_after", True)
    torchs = activation == "tanh" and gate in ("sigmoid", None) or (kind, activation) == ("nn.RNN", "relu")
    if torchs and reset_after and not masked:
        options |= {"nonlinearity": "relu"} if activation == "relu" else {}
        return constructor(kind, *sizes, batch_first=True, **options)
    functions = []
    for name in filter(None, (activation, gate)):
        if name not in FUNCTIONS:
            call.fail(f"the activation {name!r} has no template")
        functions.append(Expression(FUNCTIONS[name]))
    options["reset_after"] = reset_after
    return constructor("Recurrent", kind.removeprefix("nn."), *sizes, *functions, **options)


def _initial_states(call: Call, count: int, directions: int) -> str:
    """The argument for initial states, which are inputs behind the first one; "" without."""
    states = [call.x(KERAS, i) for i in range(1, len(call.inputs))]
    if not states:
        return ""
    if len(states) != count * directions:
        call.fail(f"it has {len(states)} further inputs, {count * directions} initial states are expected")
    stacked = [f"torch.stack([{', '.join(states[i::count])}])" for i in range(count)]
    return ", " + (stacked[0] if count == 1 else f"({', '.join(stacked)})")


def _kept_states(call: Call, count: int) -> list[str]:
    """What holds the states of a stateful layer between calls."""
    batch = call.inputs[0].shape[0]
    if len(call.inputs) > 1:
        call.fail("it is stateful, and called with initial states")
    if batch is None:
        call.fail("it is stateful, and the batch size is not known")
    return [call.state(hint, (1, batch, call.layer.units)) for hint in ("h", "c")[:count]]


def _packed(states: list[str]) -> str:
    return states[0] if len(states) == 1 else f"({', '.join(states)})"


def _recurrent(call: Call) -> None:
    layer = call.layer
    mask = call.mask()
    if mask is not None and layer.zero_output_for_mask:
        call.fail("zero_output_for_mask, with a mask, has no template")
    module = call.module(_recurrent_module(call, layer, False, mask is not None))
    x = call.x()
    if layer.go_backwards:
        x, mask = f"{x}.flip(1)", mask and f"{mask}.flip(1)"
    count = 2 if recurrent_kind(layer) == "LSTM" else 1
    kept = _kept_states(call, count) if layer.stateful else []
    initial = f", {_packed(kept)}" if kept else _initial_states(call, count, 1)
    arguments = x + initial + (f", mask={mask}" if mask else "")
    sequence = f"{call.hint}_sequence"
    states = f"{call.hint}_states" if layer.return_state or kept else "_"
    sequence, states = call.part.unpack(f"{module}({arguments})", [sequence, states])
    for i, state in enumerate(kept):
        call.part.lines.append(f"{state} = {states if count == 1 else f'{states}[{i}]'}.detach()")
    call.give(sequence if layer.return_sequences else f"{sequence}[:, -1]")
    if layer.return_state:
        for state in [f"{states}[0]"] if count == 1 else [f"{states}[0][0]", f"{states}[1][0]"]:
            call.give(state)


def _bidirectional(call: Call) -> None:
    layer, inner = call.layer, call.layer.forward_layer
    mask = call.mask()
    if inner.go_backwards or inner.stateful:
        call.fail("go_backwards or stateful inside of Bidirectional has no template")
    for part in (inner, layer.backward_layer):
        call.check_options(part)
    if mask is not None and inner.zero_output_for_mask:
        call.fail("zero_output_for_mask, with a mask, has no template")
    if _options(inner) != _options(layer.backward_layer):
        call.fail("its directions differ in more than the direction")
    module = call.module(_recurrent_module(call, inner, True, mask is not None))
    count = 2 if recurrent_kind(inner) == "LSTM" else 1
    arguments = call.x() + _initial_states(call, count, 2) + (f", mask={mask}" if mask else "")
    wanted = [f"{call.hint}_sequence", f"{call.hint}_states" if layer.return_state else "_"]
    sequence, states = call.part.unpack(f"{module}({arguments})", wanted)
    n = inner.units
    if layer.merge_mode == "concat" and layer.return_sequences:
        call.give(sequence)
    else:
        if layer.return_sequences:
            halves = [f"{sequence}[..., :{n}]", f"{sequence}[..., {n}:]"]
        else:
            halves = [f"{sequence}[:, -1, :{n}]", f"{sequence}[:, 0, {n}:]"]
        for merged in _merged(halves, layer.merge_mode):
            call.give(merged)
    if layer.return_state:
        for direction in (0, 1):
            for i in range(count):
                call.give(f"{states}[{direction}]" if count == 1 else f"{states}[{i}][{direction}]")


def _options(layer: Any) -> dict[str, Any]:
    return {k: v for k, v in layer.get_config().items() if k not in ("name", "go_backwards")}


def _merged(halves: list[str], mode: str | None) -> list[str]:
    a, b = halves
    return {
        None: [a, b],
        "concat": [f"torch.cat([{a}, {b}], -1)"],
        "sum": [f"{a} + {b}"],
        "mul": [f"{a} * {b}"],
        "ave": [f"({a} + {b}) / 2"],
    }[mode]


_STEPS = "units return_sequences return_state go_backwards stateful zero_output_for_mask"
TEMPLATES: dict[str, Template] = {
    "LSTM": Template(_recurrent, f"activation recurrent_activation use_bias {_STEPS}"),
    "GRU": Template(_recurrent, f"activation recurrent_activation use_bias reset_after {_STEPS}"),
    "SimpleRNN": Template(_recurrent, f"activation use_bias {_STEPS}"),
    **dict.fromkeys(("CuDNNLSTM", "CuDNNGRU"), Template(_recurrent, _STEPS)),
    "Bidirectional": Template(_bidirectional, "layer backward_layer merge_mode"),
}
