"""Normalisation, learned and of the data."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..layer_call import FIRST, KERAS, Call, Template, elementwise, full


def _batch_normalization(call: Call) -> None:
    layer = call.layer
    rank = call.inputs[0].rank
    axis = layer.axis % rank
    if axis not in (1, rank - 1):
        call.fail(f"axis={layer.axis}; nn.BatchNorm normalises axis 1, or the last one after a permutation")
    kind = {2: 1, 3: 1, 4: 2, 5: 3}.get(rank)
    if kind is None:
        call.fail(f"nn.BatchNorm takes 2 to 5 axes, the input has {rank}")
    module = call.torch_module(
        call.inputs[0].shape[axis],
        rank=f"{kind}d",
        eps=layer.epsilon,
        momentum=round(1 - layer.momentum, 10),
        affine=bool(layer.scale or layer.center),
    )
    if rank == 2:
        x, layout = call.features()
    else:
        layout = FIRST if axis == rank - 1 else KERAS
        x = call.x(layout)
    call.give(f"{module}({x})", layout, image=call.inputs[0].image)


def _layer_normalization(call: Call) -> None:
    layer = call.layer
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    if [axis % call.inputs[0].rank for axis in axes] != [call.inputs[0].rank - 1]:
        call.fail(f"axis={layer.axis}; nn.LayerNorm normalises the last axis")
    affine = bool(layer.scale or layer.center)
    module = call.torch_module(call.inputs[0].shape[-1], eps=layer.epsilon, elementwise_affine=affine)
    x, layout = call.features()
    call.give(f"{module}({x})", layout, image=call.inputs[0].image)


def _group_normalization(call: Call) -> None:
    layer = call.layer
    if layer.axis % call.inputs[0].rank != call.inputs[0].rank - 1:
        call.fail(f"axis={layer.axis}; only the last axis has an entry")
    count = call.inputs[0].shape[-1]
    groups = count if layer.groups == -1 else layer.groups
    affine = bool(layer.scale or layer.center)
    module = call.torch_module(groups, count, eps=layer.epsilon, affine=affine)
    call.give(f"{module}({call.x(FIRST)})", FIRST)


def _rms_normalization(call: Call) -> None:
    layer = call.layer
    if layer.axis not in (-1, call.inputs[0].rank - 1):
        call.fail(f"axis={layer.axis}; nn.RMSNorm normalises the last axis")
    module = call.torch_module(call.inputs[0].shape[-1], eps=layer.epsilon)
    x, layout = call.features()
    call.give(f"{module}({x})", layout, image=call.inputs[0].image)


def _rescaling(call: Call, x: str, layout: str) -> str:
    scale, offset = call.layer.scale, call.layer.offset
    if not isinstance(scale, int | float) or not isinstance(offset, int | float):
        call.fail("only numbers as scale and offset have an entry")
    return f"{x} * {scale!r} + {offset!r}"


def _statistics(call: Call) -> None:
    layer = call.layer
    broadcast = [int(size) for size in layer._broadcast]
    arguments = f"{full(layer.mean.shape) if layer.input_mean is None else ()}, {full(broadcast)}"
    if layer.input_mean is not None:
        for name, value in (("mean", layer.input_mean), ("variance", layer.input_variance)):
            array = np.asarray(value, np.float32)
            if array.size not in (1, int(np.prod(broadcast))):
                call.fail(f"its {name} has the shape {array.shape}, the axes have {broadcast}")
            arguments += f", {name}={array.reshape(-1).tolist() if array.size > 1 else float(array.item())}"
    arguments += ", invert=True" if layer.invert else ""
    call.give(f"{call.module(f'Normalization({arguments})')}({call.x()})")


TEMPLATES: dict[str, Template] = {
    "BatchNormalization": Template(_batch_normalization, "axis momentum epsilon center scale"),
    "LayerNormalization": Template(_layer_normalization, "axis epsilon center scale"),
    "GroupNormalization": Template(_group_normalization, "groups axis epsilon center scale"),
    "RMSNormalization": Template(_rms_normalization, "axis epsilon"),
    "Normalization": Template(_statistics, "axis mean variance invert"),
    "Rescaling": Template(partial(elementwise, _rescaling), "scale offset"),
}
