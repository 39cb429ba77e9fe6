"""Writes later_callbacks.json: arguments of the callbacks of tf.keras 2 and Keras 3, and what some decide.

Run in the environment of `make peers`: python tests/golden/later_callbacks/make_later_callbacks.py
"""

from __future__ import annotations

import inspect
import json
import types
from pathlib import Path

import keras
import numpy as np
import tf_keras

STOPPING = [
    ({"patience": 2}, [3, 2, 2.5, 2.4, 1]),
    ({"patience": 1, "start_from_epoch": 2}, [1, 2, 3, 4, 2.5]),
    ({"patience": 0}, [1, 2, 3]),
    ({"patience": 1, "restore_best_weights": True}, [5, 4, 3, 2]),
    ({"patience": 2, "restore_best_weights": True, "baseline": 1.0}, [3, 2, 4, 5, 6]),
    ({"patience": 1, "restore_best_weights": True, "start_from_epoch": 1}, [1, 3, 2, 5, 6]),
    ({"patience": 1, "min_delta": 0.5, "restore_best_weights": True}, [3, 2.8, 2.7, 2.6]),
]


def arguments(module):
    found = {}
    for name, cls in sorted(vars(module.callbacks).items()):
        if inspect.isclass(cls) and name not in ("OrbaxCheckpoint", "SidecarEvaluatorModelExport"):
            parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
            found[name] = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return found


def stopping(given, losses):
    """The epochs that ran, and the epoch whose weights are there at the end."""
    model = types.SimpleNamespace(stop_training=False, weights=None)
    model.get_weights = lambda: model.weights
    model.set_weights = lambda weights: setattr(model, "weights", weights)
    callback = tf_keras.callbacks.EarlyStopping("loss", **given)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        model.weights = epoch
        callback.on_epoch_end(epoch, {"loss": float(loss)})
        if model.stop_training:
            break
    callback.on_train_end()
    return {"given": given, "losses": losses, "epochs": epoch + 1, "weights": model.weights}


def swapping(swap_on_epoch):
    x = np.linspace(-1, 1, 24, dtype="float32").reshape(12, 2)
    y = x[:, :1] - 0.5 * x[:, 1:]
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.2, use_ema=True, ema_momentum=0.8), "mse")
    seen = []

    class See(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(float(self.model.get_weights()[0][0, 0]))

    callbacks = [keras.callbacks.SwapEMAWeights(swap_on_epoch), See()]
    history = model.fit(
        x, y, batch_size=4, epochs=3, shuffle=False, verbose=0, validation_data=(x, y), callbacks=callbacks
    )
    return {
        "swap_on_epoch": swap_on_epoch,
        "loss": history.history["loss"],
        "val_loss": history.history["val_loss"],
        "seen": seen,
        "weights": [w.tolist() for w in model.get_weights()],
    }


if __name__ == "__main__":
    result = {
        "arguments": {"tf_keras": arguments(tf_keras), "keras": arguments(keras)},
        "stopping": [stopping(*case) for case in STOPPING],
        "swapping": [swapping(value) for value in (False, True)],
    }
    path = Path(__file__).with_name("later_callbacks.json")
    path.write_text(json.dumps(result, indent=1) + "\n")
