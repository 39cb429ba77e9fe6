"""By the rules of tf.keras weights have any shape that fits the losses: every loss and metric of it, alone
and by compile(), computes what tf_keras computes (tests/golden/weights)."""

from __future__ import annotations

import gzip
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras, tf_keras
from kcompile.keras import rules
from kcompile.tf_keras import tensorflow as tf
from tests.golden.weights.cases import COMPILED, LOSSES, METRICS, OBJECTS

pytest.importorskip("torch")
FILE = Path(__file__, "../../../golden/weights/tf_keras.json.gz").resolve()
GOLDEN = json.loads(gzip.decompress(FILE.read_bytes()))


class Stepping(keras.Model):
    """Evaluates by a step of its own."""

    def test_step(self, data):
        return super().test_step(data)


def compare(name, found):
    wanted = {key: numbers for key, numbers in GOLDEN[name].items() if numbers is not None}
    assert wanted or name.split()[-1] in ("F1Score", "FBetaScore", "R2Score")
    refused = [key for key in wanted if found[key] is None]
    assert not refused
    for key, numbers in wanted.items():
        np.testing.assert_allclose(found[key], numbers, rtol=2e-4, atol=2e-5, err_msg=key)


@pytest.mark.parametrize("name", OBJECTS)
def test_losses_and_metrics_take_weights_as_tf_keras_does(name):
    compare(name, OBJECTS[name](tf_keras, tf.constant))


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_models_take_weights_and_targets_as_tf_keras_does(name):
    base = Stepping if name.startswith("mse") and "(4, 2, 3, 5)" not in name else keras.Model
    with warnings.catch_warnings(), rules.following(rules.TF_KERAS):
        warnings.simplefilter("ignore")  # that targets are repeated
        compare(name, COMPILED[name](keras, tf.constant, base=base))


def test_the_table_has_every_loss_and_metric():
    def classes(module, *beside):
        found = {name for name in dir(module) if isinstance(getattr(module, name, None), type)}
        public = {name for name in found if name[0] != "_" and issubclass(getattr(module, name), beside[0])}
        return public - set(beside[1:])

    later = {"CTC", "Circle", "Dice", "Tversky", "CategoricalGeneralizedCrossEntropy"}
    names = classes(keras.losses, keras.losses.Loss, "Loss", "LossFunctionWrapper")
    assert names - later == set(LOSSES)
    later = {
        "ConcordanceCorrelation",
        "PearsonCorrelation",
        "SensitivitySpecificityBase",
        "MeanRelativeError",
    }
    names = classes(keras.metrics, keras.metrics.Metric, "Metric", "MeanMetricWrapper", "Reduce")
    assert names - later == set(METRICS)


def pixels(**options):
    inputs = keras.Input((2, 3, 4))
    model = keras.Model(inputs, keras.layers.Conv2D(5, 1, activation="softmax")(inputs))
    model.compile("sgd", "sparse_categorical_crossentropy", **options)
    return model


X, Y = np.random.RandomState(0).normal(size=(12, 2, 3, 4)), np.random.RandomState(1).randint(0, 5, (12, 2, 3))


def test_weights_by_pixel_train_as_the_same_repeated_weights():
    with rules.following(rules.TF_KERAS):
        keras.utils.set_random_seed(0)
        model = pixels()
        start, found = model.get_weights(), []
        for weights in (np.linspace(0, 1, 3).reshape(1, 1, 3) * np.ones((12, 2, 1)), np.ones((12, 1, 1))):
            for shape in (weights.shape, (*weights.shape, 1)):
                model.set_weights(start)
                model.fit(X, Y, sample_weight=weights.reshape(shape), epochs=2, shuffle=False, verbose=0)
                found.append(model.get_weights()[0])
        model.set_weights(start)
        model.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[2], found[3])
    np.testing.assert_allclose(found[2], model.get_weights()[0], rtol=1e-5)
    assert np.abs(found[0] - found[2]).max() > 1e-4


@pytest.mark.parametrize("shape", [(12, 2, 4), (11, 2, 3), (12, 2, 3, 5), (12, 2, 3, 1, 1)])
def test_weights_that_do_not_fit_are_refused_by_their_shape(shape):
    with rules.following(rules.TF_KERAS), pytest.raises(ValueError, match=r"sample_weight|number of samples"):
        pixels().fit(X, Y, sample_weight=np.ones(shape), verbose=0)


def test_keras_2_keeps_to_its_own_rule():
    with pytest.raises(ValueError, match="sample_weight_mode"):
        pixels().fit(X, Y[..., None], sample_weight=np.ones((12, 2, 3)), verbose=0)
