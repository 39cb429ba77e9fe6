"""Decompositions and solutions of matrices, by PyTorch. ONNX has the determinant and what norms are made of;
all else refuses to be traced."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch
from keras.src import tree
from keras.src.backend.common import dtypes
from keras.src.backend.config import floatx

from kcompile.ir import Value, op
from kcompile.keras.operations import keras_ops
from kcompile.torch_bridge import linear_algebra

from .promotion import floating, in_type
from .tensors import as_torch, as_value, dtype_of, eager_only, is_tracing, operation, publish, to_torch_dtype


@operation
def det(x: Any) -> Value:
    """The determinants of matrices (..., n, n)."""
    x = floating(x)
    if dtype_of(x) in ("float16", "bfloat16"):
        return in_type(op.Det(in_type(x, "float32")), dtype_of(x))
    return op.Det(x)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norms of vectors, or of matrices where there are two axes, as in numpy; integers count as floats.

    In a graph there are no norms that need singular values.

    Raises:
        ValueError: for axes that ``x`` has not, or an order that they do not have.
    """
    if is_tracing():
        return _traced_norm(x, ord, axis, keepdims)
    x = as_torch(x)
    kind = floatx() if dtype_of(x) == "int64" else dtypes.result_type(dtype_of(x), float)
    axis = list(axis) if isinstance(axis, tuple) else axis
    try:
        return torch.linalg.norm(x.to(to_torch_dtype(kind)), ord=ord, dim=axis, keepdim=keepdims)
    except (IndexError, RuntimeError) as error:
        raise ValueError(f"norm(ord={ord!r}, axis={axis!r}) of shape {tuple(x.shape)}: {error}") from error


@operation
def _traced_norm(x: Any, ord: Any, axis: Any, keepdims: bool) -> Value:
    x = as_value(x)
    kind = floatx() if dtype_of(x) == "int64" else dtypes.result_type(dtype_of(x), float)
    found: Value = keras_ops.norm(as_value(x, kind), ord, axis, keepdims)
    return found


F = TypeVar("F", bound=Callable[..., Any])
_HALF = (torch.float16, torch.bfloat16)


def _of_matrices(function: F) -> F:
    """A function that PyTorch has of float32 and wider alone: half floats are cast there and back."""

    def widened(x: Any) -> Any:
        x = as_torch(x) if hasattr(x, "dtype") else x
        return x.float() if isinstance(x, torch.Tensor) and x.dtype in _HALF else x

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        half = [dtype for x in args if hasattr(x, "dtype") and (dtype := as_torch(x).dtype) in _HALF]
        if not half:
            return function(*args, **kwargs)
        found = function(*map(widened, args), **kwargs)
        return tree.map_structure(lambda y: y.to(half[0]) if y.dtype == torch.float32 else y, found)

    return eager_only(call)  # type: ignore[return-value]


# --- decompositions -----------------------------------------------------------------------------------------


@_of_matrices
def cholesky(x: Any, upper: bool = False) -> torch.Tensor:
    """The triangular matrix whose product with its transpose is the positive definite ``x``."""
    return torch.linalg.cholesky(as_torch(x), upper=upper)


@_of_matrices
def cholesky_inverse(x: Any, upper: bool = False) -> torch.Tensor:
    """The inverse of a matrix that has the triangular factor ``x``."""
    return torch.cholesky_inverse(as_torch(x), upper=upper)


@_of_matrices
def eig(x: Any) -> Any:
    """Eigenvalues (..., n) and eigenvectors (..., n, n), complex."""
    return tuple(torch.linalg.eig(as_torch(x)))


@_of_matrices
def eigh(x: Any) -> Any:
    """Eigenvalues in order and eigenvectors of symmetric matrices."""
    return linear_algebra.eigh(as_torch(x))


@_of_matrices
def lu_factor(x: Any) -> Any:
    """Both triangles in one matrix, and the rows exchanged at each step, counted from 0."""
    factors, pivots = torch.linalg.lu_factor(as_torch(x))
    return factors, pivots - 1


@_of_matrices
def qr(x: Any, mode: str = "reduced") -> Any:
    """An orthogonal and a triangular matrix whose product is ``x``.

    Raises:
        ValueError: for a ``mode`` other than ``"reduced"`` and ``"complete"``.
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(
            "`mode` argument value not supported. Expected one of {'reduced', 'complete'}. "
            f"Received: mode={mode}"
        )
    return linear_algebra.qr(as_torch(x), full_matrices=mode == "complete")


@_of_matrices
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """``u``, singular values, and the transpose of ``v``; the values alone without ``compute_uv``."""
    if not compute_uv:
        return torch.linalg.svdvals(as_torch(x))
    return tuple(torch.linalg.svd(as_torch(x), full_matrices=full_matrices))


@_of_matrices
def matrix_rank(x: Any, tol: float | None = None) -> torch.Tensor:
    """How many singular values are above ``tol`` (int32)."""
    return torch.linalg.matrix_rank(as_torch(x), atol=tol).to(torch.int32)


# --- solutions ----------------------------------------------------------------------------------------------


@_of_matrices
def inv(x: Any) -> torch.Tensor:
    """The inverses of matrices (..., n, n)."""
    return linear_algebra.inv(as_torch(x))


@_of_matrices
def pinv(x: Any, rcond: float | None = None) -> torch.Tensor:
    """The pseudo-inverse, without singular values below ``rcond`` times the largest."""
    return linear_algebra.pinv(as_torch(x), rtol=rcond)


@_of_matrices
def solve(a: Any, b: Any) -> torch.Tensor:
    """``x`` of ``a @ x = b``."""
    return linear_algebra.solve(as_torch(a), as_torch(b))


@_of_matrices
def solve_triangular(a: Any, b: Any, lower: bool = False) -> torch.Tensor:
    """``x`` of ``a @ x = b`` for a triangular ``a``, of which nothing else is read."""
    a, b = as_torch(a), as_torch(b)
    if b.ndim == a.ndim - 1:
        return torch.linalg.solve_triangular(a, b.unsqueeze(-1), upper=not lower).squeeze(-1)
    return torch.linalg.solve_triangular(a, b, upper=not lower)


@_of_matrices
def lstsq(a: Any, b: Any, rcond: float | None = None) -> torch.Tensor:
    """``x`` for which ``a @ x`` is nearest to ``b``.

    Args:
        rcond: singular values below this part of the largest count as 0.
    """
    a, b = as_torch(a), as_torch(b)
    if rcond is None:
        return torch.linalg.lstsq(a, b)[0]
    if a.device.type == "cuda":  # which has the driver without a cutoff alone
        return torch.linalg.pinv(a, rtol=rcond) @ b
    return torch.linalg.lstsq(a, b, rcond=rcond, driver="gelsd")[0]


@eager_only
def jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """What ``fun`` gives at ``primals``, and how it changes along ``tangents``."""
    given, along = (tuple(as_torch(x) for x in each) for each in (primals, tangents))
    return torch.func.jvp(fun, given, along, has_aux=has_aux)


publish(globals(), "norm")
