"""Models in several types, and tf_keras's own ``.keras``; run by either: ``python make_policy_files.py
tf_keras|keras``.

Writes ``policies/<program>_<policy>.<ending>`` with ``policies/<program>_<policy>.npz`` (x, y), and, by
tf_keras, ``tfkeras_whole.keras`` with ``tfkeras_whole.npz``: x, y, and the losses of the next three steps
of training.
"""

import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "policies")
ENDINGS = {
    "mixed_float16": ["h5", "keras"],
    "bfloat16": ["h5", "keras"],
    "float16": ["h5"],
    "float64": ["keras"],
}


def several_types(keras, policy):
    x = keras.Input((3,))
    y = keras.layers.Dense(4, dtype=policy, activation="relu")(x)
    return keras.Model(x, keras.layers.Dense(2, dtype="float32")(y))


def whole(keras):
    layers = keras.layers
    x = keras.Input((6, 3), name="x")
    inner = keras.Sequential(
        [layers.LSTM(4, return_sequences=True, input_shape=(6, 3)), layers.TimeDistributed(layers.Dense(4))],
        name="inner",
    )
    y = layers.Bidirectional(layers.GRU(2, return_sequences=True))(inner(x))
    y = layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)])(y)
    y = layers.LeakyReLU(0.2)(layers.BatchNormalization()(y))
    model = keras.Model(x, layers.Dense(1, name="out", kernel_regularizer="l2")(y) * 2.0)
    metrics = ["mae", keras.metrics.MeanSquaredError(name="squared")]
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError(), metrics=metrics)
    return model


if __name__ == "__main__":
    program = sys.argv[1]
    keras = __import__(program)
    os.makedirs(FOLDER, exist_ok=True)
    x = np.random.RandomState(0).rand(4, 3).astype("float32")
    for policy, endings in ENDINGS.items():
        keras.backend.clear_session()
        model = several_types(keras, policy)
        for ending in endings:
            model.save(os.path.join(FOLDER, f"{program}_{policy}.{ending}"))
        y = model.predict(x, verbose=0)
        np.savez(os.path.join(FOLDER, f"{program}_{policy}.npz"), x=x, y=y)
    if program == "tf_keras":
        model = whole(keras)
        x = np.random.RandomState(0).rand(4, 6, 3).astype("float32")
        model.fit(x, np.ones((4, 1)), verbose=0, epochs=3)
        model.save(os.path.join(HERE, "tfkeras_whole.keras"))
        y = model.predict(x, verbose=0)
        losses = [float(model.train_on_batch(x, y * 0)[0]) for _ in range(3)]
        np.savez(os.path.join(HERE, "tfkeras_whole.npz"), x=x, y=y, losses=losses)
