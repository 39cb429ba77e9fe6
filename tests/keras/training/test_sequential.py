"""Sequential: growing, shrinking, deferred building, configuration in both forms, errors."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import rules
from kcompile.keras.layers import Dense, Dropout, Embedding, InputLayer
from kcompile.keras.models import Model, Sequential

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def through(model, x=X):
    """The output that the Dense layers' weights say."""
    for layer in model.layers:
        kernel, bias = layer.get_weights()
        x = x @ kernel + bias
    return x


def check(model):
    np.testing.assert_allclose(model.predict(X), through(model), rtol=1e-5, atol=1e-6)


FIRST = {
    "input_shape": lambda: [Dense(2, input_shape=(3,))],
    "input_dim": lambda: [Dense(2, input_dim=3)],
    "batch_input_shape": lambda: [Dense(2, batch_input_shape=(None, 3))],
    "an InputLayer": lambda: [InputLayer(input_shape=(3,)), Dense(2)],
    "keras.Input": lambda: [keras.Input((3,)), Dense(2)],
    "a model": lambda: [Sequential([Dense(2, input_shape=(3,))]), Dense(2)],
}


@pytest.mark.parametrize("name", FIRST)
def test_shape_known_from_the_first_layer(name):
    model = Sequential(FIRST[name]())
    assert model.built and model.input_shape == (None, 3) and model.output_shape == (None, 2)
    assert model.predict(X).shape == (4, 2)


def test_add_extends_and_pop_takes_back():
    model = Sequential()
    model.add(Dense(4, input_shape=(3,)))
    model.add(Dense(2))
    check(model)
    assert [layer.units for layer in model.layers] == [4, 2]
    model.pop()
    assert model.output_shape == (None, 4) and len(model.layers) == 1
    check(model)
    model.add(Dense(5))
    check(model)
    assert model.output_shape == (None, 5)


def test_pop_to_nothing_and_start_again():
    model = Sequential([Dense(4, input_shape=(3,))])
    model.pop()
    assert model.layers == [] and model.outputs is None
    with pytest.raises(TypeError, match="no layers in the model"):
        model.pop()
    model.add(Dense(2, input_shape=(3,)))
    check(model)


def test_pop_after_compile_needs_another_compile_but_predicts_at_once():
    model = Sequential([Dense(4, input_shape=(3,)), Dense(2)])
    model.compile("sgd", "mse")
    model.predict(X)
    model.pop()
    check(model)


def test_a_popped_layer_can_be_used_elsewhere():
    model = Sequential([Dense(4, input_shape=(3,)), Dense(2, name="top")])
    top = model.layers[-1]
    model.pop()
    other = Sequential([keras.Input((4,)), top])
    assert other.predict(np.zeros((1, 4), "f")).shape == (1, 2)


def test_input_layer_is_not_among_the_layers():
    model = Sequential([InputLayer(input_shape=(3,), name="x"), Dense(2)])
    assert len(model.layers) == 1 and model.input_names == ["x"]


def test_building_is_deferred_until_the_shape_is_known():
    model = Sequential([Dense(4), Dense(2)])
    assert not model.built and len(model.layers) == 2
    assert model.weights == model.trainable_weights == model.get_weights() == []
    with pytest.raises(ValueError, match="Weights of .* have not been created yet"):
        model.set_weights([np.zeros((3, 4))])
    model.build((None, 3))
    assert model.built and [w.shape for w in model.get_weights()] == [(3, 4), (4,), (4, 2), (2,)]
    check(model)


@pytest.mark.parametrize("method", ["predict", "fit", "train_on_batch", "evaluate"])
def test_data_builds_a_deferred_model(method):
    model = Sequential([Dense(4), Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"])
    if method == "predict":
        model.predict(X)
    else:
        getattr(model, method)(X, X[:, :2], **({} if method == "train_on_batch" else {"verbose": 0}))
    assert model.built and model.count_params() == 26
    check(model)


def test_calling_a_deferred_model_builds_it():
    model = Sequential([Dense(2)])
    x = keras.Input((3,))
    outer = Model(x, model(x))
    np.testing.assert_allclose(outer.predict(X), through(model), rtol=1e-5, atol=1e-6)


def test_adding_to_a_model_built_late_goes_on():
    model = Sequential([Dense(4)])
    model.build((None, 3))
    model.add(Dense(2))
    check(model)


def test_both_forms_of_configuration():
    model = Sequential([Dense(4, input_shape=(3,)), Dropout(0.5), Dense(2)], name="stack")
    config = model.get_config()
    assert config["name"] == "stack"
    again = Sequential.from_config(config)
    old = Sequential.from_config(config["layers"])  # Keras 2.0 to 2.2
    for other in (again, old):
        assert [type(layer) for layer in other.layers] == [Dense, Dropout, Dense]
        other.set_weights(model.get_weights())
        np.testing.assert_allclose(other.predict(X), model.predict(X), rtol=1e-6)
    assert again.name == "stack"


def test_configuration_of_a_model_built_late_remembers_the_shape():
    model = Sequential([Dense(2)])
    model.build((None, 3))
    again = Sequential.from_config(model.get_config())
    assert again.built and again.input_shape == (None, 3)
    unbuilt = Sequential.from_config(Sequential([Dense(2)]).get_config())
    assert not unbuilt.built and len(unbuilt.layers) == 1


def test_input_dtype_follows_the_first_layer():
    model = Sequential([Embedding(5, 3, input_length=2), keras.layers.Flatten()])
    assert model.predict(np.array([[0, 4]])).shape == (1, 6)


def test_predict_classes_and_proba():
    softmax = Sequential([Dense(3, activation="softmax", input_shape=(3,))])
    assert softmax.predict_classes(X).tolist() == softmax.predict(X).argmax(-1).tolist()
    sigmoid = Sequential([Dense(1, activation="sigmoid", input_shape=(3,))])
    np.testing.assert_array_equal(sigmoid.predict_classes(X), (sigmoid.predict(X) > 0.5).astype("int32"))
    np.testing.assert_array_equal(sigmoid.predict_proba(X), sigmoid.predict(X))
    linear = Sequential([Dense(1, bias_initializer="ones", kernel_initializer="zeros", input_shape=(3,))])
    linear.set_weights([np.zeros((3, 1)), np.array([7.0])])
    with pytest.warns(UserWarning, match="invalid probability"):
        linear.predict_proba(X)


def test_summary_of_an_unbuilt_model():
    with pytest.raises(ValueError, match="has not been built yet.*input_shape"):
        Sequential([Dense(2)]).summary()
    with pytest.raises(RuntimeError, match="count_params.*isn't built"):
        Sequential([Dense(2)]).count_params()


def not_a_layer():
    Sequential().add("dense")


def a_class():
    Sequential([Dense])


def two_of_a_name():
    Sequential([Dense(2, name="same", input_shape=(3,)), Dense(2, name="same")])


def two_outputs():
    x = keras.Input((3,))
    Sequential([keras.Input((3,)), Model(x, [Dense(1)(x), Dense(1)(x)], name="split")])


def no_shape_to_build():
    Sequential([Dense(2)]).build()


def shape_mismatch():
    Sequential([Dense(2, input_shape=(3,)), keras.layers.Conv2D(2, 2)])


def number_for_shape():
    Dense(2, input_shape=3)


ERRORS = {
    not_a_layer: (TypeError, "must be an instance of class Layer. Found: 'dense'"),
    a_class: (TypeError, "must be an instance of class Layer. Found: <class"),
    two_of_a_name: (ValueError, "'same' is used by two layers"),
    two_outputs: (ValueError, "single output; split has 2"),
    no_shape_to_build: (ValueError, r"give build\(\) the input shape"),
    shape_mismatch: (ValueError, "conv2d.*expected ndim=4, found ndim=2"),
    number_for_shape: (ValueError, r"input_shape must be a tuple.*\(3,\)"),
}


@pytest.mark.parametrize("mistake", ERRORS, ids=lambda f: f.__name__)
def test_mistake_is_one_clear_error(mistake):
    kind, message = ERRORS[mistake]
    with pytest.raises(kind, match=message):
        mistake()


def test_a_failed_add_leaves_the_model_as_it_was():
    model = Sequential([Dense(2, input_shape=(3,))])
    with pytest.raises(ValueError):
        model.add(keras.layers.Conv2D(2, 2))
    assert len(model.layers) == 1
    check(model)
    model.add(Dense(5))
    check(model)


def test_layers_that_take_single_images_take_them_one_after_the_other():
    model = Sequential([keras.layers.Resizing(4, 4), keras.layers.Rescaling(2.0)])
    image = np.ones((6, 8, 3), "float32")
    assert np.shape(model(image)) == (4, 4, 3)
    assert np.shape(model(image[None])) == (1, 4, 4, 3)
    assert np.shape(model(image)) == (4, 4, 3)
    np.testing.assert_array_equal(np.asarray(model(image)), np.full((4, 4, 3), 2.0))


def test_a_first_layer_that_was_adapted_says_the_input_by_the_rules_of_tf_keras():
    def model():
        first = keras.layers.Normalization()
        first.adapt(np.arange(6.0).reshape(2, 3))
        return Sequential([first, Dense(1)])

    assert model().inputs is None
    with rules.following(rules.TF_KERAS):
        assert model().input_shape == (None, 3)


class Weighed(keras.layers.Layer):
    def call(self, inputs):
        x, weights = inputs
        return x * K.mean(weights, axis=-1, keepdims=True)


def test_a_first_layer_that_takes_a_list_is_fitted_to_lists():
    model = keras.Sequential([Weighed(), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    x = [np.ones((4, 3)), np.ones((4, 5))]
    model.fit(x, np.ones((4, 2)), validation_data=(x, np.ones((4, 2))), verbose=0)
    assert [tuple(t.shape) for t in model.inputs] == [(None, 3), (None, 5)]
    assert np.allclose(model.predict(x), np.asarray(model(x)), atol=1e-6)


def test_a_model_within_that_begins_with_text_reads_text():
    words = keras.layers.TextVectorization(output_sequence_length=2)
    words.adapt(["a b", "c"])
    inner = keras.Sequential([words, keras.layers.Embedding(9, 3)])
    model = keras.Sequential([inner, keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.array(["a", "b", "c b", "a"], object), np.ones((4, 1)), verbose=0)
    assert model.predict(np.array(["a", "a"], object)).shape == (2, 1)
