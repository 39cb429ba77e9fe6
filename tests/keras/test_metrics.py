"""Metrics agree with real Keras batch by batch, start over on reset, and are found by name."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import metrics
from tests.golden import load


@pytest.mark.parametrize("golden", load.load("metric_functions"), ids=repr)
def test_function_agrees_with_keras(golden):
    golden.check(load.run(keras, golden)[0])


@pytest.mark.parametrize("golden", load.load("metrics"), ids=repr)
def test_metric_agrees_with_keras(golden):
    K.clear_session()  # default names are numbered
    arrays, meta = load.run(keras, golden)
    golden.check(arrays)
    if golden.judge.startswith("keras 2.3.1"):
        assert meta["name"] == golden.meta["name"]
        assert meta["config"] == golden.meta["config"]
        assert meta.get("metrics_names") == golden.meta.get("metrics_names")


Y = np.array([[0.0], [1.0], [1.0], [0.0]], "float32")
P = np.array([[0.1], [0.8], [0.3], [0.6]], "float32")

CLASSES = sorted(
    name
    for name, value in vars(metrics).items()
    if isinstance(value, type)
    and issubclass(value, metrics.Metric)
    and not name.startswith("_")
    and name not in ("Metric", "Reduce", "MeanMetricWrapper", "SensitivitySpecificityBase")
)
ARGUMENTS = {
    "IoU": {"num_classes": 2, "target_class_ids": [1]},
    "MeanIoU": {"num_classes": 2},
    "MeanRelativeError": {"normalizer": [2.0]},
    "MeanTensor": {"shape": (4, 1)},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0, 1]},
    "OneHotMeanIoU": {"num_classes": 2},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}


@pytest.mark.parametrize("name", CLASSES)
def test_configuration_makes_an_equal_metric(name):
    metric = getattr(metrics, name)(**ARGUMENTS.get(name, {}), name="mine")
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric) and again.get_config() == metric.get_config()
    assert again.name == "mine"


def batch_for(name):
    """Arguments of ``update_state`` of a metric."""
    predictions = np.hstack([1 - P, P]) if "Sparse" in name or "Correlation" in name else P
    predictions = np.round(P) if name in ("MeanIoU", "IoU") else predictions
    labels = predictions[::-1] if "Correlation" in name else Y
    return (P,) if name in ("Mean", "MeanTensor", "Sum") else (labels, predictions)


@pytest.mark.parametrize("name", CLASSES)
def test_reset_starts_over(name):
    metric = getattr(metrics, name)(**ARGUMENTS.get(name, {}))
    assert all(not K.eval(weight).any() for weight in metric.weights)
    metric.update_state(*batch_for(name))
    assert any(weight.numpy().any() for weight in metric.weights)
    metric.reset_states()
    assert not any(weight.numpy().any() for weight in metric.weights)


@pytest.mark.parametrize("name", CLASSES)
def test_merged_states_are_those_of_one_metric_that_saw_all(name):
    one, other, whole = (getattr(metrics, name)(**ARGUMENTS.get(name, {})) for _ in range(3))
    batch = batch_for(name)
    later = tuple(x[::-1] if i == 0 else x for i, x in enumerate(batch))
    one.update_state(*batch)
    other.update_state(*later)
    for seen in (batch, later):
        whole.update_state(*seen)
    assert [id(weight) for weight in one.merge_state([other])] == [id(weight) for weight in one.weights]
    np.testing.assert_allclose(K.eval(one.result()), K.eval(whole.result()), rtol=1e-6)


def test_states_of_another_kind_are_not_merged_in_part():
    mean, same = metrics.Mean(), metrics.Mean()
    for metric in (mean, same):
        metric.update_state([1.0, 3.0])
    with pytest.raises(ValueError, match="cannot take over those of 'auc'"):
        mean.merge_state([same, metrics.AUC(name="auc")])
    assert K.eval(mean.result()) == 2.0 and K.eval(mean.weights[1]) == 2.0


def test_calling_on_arrays_accumulates():
    accuracy = metrics.BinaryAccuracy()
    assert K.eval(accuracy(Y[:2], P[:2])) == 1.0
    assert K.eval(accuracy(Y[2:], P[2:])) == 0.5
    assert K.eval(accuracy.result()) == 0.5


def test_before_the_first_batch_a_mean_is_zero():
    assert K.eval(metrics.Mean().result()) == 0.0
    assert K.eval(metrics.Precision().result()) == 0.0


@pytest.mark.parametrize("short, name", [("mse", "mean_squared_error"), ("MAE", "mean_absolute_error")])
def test_short_names(short, name):
    assert metrics.get(short) is getattr(metrics, name)


def test_unknown_name_says_what_is_near():
    with pytest.raises(ValueError, match="Unknown metric function: 'binary_acuracy'.*binary_accuracy"):
        metrics.get("binary_acuracy")
    with pytest.raises(ValueError, match="Could not interpret metric function identifier: .*found 3"):
        metrics.get(3)


def test_metrics_of_two_models_do_not_share_state():
    first, second = (keras.models.Sequential([keras.layers.Dense(1, input_shape=(1,))]) for _ in range(2))
    for model in (first, second):
        model.compile("sgd", "mse", metrics=["mae"])
    first.test_on_batch(Y, P, reset_metrics=False)
    assert second.metrics[0].total.numpy() == 0.0 and first.metrics[0].total.numpy() != 0.0


def test_a_metric_written_for_keras_2():
    class BinaryTruePositives(metrics.Metric):
        """The example of Keras's own documentation."""

        def __init__(self, name="binary_true_positives", **kwargs):
            super().__init__(name=name, **kwargs)
            self.true_positives = self.add_weight(name="true_positives", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            y_true = K.cast(y_true, "bool")
            y_pred = K.cast(y_pred > 0.5, "bool")
            values = K.cast(K.equal(K.equal(y_true, True), K.equal(y_pred, True)), self.dtype)
            values = values * K.cast(y_true, self.dtype)
            self.add_update(K.update_add(self.true_positives, K.sum(values)))

        def result(self):
            return self.true_positives

    model = keras.models.Sequential([keras.layers.Activation("linear", input_shape=(1,))])
    model.compile("sgd", "mse", metrics=[BinaryTruePositives()])
    assert model.evaluate(P, Y, verbose=0)[1] == 1.0
    assert model.evaluate(P, Y, verbose=0)[1] == 1.0  # starts over


def test_abstract_metric_says_what_to_override():
    class Half(metrics.Metric):
        pass

    with pytest.raises(NotImplementedError, match="Half must override update_state"):
        Half().update_state(Y, P)
    with pytest.raises(NotImplementedError, match="Half must override result"):
        Half().result()


def test_clones_have_a_state_of_their_own():
    metric = metrics.TopKCategoricalAccuracy(k=3, name="top3")
    clone = metrics.clone_metric(metric)
    assert clone is not metric and clone.get_config() == metric.get_config()
    assert set(map(id, clone.weights)).isdisjoint(map(id, metric.weights))
    assert metrics.clone_metrics(None) is None
    assert metrics.clone_metrics(["mae", metric])[0] == "mae"
