"""What callbacks are told, as tf.keras tells them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompile import keras as keras_2
from kcompile import tf_keras as keras

X = np.random.RandomState(0).rand(64, 5).astype("float32")
Y = (X.sum(1) > 2.5).astype("float32")[:, None]


class Told(keras.callbacks.Callback):
    """Keeps what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.losses: list[float] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.heard.append(("train begins", sorted(logs), self.params["steps"], self.params["epochs"]))

    def on_train_end(self, logs: Any = None) -> None:
        self.heard.append(("train ends", sorted(logs)))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.heard.append(("batch begins", batch, sorted(logs)))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.heard.append(("batch", batch, sorted(logs)))
        self.losses.append(logs["loss"])

    def on_test_end(self, logs: Any = None) -> None:
        self.heard.append(("test ends", sorted(logs)))

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.heard.append(("test", batch, sorted(logs)))

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self.heard.append(("predict", batch, {name: np.shape(value) for name, value in logs.items()}))


def small_model(front_end: Any) -> Any:
    model = front_end.Sequential(
        [
            front_end.layers.Dense(8, activation="relu", input_shape=(5,)),
            front_end.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.set_weights([np.random.RandomState(i).normal(0, 0.5, w.shape) for i, w in enumerate(model.weights)])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def test_callbacks_hear_how_the_epoch_goes_and_nothing_else() -> None:
    told, both = Told(), ["accuracy", "loss"]
    model = small_model(keras)
    model.fit(X, Y, batch_size=32, validation_data=(X, Y), shuffle=False, verbose=0, callbacks=[told])
    all_four = [*both, "val_accuracy", "val_loss"]
    assert told.heard == [
        ("train begins", [], 2, 1),
        ("batch begins", 0, []),
        ("batch", 0, both),
        ("batch begins", 1, []),
        ("batch", 1, both),
        ("test", 0, both),
        ("test", 1, both),
        ("test ends", both),
        ("train ends", all_four),
    ]


def test_the_loss_of_a_batch_is_the_mean_of_the_epoch_so_far() -> None:
    told, model = Told(), small_model(keras)
    model.fit(X, Y, batch_size=16, shuffle=False, verbose=0, callbacks=[told])
    alone = small_model(keras)
    losses = [alone.train_on_batch(X[i : i + 16], Y[i : i + 16])[0] for i in range(0, 64, 16)]
    np.testing.assert_allclose(told.losses, np.cumsum(losses) / [1, 2, 3, 4], rtol=1e-5)
    assert model.history.history["loss"] == told.losses[3:]


def test_prediction_tells_its_outputs() -> None:
    told, model = Told(), small_model(keras)
    model.predict(X, batch_size=48, verbose=0, callbacks=[told])
    assert told.heard == [("predict", 0, {"outputs": (48, 1)}), ("predict", 1, {"outputs": (16, 1)})]
    told, model = Told(), small_model(keras)
    model.evaluate(X, Y, batch_size=64, verbose=0, callbacks=[told])
    assert told.heard == [("test", 0, ["accuracy", "loss"]), ("test ends", ["accuracy", "loss"])]


@pytest.mark.parametrize(("front_end", "keeps"), [(keras, True), (keras_2, False)], ids=["tf_keras", "keras"])
def test_validation_data_that_a_callback_has_of_its_own_stays(front_end: Any, keeps: bool) -> None:
    class Scoring(front_end.callbacks.Callback):
        def __init__(self, data: Any) -> None:
            super().__init__()
            self.validation_data = data

    scoring = Scoring((X, Y))
    small_model(front_end).fit(X, Y, validation_split=0.25, verbose=0, callbacks=[scoring])
    assert (len(scoring.validation_data[0]) == 64) is keeps


def test_the_bar_counts_samples_without_being_told_of_them(capsys: Any) -> None:
    small_model(keras).fit(X, Y, batch_size=16, verbose=1)
    assert "64/64" in capsys.readouterr().out.replace(" ", "")
