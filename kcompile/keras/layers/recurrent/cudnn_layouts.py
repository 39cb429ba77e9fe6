"""The layouts of CuDNNLSTM and CuDNNGRU weights in files, and the way between them and those of LSTM and GRU.

All have a kernel (features, gates * units), a recurrent kernel (units, gates * units) and a bias. In the
layout of the CuDNN layers the elements of each gate's kernels, read row by row, are a matrix (units, inputs),
and there are two biases, of inputs and of previous outputs, in one vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def lstm_weights(stored: Sequence[Any], layer: Any, cudnn: bool) -> list[Any]:
    """The stored weights of an LSTM or CuDNNLSTM in the layout of the other, where ``cudnn`` asks for it.

    Args:
        stored: arrays as a file has them.
        layer: has ``units``.
        cudnn: whether the layout of CuDNNLSTM is wanted.
    """
    stored = list(stored)
    if len(stored) != 3:
        return stored
    kernel, recurrent, bias = stored
    shape, width = np.shape(bias), 4 * layer.units
    if cudnn and shape == (width,):
        bias = np.concatenate([np.asarray(bias), np.zeros_like(np.asarray(bias))])
        return [to_cudnn(kernel, 4), to_cudnn(recurrent, 4), bias]
    if not cudnn and shape == (2 * width,):
        return [from_cudnn(kernel, 4), from_cudnn(recurrent, 4), np.asarray(bias).reshape(2, width).sum(0)]
    return stored


def gru_weights(stored: Sequence[Any], layer: Any, cudnn: bool) -> list[Any]:
    """The stored weights of a GRU(reset_after=True) or CuDNNGRU in the layout of the other; see
    ``lstm_weights``.

    Raises:
        ValueError: if one of the two is a GRU without ``reset_after``, which computes something else.
    """
    stored = list(stored)
    if len(stored) != 3:
        return stored
    kernel, recurrent, bias = stored
    shape, width = np.shape(bias), 3 * layer.units
    source = {
        (width,): "GRU(reset_after=False)",
        (2, width): "GRU(reset_after=True)",
        (2 * width,): "CuDNNGRU",
    }
    target = "CuDNNGRU" if cudnn else f"GRU(reset_after={bool(layer.reset_after)})"
    found = source.get(shape, target)
    if found == target:
        return stored
    if "GRU(reset_after=False)" in (found, target):
        raise ValueError(f"Layer {layer.name!r}: weights of {found} cannot be loaded into {target}.")
    convert = to_cudnn if cudnn else from_cudnn
    return [
        convert(kernel, 3),
        convert(recurrent, 3),
        np.asarray(bias).reshape((2 * width,) if cudnn else (2, width)),
    ]


def from_cudnn(kernel: Any, gates: int) -> np.ndarray:
    """(inputs, gates * units) in the layout of LSTM and GRU."""
    return _per_gate(kernel, gates, lambda part: part.reshape(part.shape[::-1]).T)


def to_cudnn(kernel: Any, gates: int) -> np.ndarray:
    """(inputs, gates * units) in the layout of CuDNNLSTM and CuDNNGRU."""
    return _per_gate(kernel, gates, lambda part: part.T.reshape(part.shape))


def _per_gate(kernel: Any, gates: int, convert: Any) -> np.ndarray:
    parts = np.split(np.asarray(kernel), gates, axis=1)
    return np.concatenate([convert(np.ascontiguousarray(part)) for part in parts], axis=1)
