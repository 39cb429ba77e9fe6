"""Methods that tf.keras 2 has on layers and models, and what its ``save`` takes."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras, tf_keras


@pytest.fixture
def model():
    """A model of tf.keras's dialect."""
    layers = tf_keras.layers
    return tf_keras.Sequential([layers.Dense(3, input_shape=(2,)), layers.Dense(1)])


@pytest.mark.parametrize("asked", [{}, {"save_format": "tf"}])
def test_a_saved_model_is_refused_with_what_to_write(model, asked, tmp_path):
    with pytest.raises(ValueError, match=r"SavedModel .*net.keras' or .*net.h5'; .*export\('.*net.onnx'\)"):
        model.save(str(tmp_path / "net"), **asked)
    assert not list(tmp_path.iterdir())


def test_a_path_without_an_ending_is_hdf5_to_code_of_keras(tmp_path):
    made = keras.Sequential([keras.layers.Dense(3, input_shape=(2,))])
    made.save(str(tmp_path / "net"))
    assert (tmp_path / "net").read_bytes().startswith(b"\x89HDF")
    with pytest.raises(ValueError, match="known are 'h5', 'hdf5', 'keras'"):
        made.save(str(tmp_path / "net"), save_format="pb")


@pytest.mark.parametrize(("save_format", "start"), [("h5", b"\x89HDF"), ("keras", b"PK")])
def test_a_format_can_be_asked_for_whatever_the_path_is(model, save_format, start, tmp_path):
    path = tmp_path / "net.model"
    model.save(path, save_format=save_format)
    assert path.read_bytes().startswith(start)
    x = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(tf_keras.models.load_model(path).predict(x), model.predict(x))


def test_weights_take_the_arguments_of_tf_keras(model, tmp_path):
    path = str(tmp_path / "checkpoint")
    model.save_weights(path, save_format="tf", options=None)
    before = model.get_weights()
    model.set_weights([w + 1 for w in before])
    model.load_weights(path, options=None)
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_own_variables_go_through_a_dict(model):
    dense, other = model.layers[0], tf_keras.layers.Dense(3)
    store: dict[str, np.ndarray] = {}
    dense.save_own_variables(store)
    with pytest.raises(ValueError, match="0 weights of its own; 2 are given"):
        other.load_own_variables(store)
    other.build((None, 2))
    other.load_own_variables(store)
    np.testing.assert_array_equal(other.get_weights()[0], dense.get_weights()[0])
    with pytest.raises(ValueError, match=r"has the shape \(2, 3\), not \(3, 2\)"):
        other.load_own_variables({"0": np.zeros((3, 2)), "1": np.zeros(3)})


def test_layers_are_built_from_what_they_were_built_with():
    layer = tf_keras.layers.Dense(3)
    assert layer.get_build_config() is None
    layer.build_from_config({"input_shape": (None, 2)})
    called = tf_keras.layers.Dense(3)
    called(tf_keras.Input((2,)))
    assert called.get_build_config() == {"input_shape": (None, 2)}
    assert layer.kernel.shape == (2, 3)


def test_signatures_of_outputs_have_shape_and_type():
    spec = tf_keras.layers.Dense(3).compute_output_signature(tf_keras.Input((2,)))
    assert tuple(spec.shape) == (None, 3) and spec.dtype == "float32"


def test_weights_are_added_with_the_arguments_of_tf_keras():
    class Scaled(tf_keras.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(
                name="scale", shape=(1,), initializer="ones", trainable=False, aggregation="mean"
            )
            self.shift = self.add_variable("shift", [1], initializer="zeros")
            self.inner = tf_keras.layers.Dense(1)
            super().build(input_shape)

        @tf_keras.layers.Layer.with_name_scope
        def call(self, inputs):
            return self.inner(inputs * self.scale + self.shift)

    layer = Scaled()
    layer(tf_keras.Input((2,)))
    assert [w.shape for w in layer.non_trainable_weights] == [(1,)]
    assert layer.submodules == (layer.inner,)


def test_compile_shows_what_it_takes():
    import inspect

    assert {"run_eagerly", "steps_per_execution"} <= inspect.signature(
        tf_keras.Model.compile
    ).parameters.keys()


def test_a_clone_has_the_layers_that_the_function_gives(model):
    inputs = tf_keras.Input((2,))
    functional = tf_keras.Model(inputs, tf_keras.layers.Dropout(0.5)(tf_keras.layers.Dense(1)(inputs)))
    for made in (model, functional):
        kept = next(layer for layer in made.layers if isinstance(layer, tf_keras.layers.Dense))
        clone = tf_keras.models.clone_model(
            made,
            clone_function=lambda layer, kept=kept: (
                kept if layer is kept else type(layer).from_config(layer.get_config())
            ),
        )
        assert kept in clone.layers and sum(layer in made.layers for layer in clone.layers) == 1


def test_inputs_take_the_arguments_of_tf_keras():
    class Spec:
        shape, dtype = (None, 3), "int32"

    assert (
        tf_keras.Input(type_spec=Spec).shape == (None, 3) and tf_keras.Input(type_spec=Spec).dtype == "int32"
    )
    assert tf_keras.Input((2,), ragged=False).shape == (None, 2)
    with pytest.raises(ValueError, match="ragged .* pad sequences"):
        tf_keras.Input((None,), ragged=True)


def test_reductions_are_named_as_in_tf_keras():
    reduction = tf_keras.losses.Reduction
    y, p = np.ones((2, 1), "float32"), np.zeros((2, 1), "float32")
    by = {
        name: tf_keras.losses.MeanSquaredError(reduction=getattr(reduction, name))
        for name in ("AUTO", "NONE", "SUM")
    }
    found = {name: np.asarray(loss(y, p)).tolist() for name, loss in by.items()}
    assert found == {"AUTO": 1.0, "NONE": [1.0, 1.0], "SUM": 2.0}


def test_the_learning_phase_is_fixed_in_a_scope():
    K = tf_keras.backend
    before = K.learning_phase()
    with K.learning_phase_scope(1):
        assert K.learning_phase() == 1
    assert K.learning_phase() is before
    assert 0 < float(K.get_value(K.mean(K.random_bernoulli((1000,), 0.5)))) < 1
