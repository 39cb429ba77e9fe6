"""Operators that draw random numbers.

With a ``seed`` attribute a node has a generator of its own, which lives in the module and goes on from call
to call; without one it draws from torch's global generator.
"""

from __future__ import annotations

import struct
from typing import Any

import torch
from torch import Tensor

from ._common import Number, number, several


def new_generator(seed: float, device: torch.device) -> torch.Generator:
    """A generator for a ``seed`` attribute, which ONNX types as a float.

    Its bits are the seed where it is not whole.
    """
    whole = int(seed) if float(seed).is_integer() else struct.unpack("<q", struct.pack("<d", seed))[0]
    return torch.Generator(device=device).manual_seed(whole)


def Dropout(
    data: Tensor,
    ratio: Number | None = None,
    training_mode: Number | None = None,
    *,
    seed: int | None = None,
    generator: torch.Generator | None = None,
    outputs: int = 1,
) -> Any:
    training = bool(number(training_mode)) if training_mode is not None else False
    ratio = 0.5 if ratio is None else number(ratio)
    if not training or ratio == 0:
        return data if outputs == 1 else (data, torch.ones_like(data, dtype=torch.bool))
    drawn_evenly = _draws_evenly(data)
    if generator is None and outputs == 1 and not drawn_evenly:
        return torch.dropout(data, ratio, True)
    mask = torch.empty_like(data)
    if drawn_evenly:
        mask.uniform_(generator=generator).ge_(ratio)
    else:
        mask.bernoulli_(1 - ratio, generator=generator)
    kept = data * mask.div(1 - ratio) if ratio < 1 else data * mask
    return several((kept, mask.bool()), outputs)


def _draws_evenly(x: Tensor) -> bool:
    """Whether numbers drawn evenly and compared are faster than Bernoulli's, four times on a CPU, and as fine
    as they have to be."""
    return x.device.type == "cpu" and x.element_size() >= 4


def RandomNormal(
    *,
    shape: tuple[int, ...],
    dtype: torch.dtype = torch.float32,
    mean: float = 0.0,
    scale: float = 1.0,
    seed: float | None = None,
    generator: torch.Generator | None = None,
    device: str = "cpu",
) -> Tensor:
    return torch.empty(shape, dtype=dtype, device=device).normal_(mean, scale, generator=generator)


def RandomNormalLike(
    input: Tensor,
    *,
    dtype: torch.dtype | None = None,
    mean: float = 0.0,
    scale: float = 1.0,
    seed: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    return _empty_like(input, dtype).normal_(mean, scale, generator=generator)


def RandomUniform(
    *,
    shape: tuple[int, ...],
    dtype: torch.dtype = torch.float32,
    high: float = 1.0,
    low: float = 0.0,
    seed: float | None = None,
    generator: torch.Generator | None = None,
    device: str = "cpu",
) -> Tensor:
    return torch.empty(shape, dtype=dtype, device=device).uniform_(low, high, generator=generator)


def RandomUniformLike(
    input: Tensor,
    *,
    dtype: torch.dtype | None = None,
    high: float = 1.0,
    low: float = 0.0,
    seed: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    return _empty_like(input, dtype).uniform_(low, high, generator=generator)


def _empty_like(x: Tensor, dtype: torch.dtype | None) -> Tensor:
    return torch.empty_like(x, dtype=x.dtype if dtype is None else dtype, requires_grad=False)


def Bernoulli(
    input: Tensor,
    *,
    dtype: torch.dtype | None = None,
    seed: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    drawn = torch.bernoulli(input.detach(), generator=generator)
    return drawn.to(input.dtype if dtype is None else dtype)


def Multinomial(
    input: Tensor,
    *,
    dtype: torch.dtype = torch.int32,
    sample_size: int = 1,
    seed: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Classes by unnormalised log probabilities, with replacement."""
    drawn = torch.multinomial(torch.softmax(input, -1), sample_size, replacement=True, generator=generator)
    return drawn.to(dtype)
