"""Compiled models that tf_keras and kcompile.tf_keras can make, with state; and, run by tf_keras, what it
finds in their files.

``python -m tests.peers.compiled_models FOLDER`` opens FOLDER/NAME.keras and .weights.h5 for each name, and
writes NAME.npz, or NAME.txt with the error.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tests.golden.files_of_tf_keras import keras_files


def classes_of(k: ModuleType) -> dict[str, Any]:
    """Classes of a user, by name."""

    class Owning(k.Model):
        """Owns layers in attributes, in a list, in a dict, twice, and a metric."""

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.alone = self.outer = k.layers.Dense(3)
            self.last = k.layers.Dense(1)
            self.blocks = [self.alone, k.layers.Dense(4, activation="tanh")]
            self.named = {"a": k.layers.Dense(4), "b": k.layers.Dense(5)}
            self.seen = k.metrics.Mean(name="seen")

        def call(self, inputs: Any) -> Any:
            for layer in (*self.blocks, self.named["a"], self.named["b"], self.last):
                inputs = layer(inputs)
            return inputs

        def get_config(self) -> dict[str, Any]:
            return {}

    class Squared(k.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return k.backend.mean(k.backend.square(y_true - y_pred), -1)

    return {"Owning": Owning, "Squared": Squared}


def subclassed(k: ModuleType) -> Any:
    model = classes_of(k)["Owning"]()
    model.build((None, 3))
    model.compile(k.optimizers.RMSprop(0.01, momentum=0.5), "mse", metrics=["mae"])
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    model.seen.update_state([3.0, 4.0])
    return model


def of_later_optimizers(k: ModuleType) -> Any:
    x = k.Input((3,), name="x")
    y = k.layers.BatchNormalization()(x)
    y = k.layers.Dense(2)(y[:, 1:] * 2.0 + 1.0)
    model = k.Model({"x": x}, y)
    rate = k.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    error = k.metrics.MeanMetricWrapper(k.losses.mean_absolute_error, name="error")
    optimizer = k.optimizers.AdamW(rate, clipnorm=1.0, use_ema=True)
    model.compile(optimizer, classes_of(k)["Squared"](), metrics=[error])
    model.fit({"x": np.arange(12.0).reshape(4, 3)}, np.ones((4, 2)), epochs=2, verbose=0)
    return model


def legacy(k: ModuleType) -> Any:
    model = k.Sequential([k.layers.Dense(2, input_shape=(3,))])
    model.compile(k.optimizers.legacy.Adam(0.125, decay=0.5), k.losses.Huber())
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    return model


def deferred(k: ModuleType) -> Any:
    model = k.Sequential([k.layers.Dense(2), k.layers.Dropout(0.25)])
    model.build((None, 3))
    return model


def optimized_by(name: str) -> Any:
    """A builder of a model that an optimizer has trained."""

    def build(k: ModuleType) -> Any:
        model = k.Sequential([k.layers.Dense(4, input_shape=(3,)), k.layers.Dense(1)])
        model.compile(getattr(k.optimizers, name)(), "mse")
        model.fit(np.ones((4, 3)), np.ones((4, 1)), epochs=3, verbose=0)
        return model

    return build


OPTIMIZERS = ("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "RMSprop", "SGD")
MODELS = {
    **keras_files.MODELS,
    **{f.__name__: f for f in (subclassed, of_later_optimizers, legacy, deferred)},
    **{name.lower(): optimized_by(name) for name in OPTIMIZERS},
}


def classes_in(k: ModuleType, name: str) -> dict[str, Any]:
    """Classes of the model of that name that no Keras has."""
    if name == "of_users":
        return {type(layer).__name__: type(layer) for layer in MODELS[name](k).layers[-2:-1]}
    return classes_of(k)


def answer(model: Any) -> dict[str, np.ndarray]:
    """Predictions, the optimizer's state, and what metrics of the model's own have seen."""
    shapes = [tuple(tensor.shape) for tensor in model.inputs] if model.inputs else [(None, 3)]
    generator = np.random.RandomState(0)
    x = [generator.uniform(size=(4, *[int(n or 5) for n in shape[1:]])).astype("float32") for shape in shapes]
    predicted = model.predict(x if len(x) > 1 else x[0], verbose=0)
    predicted = predicted if isinstance(predicted, list) else [predicted]
    result = {f"predicted_{i}": np.asarray(array) for i, array in enumerate(predicted)}
    if hasattr(model, "seen"):
        result["seen"] = np.asarray(model.seen.result())
    return result


def state(optimizer: Any) -> dict[str, np.ndarray]:
    """The optimizer's state by number, its rate and its rule."""
    if optimizer is None:
        return {}
    values = optimizer.variables
    values = values() if callable(values) else values
    arrays = {f"state_{i}": np.asarray(value) for i, value in enumerate(values)}
    return {**arrays, "name": np.asarray(type(optimizer).__name__)}


def _open(k: ModuleType, folder: Path, name: str) -> dict[str, np.ndarray]:
    users = classes_in(k, name)
    model = k.models.load_model(folder / f"{name}.keras", custom_objects=users)
    result = {**answer(model), **state(model.optimizer)}
    other = k.models.load_model(folder / f"{name}.keras", custom_objects=users, compile=False)
    other.set_weights([weight * 0 for weight in other.get_weights()])
    other.load_weights(folder / f"{name}.weights.h5")
    for key, array in answer(other).items():
        np.testing.assert_allclose(array, result[key], rtol=1e-6, err_msg=f"weights.h5: {key}")
    return result


if __name__ == "__main__":
    import tf_keras

    for model_name in MODELS:
        place = Path(sys.argv[1]) / model_name
        try:
            np.savez(place.with_suffix(".npz"), **_open(tf_keras, place.parent, model_name))
        except Exception:
            place.with_suffix(".txt").write_text(traceback.format_exc())
