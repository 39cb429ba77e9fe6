"""Convolutions, padding, cropping and upsampling."""

from __future__ import annotations

from typing import Any

from ..layer_call import Call, Template, constructor, full, of_ranks, sizes


def _padded(call: Call, x: str, layer: Any, window: Any) -> tuple[str, str | int]:
    """(input expression, ``padding`` of the constructor) for the padding of a convolution."""
    if layer.padding == "same" and set(layer.strides) == {1}:
        return x, "same"
    if layer.padding == "same":
        dilation = "" if set(layer.dilation_rate) == {1} else f", {full(layer.dilation_rate)}"
        return f"same_padding({x}, {full(window)}, {full(layer.strides)}{dilation})", 0
    if layer.padding == "causal":
        return f"F.pad({x}, ({(window[0] - 1) * layer.dilation_rate[0]}, 0))", 0
    return x, 0


def _steps(layer: Any) -> dict[str, Any]:
    return {"stride": sizes(layer.strides), "dilation": sizes(layer.dilation_rate)}


def _channels(call: Call) -> Any:
    layer = call.layer
    return call.inputs[0].shape[1 if layer.data_format == "channels_first" else -1]


def _conv(call: Call) -> None:
    layer = call.layer
    _convolved(call, layer.filters, layer.groups)


def _depthwise(call: Call) -> None:
    count = _channels(call)
    _convolved(call, count * call.layer.depth_multiplier, count)


def _convolved(call: Call, filters: int, groups: int) -> None:
    layer = call.layer
    x, layout = call.spatial()
    x, padding = _padded(call, x, layer, layer.kernel_size)
    more = {**_steps(layer), "padding": padding, "groups": groups, "bias": bool(layer.use_bias)}
    module = call.torch_module(_channels(call), filters, sizes(layer.kernel_size), **more)
    call.give(call.activated(f"{module}({x})", layout), layout)


def _separable(call: Call) -> None:
    layer = call.layer
    x, layout = call.spatial()
    x, padding = _padded(call, x, layer, layer.kernel_size)
    count, kind = _channels(call), call.torch_class
    between = count * layer.depth_multiplier
    more = {**_steps(layer), "padding": padding, "groups": count, "bias": False}
    depthwise = constructor(kind, count, between, sizes(layer.kernel_size), **more)
    pointwise = constructor(kind, between, layer.filters, 1, bias=bool(layer.use_bias))
    module = call.module(
        "nn.Sequential()"
        f'\n{{}}.add_module("depthwise", {depthwise})'
        f'\n{{}}.add_module("pointwise", {pointwise})'
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
    padding = sizes([before for before, _ in cut]) if even else 0
    more = {**_steps(layer), "padding": padding, "output_padding": sizes(ends), "bias": bool(layer.use_bias)}
    y = f"{call.torch_module(_channels(call), layer.filters, sizes(layer.kernel_size), **more)}({x})"
    if not even:
        y = f"F.pad({y}, {_pads([(-before, -after) for before, after in cut])})"
    call.give(call.activated(y, layout), layout)


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
    elif layer.interpolation == "bilinear" and layer.half_pixel_centers:
        factors = ", ".join(f"{float(n)}" for n in size)
        call.give(f'F.interpolate({x}, scale_factor=({factors}), mode="bilinear")', layout)
    elif layer.interpolation == "bilinear":
        call.give(f"upsample_linear({x}, {full(size)})", layout)
    else:
        call.fail(f"interpolation={layer.interpolation!r} has no entry")


_WINDOW = "kernel_size strides padding data_format dilation_rate activation use_bias"
TEMPLATES: dict[str, Template] = {
    **of_ranks("Conv*D", _conv, f"filters groups {_WINDOW}"),
    **of_ranks("DepthwiseConv*D", _depthwise, f"depth_multiplier {_WINDOW}", (1, 2)),
    **of_ranks("SeparableConv*D", _separable, f"filters depth_multiplier {_WINDOW}", (1, 2)),
    **of_ranks("Conv*DTranspose", _conv_transpose, f"filters output_padding {_WINDOW}"),
    **of_ranks("ZeroPadding*D", _zero_padding, "padding data_format"),
    **of_ranks("Cropping*D", _cropping, "cropping data_format"),
    **of_ranks("UpSampling*D", _upsampling, "size data_format interpolation half_pixel_centers"),
}
