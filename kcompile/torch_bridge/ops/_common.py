"""What the operator functions share.

An operator is a plain function named as in the ONNX specification: inputs positional, by their names there,
attributes keyword-only with the specification's defaults. Annotations of inputs say what lowering may hand
over besides tensors:

- ``Ints``: a tuple where the graph has a constant (the shape of Reshape, axes, pads).
- ``Floats``: the same for floats (the scales of Resize).
- ``Number``: a Python number where the graph has a constant with one element (k of TopK, the bounds of Clip).
- ``Operand``: a Python number where the graph has a constant without axes and another input is a tensor.
- ``Indices``: the same, and a tuple where the constant says in which order to take a few parts.

Attributes that are element types arrive as torch's. Three more keyword parameters are filled in by lowering
where a function declares them: ``outputs`` (how many outputs are wanted: one is returned as a tensor, more as
a tuple), ``output_dtype`` (the torch element type of the first output) and ``device`` (for functions with
no tensor to take it from).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

Ints: TypeAlias = Any  # tuple[int, ...] or Tensor
Floats: TypeAlias = Any  # tuple[float, ...] or Tensor
Number: TypeAlias = Any  # int, float, bool or Tensor
Operand: TypeAlias = Any  # Tensor, int, float or bool
Indices: TypeAlias = Any  # Tensor, int or tuple[int, ...]


def ints(x: Any) -> tuple[int, ...]:
    """Static data as a tuple of ints: passes tuples through, reads tensors."""
    if type(x) is tuple:
        return x
    if isinstance(x, Tensor):
        return tuple(x.reshape(-1).tolist())
    return (x,) if isinstance(x, int) else tuple(x)


def floats(x: Any) -> tuple[float, ...]:
    """Static data as a tuple of floats; empty where there is none."""
    if x is None:
        return ()
    return tuple(x.reshape(-1).tolist()) if isinstance(x, Tensor) else tuple(x)


def number(x: Any) -> Any:
    """One static number: passes Python numbers through, reads a tensor with one element."""
    return x.item() if isinstance(x, Tensor) else x


def tensor_like(x: Any, like: Tensor) -> Tensor:
    """``x`` as a tensor of the element type and on the device of ``like``."""
    return x if isinstance(x, Tensor) else torch.tensor(x, dtype=like.dtype, device=like.device)


def several(values: Sequence[Any], outputs: int) -> Any:
    """The first ``outputs`` of the values: alone if one, else as a tuple."""
    return values[0] if outputs == 1 else tuple(values[:outputs])


def wrapped(indices: Tensor, size: int) -> Tensor:
    """Indices with the negative ones counted from the end; integers of any width become int64."""
    return torch.where(indices < 0, indices + size, indices).long()
