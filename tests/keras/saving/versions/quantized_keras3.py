"""Run in a process of its own: stock Keras 3 quantizes models to int8, and says what they compute."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers as L


def models():
    """Name -> a model and inputs for it."""
    random = np.random.default_rng(0)
    floats = random.normal(size=(8, 6)).astype(np.float32)
    steps = random.normal(size=(8, 5, 6)).astype(np.float32)
    yield "dense", keras.Sequential([keras.Input((6,)), L.Dense(5, activation="relu"), L.Dense(2)]), floats
    yield (
        "einsum",
        keras.Sequential([keras.Input((6,)), L.EinsumDense("ab,bc->ac", 4, bias_axes="c")]),
        floats,
    )
    words = keras.Sequential([keras.Input((5,), dtype="int32"), L.Embedding(7, 4), L.Dense(2)])
    yield "words", words, random.integers(0, 7, (8, 5)).astype(np.int32)
    x = keras.Input((5, 6))
    yield "attention", keras.Model(x, L.Dense(3)(L.MultiHeadAttention(2, 4)(x, x))), steps


def quantized():
    """The same with weights drawn, quantized."""
    for name, model, inputs in models():
        keras.utils.set_random_seed(1)
        for weight in model.weights:
            weight.assign(np.random.default_rng(2).normal(size=weight.shape) * 0.5)
        model.quantize("int8")
        yield name, model, inputs


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name, model, inputs in quantized():
        model.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", x=inputs, y=np.asarray(model.predict(inputs, verbose=0)))
