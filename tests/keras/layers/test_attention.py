"""Attention layers equal Keras 3.15: masks, causal masks, several axes, shared heads."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers
from tests.keras.layers.keras3_golden import CHECKS, goldens, name_of

CASES = goldens("MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention")


@pytest.mark.parametrize("golden", CASES, ids=name_of)
@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_layer_equals_keras(check, golden):
    check(golden)


def attending(**kwargs):
    x = layers.Input((4, 6), name="x")
    layer = layers.MultiHeadAttention(2, 3, **kwargs)
    return keras.models.Model(x, layer(x, x)), layer


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_keywords_a_list_and_positions_call_alike():
    q, v = layers.Input((3, 4)), layers.Input((5, 4))
    layer = layers.MultiHeadAttention(2, 3)
    model = keras.models.Model([q, v], [layer(q, v), layer(q, value=v), layer([q, v])])
    first, *others = model.predict([noise(2, 3, 4), noise(2, 5, 4)])
    for other in others:
        np.testing.assert_array_equal(first, other)


def test_an_array_is_an_attention_mask():
    x = layers.Input((3, 4))
    layer = layers.MultiHeadAttention(2, 3)
    lower = np.tril(np.ones((1, 3, 3), bool))
    model = keras.models.Model(x, [layer(x, x, attention_mask=lower), layer(x, x, use_causal_mask=True)])
    one, other = model.predict(noise(2, 3, 4))
    np.testing.assert_array_equal(one, other)


def test_dropout_acts_while_training_only():
    model, layer = attending(dropout=0.5)
    x = noise(8, 4, 6)
    np.testing.assert_array_equal(model.predict(x), model.predict(x))
    model.compile("sgd", "mse")
    before = layer.get_weights()
    model.train_on_batch(x, np.zeros((8, 4, 6), "float32"))
    assert any((a != b).any() for a, b in zip(before, layer.get_weights(), strict=True))


def test_export_gives_the_same_outputs(tmp_path):
    model, _ = attending()
    model.export(str(tmp_path / "attention.onnx"))
    loaded = keras.models.load_model(str(tmp_path / "attention.onnx"))
    x = noise(2, 4, 6)
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), atol=1e-6)


def test_configurations_of_tf_keras_are_understood():
    layer = layers.MultiHeadAttention.from_config(
        {"name": "a", "num_heads": 2, "key_dim": 3, "value_dim": 3, "attention_axes": [1],
         "query_shape": [None, 3, 4], "key_shape": [None, 5, 4], "value_shape": [None, 5, 4],
         "softmax_robust_masking": False}
    )  # fmt: skip
    assert layer.attention_axes == (1,)
    assert layers.Attention.from_config({"name": "b", "causal": True}).get_config()["causal"] is True


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda x: layers.MultiHeadAttention(0, 3), "num_heads"),
        (lambda x: layers.MultiHeadAttention(2, 3)(x), "from a query to a value"),
        (lambda x: layers.MultiHeadAttention(2, 3, sliding_window=0), "sliding_window"),
        (lambda x: layers.GroupQueryAttention(3, 4, 3), "must be a multiple"),
        (lambda x: layers.Attention()(x), "called on a list"),
        (lambda x: layers.Attention(score_mode="sum"), "score_mode"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(layers.Input((3, 4)))
