"""What setting ``trainable`` means for the layers within."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import layers, rules
from kcompile.keras.models import Sequential, load_model


def _model():
    inner = Sequential([layers.Dense(2, input_shape=(2,), name="dense")], name="inner")
    return Sequential([inner, layers.Dense(1)], name="outer"), inner


@pytest.mark.parametrize("its", [rules.KERAS_2, rules.TF_KERAS, rules.KERAS_3], ids=lambda its: its.name)
def test_layers_within_follow_from_tf_keras_on(its):
    with rules.following(its):
        model, inner = _model()
        model.trainable = False
    follows = its is not rules.KERAS_2
    assert inner.trainable is not follows
    assert inner.layers[0].trainable is not follows
    assert model.trainable_weights == []
    model.trainable = True
    assert len(model.trainable_weights) == 4


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_file_keeps_what_each_layer_says(name, tmp_path):
    with rules.following(rules.TF_KERAS):
        model, inner = _model()
        inner.layers[0].trainable = False
        model.save(tmp_path / name)
        again = load_model(tmp_path / name)
    assert [layer.trainable for layer in again.layers] == [True, True]
    assert [layer.trainable for layer in again.layers[0].layers] == [False]
    assert len(again.trainable_weights) == 2
    np.testing.assert_array_equal(again.predict(np.ones((1, 2))), model.predict(np.ones((1, 2))))
