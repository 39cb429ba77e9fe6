"""Random values. Without a seed one is drawn from numpy's global generator, so np.random.seed decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import Parameter, Value, as_dtype, op, to_onnx
from . import config
from .tensors import cast_value, filled, refine, shape_vector, static_dims, tensor
from .variables import variable

__all__ = [
    "random_bernoulli",
    "random_binomial",
    "random_normal",
    "random_normal_variable",
    "random_uniform",
    "random_uniform_variable",
    "truncated_normal",
]


def _drawn(seed: Any) -> int:
    return int(np.random.randint(10_000_000)) if seed is None else int(seed)


def _source(operator: str, shape: Any, dtype: Any, seed: Any, **attributes: float) -> Value:
    """RandomNormal or RandomUniform; its ...Like form where the shape is computed at run time."""
    dtype = as_dtype(config.floatx() if dtype is None else dtype)
    # the seed is a float in ONNX: below 2**24 every whole number survives
    attributes = {"seed": float(_drawn(seed) % 2**24), "dtype": to_onnx(dtype), **attributes}
    dims = static_dims(shape)
    if dims is not None and None not in dims:
        return getattr(op, operator)(shape=dims, **attributes)
    like = filled(0, shape_vector(shape), dtype)
    return refine(getattr(op, f"{operator}Like")(like, **attributes), dims)


def _is_number(x: Any) -> bool:
    return not isinstance(x, Value) and np.ndim(x) == 0


def random_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Value:
    """Normally distributed values."""
    if _is_number(mean) and _is_number(stddev):
        return _source("RandomNormal", shape, dtype, seed, mean=float(mean), scale=float(stddev))
    return _source("RandomNormal", shape, dtype, seed, mean=0.0, scale=1.0) * stddev + mean


def random_uniform(
    shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Value:
    """Values distributed evenly over [minval, maxval); integers for an integer ``dtype``."""
    target = as_dtype(config.floatx() if dtype is None else dtype)
    if target.kind in "iu":
        unit = _source("RandomUniform", shape, "float64", seed, low=0.0, high=1.0)
        low, high = tensor(minval, "float64"), tensor(maxval, "float64")
        return cast_value(op.Floor(unit * (high - low) + low), target)
    if _is_number(minval) and _is_number(maxval):
        return _source("RandomUniform", shape, target, seed, low=float(minval), high=float(maxval))
    return _source("RandomUniform", shape, target, seed, low=0.0, high=1.0) * (maxval - minval) + minval


def random_binomial(shape: Any, p: Any = 0.0, dtype: Any = None, seed: Any = None) -> Value:
    """1 with probability ``p``, else 0."""
    target = as_dtype(config.floatx() if dtype is None else dtype)
    drawn = _source("RandomUniform", shape, "float32", seed, low=0.0, high=1.0)
    return cast_value(op.Less(drawn, p if isinstance(p, Value) else np.float32(p)), target)


def random_bernoulli(shape: Any, p: Any = 0.0, dtype: Any = None, seed: Any = None) -> Value:
    """``random_binomial`` by its later name."""
    return random_binomial(shape, p, dtype, seed)


# Giles (2012), "Approximating the erfinv function", single precision, the branch for |x| < 0.9966; the
# distribution cut at two standard deviations needs it to 0.9545 only.
_ERFINV = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_ERF_OF_TWO_SIGMA = 0.9544997361036416


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Value:
    """Normally distributed values within two standard deviations of the mean (by inverse transform)."""
    bound = _ERF_OF_TWO_SIGMA
    x = _source("RandomUniform", shape, dtype, seed, low=-bound, high=bound)
    w = op.Neg(op.Log(1.0 - x * x)) - 2.5
    p = w * _ERFINV[0] + _ERFINV[1]
    for coefficient in _ERFINV[2:]:
        p = p * w + coefficient
    return p * x * (np.sqrt(2.0) * stddev) + mean


#: Of which the first is taken that fits: each does with a chance of at least 0.95, so all miss in 1e-15.
_CANDIDATES = 12


def random_log_gamma(shape: Any, alpha: Any, next_seed: Callable[[], Any]) -> Value:
    """Logarithms of values of the gamma distribution of rate 1: differences of them give the beta
    distribution and a softmax Dirichlet's, also where the values themselves are too small for float32.

    Args:
        shape: of the result, sizes or a vector of them.
        alpha: the distribution's shape, above 0: a number, or values that broadcast.
        next_seed: gives a seed for each draw.

    Marsaglia and Tsang (2000), "A simple method for generating gamma variables", with the candidates of an
    element along a first axis; of ``alpha + 1``, from which the power of a uniform number leads back.
    """
    alpha = alpha if isinstance(alpha, Value) else tensor(np.float32(alpha))
    sizes = shape_vector(shape)
    several = op.Concat(np.array([_CANDIDATES], np.int64), sizes, axis=0)
    normal = random_normal(several, dtype="float32", seed=next_seed())
    d = alpha + np.float32(1.0 - 1.0 / 3.0)
    root = op.Div(normal, op.Sqrt(d * 9.0)) + 1.0
    positive = op.Greater(root, tensor(np.float32(1e-3)))
    v = op.Pow(op.Where(positive, root, tensor(np.float32(1e-3))), tensor(np.float32(3.0)))
    bound = normal * normal * 0.5 + d - d * v + d * op.Log(v)
    drawn = random_uniform(several, 1e-7, 1.0, "float32", next_seed())
    accepted = cast_value(op.And(positive, op.Less(op.Log(drawn), bound)), np.dtype(np.int32))
    first = op.ArgMax(accepted, axis=0, keepdims=1)
    found = op.Squeeze(op.GatherElements(d * v, first, axis=0), [0])
    power = op.Div(op.Log(random_uniform(sizes, 1e-7, 1.0, "float32", next_seed())), alpha)
    return refine(op.Log(found) + power, static_dims(shape))


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None, seed: Any = None
) -> Parameter:
    """A variable that starts with values distributed evenly over [low, high)."""
    generator = np.random.default_rng(_drawn(seed))
    return variable(generator.uniform(low, high, tuple(shape)), dtype, name)


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None, seed: Any = None
) -> Parameter:
    """A variable that starts with normally distributed values."""
    generator = np.random.default_rng(_drawn(seed))
    return variable(generator.normal(mean, scale, tuple(shape)), dtype, name)
