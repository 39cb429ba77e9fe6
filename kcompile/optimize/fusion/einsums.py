"""Einsum as MatMul: onnxruntime multiplies matrices by faster kernels, and knows what to fuse them with."""

from __future__ import annotations

import math

import onnx_ir as oir

from ...ir.einsum_letters import Letters, einsum_letters, permutation
from .graph_editing import Editor, attribute, numbers, only_reader, sizes


def einsums_to_products(editor: Editor) -> int:
    """Rewrites every Einsum of two operands that is one product of matrices; returns how many."""
    count = 0
    for node in list(editor.graph):
        if node.domain == "" and node.op_type == "Einsum" and len(node.inputs) == 2:
            count += _rewrite(editor, node)
    return count


def _rewrite(editor: Editor, node: oir.Node) -> bool:
    a, b = node.inputs
    if a is None or b is None or a.shape is None or b.shape is None:
        return False
    letters = einsum_letters(attribute(node, "equation", ""), (len(a.shape), len(b.shape)))
    if letters is None:
        return False
    if numbers(a) is not None:
        a, b, letters = b, a, letters.swapped()
    if numbers(b) is not None and letters.is_projection:
        return _by_weights(editor, node, a, b, letters)
    return letters.is_product and _by_values(editor, node, a, b, letters)


def _by_weights(editor: Editor, node: oir.Node, x: oir.Value, kernel: oir.Value, letters: Letters) -> bool:
    """``x`` times a matrix of weights, which keep their place and name: onnxruntime brings them into that
    form when it loads the file."""
    _, _, output, _, summed, left, right = letters
    held = sizes(kernel)
    if held is None or None in held:
        return False
    size = {c: held[i] for i, c in enumerate(letters.b)}
    rows, columns = (math.prod(size[c] or 0 for c in text) for text in (summed, right))
    assert x.shape is not None
    free = [x.shape[letters.a.index(c)] for c in left]
    x = editor.transposed(node, x, permutation(letters.a, left + summed))
    if len(summed) > 1:
        x = editor.reshaped(node, x, [*[0] * len(left), rows], [*free, rows])
    kernel = editor.transposed(node, kernel, permutation(letters.b, summed + right))
    if len(letters.b) > 2:
        kernel = editor.reshaped(node, kernel, [rows, columns], [rows, columns])
    y = editor.node(node, "MatMul", [x, kernel], [*free, columns])
    last = node
    if output == left + right and (biased := _bias(node, [size[c] for c in right])):
        last, bias = biased
        if len(bias.shape or ()) != 1:
            bias = editor.reshaped(node, bias, [columns], [columns])
        y = editor.node(node, "Add", [y, bias], [*free, columns])
    if len(right) > 1:
        widths = [size[c] or 0 for c in right]
        y = editor.reshaped(node, y, [*[0] * len(left), *widths], [*free, *widths])
    editor.replace(last.outputs[0], editor.transposed(node, y, permutation(left + right, output)))
    return True


def _bias(product: oir.Node, widths: list[int | None]) -> tuple[oir.Node, oir.Value] | None:
    """The addition of a weight of these sizes that alone reads the product, and the weight."""
    add = only_reader(product.outputs[0], "Add")
    if add is None:
        return None
    bias = next((value for value in add.inputs if value is not product.outputs[0]), None)
    shape = sizes(bias)
    if bias is None or numbers(bias) is None or shape is None:
        return None
    lead = len(shape) - len(widths)
    return (add, bias) if lead >= 0 and shape[lead:] == widths and all(s == 1 for s in shape[:lead]) else None


def _by_values(editor: Editor, node: oir.Node, a: oir.Value, b: oir.Value, letters: Letters) -> bool:
    """A product of matrices for each of the axes that both have."""
    _, _, output, both, summed, left, right = letters
    a = editor.transposed(node, a, permutation(letters.a, both + left + summed))
    b = editor.transposed(node, b, permutation(letters.b, both + summed + right))
    shape = None
    if a.shape is not None and b.shape is not None:
        shape = [*list(a.shape)[:-1], list(b.shape)[-1]]
    y = editor.node(node, "MatMul", [a, b], shape)
    editor.replace(node.outputs[0], editor.transposed(node, y, permutation(both + left + right, output)))
    return True


__all__ = ["einsums_to_products"]
