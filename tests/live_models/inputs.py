"""What the models of the tests are called on."""

from __future__ import annotations

import numpy as np


def floats(*shape):
    return np.random.default_rng(7).normal(size=shape).astype("float32")


def tokens(*shape, below=20):
    return np.random.default_rng(3).integers(1, below, shape)
