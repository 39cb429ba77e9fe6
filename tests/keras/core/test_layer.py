"""Layer: building, masks, configuration, calls, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras.core.input_spec import InputSpec
from kcompile.keras.core.layer import Layer
from kcompile.keras.core.node import Node
from kcompile.keras.layers import LSTM, Dense, Input, Masking
from kcompile.keras.models import Model, Sequential
from tests.keras.core.linear import Linear

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


@pytest.fixture(autouse=True)
def fresh_names():
    K.clear_session()


# --- names, arguments, building ---


@pytest.mark.parametrize(
    "class_name, expected",
    [
        ("Dense", "dense_1"),
        ("Conv2D", "conv2d_1"),
        ("LSTM", "lstm_1"),
        ("BatchNormalization", "batch_normalization_1"),
        ("MaxPooling2D", "max_pooling2d_1"),
        ("SeparableConv2D", "separable_conv2d_1"),
        ("GRUCell", "gru_cell_1"),
        ("ReLU", "re_lu_1"),
        ("LeakyReLU", "leaky_re_lu_1"),
        ("_Hidden", "private__hidden_1"),
    ],
)
def test_default_names_are_those_of_keras(class_name, expected):
    """Checked against Keras 2.3.1: files are loaded by these names."""
    assert type(class_name, (Layer,), {})().name == expected


def test_unknown_argument():
    with pytest.raises(TypeError, match="Linear: keyword argument not understood: 'unit'.*name"):
        Linear(2, unit=3)


def test_built_once_on_the_first_call():
    layer = Linear(2)
    assert not layer.built and layer.weights == []
    with pytest.raises(RuntimeError, match="count_params.*isn't built"):
        layer.count_params()
    x = Input((3,))
    layer(x), layer(x)
    assert layer.built and [w.shape for w in layer.weights] == [(3, 2)] and layer.count_params() == 6
    assert layer.weights[0].name == "linear_1/kernel"


def test_build_gets_a_list_of_shapes_for_several_inputs():
    seen = []

    class Sum(Layer):
        def build(self, input_shape):
            seen.append(input_shape)
            super().build(input_shape)

        def call(self, inputs):
            return inputs[0] + inputs[1]

    Sum()([Input((3,)), Input((3,))])
    assert seen == [[(None, 3), (None, 3)]]


def test_weights_argument_sets_initial_values():
    layer = Linear(2, weights=[np.full((3, 2), 5.0)])
    layer(Input((3,)))
    assert (layer.get_weights()[0] == 5).all()


def test_input_shape_spellings():
    assert Linear(2, input_shape=(3,)).batch_input_shape == (None, 3)
    assert Linear(2, input_shape=(3,), batch_size=4).batch_input_shape == (4, 3)
    assert Linear(2, input_dim=3).batch_input_shape == (None, 3)
    assert Linear(2, input_dim=3, input_length=5).batch_input_shape == (None, 5, 3)
    assert not hasattr(Linear(2), "batch_input_shape")


def test_tensors_know_whether_training_makes_a_difference():
    x = Input((4,))
    plain, dropped = Dense(3)(x), keras.layers.Dropout(0.5)(x)
    both = keras.layers.concatenate([plain, dropped])
    assert not plain._uses_learning_phase and dropped._uses_learning_phase and both._uses_learning_phase
    assert Model(x, both).uses_learning_phase and not Model(x, plain).uses_learning_phase
    assert Dense(1)(Model(x, both)(Input((4,))))._uses_learning_phase


# --- masks ---


def test_masks_pass_through_layers_that_support_them():
    x = Input((4, 3))
    masked = Masking()(x)
    through = keras.layers.Dropout(0.5)(masked)
    assert through._keras_mask is masked._keras_mask
    assert LSTM(2)(through)._keras_mask is None
    assert LSTM(2, return_sequences=True)(through)._keras_mask is not None


def test_layers_that_do_not_support_masks_say_so():
    class Plain(Layer):
        def call(self, inputs):
            return inputs * 2.0

    x = Input((4, 3))
    with pytest.raises(TypeError, match="Layer own .Plain. does not support masking"):
        Plain(name="own")(Masking()(x))


def test_call_gets_the_mask_where_it_takes_one():
    class MeanOfValid(Layer):
        supports_masking = True

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.supports_masking = True

        def call(self, inputs, mask=None):
            mask = K.expand_dims(K.cast(mask, "float32"), -1)
            return K.sum(inputs * mask, axis=1) / K.sum(mask, axis=1)

        def compute_mask(self, inputs, mask=None):
            return None

    x = Input((4, 2))
    model = Model(x, MeanOfValid()(Masking()(x)))
    data = np.array([[[1, 2], [3, 4], [0, 0], [0, 0]]], "float32")
    np.testing.assert_allclose(model.predict(data), [[2, 3]])


def test_a_mask_may_be_given_by_hand():
    x, mask = Input((4, 3)), Input((4,), dtype="bool")
    assert LSTM(2, return_sequences=True)(x, mask=mask)._keras_mask is mask


# --- calls ---


def test_nodes_record_the_calls():
    layer = Linear(2)
    a, b = Input((3,)), Input((5, 3))
    ya, yb = layer(a), layer(b)
    assert layer.get_input_at(0) is a and layer.get_output_at(1) is yb
    assert layer.get_input_shape_at(1) == (None, 5, 3) and layer.get_output_shape_at(0) == (None, 2)
    assert layer.get_input_mask_at(0) is None and layer.get_output_mask_at(1) is None
    assert ya._keras_history.node_index == 0 and yb._keras_history.node_index == 1
    assert all(isinstance(node, Node) for node in layer._inbound_nodes)
    for attribute in ("input", "output", "input_mask", "output_mask"):
        with pytest.raises(AttributeError, match="multiple inbound nodes.*get_.*_at"):
            getattr(layer, attribute)
    with pytest.raises(AttributeError, match="different output shapes"):
        layer.output_shape  # noqa: B018
    with pytest.raises(ValueError, match="at node 2, but the layer has only 2"):
        layer.get_output_at(2)


def test_shapes_of_calls_that_agree():
    layer = Linear(2)
    layer(Input((3,))), layer(Input((3,)))
    assert layer.input_shape == (None, 3) and layer.output_shape == (None, 2)


@pytest.mark.parametrize("attribute", ["input", "output", "input_shape", "output_shape"])
def test_a_layer_that_was_never_called(attribute):
    with pytest.raises(AttributeError, match="never been called"):
        getattr(Linear(2), attribute)
    with pytest.raises(RuntimeError, match="never been called"):
        Linear(2).get_output_at(0)


@pytest.mark.parametrize("given", ["text", None, {"a": 1}])
def test_called_on_what_is_no_tensor(given):
    with pytest.raises(ValueError, match="own was called with an input that is not a symbolic tensor"):
        Linear(2, name="own")(given)


def test_arrays_become_constants():
    np.testing.assert_allclose(K.eval(Linear(2)(X)), X.sum(1, keepdims=True) @ np.ones((1, 2)), rtol=1e-5)


SPECS = [
    (InputSpec(ndim=3), r"expected ndim=3, found ndim=2"),
    (InputSpec(min_ndim=3), "expected min_ndim=3, found ndim=2"),
    (InputSpec(max_ndim=1), "expected max_ndim=1, found ndim=2"),
    (InputSpec(shape=(None, 7)), "expected axis 1 to have size 7, found 3"),
    (InputSpec(axes={-1: 4}), "expected axis -1 to have size 4, found 3"),
    (InputSpec(min_ndim=2, axes={5: 4}), "expected an axis 5, found ndim=2"),
    ([InputSpec(ndim=2), InputSpec(ndim=2)], "expects 2 inputs, but it received 1"),
]


@pytest.mark.parametrize("spec, message", SPECS, ids=[m for _, m in SPECS])
def test_input_spec_is_checked_before_the_call(spec, message):
    layer = Linear(2, name="own")
    layer.input_spec = spec
    with pytest.raises(ValueError, match=f"(?s)own.*{message}"):
        layer(Input((3,)))
    assert not layer.built


def test_input_spec_is_readable():
    assert repr(InputSpec(min_ndim=2, axes={-1: 4})) == "InputSpec(min_ndim=2, axes={-1: 4})"


def test_shapes_that_cannot_be_built_are_refused_by_name():
    with pytest.raises(ValueError, match="dense_1"):
        Dense(2)(Input((None,)))


# --- configuration ---


def test_configuration_and_back():
    layer = Linear(4, name="mine", trainable=False, dtype="float64", input_shape=(3,))
    config = layer.get_config()
    assert config == {
        "name": "mine",
        "trainable": False,
        "batch_input_shape": (None, 3),
        "dtype": "float64",
        "units": 4,
    }
    again = Linear.from_config(config)
    assert again.get_config() == config and again.weights == []


def test_dtype_policies_of_keras_3_are_read():
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}}
    assert Linear(2, dtype=policy).dtype == "float32"
    assert Linear(2, dtype=np.float64).dtype == "float64"


def test_compute_output_shape_by_emitting_where_nobody_overrode_it():
    class Half(Layer):
        def call(self, inputs):
            return inputs[:, ::2]

    assert Half().compute_output_shape((None, 8, 3)) == (None, 4, 3)
    assert Layer().compute_output_shape((None, 8)) == (None, 8)
    assert Linear(5).compute_output_shape((None, 3)) == (None, 5)


def test_compute_output_shape_fills_in_what_inference_cannot_know():
    class Trim(Layer):
        def call(self, inputs):
            return inputs[:, : K.int_shape(inputs)[1]] if False else K.reshape(inputs, K.shape(inputs))

        def compute_output_shape(self, input_shape):
            return input_shape

    y = Trim()(Input((4, 3)))
    assert K.int_shape(y) == (None, 4, 3)
    assert Dense(2)(y) is not None


# --- several outputs ---


def test_a_layer_with_several_outputs_and_masks():
    class Split(Layer):
        def call(self, inputs):
            return [inputs[:, :1], inputs[:, 1:]]

        def compute_output_shape(self, input_shape):
            return [(input_shape[0], 1), (input_shape[0], input_shape[1] - 1)]

    x = Input((3,))
    first, second = Split(name="split")(x)
    model = Model(x, [second, first])
    assert model.output_shape == [(None, 2), (None, 1)] and model.output_names == ["split", "split"]
    right, left = model.predict(X)
    np.testing.assert_array_equal(np.hstack([left, right]), X)


def test_custom_layer_in_sequential_trains_saves_and_loads(tmp_path):
    pytest.importorskip("torch")
    model = Sequential([Linear(4, input_shape=(3,)), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], epochs=2, verbose=0)
    path = str(tmp_path / "m.h5")
    model.save(path)
    with pytest.raises(ValueError, match="Unknown layer: 'Linear'.*custom_objects"):
        keras.models.load_model(path)
    again = keras.models.load_model(path, custom_objects={"Linear": Linear})
    np.testing.assert_allclose(again.predict(X), model.predict(X), rtol=1e-6)
