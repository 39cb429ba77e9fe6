"""A training step's time by layer, forward and backward, as torch tells it."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import layers
from kcompile.keras.models import Model, Sequential
from kcompile.optimize.training_profile import drawn_targets, profile_training
from tests.optimize import measured


def images(count=8):
    return np.random.default_rng(0).random((count, 32, 32, 3), np.float32), np.zeros(count, int)


def table(report):
    rows = report.to_dict()["parts"][1]["rows"]
    return {row[0]: row[1:] for row in rows}


def test_every_layer_that_trains_has_a_forward_and_a_backward_time():
    report = profile_training(measured.cnn(), *images(), seconds=0.2)
    rows = table(report)
    for name in ("conv1", "bn1", "act1", "pool", "conv2", "gap", "fc", "classes"):
        forward, backward, _, _ = rows[name]
        assert forward > 0 and backward > 0, name
    assert rows["(optimizer)"][0] > 0 and rows["(loss and metrics)"][0] > 0
    assert sum(row[2] for row in rows.values()) == pytest.approx(1)


def test_what_is_kept_for_the_backward_pass_is_counted():
    kept = {
        name: row[3] for name, row in table(profile_training(measured.cnn(), *images(4), seconds=0.1)).items()
    }
    image = 4 * 32 * 32 * 3 * 4
    assert kept["conv1"] >= image
    assert kept["(optimizer)"] == 0


def test_recurrent_layers_and_tables_are_found():
    x = np.random.default_rng(0).integers(0, 100, (8, 12))
    rows = table(profile_training(measured.text(), x, np.zeros((8, 2)), seconds=0.1))
    assert rows["lstm"][0] > 0 and rows["lstm"][1] > 0 and rows["embedding"][0] > 0


def test_weights_are_as_before_and_training_goes_on_afterwards():
    model = measured.cnn()
    x, y = images()
    before = model.get_weights()
    profile_training(model, x, y, seconds=0.1)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    losses = [model.train_on_batch(x, y)[0] for _ in range(5)]
    assert losses[-1] < losses[0]


def test_a_model_that_is_not_compiled_is_refused():
    model = Sequential([layers.Dense(2, input_shape=(3,))])
    with pytest.raises(RuntimeError, match="compile"):
        profile_training(model, np.zeros((2, 3)), np.zeros((2, 2)))


def test_a_step_of_its_own_is_refused_with_the_reason():
    class Own(Model):
        def train_step(self, data):
            return {"loss": 0.0}

    x = layers.Input((3,))
    model = Own(x, layers.Dense(2)(x))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="only the training step of compile"):
        profile_training(model, np.zeros((2, 3), np.float32), np.zeros((2, 2), np.float32), seconds=0.1)


@pytest.mark.parametrize(
    ("loss", "shape", "dtype"),
    [
        ("sparse_categorical_crossentropy", (4, 1), "float32"),
        ("categorical_crossentropy", (4, 5), "float32"),
        ("mse", (4, 5), "float32"),
    ],
)
def test_targets_are_drawn_as_the_loss_wants_them(loss, shape, dtype):
    model = Sequential([layers.Dense(5, activation="softmax", input_shape=(3,))])
    model.compile("sgd", loss)
    (target,) = drawn_targets(model, [np.zeros((4, 5))])
    assert target.shape == shape and target.dtype == dtype
    assert 0 <= target.min() and target.max() <= 1
    model.train_on_batch(np.zeros((4, 3)), target)
