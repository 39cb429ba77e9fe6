"""What programs written for Keras 2 read from a compiled model, compile again with, and put in its place."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras.layers import LSTM, BatchNormalization, Dense, Dropout, Input
from kcompile.keras.models import Model, Sequential

torch = pytest.importorskip("torch")

RANDOM = np.random.RandomState(3)
X, Y = RANDOM.rand(6, 3).astype("float32"), RANDOM.rand(6, 2).astype("float32")
WEIGHTS = np.array([0.0, 1, 2, 0, 3, 1], "float32")


def one(**kwargs):
    model = Sequential([Dense(2, input_shape=(3,), kernel_initializer="ones")])
    model.compile("sgd", "mse", **kwargs)
    return model


def two(loss=("mse", "mae"), **kwargs):
    x = Input((3,), name="x")
    model = Model(x, [Dense(2, name="a")(x), Dense(2, name="b")(x)])
    model.compile("sgd", dict(zip("ab", loss, strict=True)), **kwargs)
    return model


def read_by_function(model, values):
    return K.function(model._feed_inputs + model._feed_targets + model._feed_sample_weights, values)


#: What Keras 2.3.1 sets in compile() besides what it is given.
ATTRIBUTES = (
    "loss_functions loss_weights_list targets sample_weights sample_weight_modes skip_target_indices "
    "total_loss _feed_targets _feed_outputs _feed_output_names _feed_output_shapes _feed_loss_fns "
    "_feed_sample_weights _feed_sample_weight_modes _collected_trainable_weights _compile_metrics "
    "_compile_weighted_metrics"
).split()


def test_attributes_are_there_once_the_model_is_compiled():
    model = Sequential([Dense(2, input_shape=(3,))])
    assert [name for name in ATTRIBUTES if hasattr(model, name)] == []
    model.compile("sgd", "mse")
    assert [name for name in ATTRIBUTES if not hasattr(model, name)] == []


def test_what_compile_was_given_stays_as_it_was_given():
    given = {
        "loss": {"a": "mse", "b": "mae"},
        "loss_weights": {"a": 2.0},
        "sample_weight_mode": {"a": None, "b": None},
        "metrics": {"b": ["mae"]},
        "weighted_metrics": ["mse"],
    }
    model = two()
    model.compile("adam", **given)
    attributes = (
        "loss",
        "loss_weights",
        "sample_weight_mode",
        "_compile_metrics",
        "_compile_weighted_metrics",
    )
    found = {name: getattr(model, name) for name in attributes}
    assert list(found.values()) == list(given.values())
    assert model.loss_weights_list == [2.0, 1.0] and model.sample_weight_modes == [None, None]
    names = model.metrics_names
    model.compile(
        model.optimizer,
        model.loss,
        model._compile_metrics,
        model.loss_weights,
        model.sample_weight_mode,
        model._compile_weighted_metrics,
    )
    assert model.metrics_names == names


def test_compiling_again_with_the_metric_objects_keeps_their_names():
    model = one(metrics=["mae", "accuracy"])
    before = model.evaluate(X, Y, verbose=0)
    names = model.metrics_names
    model.compile(model.optimizer, model.loss, metrics=model.metrics)
    assert model.metrics_names == names == ["loss", "mae", "accuracy"]
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), before)


def test_outputs_without_a_loss_have_none_in_their_place():
    model = two(loss=(None, "mse"))
    assert [t is None for t in model.targets] == [w is None for w in model.sample_weights] == [True, False]
    assert model.loss_functions[0] is None and model.skip_target_indices == [0]
    assert model._feed_output_names == ["b"] and model._feed_output_shapes == [(None, 2)]
    assert len(model._feed_targets) == len(model._feed_sample_weights) == len(model._feed_loss_fns) == 1
    assert model._feed_outputs == [model.outputs[1]]


def test_target_tensors_are_not_fed():
    x = Input((3,))
    model = Model(x, Dense(2)(x))
    target = K.constant(Y)
    model.compile("sgd", "mse", target_tensors=[target])
    assert model.targets == [target] and model._feed_targets == [] and model._feed_output_names == []
    x, y, w = model._standardize_user_data(X)
    assert (len(x), y, len(w)) == (1, [], 1)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_gradients_by_a_function_are_those_that_training_takes(weights):
    model = one()
    x, y, w = model._standardize_user_data(X, Y, weights)
    gradients = read_by_function(
        model, model.optimizer.get_gradients(model.total_loss, model.trainable_weights)
    )
    found = gradients(x + y + w)
    before = model.get_weights()
    loss = model.train_on_batch(X, Y, sample_weight=weights)
    for old, new, gradient in zip(before, model.get_weights(), found, strict=True):
        np.testing.assert_allclose(new, old - 0.01 * gradient, rtol=1e-5)
    model.set_weights(before)
    assert read_by_function(model, [model.total_loss])(x + y + w)[0] == pytest.approx(loss)


def test_gradients_of_activations_of_several_outputs():
    """As keract asks for them."""
    model = two(loss_weights=[1.0, 3.0])
    nodes = [layer.output for layer in model.layers]
    gradients = read_by_function(model, model.optimizer.get_gradients(model.total_loss, nodes))
    x, y, w = model._standardize_user_data(X, [Y, Y])
    found = gradients([*x, *y, *w])
    assert [g.shape for g in found] == [(6, 3), (6, 2), (6, 2)]
    np.testing.assert_allclose(np.abs(found[2]), 3 / 12, rtol=1e-5)  # of a mean of 12 absolute errors


def test_standardized_data_are_those_of_fit():
    model = Sequential([LSTM(2, return_sequences=True, input_shape=(4, 3))])
    model.compile("sgd", "mse", sample_weight_mode="temporal")
    x, y, w = model._standardize_user_data(np.ones((5, 4, 3)), np.ones((5, 4, 2)))
    assert ([a.shape for a in x], [a.shape for a in y], w[0].shape) == ([(5, 4, 3)], [(5, 4, 2)], (5, 4))
    assert model._feed_sample_weight_modes == ["temporal"] and model._feed_input_shapes == [(None, 4, 3)]
    assert model._standardize_user_data(np.ones((5, 4, 3)))[1:] == ([], [])
    classes = Sequential([Dense(3, activation="softmax", input_shape=(3,))])
    classes.compile("sgd", "sparse_categorical_crossentropy")
    x, y, w = classes._standardize_user_data(X, np.arange(6) % 3, class_weight={0: 1.0, 1: 2.0, 2: 4.0})
    assert y[0].shape == (6, 1) and w[0].tolist() == [1, 2, 4, 1, 2, 4]
    with pytest.raises(ValueError, match="shape"):
        classes._standardize_user_data(np.ones((6, 4)), np.zeros(6))


def test_a_model_that_is_not_built_is_built_by_the_data():
    model = Sequential([Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"])
    assert not hasattr(model, "_feed_targets") and model.loss == "mse"
    model._standardize_user_data(X, Y)
    assert len(model._feed_targets) == 1 and len(model._collected_trainable_weights) == 2


def test_collected_weights_are_those_that_compile_found():
    model = one()
    model.trainable = False
    assert len(model._collected_trainable_weights) == 2 and model.trainable_weights == []
    with pytest.warns(UserWarning, match="Discrepancy"):
        model._check_trainable_weights_consistency()


# --- functions of batches -----------------------------------------------------------------------------------


def noisy():
    model = Sequential([Dense(2, input_shape=(3,)), BatchNormalization(), Dropout(0.5)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("make", [lambda: one(metrics=["mae"]), noisy], ids=["plain", "by phase"])
def test_functions_take_the_lists_that_keras_takes(make):
    model = make()
    assert model.train_function is model.test_function is model.predict_function is None
    model._make_train_function()
    model._make_test_function()
    model._make_predict_function()
    data = [array for arrays in model._standardize_user_data(X, Y, WEIGHTS) for array in arrays]
    phase = [0.0] if model._uses_dynamic_learning_phase() else []
    loss, mae = model.test_function(data + phase)
    np.testing.assert_allclose([loss, mae], model.test_on_batch(X, Y, sample_weight=WEIGHTS), rtol=1e-6)
    assert loss != pytest.approx(model.test_on_batch(X, Y)[0])
    np.testing.assert_allclose(model.predict_function([X, *phase])[0], model.predict(X), rtol=1e-6)
    before = model.get_weights()
    results = model.train_function(data + ([1.0] if phase else []))
    assert len(results) == 2 and any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("make", [lambda: one(metrics=["mae"]), noisy], ids=["plain", "by phase"])
def test_a_function_in_the_place_of_the_training_function_is_what_fit_calls(make):
    model, seen = make(), []

    def function(arrays):
        seen.append([np.shape(array) for array in arrays])
        return [np.float32(7.0), np.float32(len(seen))]

    model.train_function = function
    before = model.get_weights()
    history = model.fit(X, Y, batch_size=3, epochs=2, verbose=0).history
    assert history == {"loss": [7.0, 7.0], "mae": [2.0, 4.0]}
    assert model.train_on_batch(X, Y, sample_weight=WEIGHTS) == [7.0, 5.0]
    phase = [()] if model._uses_dynamic_learning_phase() else []
    assert seen == [[(3, 3), (3, 2), (3,), *phase]] * 4 + [[(6, 3), (6, 2), (6,), *phase]]
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert model.evaluate(X, Y, verbose=0)[0] < 7  # evaluation goes on by itself
    model.test_function = lambda arrays: [np.float32(1.0), np.float32(2.0)]
    assert model.evaluate(X, Y, verbose=0) == [1.0, 2.0]
    model._make_train_function()  # leaves it
    assert model.train_function is function
    model.train_function = model.test_function = None
    assert model.fit(X, Y, verbose=0).history["loss"][0] < 7
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_training_function_needs_a_compiled_model():
    model = Sequential([Dense(2, input_shape=(3,))])
    model.train_function = None
    with pytest.raises(RuntimeError, match="must compile your model"):
        model.train_function = print
    with pytest.raises(RuntimeError, match="must compile your model"):
        model._make_train_function()
