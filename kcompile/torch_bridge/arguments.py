"""What an operator of the IR becomes as arguments of its function: numbers, keywords, element types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from kcompile.ir import Body, Constant, Value

from .arrays import torch_dtype

Wider = dict[str, torch.dtype]  # element types that a kernel lacks -> what it computes in instead

# torch stores these, but adds, compares and indexes few of them
_WIDENED: Wider = dict.fromkeys(("uint16", "uint32", "uint64"), torch.int64)
# CUDA multiplies matrices of floats alone; sums up to 2**53 are exact
_CUDA_PRODUCTS: Wider = {np.dtype(kind).name: torch.float64 for kind in (*"bhilBHIL", "q", "Q")}
_PRODUCTS = frozenset(("MatMul", "Gemm", "Einsum"))
_BITS_ONLY = frozenset("Cast CastLike Reshape Transpose Squeeze Unsqueeze Flatten Expand Shape Size".split())


def computed_in(op_type: str, device: torch.device) -> Wider:
    """The element types that an operator's kernel lacks on a device, with what it computes in."""
    if op_type in _BITS_ONLY:
        return {}
    if op_type in _PRODUCTS and device.type == "cuda":
        return _CUDA_PRODUCTS
    return _WIDENED


def is_scalar(value: Value) -> bool:
    """Whether a value is a constant number."""
    return isinstance(value, Constant) and value.rank == 0 and value.dtype.kind in "fiub"


def fits(kind: str, value: Constant, tensors: int, typed: bool) -> bool:
    """Whether a constant stands in the code as a Python value: the input allows it and the type has one.

    Args:
        tensors: how many inputs are none.
        typed: whether one of them gives a number its type: an operand, as the condition of Where is not.
    """
    if kind == "Indices" and value.array.ndim == 1:
        return is_order(value.array)
    if kind == "Operand":
        return is_scalar(value) and tensors > 0 and (typed or value.dtype == np.float32)
    if kind == "Indices":
        return is_scalar(value) and tensors > 0
    if kind == "Number":
        return value.array.size == 1
    return kind in ("Ints", "Floats")


def has_tensor_operand(kinds: Sequence[str], inputs: Sequence[Value | None]) -> bool:
    """Whether an operand, which may be a number, is a tensor, whose type numbers beside it take."""
    places = zip(kinds, inputs, strict=False)
    return any(kind == "Operand" and x is not None and not is_scalar(x) for kind, x in places)


def is_order(indices: np.ndarray) -> bool:
    """Whether indices take each of a few parts once, as the gates of an LSTM are put in order."""
    return 1 < len(indices) <= 16 and sorted(indices.tolist()) == list(range(len(indices)))


def as_number(kind: str, value: Constant) -> Any:
    """A constant as a tuple of ints or floats, or as one number, as the kind of input asks."""
    if kind == "Ints" or kind == "Indices" and value.array.ndim == 1:
        return tuple(int(n) for n in value.array.reshape(-1))
    if kind == "Floats":
        return tuple(float(n) for n in value.array.reshape(-1))
    return value.array.reshape(()).item()


# Attributes that are element types: numbers of ONNX's in a node, torch's own in the code.
_TYPES = frozenset(("to", "dtype", "output_datatype"))


def keyword_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a node as keywords of its function; bodies are not among them."""
    return {
        name: torch_dtype(int(attribute)) if name in _TYPES else _attribute_value(attribute)
        for name, attribute in attributes.items()
        if not isinstance(attribute, Body)
    }


def _attribute_value(attribute: Any) -> Any:
    if isinstance(attribute, np.ndarray | np.generic):
        return attribute.item() if attribute.size == 1 else tuple(attribute.tolist())
    if isinstance(attribute, list | tuple):
        return tuple(attribute)
    if isinstance(attribute, bool):
        return int(attribute)
    return attribute
