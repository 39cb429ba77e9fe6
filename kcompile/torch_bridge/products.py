"""Large products with weights by oneDNN, on processors for which MKL has no AVX512.

torch multiplies float32 matrices by MKL, whose kernels for AVX512 are for Intel's processors alone: on AMD's
with AVX512 oneDNN, which torch has as well, takes less than half the time. Torch offers it as an operator
that its compiler writes (``mkldnn::_linear_pointwise``), without gradients: those are here.
"""

from __future__ import annotations

import functools
import math
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_LEAST, _LEAST_WEIGHTS = 1 << 22, 1 << 12
"""Multiplications, and numbers in the matrix, from which on what a call costs besides does not count."""


@functools.cache
def prefers_onednn() -> bool:
    """Whether oneDNN multiplies faster than MKL here, as measured on such processors."""
    return (
        torch.backends.mkl.is_available()
        and torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and "AuthenticAMD" in _vendor()
        and _has_operator()
    )


def _has_operator() -> bool:
    """Whether this torch's operator, which no release promises, takes what is given here, and multiplies."""
    x, bias = torch.arange(6.0).view(2, 3), torch.arange(2.0)
    try:
        return torch.equal(_product(x, x, bias), F.linear(x, x, bias))
    except (AttributeError, RuntimeError, TypeError):
        return False


def may_be_large(weight: Sequence[int | None] | None) -> bool:
    """Whether products with a weight of this shape may be large enough for oneDNN, which is faster here."""
    return math.prod(size or 1 for size in weight or ()) >= _LEAST_WEIGHTS and prefers_onednn()


def _vendor() -> str:
    """What the system says of the processor's maker."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            return next((line for line in lines if line.startswith("vendor_id")), "")
    except OSError:
        return platform.processor()


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """``x weight^T + bias``, as ``torch.nn.functional.linear`` has it.

    Args:
        x: (..., features).
        weight: (units, features).
        bias: (units,).
    """
    if x.numel() * weight.shape[0] < _LEAST or not _are_plain(x, weight, bias):
        return F.linear(x, weight, bias)
    rows = x.reshape(-1, x.shape[-1])
    found: Tensor = _Linear.apply(rows, weight, bias)
    return found.view(*x.shape[:-1], weight.shape[0])


def _are_plain(*tensors: Tensor) -> bool:
    """Whether tensors are float32 numbers in this process's memory, outside of autocast."""
    return not torch.is_autocast_enabled("cpu") and all(
        x.dtype == torch.float32 and x.device.type == "cpu" for x in tensors
    )


class _Linear(torch.autograd.Function):
    """The same of rows (samples, features)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        again = torch.is_grad_enabled()  # these gradients will be differentiated in turn
        multiply: Callable[[Tensor, Tensor], Tensor] = torch.matmul if again else _times
        grad = grad if again else grad.contiguous()
        return (
            multiply(grad, weight) if of_x else None,
            multiply(x.t(), grad).t() if of_weight else None,
            grad.sum(0) if of_bias else None,
        )


def _times(a: Tensor, b: Tensor) -> Tensor:
    return _product(a, b.t())


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return found


__all__ = ["linear", "may_be_large", "prefers_onednn"]
