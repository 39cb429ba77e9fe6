"""Elementwise mathematics, comparison, logic and bits."""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._common import Number, Operand, tensor_like

# Operators that torch has under the same semantics: the generated code calls torch directly.
Abs = torch.abs
Acos = torch.acos
Acosh = torch.acosh
And = torch.logical_and
Asin = torch.asin
Asinh = torch.asinh
Atan = torch.atan
Atanh = torch.atanh
BitwiseNot = torch.bitwise_not
Ceil = torch.ceil
Cos = torch.cos
Cosh = torch.cosh
Det = torch.det
Erf = torch.erf
Exp = torch.exp
Floor = torch.floor
IsNaN = torch.isnan
Log = torch.log
MatMul = torch.matmul
Neg = torch.neg
Not = torch.logical_not
Or = torch.logical_or
Reciprocal = torch.reciprocal
Relu = torch.relu
Round = torch.round
Sigmoid = torch.sigmoid
Sin = torch.sin
Sinh = torch.sinh
Sqrt = torch.sqrt
Tan = torch.tan
Tanh = torch.tanh
Xor = torch.logical_xor


def Sign(input: Tensor) -> Tensor:
    """torch gives 0 for NaN."""
    sign = torch.sign(input)
    return torch.where(input.isnan(), input, sign) if input.is_floating_point() else sign


def Add(A: Operand, B: Operand) -> Tensor:
    return A + B


def Sub(A: Operand, B: Operand) -> Tensor:
    return A - B


def Mul(A: Operand, B: Operand) -> Tensor:
    return A * B


def Div(A: Operand, B: Operand) -> Tensor:
    tensor = A if isinstance(A, Tensor) else B
    if tensor.is_floating_point() or tensor.is_complex():
        return A / B
    return (
        torch.div(A, B, rounding_mode="trunc")
        if isinstance(A, Tensor)
        else torch.div(tensor_like(A, B), B, rounding_mode="trunc")
    )


def Mod(A: Operand, B: Operand, *, fmod: int = 0) -> Tensor:
    if not isinstance(A, Tensor):
        A = tensor_like(A, B)
    return torch.fmod(A, B) if fmod else torch.remainder(A, B)


def Pow(X: Operand, Y: Operand) -> Tensor:
    if isinstance(X, Tensor):
        return torch.pow(X, Y).to(X.dtype)
    return torch.pow(tensor_like(X, Y), Y)


def Equal(A: Operand, B: Operand) -> Tensor:
    return torch.eq(A, B) if isinstance(A, Tensor) else torch.eq(B, A)


def Greater(A: Operand, B: Operand) -> Tensor:
    return A > B


def GreaterOrEqual(A: Operand, B: Operand) -> Tensor:
    return A >= B


def Less(A: Operand, B: Operand) -> Tensor:
    return A < B


def LessOrEqual(A: Operand, B: Operand) -> Tensor:
    return A <= B


def BitwiseAnd(A: Operand, B: Operand) -> Tensor:
    return A & B


def BitwiseOr(A: Operand, B: Operand) -> Tensor:
    return A | B


def BitwiseXor(A: Operand, B: Operand) -> Tensor:
    return A ^ B


def BitShift(X: Tensor, Y: Tensor, *, direction: str) -> Tensor:
    return torch.bitwise_left_shift(X, Y) if direction == "LEFT" else torch.bitwise_right_shift(X, Y)


def Max(*data_0: Tensor) -> Tensor:
    return functools.reduce(torch.maximum, data_0)


def Min(*data_0: Tensor) -> Tensor:
    return functools.reduce(torch.minimum, data_0)


def Sum(*data_0: Tensor) -> Tensor:
    return functools.reduce(torch.add, data_0)


def Mean(*data_0: Tensor) -> Tensor:
    return Sum(*data_0) / len(data_0)


def Clip(input: Tensor, min: Number | None = None, max: Number | None = None) -> Tensor:
    if min is None and max is None:
        return input
    if isinstance(min, Tensor) != isinstance(max, Tensor):  # torch wants both bounds of one kind
        min = None if min is None else tensor_like(min, input)
        max = None if max is None else tensor_like(max, input)
    if not isinstance(min, Tensor) and (min, max) == (0, 6) and input.is_floating_point():
        # ReLU6: clamp's gradient is a comparison for each bound and a where, this one's a single pass
        return F.hardtanh(input, 0.0, 6.0)
    return torch.clamp(input, min, max)


def IsInf(X: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    if detect_negative and detect_positive:
        return torch.isinf(X)
    if detect_positive:
        return torch.isposinf(X)
    return torch.isneginf(X) if detect_negative else torch.zeros_like(X, dtype=torch.bool)


def Where(condition: Tensor, X: Operand, Y: Operand) -> Tensor:
    if isinstance(X, Tensor) or isinstance(Y, Tensor):
        return torch.where(condition, X, Y)
    return torch.where(condition, torch.tensor(X, device=condition.device), Y)


_FLOAT8_MAX = {
    torch.float8_e4m3fn: 448.0,
    torch.float8_e4m3fnuz: 240.0,
    torch.float8_e5m2: 57344.0,
    torch.float8_e5m2fnuz: 57344.0,
}


def Cast(input: Tensor, *, to: torch.dtype, saturate: int = 1) -> Tensor:
    return to_float8(input, to, saturate) if to in _FLOAT8_MAX else input.to(to)


def CastLike(input: Tensor, target_type: Tensor, *, saturate: int = 1) -> Tensor:
    if target_type.dtype in _FLOAT8_MAX:
        return to_float8(input, target_type.dtype, saturate)
    return input.to(target_type.dtype)


def to_float8(x: Tensor, dtype: torch.dtype, saturate: int) -> Tensor:
    """Overflow becomes the largest number if it saturates, else infinity, or NaN in types without one."""
    x = x.float()
    largest = _FLOAT8_MAX[dtype]
    if saturate:
        # the types with an infinity keep it out, too: the specification's table says FLT_MAX for +-inf
        return torch.where(x.isnan(), x, x.clamp(-largest, largest)).to(dtype)
    if dtype == torch.float8_e4m3fn:  # torch saturates this one; 464 is where rounding would leave its range
        x = torch.where(x.abs() > 464, math.nan, x)
    return x.to(dtype)


# --- activations ---


def Celu(X: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.celu(X, alpha)


def Elu(X: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.elu(X, alpha)


def Gelu(X: Tensor, *, approximate: str = "none") -> Tensor:
    return F.gelu(X, approximate=approximate)


def HardSigmoid(X: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return torch.clamp(X * alpha + beta, 0, 1)


def HardSwish(X: Tensor) -> Tensor:
    return F.hardswish(X)


def Hardmax(input: Tensor, *, axis: int = -1) -> Tensor:
    largest = input.argmax(axis, keepdim=True)
    return torch.zeros_like(input).scatter(axis, largest, 1)


def LeakyRelu(X: Tensor, *, alpha: float = 0.01) -> Tensor:
    return F.leaky_relu(X, alpha)


def LogSoftmax(input: Tensor, *, axis: int = -1) -> Tensor:
    return torch.log_softmax(input, axis)


def Mish(X: Tensor) -> Tensor:
    return F.mish(X)


def PRelu(X: Tensor, slope: Tensor) -> Tensor:
    return torch.where(X < 0, slope * X, X)


def Selu(
    X: Tensor, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875
) -> Tensor:
    return torch.ops.aten.elu(X, alpha, gamma)


def Shrink(input: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    shrunk = torch.where(input < -lambd, input + bias, torch.where(input > lambd, input - bias, 0))
    return shrunk.to(input.dtype)


def Softmax(input: Tensor, *, axis: int = -1) -> Tensor:
    return torch.softmax(input, axis)


def Softplus(X: Tensor) -> Tensor:
    return F.softplus(X)


def Softsign(input: Tensor) -> Tensor:
    return F.softsign(input)


def ThresholdedRelu(X: Tensor, *, alpha: float = 1.0) -> Tensor:
    return F.threshold(X, alpha, 0.0)
