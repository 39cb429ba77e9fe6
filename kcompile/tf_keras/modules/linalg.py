"""``tf.linalg``: decompositions and solutions, for which ONNX has no operators: PyTorch computes them."""

from __future__ import annotations

from typing import Any

from ...ir import Depends, Value, depends
from ..tensorflow.interpreter import eager_interpreter
from ..tensorflow.tensors import convert_to_tensor


def _computed(name: str, *tensors: Any, **options: Any) -> Any:
    given = [convert_to_tensor(x) for x in tensors]
    if any(depends(x) is Depends.ON_INPUTS for x in given):
        raise NotImplementedError(
            f"tf.linalg.{name} computes at once: ONNX has no operator for it, so that no graph can have it. "
            "run_eagerly=True trains with it."
        )
    return eager_interpreter().linear_algebra(name, given, options)


def inv(input: Any, adjoint: bool = False, name: Any = None) -> Value:
    """The inverse of matrices (..., n, n)."""
    return _computed("inv", input, adjoint=adjoint)


def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: Any = None) -> Value:
    """The pseudo-inverse of matrices (..., m, n): (..., n, m)."""
    return _computed("pinv", a, rtol=rcond)


def cholesky(input: Any, name: Any = None) -> Value:
    """The lower triangle L of L times L transposed."""
    return _computed("cholesky", input)


def cholesky_solve(chol: Any, rhs: Any, name: Any = None) -> Value:
    """x of A x = rhs, for the lower triangle of A's Cholesky decomposition."""
    return _computed("cholesky_solve", chol, rhs)


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: Any = None) -> Value:
    """x of matrix x = rhs."""
    return _computed("solve", matrix, rhs, adjoint=adjoint)


def triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: Any = None
) -> Value:
    """x of matrix x = rhs, for a triangle."""
    return _computed("triangular_solve", matrix, rhs, lower=lower, adjoint=adjoint)


def lstsq(matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True, name: Any = None) -> Value:
    """x for which matrix x is nearest to rhs."""
    return _computed("lstsq", matrix, rhs, l2_regularizer=l2_regularizer)


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: Any = None) -> Any:
    """Singular values s, and u and v: tensor = u diag(s) v transposed."""
    return _computed("svd", tensor, full_matrices=full_matrices, compute_uv=compute_uv)


def qr(input: Any, full_matrices: bool = False, name: Any = None) -> Any:
    """An orthogonal matrix and an upper triangle, whose product the matrix is."""
    return _computed("qr", input, full_matrices=full_matrices)


def eigh(tensor: Any, name: Any = None) -> Any:
    """Eigenvalues, rising, and eigenvectors of symmetric matrices."""
    return _computed("eigh", tensor)


def eigvalsh(tensor: Any, name: Any = None) -> Value:
    """Eigenvalues, rising, of symmetric matrices."""
    return eigh(tensor)[0]


def slogdet(input: Any, name: Any = None) -> Any:
    """The sign and the logarithm of the determinant's size."""
    return _computed("slogdet", input)


def logdet(matrix: Any, name: Any = None) -> Value:
    """The logarithm of the determinant of positive definite matrices."""
    return slogdet(matrix)[1]


def matrix_rank(a: Any, tol: Any = None, validate_args: bool = False, name: Any = None) -> Value:
    """How many rows are independent: int32."""
    return _computed("matrix_rank", a, tol=tol)


def expm(input: Any, name: Any = None) -> Value:
    """The exponential of matrices."""
    return _computed("expm", input)


def lu(input: Any, output_idx_type: Any = "int32", name: Any = None) -> Any:
    """A lower and an upper triangle in one matrix, and the order of the rows."""
    return _computed("lu", input)


def sqrtm(input: Any, name: Any = None) -> Value:
    """The symmetric root of positive definite symmetric matrices."""
    return _computed("sqrtm", input)


__all__ = [
    "cholesky", "cholesky_solve", "eigh", "eigvalsh", "expm", "inv", "logdet", "lstsq", "lu", "matrix_rank",
    "pinv", "qr", "slogdet", "solve", "sqrtm", "svd", "triangular_solve",
]  # fmt: skip
