"""One entry per Keras layer class: the PyTorch module that it is, and the expression that calls it."""

from __future__ import annotations

import string
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..keras.state_dict.layouts import layer_units, prelu_is_torchs, recurrent_kind
from .layer_call import FIRST, FUNCTIONS, KERAS, Call, Tensor, activation_name, full, sizes

Entry = Callable[[Call], None]


# --- dense, tables ------------------------------------------------------------------------------------------


def _dense(call: Call) -> None:
    layer = call.layer
    features = call.inputs[0].shape[-1]
    module = call.module(f"nn.Linear({features}, {layer.units}{'' if layer.use_bias else ', bias=False'})")
    call.give(call.activated(f"{module}({call.x()})", KERAS))


def _embedding(call: Call) -> None:
    layer = call.layer
    x = call.x()
    module = call.module(f"nn.Embedding({layer.input_dim}, {layer.output_dim})")
    if layer.input_length is not None and call.inputs[0].rank > 2:
        x = f"{x}.flatten(1)" if len(call.output_shapes[0]) == 3 else x
    mask = call.let(f"{x} != 0", f"{call.hint}_mask") if layer.mask_zero else None
    call.give(f"{module}({x}.long())", mask=mask)


# --- convolutions -------------------------------------------------------------------------------------------


def _padded(call: Call, x: str, layer: Any, window: Any) -> tuple[str, str]:
    """(input expression, argument of the constructor) for the padding of a convolution."""
    if layer.padding == "same" and set(layer.strides) == {1}:
        return x, ', padding="same"'
    if layer.padding == "same":
        call.helper("same_padding")
        dilation = "" if set(layer.dilation_rate) == {1} else f", {full(layer.dilation_rate)}"
        return f"same_padding({x}, {full(window)}, {full(layer.strides)}{dilation})", ""
    if layer.padding == "causal":
        return f"F.pad({x}, ({(window[0] - 1) * layer.dilation_rate[0]}, 0))", ""
    return x, ""


def _window_arguments(layer: Any) -> str:
    text = "" if set(layer.strides) == {1} else f", stride={sizes(layer.strides)}"
    return text + ("" if set(layer.dilation_rate) == {1} else f", dilation={sizes(layer.dilation_rate)}")


def _channels(call: Call) -> Any:
    layer = call.layer
    return call.inputs[0].shape[1 if layer.data_format == "channels_first" else -1]


def _conv(call: Call) -> None:
    layer = call.layer
    x, layout = call.spatial()
    x, padding = _padded(call, x, layer, layer.kernel_size)
    module = call.module(
        f"nn.Conv{layer.rank}d({_channels(call)}, {layer.filters}, {sizes(layer.kernel_size)}"
        f"{_window_arguments(layer)}{padding}"
        f"{'' if layer.groups == 1 else f', groups={layer.groups}'}"
        f"{'' if layer.use_bias else ', bias=False'})"
    )
    call.give(call.activated(f"{module}({x})", layout), layout)


def _depthwise(call: Call) -> None:
    layer = call.layer
    x, layout = call.spatial()
    x, padding = _padded(call, x, layer, layer.kernel_size)
    count = _channels(call)
    module = call.module(
        f"nn.Conv{len(layer.kernel_size)}d({count}, {count * layer.depth_multiplier}, "
        f"{sizes(layer.kernel_size)}{_window_arguments(layer)}{padding}, groups={count}"
        f"{'' if layer.use_bias else ', bias=False'})"
    )
    call.give(call.activated(f"{module}({x})", layout), layout)


def _separable(call: Call) -> None:
    layer = call.layer
    x, layout = call.spatial()
    x, padding = _padded(call, x, layer, layer.kernel_size)
    count, rank = _channels(call), layer.rank
    between = count * layer.depth_multiplier
    module = call.module(
        "nn.Sequential()"
        f'\n{{}}.add_module("depthwise", nn.Conv{rank}d({count}, {between}, {sizes(layer.kernel_size)}'
        f"{_window_arguments(layer)}{padding}, groups={count}, bias=False))"
        f'\n{{}}.add_module("pointwise", nn.Conv{rank}d({between}, {layer.filters}, 1'
        f"{'' if layer.use_bias else ', bias=False'}))"
    )
    call.give(call.activated(f"{module}({x})", layout), layout)


def _conv_transpose(call: Call) -> None:
    layer = call.layer
    x, layout = call.spatial()
    cut, ends = [], []
    given = layer.output_padding or (None,) * layer.rank
    steps = zip(layer.kernel_size, layer.strides, layer.dilation_rate, given, strict=True)
    for size, stride, dilation, end in steps:
        window = (size - 1) * dilation + 1
        if end is not None:
            slack = (2 * (window // 2) if layer.padding == "same" else 0) - end
        else:
            slack = window - stride if layer.padding == "same" else min(window - stride, 0)
        total = max(slack, 0) if layer.padding == "same" else 0
        cut.append((total // 2, total - total // 2))
        ends.append(max(-slack, 0))
    even = all(before == after for before, after in cut)
    arguments = _window_arguments(layer)
    if even and any(before for before, _ in cut):
        arguments += f", padding={sizes([before for before, _ in cut])}"
    if any(ends):
        arguments += f", output_padding={sizes(ends)}"
    module = call.module(
        f"nn.ConvTranspose{layer.rank}d({_channels(call)}, {layer.filters}, {sizes(layer.kernel_size)}"
        f"{arguments}{'' if layer.use_bias else ', bias=False'})"
    )
    y = f"{module}({x})"
    if not even:
        y = f"F.pad({y}, {_pads([(-before, -after) for before, after in cut])})"
    call.give(call.activated(y, layout), layout)


# --- shapes -------------------------------------------------------------------------------------------------


def _pads(pairs: Any) -> str:
    return full([size for pair in reversed(pairs) for size in pair])


def _zero_padding(call: Call) -> None:
    x, layout = call.spatial()
    call.give(f"F.pad({x}, {_pads(_pairs(call.layer.padding))})", layout)


def _cropping(call: Call) -> None:
    x, layout = call.spatial()
    pairs = [(-before, -after) for before, after in _pairs(call.layer.cropping)]
    call.give(f"F.pad({x}, {_pads(pairs)})", layout)


def _pairs(value: Any) -> list[tuple[int, int]]:
    return [value] if isinstance(value[0], int) else list(value)


def _upsampling(call: Call) -> None:
    layer = call.layer
    x, layout = call.spatial()
    size = layer.size if isinstance(layer.size, list | tuple) else [layer.size]
    if getattr(layer, "interpolation", "nearest") == "nearest":
        factors = ", ".join(f"{float(n)}" for n in size) + ("," if len(size) == 1 else "")
        call.give(f'F.interpolate({x}, scale_factor=({factors}), mode="nearest")', layout)
    elif layer.interpolation == "bilinear":
        call.give(f"{call.helper('upsample_linear')}({x}, {full(size)})", layout)
    else:
        call.fail(f"interpolation={layer.interpolation!r} has no entry")


def _flatten(call: Call) -> None:
    first = call.layer.data_format == "channels_first" and call.inputs[0].rank > 2
    x = call.x()
    if first:
        order = ", ".join(map(str, [0, *range(2, call.inputs[0].rank), 1]))
        x = f"{x}.permute({order})"
    call.give(f"{x}.flatten(1)" if call.inputs[0].rank > 1 else f"{x}.unsqueeze(1)")


def _reshape(call: Call) -> None:
    x = call.x()
    target = ", ".join(map(str, call.layer.target_shape))
    call.give(f"{x}.reshape({x}.shape[0], {target})")


def _permute(call: Call) -> None:
    call.give(f"{call.x()}.permute(0, {', '.join(map(str, call.layer.dims))})")


def _repeat_vector(call: Call) -> None:
    call.give(f"{call.x()}.unsqueeze(1).repeat(1, {call.layer.n}, 1)")


def _masking(call: Call) -> None:
    x = call.x()
    mask = call.let(f"({x} != {call.layer.mask_value!r}).any(-1)", f"{call.hint}_mask")
    call.give(f"{x} * {mask}.unsqueeze(-1)", mask=mask)


# --- element by element -------------------------------------------------------------------------------------


def _elementwise(make: Callable[[Call, str, str], str], call: Call) -> None:
    ((x, layout),) = call.any_layout()
    call.give(make(call, x, layout), layout)


def _relu(call: Call, x: str, layout: str) -> str:
    layer = call.layer
    if layer.negative_slope == 0 and layer.threshold == 0:
        return f"F.relu({x})" if layer.max_value is None else f"{x}.clamp(0.0, {layer.max_value!r})"
    low = f"{layer.negative_slope!r} * ({x} - {layer.threshold!r})"
    y = f"torch.where({x} >= {layer.threshold!r}, {x}, {low})"
    return y if layer.max_value is None else f"{y}.clamp(max={layer.max_value!r})"


def _softmax(call: Call, x: str, layout: str) -> str:
    axes = call.layer.axis
    if not isinstance(axes, int):
        call.fail(f"axis={axes!r}; F.softmax takes one axis")
    return f"F.softmax({x}, dim={call.axis(axes, layout)})"


def _dropout(call: Call, x: str, layout: str) -> str:
    module = call.module(f"nn.Dropout({call.layer.rate!r})")
    if call.layer.noise_shape is None:
        return f"{module}({x})"
    sizes_of = {call.axis(i, layout): size for i, size in enumerate(call.layer.noise_shape)}
    shape = [f"{x}.shape[{i}]" if sizes_of[i] is None else str(int(sizes_of[i])) for i in sorted(sizes_of)]
    return f"{x} * {module}({x}.new_ones({', '.join(shape)}))"


def _spatial_dropout(call: Call) -> None:
    x, layout = call.spatial()
    rank = call.inputs[0].rank - 2
    call.give(f"{call.module(f'nn.Dropout{rank}d({call.layer.rate!r})')}({x})", layout)


def _training_only(call: Call, x: str, layout: str) -> str:
    call.writer.comment(f"{call.layer.name} ({type(call.layer).__name__}) acts in training alone: left out")
    return x


def _prelu(call: Call) -> None:
    layer = call.layer
    if prelu_is_torchs(layer):
        x = call.x(FIRST)
        call.give(f"{call.module(f'nn.PReLU({layer.alpha.shape[-1]})')}({x})", FIRST)
        return
    module = call.module(f"{call.helper('Slopes')}({', '.join(map(str, layer.alpha.shape))})")
    call.give(f"{module}({call.x()})")


def _batch_normalization(call: Call) -> None:
    layer = call.layer
    rank = call.inputs[0].rank
    axis = layer.axis % rank
    if axis not in (1, rank - 1):
        call.fail(f"axis={layer.axis}; nn.BatchNorm normalises axis 1, or the last one after a permutation")
    layout = FIRST if axis == rank - 1 and rank > 2 else KERAS
    kind = {2: 1, 3: 1, 4: 2, 5: 3}.get(rank)
    if kind is None:
        call.fail(f"nn.BatchNorm takes 2 to 5 axes, the input has {rank}")
    affine = "" if layer.scale or layer.center else ", affine=False"
    count = call.inputs[0].shape[axis]
    module = call.module(
        f"nn.BatchNorm{kind}d({count}, eps={layer.epsilon!r}, "
        f"momentum={round(1 - layer.momentum, 10)!r}{affine})"
    )
    call.give(f"{module}({call.x(layout)})", layout)


def _layer_normalization(call: Call) -> None:
    layer = call.layer
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    if [axis % call.inputs[0].rank for axis in axes] != [call.inputs[0].rank - 1]:
        call.fail(f"axis={layer.axis}; nn.LayerNorm normalises the last axis")
    affine = "" if layer.scale or layer.center else ", elementwise_affine=False"
    module = call.module(f"nn.LayerNorm({call.inputs[0].shape[-1]}, eps={layer.epsilon!r}{affine})")
    call.give(f"{module}({call.x()})")


def _group_normalization(call: Call) -> None:
    layer = call.layer
    if layer.axis % call.inputs[0].rank != call.inputs[0].rank - 1:
        call.fail(f"axis={layer.axis}; only the last axis has an entry")
    count = call.inputs[0].shape[-1]
    groups = count if layer.groups == -1 else layer.groups
    affine = "" if layer.scale or layer.center else ", affine=False"
    module = call.module(f"nn.GroupNorm({groups}, {count}, eps={layer.epsilon!r}{affine})")
    call.give(f"{module}({call.x(FIRST)})", FIRST)


def _rms_normalization(call: Call) -> None:
    layer = call.layer
    if layer.axis not in (-1, call.inputs[0].rank - 1):
        call.fail(f"axis={layer.axis}; nn.RMSNorm normalises the last axis")
    module = call.module(f"nn.RMSNorm({call.inputs[0].shape[-1]}, eps={layer.epsilon!r})")
    call.give(f"{module}({call.x()})")


def _rescaling(call: Call, x: str, layout: str) -> str:
    scale, offset = call.layer.scale, call.layer.offset
    if not isinstance(scale, int | float) or not isinstance(offset, int | float):
        call.fail("only numbers as scale and offset have an entry")
    return f"{x} * {scale!r} + {offset!r}"


def _statistics(call: Call) -> None:
    layer = call.layer
    helper = call.helper("Normalization")
    broadcast = [int(size) for size in layer._broadcast]
    arguments = f"{full(layer.mean.shape) if layer.input_mean is None else ()}, {full(broadcast)}"
    if layer.input_mean is not None:
        for name, value in (("mean", layer.input_mean), ("variance", layer.input_variance)):
            array = np.asarray(value, np.float32)
            if array.size not in (1, int(np.prod(broadcast))):
                call.fail(f"its {name} has the shape {array.shape}, the axes have {broadcast}")
            arguments += f", {name}={array.reshape(-1).tolist() if array.size > 1 else float(array.item())}"
    arguments += ", invert=True" if layer.invert else ""
    call.give(f"{call.module(f'{helper}({arguments})')}({call.x()})")


# --- attention ----------------------------------------------------------------------------------------------


def _attention(call: Call) -> None:
    layer = call.layer
    config = layer.get_config()
    if layer_units(layer, call.attribute)[0].kind != "nn.MultiheadAttention":
        call.fail(
            "nn.MultiheadAttention takes queries, keys and values of as many features as key_dim * num_heads"
        )
    if any(tensor.mask is not None for tensor in call.inputs) or call.inputs[0].rank != 3:
        call.fail("masks, and inputs of other than 3 axes, have no entry")
    query, value, key = (call.x(KERAS, min(i, len(call.inputs) - 1)) for i in range(3))
    bias = "" if config["use_bias"] else ", bias=False"
    dropout = f", dropout={config['dropout']!r}" if config["dropout"] else ""
    module = call.module(
        f"nn.MultiheadAttention({call.inputs[0].shape[-1]}, {config['num_heads']}, "
        f"batch_first=True{bias}{dropout})"
    )
    call.give(f"{module}({query}, {key}, {value}, need_weights=False)[0]")


# --- pooling ------------------------------------------------------------------------------------------------


def _pooling(mode: str, call: Call) -> None:
    layer = call.layer
    x, layout = call.spatial()
    rank = len(layer.pool_size)
    window, stride = full(layer.pool_size), full(layer.strides)
    if layer.padding == "same" and mode == "avg":
        call.helper("average_pool_same")
        call.give(f"average_pool_same({x}, {window}, {stride})", layout)
        return
    if layer.padding == "same":
        x = f"{call.helper('same_padding')}({x}, {window}, {stride}, value=float('-inf'))"
    call.give(f"F.{mode}_pool{rank}d({x}, {sizes(layer.pool_size)}, {sizes(layer.strides)})", layout)


def _global_pooling(mode: str, call: Call) -> None:
    layer = call.layer
    mask = call.mask() if type(layer).__name__ == "GlobalAveragePooling1D" else None
    if mask is not None:
        if layer.data_format == "channels_first" or layer.keepdims:
            call.fail("a mask together with channels_first or keepdims has no entry")
        x = call.x()
        weights = call.let(f"{mask}.to({x}.dtype).unsqueeze(-1)", f"{call.hint}_weights")
        call.give(f"({x} * {weights}).sum(1) / {weights}.sum(1)")
        return
    first = layer.data_format == "channels_first"
    tensor = call.inputs[0]
    layout = KERAS if first or tensor.native == KERAS else FIRST
    start = 2 if first or layout == FIRST else 1
    dims = ", ".join(str(start + i) for i in range(tensor.rank - 2))
    keep = ", keepdim=True" if getattr(layer, "keepdims", False) else ""
    call.give(f"{call.x(layout)}.{mode}(({dims},){keep})", layout)


# --- several inputs -----------------------------------------------------------------------------------------


def _joined(join: str, call: Call) -> None:
    pairs = call.any_layout()
    call.give(join.join(x for x, _ in pairs), pairs[0][1])


def _average(call: Call) -> None:
    pairs = call.any_layout()
    call.give(f"({' + '.join(x for x, _ in pairs)}) / {len(pairs)}", pairs[0][1])


def _extreme(function: str, call: Call) -> None:
    (expression, layout), *others = call.any_layout()
    for x, _ in others:
        expression = f"torch.{function}({expression}, {x})"
    call.give(expression, layout)


def _concatenate(call: Call) -> None:
    pairs = call.any_layout()
    layout = pairs[0][1]
    listed = ", ".join(x for x, _ in pairs)
    call.give(f"torch.cat([{listed}], dim={call.axis(call.layer.axis, layout)})", layout)


def _dot(call: Call) -> None:
    layer = call.layer
    ranks = [tensor.rank for tensor in call.inputs]
    axes = [layer.axes] * 2 if isinstance(layer.axes, int) else list(layer.axes)
    i, j = (axis % rank for axis, rank in zip(axes, ranks, strict=True))
    xs = [call.x(KERAS, 0), call.x(KERAS, 1)]
    if layer.normalize:
        xs = [f"F.normalize({x}, dim={axis}, eps=1e-6)" for x, axis in zip(xs, (i, j), strict=True)]
    letters = iter(string.ascii_lowercase[2:])
    a = ["b", *(next(letters) for _ in range(ranks[0] - 1))]
    b = ["b", *(next(letters) for _ in range(ranks[1] - 1))]
    b[j] = a[i]
    kept = [*a[:i], *a[i + 1 :], *(letter for k, letter in enumerate(b) if k not in (0, j))]
    y = f'torch.einsum("{"".join(a)},{"".join(b)}->{"".join(kept)}", {xs[0]}, {xs[1]})'
    call.give(y if len(kept) > 1 else f"{y}.unsqueeze(1)")


# --- recurrence ---------------------------------------------------------------------------------------------

_MODULES = {"LSTM": "LSTM", "GRU": "GRU", "SimpleRNN": "RNN"}


def _recurrent_module(call: Call, layer: Any, both: bool, masked: bool) -> str:
    """Constructor of nn.LSTM, nn.GRU or nn.RNN, or of the helper where these lack something."""
    keras_kind = recurrent_kind(layer)
    if keras_kind is None:
        call.fail(f"there is no entry for {type(layer).__name__} in it")
    if layer.stateful:
        call.fail("stateful=True keeps states between calls; pass initial states instead")
    kind, cell = _MODULES[keras_kind], layer.cell
    activation = activation_name(cell.activation)
    gate = activation_name(cell.recurrent_activation) if kind != "RNN" else None
    reset_after = getattr(cell, "reset_after", True)
    features = call.inputs[0].shape[-1]
    options = "" if cell.use_bias else ", bias=False"
    options += ", bidirectional=True" if both else ""
    torchs = activation == "tanh" and gate in ("sigmoid", None) or (kind, activation) == ("RNN", "relu")
    if torchs and reset_after and not masked:
        if activation == "relu":
            options += ', nonlinearity="relu"'
        return f"nn.{kind}({features}, {layer.units}, batch_first=True{options})"
    functions = []
    for name in filter(None, (activation, gate)):
        if name not in FUNCTIONS:
            call.fail(f"the activation {name!r} has no entry")
        if name in ("hard_sigmoid", "linear"):
            call.helper(name)
        functions.append(FUNCTIONS[name])
    options += "" if reset_after else ", reset_after=False"
    helper = call.helper("Recurrent")
    return f'{helper}("{kind}", {features}, {layer.units}, {", ".join(functions)}{options})'


def _initial_states(call: Call, count: int, directions: int) -> str:
    """The argument for initial states, which are inputs behind the first one; "" without."""
    states = [call.x(KERAS, i) for i in range(1, len(call.inputs))]
    if not states:
        return ""
    if len(states) != count * directions:
        call.fail(f"it has {len(states)} further inputs, {count * directions} initial states are expected")
    stacked = [f"torch.stack([{', '.join(states[i::count])}])" for i in range(count)]
    return ", " + (stacked[0] if count == 1 else f"({', '.join(stacked)})")


def _recurrent(call: Call) -> None:
    layer = call.layer
    mask = call.mask()
    module = call.module(_recurrent_module(call, layer, False, mask is not None))
    x = call.x()
    if layer.go_backwards:
        x, mask = f"{x}.flip(1)", mask and f"{mask}.flip(1)"
    count = 2 if recurrent_kind(layer) == "LSTM" else 1
    arguments = x + _initial_states(call, count, 1) + (f", mask={mask}" if mask else "")
    sequence = f"{call.hint}_sequence"
    states = f"{call.hint}_states" if layer.return_state else "_"
    sequence, states = call.writer.unpack(f"{module}({arguments})", [sequence, states])
    call.give(sequence if layer.return_sequences else f"{sequence}[:, -1]")
    if layer.return_state:
        for state in [f"{states}[0]"] if count == 1 else [f"{states}[0][0]", f"{states}[1][0]"]:
            call.give(state)


def _bidirectional(call: Call) -> None:
    layer, inner = call.layer, call.layer.forward_layer
    mask = call.mask()
    if inner.go_backwards:
        call.fail("go_backwards inside of Bidirectional has no entry")
    module = call.module(_recurrent_module(call, inner, True, mask is not None))
    count = 2 if recurrent_kind(inner) == "LSTM" else 1
    arguments = call.x() + _initial_states(call, count, 2) + (f", mask={mask}" if mask else "")
    wanted = [f"{call.hint}_sequence", f"{call.hint}_states" if layer.return_state else "_"]
    sequence, states = call.writer.unpack(f"{module}({arguments})", wanted)
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


def _merged(halves: list[str], mode: str | None) -> list[str]:
    a, b = halves
    return {
        None: [a, b],
        "concat": [f"torch.cat([{a}, {b}], -1)"],
        "sum": [f"{a} + {b}"],
        "mul": [f"{a} * {b}"],
        "ave": [f"({a} + {b}) / 2"],
    }[mode]


def _time_distributed(call: Call) -> None:
    x = call.x()
    shape = call.inputs[0].shape
    steps = call.let(f"{x}.flatten(0, 1)", f"{call.hint}_steps")
    inside = Tensor((None, *shape[2:]), {KERAS: steps})
    inner_shape = (None, *call.output_shapes[0][2:])
    result = call.writer.emit(call.layer.layer, [inside], [inner_shape], call.attribute, call.hint)[0]
    made = Call(call.writer, call.layer, [result], [], call.attribute, call.hint).x()
    call.give(f"{made}.unflatten(0, {x}.shape[:2])")


ENTRIES: dict[str, Entry] = {
    "Dense": _dense,
    "Embedding": _embedding,
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _conv),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **dict.fromkeys(("SeparableConv1D", "SeparableConv2D"), _separable),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _conv_transpose),
    **dict.fromkeys(("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"), _zero_padding),
    **dict.fromkeys(("Cropping1D", "Cropping2D", "Cropping3D"), _cropping),
    **dict.fromkeys(("UpSampling1D", "UpSampling2D", "UpSampling3D"), _upsampling),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat_vector,
    "Masking": _masking,
    "Activation": partial(_elementwise, lambda call, x, layout: call.activated(x, layout)),
    "ReLU": partial(_elementwise, _relu),
    "LeakyReLU": partial(_elementwise, lambda call, x, layout: f"F.leaky_relu({x}, {call.layer.alpha!r})"),
    "ELU": partial(_elementwise, lambda call, x, layout: f"F.elu({x}, {call.layer.alpha!r})"),
    "ThresholdedReLU": partial(
        _elementwise, lambda call, x, layout: f"F.threshold({x}, {call.layer.theta!r}, 0.0)"
    ),
    "Softmax": partial(_elementwise, _softmax),
    "PReLU": _prelu,
    "Dropout": partial(_elementwise, _dropout),
    **dict.fromkeys(("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"), _spatial_dropout),
    **dict.fromkeys(
        ("GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization"),
        partial(_elementwise, _training_only),
    ),
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "GroupNormalization": _group_normalization,
    "RMSNormalization": _rms_normalization,
    "Normalization": _statistics,
    "Rescaling": partial(_elementwise, _rescaling),
    "MultiHeadAttention": _attention,
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D", "MaxPooling3D"), partial(_pooling, "max")),
    **dict.fromkeys(("AveragePooling1D", "AveragePooling2D", "AveragePooling3D"), partial(_pooling, "avg")),
    **dict.fromkeys(
        ("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"), partial(_global_pooling, "amax")
    ),
    **dict.fromkeys(
        ("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
        partial(_global_pooling, "mean"),
    ),
    "Add": partial(_joined, " + "),
    "Subtract": partial(_joined, " - "),
    "Multiply": partial(_joined, " * "),
    "Average": _average,
    "Maximum": partial(_extreme, "maximum"),
    "Minimum": partial(_extreme, "minimum"),
    "Concatenate": _concatenate,
    "Dot": _dot,
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU"), _recurrent),
    "Bidirectional": _bidirectional,
    "TimeDistributed": _time_distributed,
}
"""Keras's class name -> how to write a call of such a layer."""
