"""Recurrent layers of each kind, and a sequence for them."""

from __future__ import annotations

import functools

import numpy as np
import onnx

from kcompile.keras.layers import (
    GRU,
    LSTM,
    SimpleRNN,
)

KINDS = {
    "SimpleRNN": SimpleRNN,
    "GRU": GRU,
    "GRU reset_after": functools.partial(GRU, reset_after=True),
    "LSTM": LSTM,
}


BATCH, STEPS, FEATURES, UNITS = 4, 6, 3, 5


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


X = draw(BATCH, STEPS, FEATURES)


def state_count(kind):
    return 2 if kind == "LSTM" else 1


def node_types(path):
    return [node.op_type for node in onnx.load(path).graph.node]
