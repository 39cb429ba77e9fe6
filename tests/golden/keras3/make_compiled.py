"""Writes small compiled models of real Keras whose files hold what ``measures`` does not.

python -m tests.golden.keras3.make_compiled tf_keras    # added.h5, added.keras: add_loss and add_metric;
                                                       # mixed.h5: mixed_float16, a LossScaleOptimizer
python -m tests.golden.keras3.make_compiled keras       # after_h5.keras: after an .h5, without optimizer

``compiled_<judge>.npz``: the data, and what evaluate() and further training gave, by the name of the file.
"""

from __future__ import annotations

import os
import sys
import tempfile

import numpy as np

from tests.golden import cases as base

FOLDER = os.path.dirname(os.path.abspath(__file__))
X, Y = base.array("compiled", "x", (20, 4)), base.array("compiled", "y", (20, 1))


def model(keras, extras=False):
    inputs = keras.layers.Input((4,), name="x")
    hidden = keras.layers.Dense(3, activation="tanh", name="hidden")(inputs)
    outputs = keras.layers.Dense(1, name="out", dtype="float32")(hidden)
    made = keras.models.Model(inputs, outputs)
    shapes = [(4, 3), (3,), (3, 1), (1,)]
    made.set_weights([base.array("compiled", f"weight{i}", shape) for i, shape in enumerate(shapes)])
    if extras:
        made.add_loss(keras.backend.mean(hidden) * 0.1)
        made.add_metric(keras.backend.sum(hidden), name="activity", aggregation="mean")
    return made


def save(keras, made, name, answers, save_first=None):
    made.compile("adam", "mse", metrics=["mae"])
    made.train_on_batch(X, Y)
    with tempfile.TemporaryDirectory() as folder:
        if save_first:
            made.save(os.path.join(folder, save_first))
    made.save(os.path.join(FOLDER, name))
    answers[f"{name}|evaluate"] = made.evaluate(X, Y, batch_size=5, verbose=0)
    made.train_on_batch(X, Y)
    answers[f"{name}|weights"] = np.concatenate([w.ravel() for w in made.get_weights()])


def main(judge):
    keras = __import__(judge)
    answers = {}
    if judge == "keras":
        save(keras, model(keras), "after_h5.keras", answers, "first.h5")
    else:
        for name in ("added.h5", "added.keras"):
            save(keras, model(keras, extras=True), name, answers)
        keras.mixed_precision.set_global_policy("mixed_float16")
        save(keras, model(keras), "mixed.h5", answers)
    np.savez_compressed(os.path.join(FOLDER, f"compiled_{judge}.npz"), **answers)


if __name__ == "__main__":
    main(sys.argv[1])
