"""Layer: building, weights, losses, updates, metrics, masks, configuration, calls, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import constraints, initializers, regularizers
from kcompile.keras.core.input_spec import InputSpec
from kcompile.keras.core.layer import Layer
from kcompile.keras.core.node import Node
from kcompile.keras.layers import LSTM, Dense, Input, Masking
from kcompile.keras.models import Model, Sequential

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


class Linear(Layer):
    """A layer as users write it for Keras 2."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        return K.dot(inputs, self.kernel)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


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


# --- weights ---


def test_add_weight_takes_everything():
    layer = Layer(name="own", dtype="float64")
    weight = layer.add_weight(
        name="w",
        shape=(3, 3, 2, 4),
        initializer=initializers.RandomNormal(seed=1),
        regularizer=regularizers.l2(0.5),
        constraint=constraints.non_neg(),
        memory_order=(3, 0, 1, 2),
        trainable=False,
    )
    assert weight.name == "own/w" and weight.dtype == np.float64 and not weight.trainable
    assert layer.non_trainable_weights == [weight] and layer.trainable_weights == []
    assert weight.storage.array.transpose(3, 0, 1, 2).flags.c_contiguous
    np.testing.assert_allclose(K.eval(layer.losses[0]), 0.5 * (weight.numpy() ** 2).sum(), rtol=1e-6)
    assert weight.constraint is not None


def test_add_weight_in_the_order_of_keras_2_0():
    layer = Layer()
    weight = layer.add_weight((2, 3), initializer="ones", name="w")
    assert weight.shape == (2, 3)


@pytest.mark.parametrize("shape", [(None, 3), (-1,), ("a",)])
def test_add_weight_needs_sizes(shape):
    with pytest.raises(ValueError, match="own: the weight 'w' needs known sizes"):
        Layer(name="own").add_weight(name="w", shape=shape)


@pytest.mark.parametrize(
    "initializer",
    [
        "zeros",
        initializers.Constant(3),
        lambda shape, dtype=None: np.ones(shape),
        lambda shape: K.ones(shape),
    ],
)
def test_initializers_of_every_kind(initializer):
    assert Layer().add_weight(name="w", shape=(2,), initializer=initializer).numpy().shape == (2,)


def test_get_and_set_weights_are_copies():
    layer = Linear(2)
    layer(Input((3,)))
    taken = layer.get_weights()
    taken[0][:] = 9
    assert (layer.get_weights()[0] == 1).all()
    layer.set_weights(taken)
    taken[0][:] = 7
    assert (layer.get_weights()[0] == 9).all()


def test_set_weights_that_do_not_fit_change_nothing():
    layer = Dense(2, name="own")
    layer(Input((3,)))
    before = layer.get_weights()
    with pytest.raises(
        ValueError, match="'own' with a list of 1 arrays, but the layer has 2 weights.*own/kernel"
    ):
        layer.set_weights([np.zeros((3, 2))])
    with pytest.raises(ValueError, match=r"own/bias has shape \(2,\), the given array has shape \(3,\)"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(3)])
    for now, then in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_trainable_moves_weights():
    layer = Dense(2)
    layer(Input((3,)))
    assert len(layer.trainable_weights) == 2
    layer.trainable = False
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 2
    assert len(layer.weights) == 2


def test_names_carry_the_path_of_nested_layers():
    inner = Linear(2, name="inner")

    class Outer(Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = inner

        def call(self, x):
            return self.inner(x)

    Outer(name="outer")(Input((3,)))
    assert inner.weights[0].name == "outer/inner/kernel"


# --- tracking ---


def test_layers_weights_and_metrics_in_attributes_belong_to_the_layer():
    class Holder(Layer):
        def __init__(self):
            super().__init__()
            self.one = Linear(2)
            self.many = [Linear(2), Linear(2)]
            self.named = {"a": Linear(2), "b": [Linear(2)]}
            self.pair = (Linear(2),)
            self.state = K.variable(np.zeros(2), name="state")
            self.metric = keras.metrics.Mean(name="mean")
            self.again = self.one

        def call(self, x):
            for layer in self._layers:
                layer(x)
            return x * self.state

    holder = Holder()
    holder(Input((2,)))
    assert len(holder._layers) == 6
    assert len(holder.trainable_weights) == 7
    assert [m.name for m in holder.metrics] == ["mean"]


def test_disable_tracking():
    from kcompile.keras.core.layer import disable_tracking

    class Quiet(Layer):
        @disable_tracking
        def __init__(self):
            super().__init__()
            self.inner = Linear(2)

    assert Quiet()._layers == []


# --- losses, updates, metrics ---


class Counting(Layer):
    """Adds a loss, an update and a metric in every call."""

    def build(self, input_shape):
        self.count = self.add_weight(name="count", shape=(), initializer="zeros", trainable=False)
        super().build(input_shape)

    def call(self, inputs):
        self.add_loss(K.mean(K.abs(inputs)), inputs=inputs)
        self.add_update([(self.count, self.count + 1.0)], inputs=inputs)
        self.add_metric(K.max(inputs), name="largest", aggregation="mean")
        return inputs * 1.0


def test_losses_updates_and_metrics_belong_to_calls():
    layer = Counting()
    a, b = Input((3,)), Input((3,))
    layer(a), layer(b)
    assert len(layer.losses) == 2 and len(layer.updates) == 2 and len(layer.metrics) == 1
    assert len(layer.get_losses_for(a)) == 1 and len(layer.get_updates_for(b)) == 1
    assert layer.get_losses_for(None) == [] == layer.get_updates_for(None)


def test_unconditional_losses_and_updates():
    layer = Linear(2, name="own")
    layer(Input((3,)))
    layer.add_loss(K.constant(2.0))
    layer.add_loss(lambda: K.sum(layer.kernel))
    layer.add_update((layer.kernel, layer.kernel * 2.0))
    assert len(layer.get_losses_for(None)) == 2 and len(layer.get_updates_for(None)) == 1
    layer.trainable = False
    assert layer.updates == []


def test_losses_and_updates_on_given_inputs():
    x, other = Input((3,)), Input((3,))
    layer = Linear(2)
    layer.build((None, 3))
    on_x, always = K.sum(x), K.sum(layer.kernel)
    layer.add_loss(on_x, inputs=x)
    layer.add_loss(always)
    layer.add_update((layer.kernel, layer.kernel * 2), inputs=[x])
    assert layer.get_losses_for(x) == [on_x] and layer.get_losses_for(None) == [always]
    assert layer.get_losses_for(other) == [] == layer.get_updates_for(None)
    assert len(layer.get_updates_for(x)) == 1 == len(layer.updates)
    assert set(layer.losses) == {on_x, always}


@pytest.mark.parametrize(
    "make, unconditional, on_input",
    [
        (lambda: keras.layers.TimeDistributed(Dense(2, kernel_regularizer="l1")), 1, 0),
        (lambda: keras.layers.TimeDistributed(Dense(2, activity_regularizer="l1")), 0, 1),
        (lambda: keras.layers.Bidirectional(LSTM(2, kernel_regularizer="l1", bias_regularizer="l2")), 4, 0),
        (lambda: keras.layers.RNN([keras.layers.LSTMCell(2, kernel_regularizer="l2")]), 1, 0),
    ],
)
def test_losses_of_inner_layers_are_found(make, unconditional, on_input):
    x = Input((3, 4))
    layer = make()
    layer(x)
    assert len(layer.get_losses_for(None)) == unconditional
    assert len(layer.get_losses_for(x)) == on_input
    assert len(layer.losses) == unconditional + on_input


def test_numbers_can_be_losses():
    model = Sequential([Dense(1, input_shape=(3,), kernel_initializer="zeros")])
    model.add_loss(2)
    model.compile("sgd", "mse")
    assert model.evaluate(X, np.zeros((4, 1)), verbose=0) == 2


def test_tensors_know_whether_training_makes_a_difference():
    x = Input((4,))
    plain, dropped = Dense(3)(x), keras.layers.Dropout(0.5)(x)
    both = keras.layers.concatenate([plain, dropped])
    assert not plain._uses_learning_phase and dropped._uses_learning_phase and both._uses_learning_phase
    assert Model(x, both).uses_learning_phase and not Model(x, plain).uses_learning_phase
    assert Dense(1)(Model(x, both)(Input((4,))))._uses_learning_phase


def test_a_model_trains_with_what_its_layers_add():
    x = Input((3,))
    counting = Counting()
    model = Model(x, Dense(1)(counting(x)))
    model.compile("sgd", "mse")
    results = model.train_on_batch(X, X[:, :1])
    assert model.metrics_names == ["loss", "largest"]
    assert results[1] == pytest.approx(X.max())
    assert counting.count.numpy() == 1
    model.evaluate(X, X[:, :1], verbose=0)
    assert counting.count.numpy() == 1  # updates are for training


def test_losses_of_calls_outside_of_the_model_do_not_count():
    counting = Counting()
    x, other = Input((3,)), Input((3,))
    counting(other)
    model = Model(x, counting(x))
    assert len(model.losses) == 1 and len(model.updates) == 1


@pytest.mark.parametrize("aggregation", ["sum", "max", 3])
def test_unknown_aggregation(aggregation):
    with pytest.raises(ValueError, match="add_metric 'm': aggregation must be"):
        Layer().add_metric(K.constant(1.0), name="m", aggregation=aggregation)


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


@pytest.mark.parametrize("given", ["text", 3, None, {"a": 1}])
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
