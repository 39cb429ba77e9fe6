"""Shapes that a graph computes, as constants where they are known but for one size."""

from __future__ import annotations

import onnx_ir as oir

from .graph_editing import Editor, numbers, same_size


def fold_shapes(editor: Editor) -> int:
    """Gives each Reshape whose target is computed a constant one, where inference knows it; returns how many.

    A size is a number, that of the same axis before (0), or the one that is left over (-1). What computed the
    target is not read any more then.
    """
    count = 0
    for node in list(editor.graph):
        if node.domain or node.op_type != "Reshape" or numbers(node.inputs[1]) is not None:
            continue
        target = _target(node)
        if target is not None:
            node.replace_input_with(1, editor.constant(target, f"{node.name}/shape"))
            node.attributes.pop("allowzero", None)
            count += 1
    return count


def _target(node: oir.Node) -> list[int] | None:
    source, output = node.inputs[0], node.outputs[0]
    if source is None or source.shape is None or output.shape is None:
        return None
    before, after = list(source.shape), list(output.shape)
    target: list[int] = []
    for axis, size in enumerate(after):
        if isinstance(size, int):
            if size == 0:
                return None
            target.append(size)
        elif axis < len(before) and same_size(before[axis], size):
            target.append(0)
        else:
            target.append(-1)
    return target if target.count(-1) <= 1 else None


__all__ = ["fold_shapes"]
