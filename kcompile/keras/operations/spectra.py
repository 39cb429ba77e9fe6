"""Fourier transforms of ``keras.ops`` in files; complex numbers are pairs of tensors, as in Keras 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Value, claim_steps, op
from .. import backend as K
from ..backend.tensors import known_shape, refine
from .keras_ops import of_keras
from .slices import sliced
from .table import _alike, _float, _rank, _size, _tensor


def _parts(z: Value) -> list[Value]:
    """The real and the imaginary part, which lie along the last axis."""
    return [op.Gather(z, np.int64(i), axis=-1) for i in (0, 1)]


def transformed(
    parts: Sequence[Any], axis: int = -1, inverse: bool = False, onesided: bool = False, length: Any = None
) -> list[Value]:
    """Along an axis counted from the end, of a real tensor or a pair."""
    parts = [_float(parts[0])] if len(parts) == 1 else [_float(x) for x in _alike(*parts)]
    z = op.Concat(*(op.Unsqueeze(x, [-1]) for x in parts), axis=-1)
    size = None if length is None else Constant(np.int64(length))
    y = op.DFT(z, size, Constant(np.int64(axis - 1)), inverse=int(inverse), onesided=int(onesided))
    return _parts(y)


@of_keras("FFT", module="math")
def fft(x: Sequence[Any]) -> list[Value]:
    return transformed(x)


@of_keras("FFT2", module="math")
def fft2(x: Sequence[Any]) -> list[Value]:
    return transformed(transformed(x), -2)


@of_keras("IFFT2", module="math")
def ifft2(x: Sequence[Any]) -> list[Value]:
    return transformed(transformed(x, inverse=True), -2, inverse=True)


@of_keras("RFFT", module="math")
def rfft(x: Any, fft_length: int | None = None) -> list[Value]:
    return transformed([x], onesided=True, length=fft_length)


@of_keras("IRFFT", module="math")
def irfft(x: Sequence[Any], fft_length: int | None = None) -> Value:
    """The frequencies above the middle mirror those below it."""
    real, imaginary = (_float(part) for part in _alike(*x))
    given = _size(real, -1)
    length = 2 * (given - 1) if fft_length is None else int(fft_length)
    if length < 1:
        raise ValueError(f"A transform back is to {length} samples; at least 1 are needed.")
    claim_steps(10 * length, f"fft_length={length}")
    kept = length // 2 + 1
    if kept != given:
        real, imaginary = (_of_size(part, given, kept) for part in (real, imaginary))
    above = np.arange(length - kept, 0, -1)
    real = K.concatenate([real, op.Gather(real, above, axis=-1)], -1)
    imaginary = K.concatenate([imaginary, -op.Gather(imaginary, above, axis=-1)], -1)
    return transformed([real, imaginary], inverse=True)[0]


def _of_size(x: Value, given: int, wanted: int) -> Value:
    """Cut, or filled up with zeros, along the last axis."""
    if wanted < given:
        return sliced(x, [Ellipsis, slice(0, wanted)])
    pads = [0] * (2 * _rank(x))
    pads[-1] = wanted - given
    return op.Pad(x, pads)


@of_keras("STFT", module="math")
def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann",
    center: bool = True,
) -> list[Value]:  # fmt: skip
    """(..., samples) to a pair of (..., frames, fft_length // 2 + 1)."""
    if not 1 <= sequence_length <= fft_length or sequence_stride < 1:
        raise ValueError(
            f"An stft has frames of {sequence_length}, steps of {sequence_stride} and "
            f"fft_length={fft_length}; the last must be at least the first, and all at least 1."
        )
    claim_steps(4 * fft_length, f"fft_length={fft_length}")
    x = _float(x)
    front = _rank(x) - 1
    if center:
        ends = [0] * front + [fft_length // 2]
        x = op.Pad(x, ends + ends, mode="reflect")
    rows = op.Reshape(x, op.Concat(Constant(np.array([-1])), op.Shape(x, start=-1), axis=0))
    sizes = (Constant(np.int64(n)) for n in (sequence_stride, fft_length))
    step, length = sizes
    weights = _window(window, sequence_length, fft_length, x)
    y = op.STFT(op.Unsqueeze(rows, [2]), step, weights, length, onesided=1)
    if front != 1:
        y = op.Reshape(y, op.Concat(op.Shape(x, end=-1), op.Shape(y, start=1), axis=0))
        samples = known_shape(x)[-1]
        frames = (samples - fft_length) // sequence_stride + 1 if isinstance(samples, int) else None
        y = refine(y, [*known_shape(x)[:-1], frames, fft_length // 2 + 1, 2])
    return _parts(y)


def _window(window: Any, size: int, length: int, like: Value) -> Value:
    """The weights of a frame's samples, in the middle of it; TensorFlow's windows of an odd size are
    symmetric."""
    before = (length - size) // 2
    pads = (before, length - size - before)
    if window is None:
        return _tensor(np.ones(length), like)
    if not isinstance(window, str):
        return op.Pad(_tensor(window, like), list(pads))
    if window not in ("hann", "hamming"):
        raise ValueError(f"An stft has the window {window!r}; 'hann' and 'hamming' are taken.")
    top = {"hann": 0.5, "hamming": 0.54}[window]
    turns = 2 * np.pi * np.arange(size) / max(size if size % 2 == 0 else size - 1, 1)
    weights = top - (1 - top) * np.cos(turns) if size > 1 else np.ones(1)
    return _tensor(np.pad(weights, pads), like)
