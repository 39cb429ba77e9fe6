"""Every built-in layer that has kernels, and what becomes of each in the file of a prepared model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kcompile import keras
from kcompile.keras import layers as L

#: What there is of a weight: int8 with a scale for each channel of the result, int8 with one scale, uint8
#: with one scale. Any other text says why it stays float32.
CHANNELS, MATRIX, TABLE = "by channel", "as a matrix", "as a table"

_ADDED = "it is added, not multiplied"
_STATE = "it is a state of training, which prediction does not read"
_QUOTIENT = "it is divided by a scale that trains: the file rounds the quotient while it runs"
_IN_PARTS = "a loop reads it in parts: the file rounds these while it runs"


class Case(NamedTuple):
    """A layer.

    Attributes:
        shape: of one sample.
        weights: by name, without that of the layer, what becomes of each that has two axes or more.
        words: how many whole numbers there are, where the layer takes these.
    """

    make: Callable[[], Any]
    shape: tuple[int, ...]
    weights: dict[str, str]
    words: int = 0

    def model(self) -> Any:
        x = keras.Input(self.shape, dtype="int32" if self.words else "float32")
        layer = self.make()
        attends = isinstance(layer, L.MultiHeadAttention | L.GroupQueryAttention)
        return keras.Model(x, layer(x, x) if attends else layer(x))

    def samples(self, count: int) -> np.ndarray:
        random = np.random.default_rng(1)
        if self.words:
            return random.integers(0, self.words, (count, *self.shape)).astype(np.int32)
        return random.normal(size=(count, *self.shape)).astype(np.float32)


_PROJECTIONS = {f"{name}/kernel": CHANNELS for name in ("query", "key", "value", "attention_output")}
_BIASES = {f"{name}/bias": _ADDED for name in ("query", "key", "value")}
_RECURRENT = {"kernel": MATRIX, "recurrent_kernel": MATRIX}
_BOTH_WAYS = {f"{way}_inner/{name}": MATRIX for way in ("forward", "backward") for name in _RECURRENT}
_SEPARABLE = {"depthwise_kernel": CHANNELS, "pointwise_kernel": CHANNELS}
_PLAIN = {"kernel": CHANNELS}
_STACKED = {"kernel": MATRIX, "bias": _ADDED}


def _inner() -> Any:
    return L.Dense(3, name="inner")


CASES = {
    "Bidirectional": Case(lambda: L.Bidirectional(L.LSTM(3, name="inner")), (5, 4), _BOTH_WAYS),
    "Conv1D": Case(lambda: L.Conv1D(3, 2), (5, 4), _PLAIN),
    "Conv1DTranspose": Case(lambda: L.Conv1DTranspose(3, 2), (5, 4), _PLAIN),
    "Conv2D": Case(lambda: L.Conv2D(3, 2), (5, 5, 4), _PLAIN),
    "Conv2DTranspose": Case(lambda: L.Conv2DTranspose(3, 2), (5, 5, 4), _PLAIN),
    "Conv3D": Case(lambda: L.Conv3D(3, 2), (4, 4, 4, 2), _PLAIN),
    "Conv3DTranspose": Case(lambda: L.Conv3DTranspose(3, 2), (3, 3, 3, 2), _PLAIN),
    "ConvLSTM1D": Case(lambda: L.ConvLSTM1D(2, 2), (3, 5, 2), _RECURRENT),
    "ConvLSTM2D": Case(lambda: L.ConvLSTM2D(2, 2), (3, 4, 4, 2), _RECURRENT),
    "ConvLSTM3D": Case(lambda: L.ConvLSTM3D(2, 2), (3, 3, 3, 3, 2), _RECURRENT),
    "ConvRNN2D": Case(
        lambda: L.convolutional_recurrent.ConvRNN2D(L.ConvLSTM2DCell(2, 2)), (3, 4, 4, 2), _RECURRENT
    ),
    "CuDNNGRU": Case(lambda: L.CuDNNGRU(3), (5, 4), _RECURRENT),
    "CuDNNLSTM": Case(lambda: L.CuDNNLSTM(3), (5, 4), _RECURRENT),
    "Dense": Case(lambda: L.Dense(3), (6,), _PLAIN),
    "DepthwiseConv1D": Case(lambda: L.DepthwiseConv1D(2), (5, 4), {"depthwise_kernel": CHANNELS}),
    "DepthwiseConv2D": Case(lambda: L.DepthwiseConv2D(2), (5, 5, 4), {"depthwise_kernel": CHANNELS}),
    "EinsumDense": Case(lambda: L.EinsumDense("abc,cde->abde", (5, 3, 2)), (5, 4), _PLAIN),
    "Embedding": Case(lambda: L.Embedding(9, 3), (6,), {"embeddings": TABLE}, words=9),
    "GRU": Case(lambda: L.GRU(3, reset_after=True), (5, 4), {**_RECURRENT, "bias": _ADDED}),
    "GroupQueryAttention": Case(
        lambda: L.GroupQueryAttention(2, 4, 2),
        (5, 4),
        {**_PROJECTIONS, **_BIASES},
    ),
    "Highway": Case(lambda: L.Highway(), (6,), {"W": CHANNELS, "W_carry": CHANNELS}),
    "LSTM": Case(lambda: L.LSTM(3), (5, 4), _RECURRENT),
    "LocallyConnected1D": Case(lambda: L.LocallyConnected1D(3, 2), (5, 4), _STACKED),
    "LocallyConnected2D": Case(lambda: L.LocallyConnected2D(3, 2), (4, 4, 2), _STACKED),
    "MaxoutDense": Case(lambda: L.MaxoutDense(3), (6,), {"W": CHANNELS, "b": _ADDED}),
    "MultiHeadAttention": Case(lambda: L.MultiHeadAttention(2, 3), (5, 4), {**_PROJECTIONS, **_BIASES}),
    "Pipeline": Case(lambda: L.Pipeline([_inner()]), (6,), {"inner/kernel": CHANNELS}),
    "RNN": Case(
        lambda: L.RNN([L.LSTMCell(3), L.GRUCell(3)]),
        (5, 4),
        {**_RECURRENT, "kernel_1": MATRIX, "recurrent_kernel_1": _IN_PARTS},
    ),
    "RandomFourierFeatures": Case(lambda: L.RandomFourierFeatures(3), (6,), {"unscaled_kernel": _QUOTIENT}),
    "ReversibleEmbedding": Case(lambda: L.ReversibleEmbedding(9, 3), (6,), {"embeddings": TABLE}, words=9),
    "SeparableConv1D": Case(lambda: L.SeparableConv1D(3, 2), (5, 4), _SEPARABLE),
    "SeparableConv2D": Case(lambda: L.SeparableConv2D(3, 2), (5, 5, 4), _SEPARABLE),
    "SimpleRNN": Case(lambda: L.SimpleRNN(3), (5, 4), _RECURRENT),
    "SpectralNormalization": Case(
        lambda: L.SpectralNormalization(_inner()), (6,), {**_PLAIN, "vector_u": _STATE}
    ),
    "STFTSpectrogram": Case(
        lambda: L.STFTSpectrogram(frame_length=8, frame_step=4, fft_length=8),
        (20, 1),
        {"real_kernel": CHANNELS, "imag_kernel": CHANNELS},
    ),
    "TimeDistributed": Case(lambda: L.TimeDistributed(_inner()), (5, 4), _PLAIN),
}  # fmt: skip
#: What has kernels and is nothing to call alone, or is made to be derived from.
NOT_ALONE = {
    "AbstractRNNCell": "a base of cells, which RNN calls",
    "ConvLSTM2DCell": "a cell, which ConvRNN2D calls",
    "ConvRecurrent2D": "a base of layers",
    "GRUCell": "a cell, which RNN calls",
    "LSTMCell": "a cell, which RNN calls",
    "Recurrent": "a base of layers",
    "SimpleRNNCell": "a cell, which RNN calls",
    "StackedRNNCells": "cells, which RNN calls",
}
#: Layers whose inputs or vocabularies the walk cannot make up; they have no kernels.
WITHOUT = (
    "Discretization",
    "GroupNormalization",
    "HashedCrossing",
    "IntegerLookup",
    "StringLookup",
    "TextVectorization",
)
