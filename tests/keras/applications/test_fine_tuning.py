"""Every architecture is fine-tuned: a new head on a frozen bottom, then the upper half of the bottom."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras

from .architectures import build, each, images


def changed(model: keras.Model, x: np.ndarray, y: np.ndarray) -> dict[str, bool]:
    """Whether one step of training changed each weight."""
    before = {w.name: keras.backend.get_value(w) for w in model.weights}
    history = model.fit(x, y, batch_size=len(x), verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    return {w.name: not np.array_equal(before[w.name], keras.backend.get_value(w)) for w in model.weights}


@pytest.mark.parametrize("name", each())
def test_frozen_weights_stay_to_the_bit_and_the_others_learn(name):
    base = build(name, include_top=False, pooling="avg")
    scores = keras.layers.Dense(3, activation="softmax", name="head")(base.output)
    model = keras.Model(base.input, scores)
    x, y = images(name, 4), np.eye(3, dtype="float32")[[0, 1, 2, 0]]

    for layer in base.layers:
        layer.trainable = False
    model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy")
    found = changed(model, x, y)
    assert {n for n, c in found.items() if c} == {w.name for w in model.get_layer("head").weights}

    layers = [layer for layer in base.layers if layer.weights]
    for layer in layers[len(layers) // 2 :]:
        layer.trainable = True
    learning = {w.name for w in model.trainable_weights}
    assert 2 < len(learning) < len(model.weights)
    model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy")
    found = changed(model, x, y)
    frozen = {w.name for layer in layers[: len(layers) // 2] for w in layer.weights}
    assert not [n for n in frozen if found[n]]
    assert not [n for n in learning if not found[n]]
