"""Data and models that the tests of training share."""

from __future__ import annotations

import numpy as np

import kcompile.keras as keras
from kcompile.keras.layers import Dense, Embedding, Flatten
from kcompile.keras.models import Sequential

RANDOM = np.random.RandomState(3)
X = RANDOM.uniform(-1, 1, (20, 3)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype("float32")


def linear(**compile_arguments):
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": "mse", **compile_arguments})
    return model


def classifier(loss="categorical_crossentropy", units=3):
    model = Sequential([Dense(units, activation="softmax", input_shape=(4,), name="out")], name="net")
    model.compile("sgd", loss)
    return model


def words():
    layers = [Embedding(5, 2, input_length=3, name="words"), Flatten(), Dense(1, name="out")]
    model = Sequential(layers)
    model.compile("sgd", "mse")
    return model


class OnDisk:
    """An array that is read by slices, as an h5py dataset is."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, key):
        return self.array[key]
