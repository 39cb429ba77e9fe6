"""Half precision in training: what nodes that ask for it compute in, and what they take and give.

A node with a ``precision`` ("float16", "bfloat16") is declared in float32 and computed in half precision
where that is what makes it fast and where its numbers allow it. Weights stay float32; what reads them casts.
An operator that computes at once does the same, and gives float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from kcompile.ir import Constant, Node, Value

#: Computed in half precision: products of matrices, and what works on each element by itself.
_HALF = frozenset(
    """MatMul Gemm Einsum Conv ConvTranspose Add Sub Mul Div Neg Max Min Clip Where Dropout Relu LeakyRelu
    PRelu ThresholdedRelu Elu Celu Selu Sigmoid HardSigmoid HardSwish Tanh Softplus Softsign Gelu Mish Erf
    Softmax MaxPool AveragePool GlobalMaxPool GlobalAveragePool""".split()
)
#: Their first input and output in half precision, while what is per channel stays float32.
_FIRST = frozenset("BatchNormalization LayerNormalization".split())
#: They move numbers, in the type that these have.
_MOVING = frozenset(
    """Reshape Transpose Squeeze Unsqueeze Flatten Expand Concat Slice Split Pad Identity Gather Tile
    DepthToSpace SpaceToDepth""".split()
)
#: torch has no kernels for them on the CPU, or not for all ranks.
_NOT_ON_CPU = frozenset(("AveragePool", "Einsum"))
#: Where a CPU has no instructions for them they take many times as long in half precision as in float32.
_PRODUCTS = frozenset("MatMul Gemm Conv ConvTranspose".split())


@cache
def _has_instructions(half: torch.dtype) -> bool:
    """Whether this CPU multiplies in a half precision."""
    known = torch.ops.mkldnn
    asked = known._is_mkldnn_bf16_supported if half == torch.bfloat16 else known._is_mkldnn_fp16_supported
    return bool(torch.backends.mkldnn.is_available() and asked())


def is_widened(op_type: str, half: torch.dtype | None, device: torch.device) -> bool:
    """Whether what an operator takes and gives is rounded to half precision, and the product is one of
    float32."""
    on_cpu = half is not None and device.type == "cpu" and op_type in _PRODUCTS
    return on_cpu and half is not None and not _has_instructions(half)


def half_of(op_type: str, precision: str | None, device: torch.device) -> torch.dtype | None:
    """The half precision that a standard operator computes in where ``precision`` is asked for; None for the
    types of its operands."""
    if precision is None or op_type in _NOT_ON_CPU and device.type == "cpu":
        return None
    found: torch.dtype | None = getattr(torch, precision) if op_type in _HALF | _FIRST else None
    return found


def takes_half(op_type: str, types: Sequence[np.dtype | None]) -> list[bool]:
    """For each operand, by its type, whether an operator that computes in half precision takes it so."""
    return [dtype == np.float32 and (i == 0 or op_type not in _FIRST) for i, dtype in enumerate(types)]


class Precisions:
    """Which values of a graph are there in half precision while it is lowered."""

    def __init__(self) -> None:
        self._of: dict[Value, torch.dtype] = {}

    def of(self, value: Value) -> torch.dtype | None:
        """The half precision that a value was computed in; None for what it is declared in."""
        return self._of.get(value)

    def forget(self, value: Value) -> None:
        """The value is there in the type that it is declared in from here on."""
        self._of.pop(value, None)

    def taken(
        self, node: Node, operands: Sequence[Value | None], device: torch.device
    ) -> list[torch.dtype | None]:
        """For each operand the half precision in which the node takes it; None for its own type."""
        wanted = self._wanted(node, operands, device)
        if wanted is None:
            return [None] * len(operands)
        types = [None if value is None else value.dtype for value in operands]
        return [wanted if takes else None for takes in takes_half(node.op_type, types)]

    def _wanted(
        self, node: Node, operands: Sequence[Value | None], device: torch.device
    ) -> torch.dtype | None:
        if node.domain:
            return None
        if node.op_type not in _MOVING:
            return half_of(node.op_type, node.precision, device)
        own = {
            self._of.get(x)
            for x in operands
            if x is not None and x.dtype == np.float32 and not isinstance(x, Constant)
        }
        return own.pop() if len(own) == 1 else None

    def note(self, node: Node, taken: Sequence[torch.dtype | None]) -> None:
        """What a node gives, after what it took."""
        half = next((dtype for dtype in taken if dtype is not None), None)
        if half is None:
            return
        outputs = node.outputs[:1] if node.op_type in _FIRST else node.outputs
        self._of.update((value, half) for value in outputs if value.dtype == np.float32)

    def same(self, outputs: Sequence[Value], inputs: Sequence[Value]) -> None:
        """Values in the types of others: gradients are in those of what they are taken by."""
        for output, given in zip(outputs, inputs, strict=True):
            if given in self._of:
                self._of[output] = self._of[given]
