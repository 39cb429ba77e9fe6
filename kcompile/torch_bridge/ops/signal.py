"""Spectra and windows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ._common import Number, number


def DFT(
    input: Tensor, dft_length: Number | None = None, axis: Number = -2, *, inverse: int = 0, onesided: int = 0
) -> Tensor:
    """The last axis of input and output holds the real and the imaginary part (or the real one alone)."""
    axis = int(number(axis))
    axis = axis % input.dim()
    length = None if dft_length is None else int(number(dft_length))
    real = input.shape[-1] == 1
    signal = input[..., 0] if real else torch.view_as_complex(input.contiguous())
    if inverse and onesided:
        size = length or 2 * (input.shape[axis] - 1)
        return torch.fft.irfft(signal, size, axis).unsqueeze(-1)
    if onesided:
        return torch.view_as_real(torch.fft.rfft(signal, length, axis))
    return torch.view_as_real((torch.fft.ifft if inverse else torch.fft.fft)(signal, length, axis))


def STFT(
    signal: Tensor,
    frame_step: Number,
    window: Tensor | None = None,
    frame_length: Number | None = None,
    *,
    onesided: int = 1,
) -> Tensor:
    if frame_length is not None:
        length = int(number(frame_length))
    elif window is not None:
        length = window.shape[0]
    else:
        raise ValueError("STFT wants a window or a frame_length")
    data = signal
    if signal.dim() == 3:
        data = signal[..., 0] if signal.shape[-1] == 1 else torch.view_as_complex(signal.contiguous())
    frames = data.unfold(1, length, int(number(frame_step)))
    if window is not None:
        frames = frames * window
    if onesided and not frames.is_complex():
        return torch.view_as_real(torch.fft.rfft(frames))
    return torch.view_as_real(torch.fft.fft(frames))


def _window(size: Number, datatype: torch.dtype, periodic: int, device: str, *terms: float) -> Tensor:
    """A sum of cosines over the window."""
    n = int(number(size))
    place = torch.arange(n, dtype=torch.float64, device=device) * 2 * math.pi / (n if periodic else n - 1)
    total = torch.zeros_like(place)
    for k, term in enumerate(terms):
        total += term * torch.cos(k * place)
    return total.to(datatype)


def BlackmanWindow(
    size: Number, *, output_datatype: torch.dtype = torch.float32, periodic: int = 1, device: str = "cpu"
) -> Tensor:
    return _window(size, output_datatype, periodic, device, 0.42, -0.5, 0.08)


def HannWindow(
    size: Number, *, output_datatype: torch.dtype = torch.float32, periodic: int = 1, device: str = "cpu"
) -> Tensor:
    return _window(size, output_datatype, periodic, device, 0.5, -0.5)


def HammingWindow(
    size: Number, *, output_datatype: torch.dtype = torch.float32, periodic: int = 1, device: str = "cpu"
) -> Tensor:
    return _window(size, output_datatype, periodic, device, 25 / 46, -21 / 46)


def MelWeightMatrix(
    num_mel_bins: Number,
    dft_length: Number,
    sample_rate: Number,
    lower_edge_hertz: Number,
    upper_edge_hertz: Number,
    *,
    output_datatype: torch.dtype = torch.float32,
    device: str = "cpu",
) -> Tensor:
    """Triangles over the bins of a spectrum, their corners equally spaced in mel."""
    bins, length, rate = (int(number(x)) for x in (num_mel_bins, dft_length, sample_rate))
    low, high = (
        2595 * math.log10(1 + float(number(edge)) / 700) for edge in (lower_edge_hertz, upper_edge_hertz)
    )
    step = (high - low) / (bins + 2)
    mels = [low + step * i for i in range(bins + 2)]
    corners = [math.floor((length + 1) * 700 * (10 ** (mel / 2595) - 1) / rate) for mel in mels]
    matrix = torch.zeros(length // 2 + 1, bins, dtype=torch.float64)
    for i in range(bins):
        left, middle, right = corners[i : i + 3]
        for k in range(left, middle + 1):
            matrix[k, i] = 1.0 if middle == left else (k - left) / (middle - left)
        for k in range(middle, right):
            matrix[k, i] = (right - k) / (right - middle)
    return matrix.to(output_datatype).to(device)
