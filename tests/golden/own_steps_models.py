"""Small models and arrays for programs with steps of their own, and what is written down of a training."""

from __future__ import annotations

import numpy as np


def arrays(seed, *shapes):
    draw = np.random.RandomState(seed)
    return [draw.uniform(-1.0, 1.0, shape).astype("float32") for shape in shapes]


def weights_of(model):
    """The weights of layers alone: some versions of Keras count those of metrics among a model's."""
    return [w for layer in model.layers for w in layer.weights] if hasattr(model, "layers") else model.weights


def fixed(model, seed=0):
    """The model with weights that do not depend on initializers."""
    draw = np.random.RandomState(seed)
    for weight in weights_of(model):
        value = draw.normal(size=tuple(weight.shape)) * 0.3
        weight.assign((np.abs(value) + 0.5 if value.ndim == 1 else value).astype("float32"))
    return model


def found(history, *models):
    numbers = {name: values for name, values in history.history.items()}
    for i, model in enumerate(models):
        numbers[f"weights_{i}"] = [float(np.sum(np.abs(w.numpy()))) for w in weights_of(model)]
    return numbers


def small(keras, cls, units=1, activation=None, **kwargs):
    inputs = keras.Input(shape=(6,))
    x = keras.layers.Dense(5, activation="tanh", kernel_regularizer=kwargs.pop("regularizer", None))(inputs)
    x = keras.layers.BatchNormalization()(x) if kwargs.pop("normalized", False) else x
    return fixed(cls(inputs, keras.layers.Dense(units, activation=activation)(x)))


OPTIONS = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}
