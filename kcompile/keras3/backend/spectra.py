"""Fourier transforms, and signals as overlapping sequences; complex numbers are pairs of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from keras.src.backend.common import standardize_dtype

from kcompile.ir import Constant, Value, op
from kcompile.keras import backend as K
from kcompile.keras.backend.tensors import known_shape, refine
from kcompile.keras.operations import spectra

from .promotion import floating, promoted
from .tensors import as_torch, as_value, differ, dtype_of, eager_only, numpy_of, operation

__all__ = ["extract_sequences", "fft", "fft2", "ifft2", "irfft", "istft", "rfft", "stft"]


# --- transforms ---------------------------------------------------------------------------------------------


def _parts(x: Any) -> list[Value]:
    """The real and the imaginary part.

    Raises:
        ValueError: for anything but two tensors of floats and one shape.
    """
    if not isinstance(x, tuple | list) or len(x) != 2:
        raise ValueError(f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x}")
    real, imaginary = (as_value(part) for part in x)
    if differ(known_shape(real), known_shape(imaginary)):
        raise ValueError(
            "Input `x` should be a tuple of two tensors - real and imaginary. Both the real and imaginary "
            f"parts should have the same shape. Received: x[0].shape = {known_shape(real)}, "
            f"x[1].shape = {known_shape(imaginary)}"
        )
    if not all(dtype_of(part).startswith(("float", "bfloat")) for part in (real, imaginary)):
        raise ValueError(f"At least one tensor in input `x` is not of type float. Received: x={x}.")
    return promoted(real, imaginary)


@eager_only
def _get_complex_tensor_from_tuple(x: Any) -> torch.Tensor:
    """Two parts as one tensor of complex numbers, which ONNX's operators do not take."""
    real, imaginary = (as_torch(part) for part in operation(_parts)(x))
    return torch.complex(real, imaginary)


@operation
def fft(x: Any) -> tuple[Value, ...]:
    """The discrete Fourier transform along the last axis."""
    return tuple(spectra.fft(_parts(x)))


@operation
def fft2(x: Any) -> tuple[Value, ...]:
    """The discrete Fourier transform along the last two axes."""
    return tuple(spectra.fft2(_parts(x)))


@operation
def ifft2(x: Any) -> tuple[Value, ...]:
    """What ``fft2`` undoes."""
    return tuple(spectra.ifft2(_parts(x)))


@operation
def rfft(x: Any, fft_length: int | None = None) -> tuple[Value, ...]:
    """The transform of real numbers along the last axis: (..., fft_length // 2 + 1)."""
    return tuple(spectra.rfft(floating(x), fft_length))


@operation
def irfft(x: Any, fft_length: int | None = None) -> Value:
    """What ``rfft`` undoes."""
    return spectra.irfft(_parts(x), fft_length)


# --- signals as sequences -----------------------------------------------------------------------------------


@operation
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Value:
    """(..., samples) to (..., sequences, sequence_length): one each ``sequence_stride`` samples."""
    x = as_value(x)
    samples = known_shape(x)[-1]
    length, stride = int(sequence_length), int(sequence_stride)
    steps = np.arange(length, dtype=np.int64)
    if isinstance(samples, int):
        starts = np.arange(0, samples - length + 1, stride, dtype=np.int64)
        return op.Gather(x, starts[:, None] + steps, axis=-1)
    end = op.Squeeze(op.Shape(x, start=-1), [0]) - np.int64(length - 1)
    first = op.Range(np.int64(0), end, np.int64(stride))
    found = op.Gather(x, op.Unsqueeze(first, [1]) + steps, axis=-1)
    return refine(found, [*known_shape(x)[:-1], None, length])


def _check_overlap(x: Value, stride: int) -> None:
    count, length = known_shape(x)[-2:]
    if not isinstance(length, int):
        return
    if stride > length:
        raise ValueError(
            "`sequence_stride` must equal or less than x.shape[-1]. "
            f"Received: sequence_stride={stride}, x.shape[-1]={length}"
        )
    if isinstance(count, int) and stride < length / count:
        raise ValueError(
            "`sequence_stride` must equal or greater than x.shape[-1] / x.shape[-2]. "
            f"Received: sequence_stride={stride}, x.shape[-1]={length}, x.shape[-2]={count}"
        )


def _overlapped(x: Value, stride: int) -> Value:
    """(..., sequences, length) to (..., samples): one put each ``stride`` samples, and added up.

    Each sequence is cut into parts of ``stride`` samples; the parts of one number, which do not overlap, are
    moved by so many places as one signal.
    """
    *front, count, length = known_shape(x)
    rank = len(front) + 2
    parts = -(-length // stride)
    x = op.Pad(x, [0] * (2 * rank - 1) + [parts * stride - length])
    x = op.Reshape(x, [*[0] * (rank - 1), parts, stride])
    moved = []
    for i in range(parts):
        pads = [0] * (2 * rank)
        pads[rank - 2], pads[2 * rank - 2] = i, parts - 1 - i
        moved.append(op.Pad(op.Gather(x, np.int64(i), axis=-2), pads))
    total = moved[0] if parts == 1 else op.Sum(*moved)
    signal = op.Reshape(total, [*[0] * (rank - 2), -1])
    samples = stride * (count - 1) + length if isinstance(count, int) else None
    beyond = parts * stride - length
    signal = op.Slice(signal, [0], [-beyond if beyond else np.iinfo(np.int64).max], [-1])
    return refine(signal, [*front, samples])


# --- short-time transforms ----------------------------------------------------------------------------------


def _window(window: Any, length: int) -> np.ndarray | None:
    """The weights of a window by its name or as given.

    Raises:
        ValueError: for another name, or another number of weights.
    """
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                'If a string is passed to `window`, it must be one of `"hann"`, `"hamming"`. '
                f"Received: window={window}"
            )
        top = 0.5 if window == "hann" else 0.54
        return np.asarray(top - (1 - top) * np.cos(2 * np.pi * np.arange(length) / length))
    if window is None:
        return None
    weights = numpy_of(window)
    if weights.shape != (length,):
        raise ValueError(
            f"The shape of `window` must be equal to [sequence_length].Received: window shape={weights.shape}"
        )
    return weights


@operation
def stft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, window: Any = "hann",
    center: bool = True,
) -> tuple[Value, ...]:  # fmt: skip
    """(..., samples) to two parts (..., sequences, fft_length // 2 + 1).

    Raises:
        TypeError: for anything but float32 and float64.
        ValueError: for an ``fft_length`` below ``sequence_length``, or a window that does not fit.
    """
    if standardize_dtype(x.dtype) not in ("float32", "float64"):
        raise TypeError(
            f"Invalid input type. Expected `float32` or `float64`. Received: input type={x.dtype}"
        )
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. Received: "
            f"sequence_length={sequence_length}, fft_length={fft_length}"
        )
    weights = _window(window, sequence_length)
    weights = np.ones(sequence_length) if weights is None else weights
    return tuple(spectra.stft(as_value(x), sequence_length, sequence_stride, fft_length, weights, center))


@operation
def istft(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int, length: int | None = None,
    window: Any = "hann", center: bool = True,
) -> Value:  # fmt: skip
    """Two parts (..., sequences, fft_length // 2 + 1) to (..., samples).

    Args:
        length: of the signal; by default all that the sequences cover.
    """
    parts = _parts(x)
    weights = _window(window, sequence_length)
    frames = spectra.irfft(parts, fft_length)
    _check_overlap(frames, sequence_stride)
    if weights is None:
        signal = _overlapped(frames, sequence_stride)
    else:
        before = (fft_length - sequence_length) // 2
        weights = np.pad(weights, (before, fft_length - sequence_length - before))
        signal = _overlapped(frames * _inverse_window(weights, sequence_stride, frames), sequence_stride)
    start, end = (fft_length // 2, -(fft_length // 2)) if center else (0, np.iinfo(np.int64).max)
    end = end if length is None else start + length
    return op.Slice(signal, [start], [end], [-1])


def _inverse_window(weights: np.ndarray, stride: int, like: Value) -> Value:
    """A window divided by what its squares add up to where sequences overlap, as far from the ends."""
    overlaps = -(-len(weights) // stride)
    squares = np.pad(weights**2, (0, overlaps * stride - len(weights)))
    total = np.tile(squares.reshape(overlaps, stride).sum(0), overlaps)[: len(weights)]
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = weights / total
    return K.cast(Constant(inverse), dtype_of(like))
