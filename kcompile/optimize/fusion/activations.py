"""Activations that are written out, as one operator: told by what they compute."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx_ir as oir

from .graph_editing import Editor
from .regions import ELEMENTWISE, Region, regions_of

_POINTS = np.concatenate([np.linspace(-12, 12, 241), [1e-3, -1e-3, 0.7071]])
_CLOSE = 2e-6
"""Constants such as the root of 2 over pi are written with seven digits."""
# without one of these a region computes no activation
_TELLING = frozenset(("Erf", "Tanh", "Sigmoid", "Softplus", "Exp", "Relu", "Clip", "Min", "Max"))

_erf = np.vectorize(math.erf, otypes=[np.float64])


class Activation(NamedTuple):
    """An operator of one input, and what it computes."""

    op_type: str
    function: Callable[[np.ndarray], np.ndarray]
    domain: str = ""
    attributes: Mapping[str, Any] = {}


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = (
    Activation("Gelu", lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2)))),
    Activation(
        "Gelu",
        lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        attributes={"approximate": "tanh"},
    ),
    Activation("QuickGelu", lambda x: x * _sigmoid(1.702 * x), "com.microsoft", {"alpha": 1.702}),
    Activation("QuickGelu", lambda x: x * _sigmoid(x), "com.microsoft", {"alpha": 1.0}),
    Activation("Mish", lambda x: x * np.tanh(np.logaddexp(x, 0))),
    Activation("HardSwish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    Activation("Softplus", lambda x: np.logaddexp(x, 0)),
    Activation("Sigmoid", _sigmoid),
    Activation("Tanh", np.tanh),
)


def fuse_activations(editor: Editor) -> dict[str, int]:
    """Rewrites every activation that is written out; returns how many by operator."""
    found: dict[str, int] = {}
    for node in reversed(list(editor.graph)):
        if node.graph is None or node.domain or node.op_type not in ELEMENTWISE:
            continue
        match = _match(node.outputs[0])
        if match is None:
            continue
        region, activation = match
        result = editor.node(
            node,
            activation.op_type,
            [region.source],
            region.source.shape,
            activation.domain,
            **activation.attributes,
        )
        editor.replace(node.outputs[0], result)
        region.remove()
        found[activation.op_type] = found.get(activation.op_type, 0) + 1
    return found


def _match(output: oir.Value) -> tuple[Region, Activation] | None:
    for region in regions_of(output, ELEMENTWISE):
        if any(array.size != 1 for array in region.constants().values()):
            return None
        if not _TELLING.isdisjoint(node.op_type for node in region.nodes):
            computed = region.run(_POINTS)
            for activation in ACTIVATIONS:
                if computed is not None and np.allclose(
                    computed, activation.function(_POINTS), rtol=_CLOSE, atol=_CLOSE
                ):
                    return region, activation
    return None


__all__ = ["ACTIVATIONS", "fuse_activations"]
