"""Between numpy and torch: element types and arrays, without copies where memory can be shared."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from kcompile.ir import from_onnx
from kcompile.ir.errors import OperatorError

_BY_NAME: dict[str, torch.dtype] = {
    name: getattr(torch, name)
    for name in (
        "float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool "
        "complex64 complex128 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz"
    ).split()
}
_NAMES = {dtype: name for name, dtype in _BY_NAME.items()}

# numpy knows these only through ml_dtypes, which torch does not read: their bits travel as integers
_BITS = {
    torch.bfloat16: np.dtype(np.int16),
    torch.float8_e4m3fn: np.dtype(np.uint8),
    torch.float8_e4m3fnuz: np.dtype(np.uint8),
    torch.float8_e5m2: np.dtype(np.uint8),
    torch.float8_e5m2fnuz: np.dtype(np.uint8),
}


@cache
def torch_dtype(dtype: Any) -> torch.dtype:
    """The torch element type for a numpy dtype or for an ONNX ``TensorProto.DataType``.

    Raises:
        OperatorError: for the types that torch lacks: strings, int4, uint4, float4e2m1 and their like.
    """
    if isinstance(dtype, torch.dtype):
        return dtype
    array_type = from_onnx(dtype) if isinstance(dtype, int) else np.dtype(dtype)
    if array_type.name not in _BY_NAME:
        name = "string" if array_type.kind == "O" else array_type.name
        raise OperatorError(
            f"PyTorch has no element type {name!r}; a graph that computes with it runs in onnxruntime only."
        )
    return _BY_NAME[array_type.name]


@cache
def numpy_dtype(dtype: torch.dtype) -> np.dtype:
    """The numpy element type of a torch one."""
    from kcompile.ir import as_dtype

    return as_dtype(_NAMES[dtype])


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """A CPU tensor over the memory of ``array``: same element type, shape and strides.

    Copies only what torch cannot share: read-only memory and negative strides.
    """
    dtype = torch_dtype(array.dtype)
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if dtype in _BITS:
        return torch.from_numpy(array.view(_BITS[dtype])).view(dtype)
    return torch.from_numpy(array)


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """The numpy view of a CPU tensor; a copy of one that lives elsewhere."""
    tensor = tensor.detach().cpu()
    if tensor.dtype in _BITS:
        bits = torch.int16 if tensor.dtype == torch.bfloat16 else torch.uint8
        return tensor.view(bits).numpy().view(numpy_dtype(tensor.dtype))
    return tensor.resolve_conj().resolve_neg().numpy()
