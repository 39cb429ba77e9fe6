"""Complex numbers as pairs of tensors, and the transforms of ``tf.signal`` that give them.

ONNX's operators have no complex numbers, so nothing between layers is one: a program takes ``tf.abs`` or the
parts of what it gets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import Constant, Depends, TensorShape, Value, depends, op
from .. import backend as K
from . import spectra
from .slices import sliced
from .table import _alike, _float, _rank, _size, _tensor
from .tensorflow import FUNCTIONS, of_tensorflow

COMPLEX: dict[str, Callable[..., Any]] = {}
"""TensorFlow's functions that take or give complex numbers."""


class ComplexTensor:
    """Complex numbers.

    Attributes:
        real, imag: their parts, of one shape.
    """

    __array_priority__ = 100

    def __init__(self, real: Any, imag: Any) -> None:
        self.real, self.imag = _alike(_float(real), _float(imag))

    @property
    def dtype(self) -> np.dtype:
        """complex64, or complex128 of float64."""
        return np.dtype("complex128" if self.real.dtype == np.float64 else "complex64")

    @property
    def shape(self) -> TensorShape | None:
        """That of the parts."""
        return self.real.shape

    def numpy(self) -> np.ndarray:
        """The numbers."""
        return (self.real.numpy() + 1j * self.imag.numpy()).astype(self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        found = np.asarray(self.numpy())
        return found if dtype is None else found.astype(dtype)

    def each(self, function: Callable[[Value], Value]) -> ComplexTensor:
        """A function of both parts."""
        return ComplexTensor(function(self.real), function(self.imag))

    def __getitem__(self, key: Any) -> ComplexTensor:
        return self.each(lambda part: part[key])

    def __len__(self) -> int:
        return len(self.real)

    def __abs__(self) -> Value:
        return K.sqrt(K.square(self.real) + K.square(self.imag))

    def __neg__(self) -> ComplexTensor:
        return self.each(lambda part: -part)

    def __add__(self, other: Any) -> ComplexTensor:
        z = as_complex(other)
        return ComplexTensor(self.real + z.real, self.imag + z.imag)

    def __sub__(self, other: Any) -> ComplexTensor:
        return self + -as_complex(other)

    def __mul__(self, other: Any) -> ComplexTensor:
        z = as_complex(other)
        return ComplexTensor(self.real * z.real - self.imag * z.imag, self.real * z.imag + self.imag * z.real)

    def __truediv__(self, other: Any) -> ComplexTensor:
        z = as_complex(other)
        turned = self * ComplexTensor(z.real, -z.imag)
        size = K.square(z.real) + K.square(z.imag)
        return turned.each(lambda part: part / size)

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Any) -> ComplexTensor:
        return as_complex(other) - self

    def __repr__(self) -> str:
        if depends(self.real) is Depends.ON_INPUTS:
            return f"<ComplexTensor {self.dtype.name}{list(self.shape or ())}>"
        return f"tf.Tensor({self.numpy()}, shape={tuple(self.shape or ())}, dtype={self.dtype.name})"


def as_complex(value: Any) -> ComplexTensor:
    """Numbers as complex ones."""
    if isinstance(value, ComplexTensor):
        return value
    if isinstance(value, Value):
        return ComplexTensor(value, K.zeros_like(_float(value)))
    array = np.asarray(value)
    if array.dtype.kind != "c":
        array = array.astype("complex64")
    kind = "float64" if array.dtype == np.complex128 and isinstance(value, np.ndarray) else "float32"
    return ComplexTensor(Constant(array.real.astype(kind)), Constant(array.imag.astype(kind)))


def parts_of(value: Any) -> tuple[Any, Any] | None:
    """The real and the imaginary part of complex numbers, or of a list with some; None of anything else."""
    if isinstance(value, list | tuple) and any(isinstance(x, ComplexTensor) for x in value):
        listed = [as_complex(x) for x in value]
        return [x.real for x in listed], [x.imag for x in listed]
    return (value.real, value.imag) if isinstance(value, ComplexTensor) else None


def _named(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        COMPLEX.update(dict.fromkeys(names, function))
        return function

    return enter


#: Functions that complex numbers go through part by part.
PART_BY_PART = frozenset(
    "expand_dims squeeze reshape transpose concat stack gather gather_nd tile reverse roll split unstack "
    "slice strided_slice identity stop_gradient pad broadcast_to repeat math.reduce_sum math.reduce_mean "
    "math.negative signal.frame ensure_shape".split()
)


# --- numbers ------------------------------------------------------------------------------------------------


@_named("complex", "dtypes.complex")
def complex_(real: Any, imag: Any) -> ComplexTensor:
    return ComplexTensor(real, imag)


@_named("math.real")
def real(input: Any) -> Value:
    return input.real if isinstance(input, ComplexTensor) else _tensor(input)


@_named("math.imag")
def imag(input: Any) -> Value:
    return input.imag if isinstance(input, ComplexTensor) else K.zeros_like(_tensor(input))


@_named("math.conj")
def conj(x: Any) -> Any:
    return ComplexTensor(x.real, -x.imag) if isinstance(x, ComplexTensor) else _tensor(x)


@_named("math.angle")
def angle(input: Any) -> Value:
    z = as_complex(input)
    return FUNCTIONS["math.atan2"](z.imag, z.real)


# --- transforms ---------------------------------------------------------------------------------------------


def _transform(function: Callable[..., Any]) -> Callable[..., Any]:
    def transform(input: Any) -> ComplexTensor:
        z = as_complex(input)
        return ComplexTensor(*function([z.real, z.imag]))

    return transform


_named("signal.fft")(_transform(spectra.fft))
_named("signal.fft2d")(_transform(spectra.fft2))
_named("signal.ifft2d")(_transform(spectra.ifft2))
_named("signal.ifft")(_transform(lambda parts: spectra.transformed(parts, inverse=True)))


def _length(fft_length: Any) -> int | None:
    if fft_length is None:
        return None
    sizes = fft_length if isinstance(fft_length, list | tuple) else np.asarray(fft_length).reshape(-1)
    return int(sizes[-1])


@_named("signal.rfft")
def rfft(input_tensor: Any, fft_length: Any = None) -> ComplexTensor:
    return ComplexTensor(*spectra.rfft(_float(input_tensor), _length(fft_length)))


@_named("signal.irfft")
def irfft(input_tensor: Any, fft_length: Any = None) -> Value:
    z = as_complex(input_tensor)
    return spectra.irfft([z.real, z.imag], _length(fft_length))


@_named("signal.rfft2d")
def rfft2d(input_tensor: Any, fft_length: Any = None) -> ComplexTensor:
    x = _float(input_tensor)
    return ComplexTensor(*spectra.transformed(spectra.rfft(x, _length(fft_length)), -2))


@_named("signal.irfft2d")
def irfft2d(input_tensor: Any, fft_length: Any = None) -> Value:
    z = as_complex(input_tensor)
    return spectra.irfft(spectra.transformed([z.real, z.imag], -2, inverse=True), _length(fft_length))


def _periodic(top: float, window_length: Any, periodic: bool, dtype: Any) -> Value:
    size = int(window_length)
    span = size if periodic and size % 2 == 0 else size - 1 if not periodic or size % 2 else size
    turns = 2 * np.pi * np.arange(size) / max(span, 1)
    weights = top - (1 - top) * np.cos(turns) if size > 1 else np.ones(size)
    return Constant(weights.astype(str(dtype)))


@of_tensorflow("signal.hann_window")
def hann_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Value:
    return op.Identity(_periodic(0.5, window_length, periodic, dtype))


@of_tensorflow("signal.hamming_window")
def hamming_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Value:
    return op.Identity(_periodic(0.54, window_length, periodic, dtype))


def _enclosing(length: int) -> int:
    """The next power of two."""
    return 1 << max(int(length) - 1, 0).bit_length()


@_named("signal.stft")
def stft(
    signals: Any, frame_length: Any, frame_step: Any, fft_length: Any = None, window_fn: Any = hann_window,
    pad_end: bool = False,
) -> ComplexTensor:  # fmt: skip
    """(..., samples) to (..., frames, fft_length // 2 + 1)."""
    size, step = int(frame_length), int(frame_step)
    length = _enclosing(size) if fft_length is None else int(fft_length)
    frames = FUNCTIONS["signal.frame"](_float(signals), size, step, pad_end=pad_end)
    if window_fn is not None:
        frames = frames * _tensor(window_fn(size, dtype=frames.dtype.name), frames)
    return rfft(frames, length)


@of_tensorflow("signal.overlap_and_add")
def overlap_and_add(signal: Any, frame_step: Any) -> Value:
    """(..., frames, frame_length) to (..., samples): frames put one after the other by a step, and added."""
    x, step = _tensor(signal), int(frame_step)
    frames, size = _size(x, -2), _size(x, -1)
    parts = []
    total = (frames - 1) * step + size
    for i in range(frames):
        pads = [0] * (2 * (_rank(x) - 1))
        pads[_rank(x) - 2], pads[-1] = i * step, total - size - i * step
        parts.append(op.Pad(op.Gather(x, np.int64(i), axis=-2), pads))
    return parts[0] if len(parts) == 1 else op.Sum(*parts)


@_named("signal.inverse_stft")
def inverse_stft(
    stfts: Any, frame_length: Any, frame_step: Any, fft_length: Any = None, window_fn: Any = hann_window
) -> Value:
    size = int(frame_length)
    length = _enclosing(size) if fft_length is None else int(fft_length)
    z = as_complex(stfts)
    frames = sliced(spectra.irfft([z.real, z.imag], length), [Ellipsis, slice(0, size)])
    if window_fn is not None:
        frames = frames * _tensor(window_fn(size, dtype=frames.dtype.name), frames)
    return overlap_and_add(frames, frame_step)


def _shifted(x: Any, axes: Any, forward: bool) -> Any:
    def moved(part: Value) -> Value:
        listed = range(_rank(part)) if axes is None else axes if isinstance(axes, list | tuple) else [axes]
        for axis in listed:
            size = _size(part, axis)
            part = FUNCTIONS["roll"](part, size // 2 if forward else -(size // 2), axis)
        return part

    return x.each(moved) if isinstance(x, ComplexTensor) else moved(_tensor(x))


@_named("signal.fftshift")
def fftshift(x: Any, axes: Any = None) -> Any:
    return _shifted(x, axes, forward=True)


@_named("signal.ifftshift")
def ifftshift(x: Any, axes: Any = None) -> Any:
    return _shifted(x, axes, forward=False)


@of_tensorflow("signal.linear_to_mel_weight_matrix")
def linear_to_mel_weight_matrix(
    num_mel_bins: Any = 20, num_spectrogram_bins: Any = 129, sample_rate: Any = 8000,
    lower_edge_hertz: Any = 125.0, upper_edge_hertz: Any = 3800.0, dtype: Any = "float32",
) -> Value:  # fmt: skip
    """(spectrogram bins, mel bins): triangles of equal width on the mel scale (HTK's)."""
    rate, bins = float(sample_rate), int(num_mel_bins)

    def mel(hertz: Any) -> Any:
        return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)

    lines = mel(np.linspace(0.0, rate / 2, int(num_spectrogram_bins))[1:])[:, None]
    edges = np.linspace(mel(float(lower_edge_hertz)), mel(float(upper_edge_hertz)), bins + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (lines - low) / (middle - low), (high - lines) / (high - middle)
    weights = np.pad(np.maximum(0.0, np.minimum(rising, falling)), [(1, 0), (0, 0)])
    return op.Identity(Constant(weights.astype(str(dtype))))


@of_tensorflow("signal.dct")
def dct(input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: Any = None) -> Value:
    """The second of the cosine transforms, along the last axis."""
    if type != 2 or axis not in (-1, None):
        raise ValueError(f"tf.signal.dct of type {type} along axis {axis} is not here; type 2 along -1 is.")
    x = _float(input)
    given = _size(x, -1)
    size = given if n is None else int(n)
    places = np.arange(size)
    matrix = 2 * np.cos(np.pi * places[None] * (2 * places[:, None] + 1) / (2 * size))
    if norm == "ortho":
        matrix = matrix * np.where(places == 0, math.sqrt(1 / (4 * size)), math.sqrt(1 / (2 * size)))
    return (
        op.MatMul(x, _tensor(matrix[: min(given, size)], x))
        if size >= given
        else op.MatMul(sliced(x, [Ellipsis, slice(0, size)]), _tensor(matrix, x))
    )


@of_tensorflow("signal.mfccs_from_log_mel_spectrograms")
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any) -> Value:
    x = _float(log_mel_spectrograms)
    return dct(x) * (1.0 / math.sqrt(2.0 * _size(x, -1)))
