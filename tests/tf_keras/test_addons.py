"""TensorFlow Addons' optimizers, layers, losses and metrics compute what its documentation says."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from kcompile import tf_keras
from kcompile.tf_keras import addons as tfa
from kcompile.tf_keras import tensorflow as tf

START, GRADIENT = np.array([1.0, -2.0], "float32"), np.array([0.5, 0.25], "float32")


def _adam(start, steps, rate=0.01, decay=0.0):
    w, m, v = start.astype("float64"), 0.0, 0.0
    for t in range(1, steps + 1):
        w = w * (1 - decay)
        m, v = 0.9 * m + 0.1 * GRADIENT, 0.999 * v + 0.001 * GRADIENT**2
        w = w - rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-7)
    return w


def _sgd(start, steps, rate=0.01, decay=0.0):
    w, velocity = start.astype("float64"), 0.0
    for _ in range(steps):
        w = w * (1 - decay)
        velocity = 0.9 * velocity - rate * GRADIENT
        w = w + velocity
    return w


def _lamb(start, steps, rate=0.01, decay=0.0):
    w, m, v = start.astype("float64"), 0.0, 0.0
    for t in range(1, steps + 1):
        m, v = 0.9 * m + 0.1 * GRADIENT, 0.999 * v + 0.001 * GRADIENT**2
        update = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-6) + decay * w
        w = w - rate * np.linalg.norm(w) / np.linalg.norm(update) * update
    return w


OPTIMIZERS = {
    "AdamW": (lambda: tfa.optimizers.AdamW(0.1, learning_rate=0.01), _adam),
    "AdamW, by a function": (lambda: tfa.optimizers.AdamW(lambda: 0.1, 0.01), _adam),
    "SGDW": (lambda: tfa.optimizers.SGDW(0.1, 0.01, momentum=0.9), _sgd),
    "extended Adam": (
        lambda: tfa.optimizers.extend_with_decoupled_weight_decay(tf_keras.optimizers.legacy.Adam)(
            0.1, learning_rate=0.01
        ),
        _adam,
    ),
    "LAMB": (lambda: tfa.optimizers.LAMB(0.01, weight_decay=0.1), _lamb),
    "LAMB, as of old": (lambda: tfa.optimizers.LAMB(0.01, weight_decay_rate=0.1), _lamb),
}


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_weights_decay_apart_from_the_learning_rate(case):
    make, rule = OPTIMIZERS[case]
    optimizer, weight = make(), tf.Variable(START)
    for _ in range(3):
        optimizer.apply_gradients([(tf.constant(GRADIENT), weight)])
    np.testing.assert_allclose(weight.numpy(), rule(START, 3, decay=0.1), rtol=2e-5)


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_fit_trains_by_the_same_rule(case):
    make, rule = OPTIMIZERS[case]
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, use_bias=False, input_shape=(2,))])
    model.set_weights([START[:, None]])
    model.compile(make(), loss=lambda y, p: p)  # whose gradient is the input
    model.fit(GRADIENT[None], np.zeros((1, 1)), epochs=3, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], rule(START, 3, decay=0.1), rtol=2e-5)


def test_weights_of_a_pattern_keep_all():
    optimizer = tfa.optimizers.AdamW(0.1, learning_rate=0.01, exclude_from_weight_decay=["bias"])
    weight = tf.Variable(START, name="dense/bias")
    optimizer.apply_gradients([(tf.constant(GRADIENT), weight)])
    np.testing.assert_allclose(weight.numpy(), _adam(START, 1), rtol=2e-5)


def test_instance_normalization_takes_each_channel_by_itself(tmp_path):
    x = np.random.RandomState(0).normal(size=(2, 4, 4, 3)).astype("float32")
    inputs = tf_keras.Input((4, 4, 3))
    model = tf_keras.Model(inputs, tfa.layers.GELU()(tfa.layers.InstanceNormalization()(inputs)))
    normal = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-3)
    expected = normal * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (normal + 0.044715 * normal**3)))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-5)
    path = str(tmp_path / "model.onnx")
    model.export(path)
    session = onnxruntime.InferenceSession(path)
    np.testing.assert_allclose(session.run(None, {session.get_inputs()[0].name: x})[0], expected, atol=1e-5)


def _focal(true, p):
    hit = np.where(true == 1, p, 1 - p)
    return (np.where(true == 1, 0.25, 0.75) * (1 - hit) ** 2 * -np.log(hit)).sum(-1)


TRUE, CHANCES = np.array([[1.0, 0.0], [0.0, 1.0]], "float32"), np.array([[0.9, 0.2], [0.4, 0.3]], "float32")
LOGITS = np.log(CHANCES / (1 - CHANCES))
LOSSES = {
    "focal": (tfa.losses.SigmoidFocalCrossEntropy(), TRUE, CHANCES, _focal(TRUE, CHANCES)),
    "focal, logits": (tfa.losses.SigmoidFocalCrossEntropy(True), TRUE, LOGITS, _focal(TRUE, CHANCES)),
    "contrastive": (
        tfa.losses.ContrastiveLoss(margin=2.0),
        np.array([1.0, 0.0]),
        np.array([0.5, 1.5], "float32"),
        (0.25 + 0.25) / 2,
    ),
    "n pairs": (
        tfa.losses.NpairsLoss(),
        np.array([0, 1]),
        np.eye(2, dtype="float32"),
        np.log(1 + np.exp(-1)),
    ),
}


@pytest.mark.parametrize("case", LOSSES)
def test_losses_are_those_of_the_formula(case):
    loss, true, predicted, expected = LOSSES[case]
    np.testing.assert_allclose(
        np.asarray(loss(tf.constant(true), tf.constant(predicted))), expected, rtol=1e-5
    )


def test_scores_take_the_number_of_classes():
    score = tfa.metrics.F1Score(num_classes=2, average="macro")
    score.update_state(TRUE, CHANCES)
    assert float(score.result()) == pytest.approx(1 / 3)


def test_what_is_not_here_is_an_error_that_says_what_is():
    with pytest.raises(AttributeError, match=r"tensorflow_addons.image is not here; .* optimizers"):
        tfa.image  # noqa: B018
