"""A bias and the activation behind it, as the one operator that onnxruntime has for both."""

from __future__ import annotations

from .graph_editing import Editor, attribute, is_read_once, is_weight, made_by, sizes
from .names import CONTRIB


def join_biases(editor: Editor) -> dict[str, int]:
    """Rewrites Gelu of a sum with a bias; returns how many by operator."""
    found: dict[str, int] = {}
    for node in list(editor.graph):
        if node.op_type != "Gelu":
            continue
        add = made_by(node.inputs[0], "Add")
        if add is None or not is_read_once(add.outputs[0]):
            continue
        a, b = add.inputs
        x, bias = (a, b) if is_weight(b) else (b, a)
        shape, width = sizes(x), sizes(bias)
        if x is None or is_weight(x) or not shape or width is None or width != [shape[-1]]:
            continue
        op_type = "FastGelu" if attribute(node, "approximate", "none") == "tanh" else "BiasGelu"
        result = editor.node(node, op_type, [x, bias], x.shape, CONTRIB)
        editor.replace(node.outputs[0], result)
        found[op_type] = found.get(op_type, 0) + 1
    return found


__all__ = ["join_biases"]
