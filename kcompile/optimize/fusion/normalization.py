"""Layer normalization that is written out, as one operator: told by what it computes."""

from __future__ import annotations

import numpy as np
import onnx_ir as oir

from .graph_editing import Editor, sizes
from .regions import ELEMENTWISE, REDUCTIONS, Region, constant, is_over_last, regions_of

_OPERATORS = ELEMENTWISE | REDUCTIONS
_ROWS = 6
_CLOSE = 1e-6


def fuse_normalization(editor: Editor) -> dict[str, int]:
    """Rewrites every normalization over the last axis that is written out; returns how many by operator."""
    found: dict[str, int] = {}
    for node in reversed(list(editor.graph)):
        if node.graph is None or node.domain or node.op_type not in ("Add", "Mul", "Div", "Sub"):
            continue
        match = _match(node.outputs[0])
        if match is None:
            continue
        op_type, region, epsilon, scale, shift = match
        inputs = [region.source, _held(editor, region, scale)]
        if op_type == "LayerNormalization" and np.any(shift):
            inputs.append(_held(editor, region, shift))
        result = editor.node(node, op_type, inputs, region.source.shape, axis=-1, epsilon=epsilon)
        editor.replace(node.outputs[0], result)
        region.remove()
        found[op_type] = found.get(op_type, 0) + 1
    return found


Match = tuple[str, Region, float, np.ndarray, np.ndarray]


def _match(output: oir.Value) -> Match | None:
    best = None
    for region in regions_of(output, _OPERATORS):
        if not any(node.op_type in REDUCTIONS for node in region.nodes):
            continue
        dims = sizes(region.source)
        if not dims or dims[-1] is None or dims[-1] < 2 or sizes(output) is None:
            continue
        if not is_over_last(region, len(dims)) or len(sizes(output) or ()) != len(dims):
            continue
        best = _told(region, dims[-1]) or best
    return best


def _told(region: Region, size: int) -> Match | None:
    """What a region computes of rows of this many numbers."""
    x = np.random.default_rng(0).normal(0.3, 1.0, (_ROWS, size))
    x[0] *= 1e-2  # where epsilon is seen
    constants = list(region.constants().values())
    computed = region.run(x) if all(array.size in (1, size) for array in constants) else None
    if computed is None or computed.shape != x.shape or not np.isfinite(computed).all():
        return None
    centred = x - x.mean(-1, keepdims=True)
    forms = {"LayerNormalization": centred, "SimplifiedLayerNormalization": x}
    for epsilon in sorted({0.0, *(float(a.reshape(())) for a in constants if a.size == 1)}):
        for op_type, numerator in forms.items():
            if not 0 <= epsilon < 0.1:
                continue
            normal = numerator / np.sqrt(np.mean(numerator**2, -1, keepdims=True) + epsilon)
            scale = (computed[1] - computed[2]) / (normal[1] - normal[2])
            shift = computed[1] - scale * normal[1]
            if op_type != "LayerNormalization" and not np.allclose(shift, 0, atol=1e-9):
                continue
            if np.allclose(scale * normal + shift, computed, rtol=_CLOSE, atol=_CLOSE):
                return op_type, region, epsilon, scale, shift
    return None


def _held(editor: Editor, region: Region, wanted: np.ndarray) -> oir.Value:
    """The weight that holds these numbers, with one axis; a new constant where there is none."""
    at = region.output.producer()
    assert at is not None
    for value in region.constants():
        array = constant(value)
        if (
            array is not None
            and array.size == wanted.size
            and np.allclose(array.reshape(-1), wanted, rtol=1e-5, atol=1e-7)
        ):
            return value if array.ndim == 1 else editor.reshaped(at, value, [-1], [array.size])
    dtype = region.source.dtype
    assert dtype is not None
    return editor.constant(wanted.astype(dtype.numpy()), f"{at.name}/scale")


__all__ = ["fuse_normalization"]
