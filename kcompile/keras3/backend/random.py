"""Random numbers of the backend.

Computed at once they come from a generator of PyTorch that ``draw_seed`` seeds, so that a seed gives the same
numbers in each run. A graph that is traced gets operators of ONNX that draw anew whenever it runs: each has a
generator of its own, which starts where the seed stood when the graph was traced. A whole number as a seed
always means the same numbers; where the shape is known they are a constant of the graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
import torch
from keras.src.backend.common import standardize_dtype
from keras.src.backend.common.symbolic_scope import in_symbolic_scope
from keras.src.backend.config import floatx
from keras.src.random.seed_generator import SeedGenerator, draw_seed
from keras.src.random.seed_generator import make_default_seed as make_default_seed

from kcompile.ir import Constant, Depends, Value, depends, op
from kcompile.keras import backend as K
from kcompile.keras.backend.random import random_log_gamma
from kcompile.keras.backend.tensors import refine, shape_vector, static_dims

from .tensors import (
    NotTraceable,
    as_torch,
    as_value,
    computing,
    dtype_of,
    get_device,
    is_tracing,
    to_torch_dtype,
)

__all__ = [
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


# --- seeds --------------------------------------------------------------------------------------------------


def _generator(seed: Any) -> torch.Generator:
    """A generator that starts at the next state of a seed."""
    first, second = as_torch(draw_seed(seed)).tolist()
    return torch.Generator(device=get_device()).manual_seed((first + second) & 0xFFFFFFFF)


def _start(seed: Any) -> int:
    """Where an operator of a traced graph starts to draw; the state of the seed counts up in the graph.

    Nothing is drawn while shapes are inferred.
    """
    state = draw_seed(seed)
    if in_symbolic_scope():
        return 0
    if isinstance(state, Value):
        if depends(state) is Depends.ON_INPUTS:
            return 0
        state = computing().tensor(state)
    first, second = as_torch(state).tolist()
    return (first + 7919 * second) & 0xFFFFFFFF


def _is_emitted(seed: Any, *given: Any) -> bool:
    """Whether a graph draws, and not this function: what is given is symbolic, or each run draws anew."""
    if not is_tracing():
        return False
    return not isinstance(seed, int) or in_symbolic_scope() or any(map(_is_symbolic, given))


def _is_symbolic(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return any(map(_is_symbolic, x))
    return x is None or (isinstance(x, Value) and not isinstance(x, Constant))


def _drawn(x: torch.Tensor) -> Any:
    """What was drawn: a constant where a graph is traced."""
    return as_value(x) if is_tracing() else x


# --- drawn evenly and normally ------------------------------------------------------------------------------


def _sizes(shape: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in shape)


def _scaled(x: Any, factor: Any, offset: Any) -> Any:
    """``factor * x + offset`` in the type of ``x``."""
    if _are_numbers(factor, offset) and (factor, offset) == (1, 0):
        return x
    if isinstance(x, Value):
        return x * as_value(factor, dtype_of(x)) + as_value(offset, dtype_of(x))
    return x * as_torch(factor, dtype_of(x)) + as_torch(offset, dtype_of(x))


def _are_numbers(*given: Any) -> bool:
    return all(isinstance(x, int | float | np.number) for x in given)


def _emitted(draw: Any, shape: Any, dtype: str, seed: Any, *bounds: float) -> Value:
    """What an operator draws. ONNX has none of bfloat16: those are float32 that are cast."""
    drawn: Value = draw(shape, *bounds, "float32" if dtype == "bfloat16" else dtype, _start(seed))
    return K.cast(drawn, dtype)


def normal(
    shape: Sequence[int], mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """From the normal distribution."""
    name = standardize_dtype(dtype or floatx())
    if _is_emitted(seed, shape, mean, stddev):
        if _are_numbers(mean, stddev):
            return _emitted(K.random_normal, shape, name, seed, float(mean), float(stddev))
        return _scaled(_emitted(K.random_normal, shape, name, seed, 0.0, 1.0), stddev, mean)
    x = torch.empty(_sizes(shape), dtype=to_torch_dtype(name), device=get_device())
    if _are_numbers(mean, stddev):
        return _drawn(x.normal_(mean, stddev, generator=_generator(seed)))
    return _drawn(_scaled(x.normal_(generator=_generator(seed)), stddev, mean))


def truncated_normal(
    shape: Sequence[int], mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """From the normal distribution, within two standard deviations of the mean."""
    name = standardize_dtype(dtype or floatx())
    if _is_emitted(seed, shape, mean, stddev):
        return _scaled(_emitted(K.truncated_normal, shape, name, seed, 0.0, 1.0), stddev, mean)
    # the first of four that lies within, as Keras's backend of PyTorch draws; all four miss in 4 of a million
    x = torch.empty((*_sizes(shape), 4), dtype=to_torch_dtype(name), device=get_device())
    x.normal_(generator=_generator(seed))
    first = (x.abs() < 2).max(-1, keepdim=True)[1]
    return _drawn(_scaled(x.gather(-1, first).squeeze(-1).clamp_(-2, 2), stddev, mean))


def uniform(
    shape: Sequence[int], minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
) -> Any:
    """Evenly from ``minval`` to below ``maxval``."""
    name = standardize_dtype(dtype or floatx())
    if _is_emitted(seed, shape, minval, maxval):
        if _are_numbers(minval, maxval):
            return _emitted(K.random_uniform, shape, name, seed, float(minval), float(maxval))
        width = as_value(maxval, name) - as_value(minval, name)
        return _scaled(_emitted(K.random_uniform, shape, name, seed, 0.0, 1.0), width, minval)
    x = torch.rand(_sizes(shape), generator=_generator(seed), dtype=to_torch_dtype(name), device=get_device())
    if _are_numbers(minval, maxval):
        return _drawn(x * (maxval - minval) + minval)
    return _drawn(_scaled(x, as_torch(maxval, name) - as_torch(minval, name), minval))


def randint(shape: Sequence[int], minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None) -> Any:
    """Whole numbers evenly from ``minval`` to below ``maxval``."""
    name = standardize_dtype(dtype)
    if _is_emitted(seed, shape, minval, maxval):
        return K.cast(K.random_uniform(shape, minval, maxval, "int64", _start(seed)), name)
    low, high = (int(as_torch(x)) for x in (minval, maxval))
    x = torch.randint(low, high, _sizes(shape), generator=_generator(seed), device=get_device())
    return _drawn(x.to(to_torch_dtype(name)))


# --- chosen from what is given ------------------------------------------------------------------------------


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Classes by unnormalised log probabilities (rows, classes); (rows, num_samples)."""
    name = standardize_dtype(dtype)
    if _is_emitted(seed, logits):
        scores = as_value(logits, "float32")
        drawn = op.Multinomial(scores, sample_size=int(num_samples), seed=float(_start(seed) % 2**24))
        return K.cast(drawn, name)
    weights = torch.softmax(as_torch(logits), dim=-1)
    found = torch.multinomial(weights, num_samples, replacement=True, generator=_generator(seed))
    return _drawn(found.to(to_torch_dtype(name)))


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """The entries along an axis in a random order, which is one for all that lies before it."""
    if _is_emitted(seed, x):
        return _emitted_shuffle(as_value(x), axis % len(x.shape), _start(seed))
    x = as_torch(x)
    order = torch.randperm(x.shape[axis], generator=_generator(seed), device=x.device)
    return _drawn(x.index_select(axis, order))


def _emitted_shuffle(x: Value, axis: int, start: int) -> Value:
    size = op.Shape(x, start=axis, end=axis + 1)
    _, order = op.TopK(K.random_uniform(size, 0.0, 1.0, "float32", start), size)
    return refine(op.Gather(x, order, axis=axis), x.dims)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Zeros in the place of a part of the numbers; the others are scaled up.

    A generator that nobody gave a seed leaves the drawing to PyTorch's own generator, which is faster;
    ``keras.utils.set_random_seed`` rules it too.

    Args:
        rate: the part to drop, 0 to 1.
        noise_shape: of the mask, which is broadcast; None for sizes of ``inputs``.
    """
    if rate == 0.0:
        return inputs
    if rate == 1.0:
        return as_value(inputs) * 0 if is_tracing() else torch.zeros_like(as_torch(inputs))
    is_free = seed is None or (isinstance(seed, SeedGenerator) and seed._initial_seed is None)
    is_free = is_free and noise_shape is None
    if _is_emitted(seed, inputs):
        return _emitted_dropout(as_value(inputs), rate, noise_shape, None if is_free else _start(seed))
    x = as_torch(inputs)
    if is_free:
        return torch.dropout(x, rate, True)
    given = x.shape if noise_shape is None else noise_shape
    shape = [n if size is None else int(size) for n, size in zip(x.shape, given, strict=True)]
    keep = torch.rand(shape, generator=_generator(seed), device=x.device) >= rate
    return _drawn(torch.where(keep, x / (1.0 - rate), torch.zeros_like(x)))


def _emitted_dropout(x: Value, rate: float, noise_shape: Any, start: int | None) -> Value:
    if noise_shape is not None:
        return K.dropout(x, rate, noise_shape, start)
    if start is None:
        return op.Dropout(x, np.float32(rate), np.array(True))
    return op.Dropout(x, np.float32(rate), np.array(True), seed=start)


# --- distributions without an operator ----------------------------------------------------------------------


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """From the gamma distribution of shape ``alpha`` and rate 1."""
    name = standardize_dtype(dtype or floatx())
    if _is_emitted(seed, shape, alpha):
        draws = count(_start(seed)).__next__
        return K.cast(op.Exp(random_log_gamma(shape, as_value(alpha, "float32"), draws)), name)
    return _drawn(_gamma(_sizes(shape), alpha, _generator(seed)).to(to_torch_dtype(name)))


def _gamma(shape: Sequence[int], alpha: Any, generator: torch.Generator) -> torch.Tensor:
    alpha = torch.broadcast_to(as_torch(alpha, "float32"), tuple(shape)).contiguous()
    found = torch._standard_gamma(alpha, generator=generator)
    return found.clamp_(min=torch.finfo(found.dtype).tiny)


def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """From the beta distribution of two concentrations."""
    name = standardize_dtype(dtype or floatx())
    if _is_emitted(seed, shape, alpha, beta):
        draws = count(_start(seed)).__next__
        first, second = (random_log_gamma(shape, as_value(x, "float32"), draws) for x in (alpha, beta))
        return K.cast(op.Sigmoid(first - second), name)
    generator = _generator(seed)
    sizes = _sizes(shape)
    concentrations = [torch.broadcast_to(as_torch(x, "float32"), sizes) for x in (alpha, beta)]
    drawn = torch._sample_dirichlet(torch.stack(concentrations, -1), generator=generator)[..., 0]
    return _drawn(drawn.to(to_torch_dtype(name)))


#: Up to as many trials a graph draws them one by one.
_TRIALS = 1024


def binomial(
    shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Any:
    """How many of ``counts`` trials succeed.

    Raises:
        NotTraceable: in a graph, for counts that it has only when it runs or that are above 1024.
    """
    name = standardize_dtype(dtype or floatx())
    if _is_emitted(seed, shape, counts, probabilities):
        return K.cast(_emitted_binomial(shape, counts, probabilities, _start(seed)), name)
    sizes = _sizes(shape)
    given = [torch.broadcast_to(as_torch(x, "float32"), sizes) for x in (counts, probabilities)]
    found = torch.binomial(given[0], given[1], generator=_generator(seed))
    return _drawn(found.to(to_torch_dtype(name)))


def _emitted_binomial(shape: Any, counts: Any, probabilities: Any, start: int) -> Value:
    if in_symbolic_scope():
        return K.random_uniform(shape, 0.0, 1.0, "float32", start)
    most = None if _is_symbolic(counts) else int(as_torch(counts).max())
    if most is None or most > _TRIALS:
        raise NotTraceable(
            f"`keras.random.binomial` in a graph draws each trial; it takes counts that are numbers, up to "
            f"{_TRIALS}, found {counts!r}."
        )
    several = op.Concat(np.array([most], np.int64), shape_vector(shape), axis=0)
    drawn = K.random_uniform(several, 0.0, 1.0, "float32", start)
    trial = np.arange(most, dtype=np.float32).reshape([-1] + [1] * len(shape))
    is_drawn = op.Less(trial, as_value(counts, "float32"))
    succeeds = op.And(op.Less(drawn, as_value(probabilities, "float32")), is_drawn)
    total = op.ReduceSum(K.cast(succeeds, "float32"), np.array([0], np.int64), keepdims=0)
    return refine(total, static_dims(shape))
