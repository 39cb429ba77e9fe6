"""Activations, fixed and learned."""

from __future__ import annotations

from functools import partial

from ...keras.state_dict.layouts import prelu_is_torchs
from ..layer_call import FIRST, Call, Template, constructor, elementwise


def _relu(call: Call, x: str, layout: str) -> str:
    layer = call.layer
    if layer.negative_slope == 0 and layer.threshold == 0:
        return f"F.relu({x})" if layer.max_value is None else f"{x}.clamp(0.0, {layer.max_value!r})"
    low = f"{layer.negative_slope!r} * ({x} - {layer.threshold!r})"
    y = f"torch.where({x} > {layer.threshold!r}, {x}, {low})"
    return y if layer.max_value is None else f"{y}.clamp(max={layer.max_value!r})"


def _softmax(call: Call, x: str, layout: str) -> str:
    axes = call.layer.axis
    if not isinstance(axes, int):
        call.fail(f"axis={axes!r}; F.softmax takes one axis")
    return f"F.softmax({x}, dim={call.axis(axes, layout)})"


def _prelu(call: Call) -> None:
    layer = call.layer
    if prelu_is_torchs(layer):
        x, layout = (call.x(FIRST), FIRST) if call.inputs[0].rank > 2 else call.features()
        call.give(f"{call.torch_module(layer.alpha.shape[-1])}({x})", layout, image=call.inputs[0].image)
        return
    module = call.module(constructor("Slopes", *layer.alpha.shape))
    call.give(f"{module}({call.x()})")


def _activation(call: Call, x: str, layout: str) -> str:
    return call.activated(x, layout)


def _leaky_relu(call: Call, x: str, layout: str) -> str:
    return f"F.leaky_relu({x}, {call.layer.alpha!r})"


def _elu(call: Call, x: str, layout: str) -> str:
    return f"F.elu({x}, {call.layer.alpha!r})"


def _thresholded_relu(call: Call, x: str, layout: str) -> str:
    return f"F.threshold({x}, {call.layer.theta!r}, 0.0)"


TEMPLATES: dict[str, Template] = {
    "Activation": Template(partial(elementwise, _activation), "activation"),
    "ReLU": Template(partial(elementwise, _relu), "max_value negative_slope threshold"),
    "LeakyReLU": Template(partial(elementwise, _leaky_relu), "alpha"),
    "ELU": Template(partial(elementwise, _elu), "alpha"),
    "ThresholdedReLU": Template(partial(elementwise, _thresholded_relu), "theta"),
    "Softmax": Template(partial(elementwise, _softmax), "axis"),
    "PReLU": Template(_prelu, "shared_axes"),
}
