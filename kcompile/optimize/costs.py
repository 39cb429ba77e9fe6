"""What operators compute and move, from the shapes that they had in a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

_ITEM_BYTES = {
    **dict.fromkeys(("bool", "int8", "uint8", "int4", "uint4", "float8e4m3fn", "float8e5m2"), 1),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 2),
    **dict.fromkeys(("float", "int32", "uint32"), 4),
}


class Tensor(NamedTuple):
    """One that an operator read or wrote, with onnxruntime's name of its type."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """What it takes; elements of other types than numbers count eight."""
        return self.size * _ITEM_BYTES.get(self.dtype, 8)


Tensors = Sequence[Tensor]


def flops(op_type: str, inputs: Tensors, outputs: Tensors, equation: str = "") -> int:
    """Additions and multiplications of one call, those of a product counted as two.

    What moves or compares values has none; other operators count one for each element that they write.
    """
    if not outputs:
        return 0
    if op_type == "Einsum" and len(inputs) > 1:
        return _einsum(equation, inputs)
    counted = _COUNTED.get(op_type)
    if counted is not None:
        try:
            return counted(inputs, outputs)
        except (IndexError, ZeroDivisionError):  # operands that are left out
            return 0
    return 0 if op_type in _MOVING else sum(tensor.size for tensor in outputs)


def traffic(op_type: str, inputs: Tensors, outputs: Tensors) -> int:
    """Bytes that one call reads and writes at least: its operands and results, each once; of a table only
    the rows that are looked up."""
    written = sum(tensor.bytes for tensor in outputs)
    if op_type in ("Gather", "GatherND", "GatherElements", "Slice") and inputs:
        return 2 * written + sum(tensor.bytes for tensor in inputs[1:])
    if op_type in _VIEWS:
        return 0
    return written + sum(tensor.bytes for tensor in inputs)


def moves_only(op_type: str) -> bool:
    """Whether an operator moves or converts values, and computes none."""
    return op_type in _MOVING - _CONTROLLING


def _conv(inputs: Tensors, outputs: Tensors) -> int:
    """Each element written is a product over a window of the channels of its group."""
    return 2 * outputs[0].size * math.prod(inputs[1].shape[1:])


def _quantized_conv(inputs: Tensors, outputs: Tensors) -> int:
    return 2 * outputs[0].size * math.prod(inputs[3].shape[1:])


def _conv_transpose(inputs: Tensors, outputs: Tensors) -> int:
    return 2 * inputs[0].size * math.prod(inputs[1].shape[1:])


def _product(inputs: Tensors, outputs: Tensors, right: int = 1) -> int:
    """A matrix product; the length of its sums is what the right operand has beside the columns."""
    columns = outputs[0].shape[-1] if outputs[0].shape else 1
    matrix = inputs[right].shape[-2:]
    inner = matrix[0] if matrix[-1] == columns else matrix[-1]
    return 2 * outputs[0].size * inner


def _quantized_product(inputs: Tensors, outputs: Tensors) -> int:
    return _product(inputs, outputs, right=3)


def _blocks_product(inputs: Tensors, outputs: Tensors) -> int:
    return 2 * outputs[0].size * inputs[0].shape[-1]


def _einsum(equation: str, inputs: Tensors) -> int:
    """A product for each combination of all indices."""
    terms = equation.partition("->")[0].replace(" ", "").split(",")
    sizes: dict[str, int] = {}
    for term, tensor in zip(terms, inputs, strict=False):
        rest = len(tensor.shape) - len(term.replace("...", ""))
        indices = term.replace("...", "".join(chr(0xE000 + i) for i in range(max(0, rest))))
        sizes.update(zip(indices, tensor.shape, strict=False))
    return 2 * math.prod(sizes.values())


def _recurrent(gates: int) -> Callable[[Tensors, Tensors], int]:
    def counted(inputs: Tensors, outputs: Tensors) -> int:
        steps, samples, features = inputs[0].shape
        directions, rows = inputs[1].shape[0], max(inputs[1].shape[1:])
        units = outputs[0].shape[-1] or rows // gates
        return 2 * steps * samples * directions * gates * units * (features + units)

    return counted


def _attention(inputs: Tensors, outputs: Tensors) -> int:
    """Scores and their sums over values, of all heads."""
    queries, keys = inputs[0], inputs[1]
    length = keys.shape[-2] if len(keys.shape) > 2 else queries.shape[-2]
    return 4 * queries.size * length


_COUNTED: dict[str, Callable[[Tensors, Tensors], int]] = {
    **dict.fromkeys(("Conv", "FusedConv", "NhwcFusedConv", "ConvInteger"), _conv),
    "QLinearConv": _quantized_conv,
    "ConvTranspose": _conv_transpose,
    **dict.fromkeys(
        (
            *("MatMul", "Gemm", "FusedMatMul", "FusedGemm", "TransposeMatMul"),
            *("MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "GemmFastGelu"),
        ),
        _product,
    ),
    **dict.fromkeys(("QLinearMatMul", "QGemm"), _quantized_product),
    "MatMulNBits": _blocks_product,
    "LSTM": _recurrent(4),
    "DynamicQuantizeLSTM": _recurrent(4),
    "GRU": _recurrent(3),
    "RNN": _recurrent(1),
    **dict.fromkeys(("Attention", "MultiHeadAttention", "GroupQueryAttention"), _attention),
}
_VIEWS = frozenset(("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Shape", "Size"))
_MOVING = _VIEWS | {
    *(
        "Transpose",
        "Concat",
        "Split",
        "Slice",
        "Gather",
        "GatherND",
        "GatherElements",
        "Expand",
        "Tile",
        "Pad",
    ),
    *("Cast", "Where", "DepthToSpace", "SpaceToDepth", "Constant", "ConstantOfShape", "ReorderInput"),
    *("ReorderOutput", "QuantizeLinear", "DequantizeLinear", "MemcpyToHost", "MemcpyFromHost", "NonZero"),
    *("ScatterND", "ScatterElements", "OneHot", "Range", "ReverseSequence"),
    *("Scan", "Loop", "If"),
}
_CONTROLLING = frozenset(("Scan", "Loop", "If"))
