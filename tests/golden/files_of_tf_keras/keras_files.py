"""What tf_keras 2.21 writes into ``.keras`` files: configurations and the tree of weights, of models that any
Keras can make.

``TF_USE_LEGACY_KERAS=1 python -m tests.golden.files_of_tf_keras.keras_files`` in the environment of
``make peers`` writes keras_files.json.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np

PATH = Path(__file__).parent / "keras_files.json"


def stacked(k: ModuleType) -> Any:
    layers = k.layers
    model = k.Sequential([
        layers.Dense(4, activation="relu", input_shape=(3,)),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.Dense(2, kernel_regularizer="l2", kernel_constraint="max_norm"),
    ])  # fmt: skip
    metrics = ["mae", k.metrics.MeanSquaredError(name="squared")]
    model.compile(k.optimizers.Adam(0.125), "mse", metrics=metrics)
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    return model


def two_inputs(k: ModuleType) -> Any:
    a, b = k.Input((3,), name="a"), k.Input((4,), name="b")
    shared = k.layers.Dense(5, activation="tanh")
    joined = k.layers.Concatenate()([shared(a), shared(k.layers.Dense(3)(b))])
    outputs = [k.layers.Dense(2, name="c")(joined), k.layers.Dense(1, name="d")(joined)]
    model = k.Model([a, b], outputs)
    rate = k.optimizers.schedules.ExponentialDecay(0.5, 10, 0.25)
    losses = {"c": "mse", "d": k.losses.Huber(0.5)}
    model.compile(k.optimizers.SGD(rate, momentum=0.5), losses, metrics={"c": "mae"}, loss_weights={"c": 0.5})
    model.fit([np.ones((4, 3)), np.ones((4, 4))], [np.ones((4, 2)), np.ones((4, 1))], verbose=0)
    return model


def nested(k: ModuleType) -> Any:
    x = k.Input((3,))
    inner = k.Model(x, k.layers.Dense(4)(x), name="inner")
    x = k.Input((3,))
    return k.Model(x, k.Sequential([k.layers.Dense(3, input_shape=(4,))], name="last")(inner(x)))


def recurrent(k: ModuleType) -> Any:
    x = k.Input((None, 5))
    y = k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True))(x)
    y = k.layers.GRU(2, return_sequences=True)(y)
    cells = [k.layers.LSTMCell(2, name="first"), k.layers.GRUCell(3, name="second")]
    return k.Model(x, k.layers.RNN(cells)(y))


def attending(k: ModuleType) -> Any:
    x = k.Input((5, 4))
    y = k.layers.MultiHeadAttention(2, 3)(x, x)
    y = k.layers.TimeDistributed(k.layers.Dense(2))(y)
    return k.Model(x, k.layers.Flatten()(y[:, 1:]))


def of_users(k: ModuleType) -> Any:
    class Scaled(k.layers.Layer):
        def __init__(self, units: int = 2, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units, self.dense = units, k.layers.Dense(units)

        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(name="scale", shape=(int(input_shape[-1]),))
            super().build(input_shape)

        def call(self, inputs: Any) -> Any:
            return self.dense(inputs * self.scale)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    return k.Sequential([k.Input((3,)), Scaled(2), k.layers.LeakyReLU()])


MODELS = {f.__name__: f for f in (stacked, two_inputs, nested, recurrent, attending, of_users)}


def written(k: ModuleType, name: str) -> dict[str, Any]:
    """``config`` of the file of a model, and ``weights``: the shapes of its arrays by path."""
    k.backend.clear_session()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        MODELS[name](k).save(path)
        with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as file:
            config = json.loads(archive.read("config.json"))
            with h5py.File(file) as weights:
                shapes: dict[str, Any] = {}
                weights.visititems(lambda key, item: _note(shapes, key, item))
    return {"config": config, "weights": shapes}


def _note(shapes: dict[str, Any], path: str, item: Any) -> None:
    if isinstance(item, h5py.Dataset):
        shapes[path] = list(item.shape)


if __name__ == "__main__":
    import tf_keras

    answers = {name: written(tf_keras, name) for name in MODELS}
    PATH.write_text(json.dumps(answers, separators=(",", ":"), sort_keys=True) + "\n")
