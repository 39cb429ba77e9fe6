"""Layers of several inputs."""

from __future__ import annotations

import string
from functools import partial

from ..layer_call import KERAS, Call, Template


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


TEMPLATES: dict[str, Template] = {
    "Add": Template(partial(_joined, " + ")),
    "Subtract": Template(partial(_joined, " - ")),
    "Multiply": Template(partial(_joined, " * ")),
    "Average": Template(_average),
    "Maximum": Template(partial(_extreme, "maximum")),
    "Minimum": Template(partial(_extreme, "minimum")),
    "Concatenate": Template(_concatenate, "axis"),
    "Dot": Template(_dot, "axes normalize"),
}
