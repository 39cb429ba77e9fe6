"""Decompositions and solutions by torch.linalg, under TensorFlow's names and with its results."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def inv(x: Tensor, adjoint: bool = False) -> Tensor:
    return torch.linalg.inv(x.mT if adjoint else x)


def pinv(x: Tensor, rtol: float | None = None) -> Tensor:
    return torch.linalg.pinv(x, rtol=rtol)


def cholesky(x: Tensor) -> Tensor:
    return torch.linalg.cholesky(x)


def cholesky_solve(triangle: Tensor, rhs: Tensor) -> Tensor:
    return torch.cholesky_solve(rhs, triangle)


def solve(matrix: Tensor, rhs: Tensor, adjoint: bool = False) -> Tensor:
    return torch.linalg.solve(matrix.mT if adjoint else matrix, rhs)


def triangular_solve(matrix: Tensor, rhs: Tensor, lower: bool = True, adjoint: bool = False) -> Tensor:
    matrix = torch.tril(matrix) if lower else torch.triu(matrix)
    return torch.linalg.solve_triangular(matrix.mT if adjoint else matrix, rhs, upper=lower == adjoint)


def lstsq(matrix: Tensor, rhs: Tensor, l2_regularizer: float = 0.0) -> Tensor:
    if not l2_regularizer:
        return torch.linalg.pinv(matrix) @ rhs
    square = matrix.mT @ matrix
    unit = torch.eye(square.shape[-1], dtype=matrix.dtype, device=matrix.device)
    return torch.linalg.solve(square + l2_regularizer * unit, matrix.mT @ rhs)


def svd(x: Tensor, full_matrices: bool = False, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return torch.linalg.svdvals(x)
    u, s, v = torch.linalg.svd(x, full_matrices=full_matrices)
    return s, u, v.mT


def qr(x: Tensor, full_matrices: bool = False) -> Any:
    return tuple(torch.linalg.qr(x, mode="complete" if full_matrices else "reduced"))


def eigh(x: Tensor) -> Any:
    return tuple(torch.linalg.eigh(x))


def slogdet(x: Tensor) -> Any:
    return tuple(torch.linalg.slogdet(x))


def matrix_rank(x: Tensor, tol: float | None = None) -> Tensor:
    return torch.linalg.matrix_rank(x, atol=tol, rtol=None if tol is None else 0.0).to(torch.int32)


def expm(x: Tensor) -> Tensor:
    return torch.linalg.matrix_exp(x)


def lu(x: Tensor) -> Any:
    factors, pivots = torch.linalg.lu_factor(x)
    order = torch.lu_unpack(factors, pivots, unpack_data=False)[0].argmax(dim=-2)
    return factors, order.to(torch.int32)


def sqrtm(x: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(x)
    return (vectors * values.clamp(min=0).sqrt().unsqueeze(-2)) @ vectors.mT
