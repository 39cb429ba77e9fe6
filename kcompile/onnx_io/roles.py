"""Which floats of a foreign model were learnt: decided by what reads them, never by their names.

A file says the same of a kernel, of an epsilon and of an attention mask: they are tensors, initializers or
Constant nodes as the exporter likes. What a tensor is for, its readers say:

- Trained: the weights of MatMul, Gemm, Conv, ConvTranspose, DeformConv, Einsum and recurrent operators,
  tables (of at least two axes) of Gather, scales and biases of normalizations, slopes of PRelu; and operands
  of Add, Sub, Mul, Div, Sum and Where of more than one element: biases, gains, embeddings of positions.
- Kept, but not trained: means and variances of BatchNormalization, and what operators read that only
  onnxruntime has.
- Constants: scalars of formulas (an epsilon, a half, a square root of a size), masks (0 or 1, 0 or very
  negative), states that a loop starts from, bounds of Clip, Min and Max, exponents, scales of Resize and of
  quantization, and whatever shapes are computed from.

A tensor may come there through operators that only move elements, and through arithmetic with other
constants. A bias of one element behind a product with weights is a bias. Quantities that are learnt but have
one element, such as the temperature of CLIP, look like any scalar of a formula and stay constant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from enum import IntFlag, auto

import numpy as np
import onnx
from onnx import AttributeProto, defs

from kcompile.ir import OPSET, Constant, Parameter, Value

from .hoisting import FLOATS

STANDARD_DOMAINS = ("", "ai.onnx")


SIMPLIFIED = "SimplifiedLayerNormalization"
"""An operator that onnxruntime's fusions write into the standard's domain, which does not have it."""


class Use(IntFlag):
    """What a value is read as, by anybody."""

    WEIGHT = auto()
    TABLE = auto()
    AVERAGE = auto()
    BIAS = auto()  # added to a product with weights
    OPERAND = auto()  # of arithmetic with data
    OPAQUE = auto()  # by an operator that only onnxruntime has
    RETURNED = auto()


_ALL = tuple(range(64))
_WEIGHTS: dict[str, tuple[int, ...]] = {
    "BatchNormalization": (1, 2),
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "DeformConv": (1, 3),
    "Einsum": _ALL,
    "GRU": (1, 2, 3),
    "Gemm": (0, 1, 2),
    "GroupNormalization": (1, 2),
    "InstanceNormalization": (1, 2),
    "LSTM": (1, 2, 3, 7),
    "LayerNormalization": (1, 2),
    "MatMul": (0, 1),
    "PRelu": (1,),
    "RNN": (1, 2, 3),
    SIMPLIFIED: (1,),
}
_AVERAGES: dict[str, tuple[int, ...]] = {"BatchNormalization": (3, 4)}
_PRODUCTS = frozenset({"Conv", "ConvTranspose", "Einsum", "Gemm", "MatMul"})
_ARITHMETIC: dict[str, tuple[int, ...]] = {
    "Add": (0, 1), "Div": (0, 1), "Mul": (0, 1), "Sub": (0, 1), "Sum": _ALL, "Where": (1, 2)
}  # fmt: skip
_SUMS = frozenset({"Add", "Sub", "Sum"})
# What they give is used as what they are given: by moving elements, or by a function that learnt numbers go
# through (log(x) is none: what has a logarithm taken of it is a formula).
_MOVES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        "Cast CastLike DepthToSpace DequantizeLinear Dropout Expand Flatten Identity Pad QuantizeLinear "
        "Reshape Slice SpaceToDepth Split Squeeze Tile Transpose Unsqueeze".split(),
        (0,),
    ),
    **dict.fromkeys("Abs Exp Neg Relu Sigmoid Softmax Softplus Tanh".split(), (0,)),
    **dict.fromkeys("Concat SequenceConstruct".split(), _ALL),
    **dict.fromkeys("ConcatFromSequence SequenceAt SequenceErase SplitToSequence".split(), (0,)),
    "SequenceInsert": (0, 1),
}
_SIZES = frozenset({"Shape", "Size"})
_RANDOM = frozenset({"Bernoulli", "Multinomial", "RandomNormal", "RandomUniform"})

Roles = Callable[[onnx.TensorProto, np.ndarray], Value]


def roles_of(graph: onnx.GraphProto) -> Roles:
    """A function that makes the Parameter or Constant of each tensor of a graph.

    Args:
        graph: in the IR's operator set, the tensors of its bodies moved out into it (hoisting.py).
    """
    root = _Graph(graph, None)
    for info in graph.output:
        root.add(info.name, Use.RETURNED)
    root.visit()

    def value(tensor: onnx.TensorProto, array: np.ndarray) -> Value:
        uses = root.uses[tensor.name]
        if tensor.data_type in FLOATS and _is_learnt(array, uses):
            trainable = not uses & Use.AVERAGE and bool(uses & ~Use.OPAQUE)
            return Parameter(array, tensor.name, trainable=trainable)
        return Constant(array, name=tensor.name)

    return value


def _is_learnt(array: np.ndarray, uses: Use) -> bool:
    if uses & (Use.WEIGHT | Use.BIAS) and array.ndim or uses & Use.AVERAGE:
        return True
    if uses & Use.TABLE and array.ndim > 1:
        return True
    if uses & (Use.OPAQUE | Use.RETURNED) and array.size > 1:
        return True
    return bool(uses & Use.OPERAND) and array.size > 1 and not _is_mask(array)


def _is_mask(array: np.ndarray) -> bool:
    """Whether adding or multiplying takes elements away: by 0, or by something very negative."""
    numbers = array.astype(np.float64, copy=False) if array.dtype.kind != "f" else array
    low, high = numbers.min(), numbers.max()
    if low <= -1e4:
        return True
    if (low, high) != (0, 1) and (high != 0 or low > -50):
        return False
    return bool(((numbers == low) | (numbers == high)).all())


def is_foreign(node: onnx.NodeProto) -> bool:
    """Whether a node's operator is not in the ONNX standard set (as the IR speaks it)."""
    if node.domain in STANDARD_DOMAINS:
        return node.op_type != SIMPLIFIED and not defs.has(node.op_type, OPSET, "")
    return True


class _Graph:
    """The uses of the values of one graph; those of the graph around are added to there."""

    def __init__(self, graph: onnx.GraphProto, outer: _Graph | None) -> None:
        self.graph, self.outer = graph, outer
        self.uses: defaultdict[str, Use] = defaultdict(lambda: Use(0))
        self.own = {info.name for info in graph.input} | {tensor.name for tensor in graph.initializer}
        self.fixed = {tensor.name for tensor in graph.initializer}
        self.products: set[str] = set()
        for node in graph.node:
            self.own.update(node.output)
            given = [name for name in node.input if name]
            if node.op_type in _SIZES or (self._computes(node) and all(map(self.is_fixed, given))):
                self.fixed.update(node.output)
            elif node.op_type in _PRODUCTS and any(map(self.is_fixed, given)):
                self.products.update(node.output)
            elif node.op_type in _MOVES and self.is_product(given[0] if given else ""):
                self.products.update(node.output)

    @staticmethod
    def _computes(node: onnx.NodeProto) -> bool:
        """Whether the same inputs always give the same outputs."""
        return (
            node.op_type not in _RANDOM
            and not _bodies(node)
            and (bool(node.input) or node.op_type == "Constant")
        )

    def is_fixed(self, name: str) -> bool:
        """Whether a value depends on constants and sizes only."""
        return name in self.fixed if name in self.own or self.outer is None else self.outer.is_fixed(name)

    def is_product(self, name: str) -> bool:
        if name in self.own or self.outer is None:
            return name in self.products
        return self.outer.is_product(name)

    def add(self, name: str, uses: Use) -> None:
        if name in self.own or self.outer is None:
            self.uses[name] |= uses
        else:
            self.outer.add(name, uses)

    def visit(self) -> None:
        """From the end: how a value is used is known before what it is made of."""
        for node in reversed(self.graph.node):
            if is_foreign(node):
                for name in node.input:
                    self.add(name, Use.OPAQUE)
                continue
            for attribute, body in _bodies(node):
                self._visit_body(node, attribute, body)
            for i, name in enumerate(node.input):
                if name and (uses := self._use(node, i)):
                    self.add(name, uses)

    def _visit_body(self, node: onnx.NodeProto, attribute: str, body: onnx.GraphProto) -> None:
        inner = _Graph(body, self)
        skipped = 1 if node.op_type == "Loop" else 0  # a Loop's body returns its condition first
        for info, name in zip(list(body.output)[skipped:], node.output, strict=False):
            inner.add(info.name, self._of(name))
        inner.visit()
        if node.op_type == "Scan":
            states = len(node.input) - sum(a.i for a in node.attribute if a.name == "num_scan_inputs")
            for info, name in list(zip(body.input, node.input, strict=False))[max(states, 0) :]:
                self.add(name, inner.uses[info.name])

    def _of(self, name: str) -> Use:
        return self.uses[name] if name else Use(0)

    def _use(self, node: onnx.NodeProto, i: int) -> Use:
        kind = node.op_type
        others = [name for j, name in enumerate(node.input) if j != i and name]
        if kind in _PRODUCTS and all(map(self.is_fixed, others)):
            return self._passed(node)  # a weight made of weights, or a table of angles
        if i in _WEIGHTS.get(kind, ()):
            return Use.WEIGHT
        if i in _AVERAGES.get(kind, ()):
            return Use.AVERAGE
        if kind == "Gather" and i == 0:
            return Use.TABLE | (self._passed(node) if all(map(self.is_fixed, others)) else Use(0))
        if i in _MOVES.get(kind, ()):
            return self._passed(node)
        if i in _ARITHMETIC.get(kind, ()):
            if all(map(self.is_fixed, others)):
                return self._passed(node)
            added = kind in _SUMS and any(map(self.is_product, others))
            return Use.OPERAND | (Use.BIAS if added else Use(0))
        return Use(0)

    def _passed(self, node: onnx.NodeProto) -> Use:
        uses = Use(0)
        for name in node.output:
            uses |= self._of(name)
        return uses


def _bodies(node: onnx.NodeProto) -> Iterable[tuple[str, onnx.GraphProto]]:
    return [(a.name, a.g) for a in node.attribute if a.type == AttributeProto.GRAPH]


__all__ = ["STANDARD_DOMAINS", "Roles", "is_foreign", "roles_of"]
