"""Models with activity regularizers, their inputs and weights, for any program that has Keras's API."""

from __future__ import annotations

from typing import Any

import numpy as np

STEPS, FEATURES = 3, 4
FACTOR = 0.1


def models(keras: Any) -> dict[str, Any]:
    """By name, each on a batch of sequences."""
    layers = keras.layers

    def regularizer() -> Any:
        return keras.regularizers.l2(FACTOR)

    def stack(*made: Any) -> Any:
        return keras.Sequential([keras.Input((STEPS, FEATURES)), *made])

    inner = stack(layers.Dense(2, activity_regularizer=regularizer()))
    return {
        "dense": stack(layers.Dense(2, activity_regularizer=regularizer())),
        "convolution": stack(layers.Conv1D(2, 2, activity_regularizer=regularizer())),
        "layer": stack(layers.ActivityRegularization(l1=FACTOR, l2=FACTOR), layers.Flatten()),
        "recurrent": stack(layers.LSTM(2, activity_regularizer=regularizer())),
        "sequences": stack(
            layers.GRU(2, return_sequences=True, reset_after=True, activity_regularizer=regularizer())
        ),
        "time_distributed": stack(
            layers.TimeDistributed(layers.Dense(2, activity_regularizer=regularizer()))
        ),
        "bidirectional": stack(layers.Bidirectional(layers.LSTM(2, activity_regularizer=regularizer()))),
        "embedding": keras.Sequential(
            [keras.Input((STEPS,)), layers.Embedding(5, 2, activity_regularizer=regularizer())]
        ),
        "model": stack(inner, layers.Flatten()),
        "two": stack(
            layers.Dense(3, activity_regularizer=regularizer()), layers.Dense(2, activity_regularizer="l1")
        ),
    }


def inputs(name: str, samples: int = 5) -> np.ndarray:
    """A batch for a model."""
    if name == "embedding":
        return (np.arange(samples * STEPS).reshape(samples, STEPS) % 5).astype("int32")
    return np.linspace(-1, 1, samples * STEPS * FEATURES, dtype="float32").reshape(samples, STEPS, FEATURES)


def weights(shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """Weights of these shapes."""
    return [
        np.linspace(-0.5, 0.7, int(np.prod(shape)), dtype="float32").reshape(shape) + 0.1 * i
        for i, shape in enumerate(shapes)
    ]
