"""Spectra of audio: by the Mel scale, and by a short-time Fourier transform that can be trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....ir import Constant, Value, claim_steps, op
from ... import backend as K
from ... import registry
from ...backend.convolution import conv
from ...backend.tensors import dims_of, refine, shape_vector, static_sizes, tensor
from ...core.layer import InputSpec, Layer
from ...declaration import Argument, configured
from ...utils.conv_utils import conv_output_length
from ..arguments import data_format, positive_int
from .common import as_float

__all__ = ["MelSpectrogram", "STFTSpectrogram"]

_COSINES = {  # coefficients of general cosine windows
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def window_of(layer: Layer, window: Any, size: int, periodic: bool) -> np.ndarray:
    """The values of a window, (size,).

    Args:
        window: a name, the values, or None for ones.

    Raises:
        ValueError: for an unknown name, or values of another number.
    """
    claim_steps(4 * size, f"a window of {size} samples")
    if isinstance(window, str):
        if window not in _COSINES:
            raise ValueError(
                f"{type(layer).__name__}: window must be one of {', '.join(_COSINES)}, a list of {size} "
                f"values or None; found {window!r}."
            )
        turns = np.arange(size) / max(size if periodic else size - 1, 1)
        terms = [(-1) ** k * a * np.cos(2 * np.pi * k * turns) for k, a in enumerate(_COSINES[window])]
        return np.sum(terms, axis=0)
    values = np.ones(size) if window is None else np.asarray(window, np.float64)
    if values.shape != (size,):
        raise ValueError(
            f"{type(layer).__name__}: window must have {size} values, found the shape {values.shape}."
        )
    return values


class MelSpectrogram(Layer):
    """The power spectrum of audio in bands of the Mel scale, in decibels.

    Args:
        fft_length: samples of a transform.
        sequence_stride: samples between two transforms.
        sequence_length: samples that a window sees, fft_length by default; zeros fill up.
        window: "hann" or another name, values, or None.
        sampling_rate: samples per second.
        num_mel_bins: number of bands.
        min_freq, max_freq: where the first band begins and the last one ends, in Hz; half the sampling rate
            by default.
        power_to_db: whether to give decibels.
        top_db: how far below the largest value of the batch results may lie.
        mag_exp: exponent of the magnitudes; 1 for magnitudes, 2 for power.
        min_power: smaller values count as this one.
        ref_power: power of 0 decibels.

    Input: (batch, samples), of any number; output: (batch, num_mel_bins, frames). The ends are mirrored, so
    that frames are centred. Emits ONNX STFT.

    Raises:
        ValueError: if ``sequence_length`` exceeds ``fft_length``.
    """

    input_spec = InputSpec(ndim=2)

    @configured(fft_length=positive_int, sequence_stride=positive_int, num_mel_bins=positive_int)
    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        self.sequence_length = positive_int(self, "sequence_length", sequence_length or self.fft_length)
        if self.sequence_length > self.fft_length:
            raise ValueError(
                f"MelSpectrogram: sequence_length={sequence_length} exceeds fft_length={fft_length}."
            )
        self.max_freq = max_freq or int(sampling_rate / 2)
        # TensorFlow's periodic window of an odd size is the symmetric one
        even = self.sequence_length % 2 == 0
        self._window = window_of(self, window, self.sequence_length, periodic=even)

    def call(self, inputs: Any) -> Any:
        bands = op.MatMul(self._magnitudes(as_float(self, inputs)), tensor(self._band_weights(), K.floatx()))
        if self.power_to_db:
            bands = self._decibels(bands)
        return op.Transpose(bands, perm=[0, 2, 1])

    def _magnitudes(self, x: Value) -> Value:
        """(batch, frames, fft_length // 2 + 1)."""
        ends = self.fft_length // 2
        x = op.Pad(x, [0, ends, 0, ends], mode="reflect")
        empty = self.fft_length - self.sequence_length
        claim_steps(4 * self.fft_length, f"fft_length={self.fft_length}")
        window = np.pad(self._window, (empty // 2, empty - empty // 2)).astype(x.dtype)
        stride, length = (Constant(np.int64(n)) for n in (self.sequence_stride, self.fft_length))
        spectrum = op.STFT(op.Unsqueeze(x, [2]), stride, Constant(window), length, onesided=1)
        power = op.ReduceSum(op.Mul(spectrum, spectrum), [3], keepdims=0)
        if self.mag_exp == 2.0:
            return power
        return op.Pow(op.Sqrt(power), tensor(float(self.mag_exp), x.dtype))

    def _band_weights(self) -> np.ndarray:
        """(fft_length // 2 + 1, num_mel_bins): triangles on the Mel scale, nothing of the constant part."""

        places = self.fft_length // 2 + 1
        claim_steps(10 * places * self.num_mel_bins, f"{self.num_mel_bins} bands of {places} frequencies")

        def mel(frequency: Any) -> Any:
            return 1127.0 * np.log1p(np.asarray(frequency) / 700.0)

        hertz = mel(np.linspace(0.0, self.sampling_rate / 2.0, places))[1:, None]
        edges = np.linspace(mel(self.min_freq), mel(self.max_freq), self.num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
        return np.pad(np.maximum(np.minimum(rising, falling), 0.0), ((1, 0), (0, 0)))

    def _decibels(self, power: Value) -> Value:
        scale = 10.0 / np.log(10.0)
        reference = 10.0 * np.log10(max(abs(self.ref_power), self.min_power))
        levels = op.Log(op.Max(power, tensor(self.min_power, power.dtype))) * float(scale) - float(reference)
        return op.Max(levels, op.ReduceMax(levels, keepdims=0) - float(self.top_db))

    def compute_output_shape(self, input_shape: Any) -> Any:
        samples = input_shape[1]
        frames = None
        if samples is not None:
            frames = (samples + self.fft_length // 2 * 2 - self.fft_length) // self.sequence_stride + 1
        return (input_shape[0], self.num_mel_bins, frames)


_SPECTRA = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """The short-time Fourier transform of audio as convolutions, whose kernels can be trained.

    Args:
        mode: "log", "magnitude", "psd" (power, one-sided), "real", "imag", "angle" or "stft" (real and
            imaginary parts one after the other).
        frame_length: samples of a frame.
        frame_step: samples between two frames, half of frame_length by default.
        fft_length: number of frequencies before halving, the next power of two by default.
        window: "hann" or another name, values, or None.
        periodic: whether the window is periodic.
        scaling: "density", "spectrum" or None.
        padding: "valid" or "same".
        expand_dims: whether channels have an axis of their own.
        data_format: "channels_last" or "channels_first"; default ``K.image_data_format()``.

    Input: (batch, samples, channels), or (batch, channels, samples).
    Output: (batch, frames, channels * frequencies), with expand_dims (batch, frames, frequencies, channels);
    or (batch, channels * frequencies, frames) and (batch, channels, frames, frequencies).
    Weights: real_kernel unless mode is "imag", imag_kernel unless mode is "real", each (frame_length, 1,
    fft_length // 2 + 1). Emits ONNX Conv.

    Raises:
        ValueError: for another ``mode``, ``padding`` or the like, an ``fft_length`` below
            ``frame_length``, or a ``frame_step`` above it.
    """

    input_spec = InputSpec(ndim=3)

    @configured(frame_length=positive_int, expand_dims=Argument(after="data_format"), data_format=data_format)
    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        for name, value, known in (
            ("mode", mode, _SPECTRA),
            ("scaling", scaling, ("density", "spectrum", None)),
            ("padding", padding, ("valid", "same")),
        ):
            if value not in known:
                raise ValueError(
                    f"STFTSpectrogram: {name} must be one of {', '.join(map(repr, known))}; found {value!r}."
                )
        self._step = positive_int(self, "frame_step", frame_step or max(self.frame_length // 2, 1))
        self._size = positive_int(self, "fft_length", fft_length or 1 << (self.frame_length - 1).bit_length())
        if self._size < self.frame_length or self._step > self.frame_length:
            raise ValueError(
                f"STFTSpectrogram: fft_length={fft_length} must be at least, and frame_step={frame_step} at "
                f"most, frame_length={frame_length}."
            )
        self._window = window_of(self, window, self.frame_length, periodic)

    def build(self, input_shape: Any) -> None:
        self.real_kernel = None if self.mode == "imag" else self._kernel("real_kernel", np.cos)
        self.imag_kernel = None if self.mode == "real" else self._kernel("imag_kernel", np.sin)
        self.built = True

    def _kernel(self, name: str, wave: Any) -> Any:
        frequencies = self._size // 2 + 1
        claim_steps(
            10 * self.frame_length * frequencies,
            f"a transform of {self.frame_length} samples by {frequencies} frequencies",
        )
        time = np.arange(self.frame_length)[:, None, None]
        values = wave(-2 * np.pi * time * np.arange(frequencies) / ((frequencies - 1) * 2))
        window = self._window[:, None, None]
        if self.window is not None:
            scales = {"density": np.sqrt(np.sum(window**2)), "spectrum": np.sum(np.abs(window))}
            values = values * window / scales.get(self.scaling or "", 1.0)
        kernel = self.add_weight(name, (self.frame_length, 1, frequencies), initializer="zeros")
        kernel.assign(values.astype(kernel.dtype))
        return kernel

    def call(self, inputs: Any) -> Any:
        x = inputs if self.data_format == "channels_first" else op.Transpose(inputs, perm=[0, 2, 1])
        real, imag = (
            None if kernel is None else self._transformed(x, kernel)
            for kernel in (self.real_kernel, self.imag_kernel)
        )
        y = self._arranged(self._spectrum(real, imag))
        if self.mode == "log":
            y = op.Log(op.Max(y, tensor(K.epsilon(), y.dtype)))
        return refine(y, self.compute_output_shape(K.int_shape(inputs)))

    def _transformed(self, x: Value, kernel: Value) -> Value:
        """(batch, channels, frequencies, frames) of (batch, channels, samples)."""
        batch, channels, samples = dims_of(x)
        alone = refine(op.Reshape(x, shape_vector([-1, 1, samples])), [None, 1, static_sizes(x)[2]])
        y = conv(alone, kernel, self._step, self.padding, "channels_first", 1)
        return op.Reshape(y, shape_vector([batch, channels, *dims_of(y)[1:]]))

    def _spectrum(self, real: Any, imag: Any) -> Value:
        if self.mode in ("real", "imag"):
            return real if self.mode == "real" else imag
        if self.mode == "stft":
            return op.Concat(real, imag, axis=2)
        if self.mode == "angle":
            return _angle(imag, real)
        power = op.Add(op.Mul(real, real), op.Mul(imag, imag))
        if self.mode == "psd":  # inner frequencies stand for the mirrored ones, too
            twice = np.full((self._size // 2 + 1, 1), 2.0, power.dtype)
            twice[[0, -1]] = 1.0
            return op.Mul(power, Constant(twice))
        return op.Sqrt(op.Max(power, tensor(K.epsilon(), power.dtype)))

    def _arranged(self, y: Value) -> Value:
        last = self.data_format == "channels_last"
        if self.expand_dims:
            return op.Transpose(y, perm=[0, 3, 2, 1] if last else [0, 1, 3, 2])
        batch, channels, frequencies, frames = dims_of(y)
        y = op.Reshape(y, shape_vector([batch, channels * frequencies, frames]))
        return op.Transpose(y, perm=[0, 2, 1]) if last else y

    def compute_output_shape(self, input_shape: Any) -> Any:
        last = self.data_format == "channels_last"
        samples, channels = (input_shape[1], input_shape[2]) if last else (input_shape[2], input_shape[1])
        frames = conv_output_length(samples, self.frame_length, self.padding, self._step)
        frequencies = (self._size // 2 + 1) * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            rest = (frames, frequencies, channels) if last else (channels, frames, frequencies)
            return (input_shape[0], *rest)
        features = None if channels is None else channels * frequencies
        return (input_shape[0], frames, features) if last else (input_shape[0], features, frames)


def _angle(y: Value, x: Value) -> Value:
    """The angle of the points (x, y), -pi to pi."""
    zero, one = tensor(0.0, x.dtype), tensor(1.0, x.dtype)
    flat = op.Equal(x, zero)
    slope = op.Atan(op.Div(y, op.Where(flat, one, x)))
    half_turn = op.Where(y < zero, tensor(-np.pi, x.dtype), tensor(np.pi, x.dtype))
    turned = op.Where(x < zero, slope + half_turn, slope)
    return op.Where(flat, op.Sign(y) * float(np.pi / 2), turned)


registry.register(globals())
