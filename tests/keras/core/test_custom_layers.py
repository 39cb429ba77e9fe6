"""Layers, losses and the rest that users wrote for Keras 2.3 with K: trained and exported as they are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import initializers, regularizers
from kcompile.keras.engine.topology import InputSpec, Layer
from kcompile.keras.layers import Dense, Embedding, Input, Lambda
from kcompile.keras.models import Model, Sequential

pytest.importorskip("torch")

RANDOM = np.random.RandomState(5)


class MyLayer(Layer):
    """From Keras's documentation, "Writing your own Keras layers"."""

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[1], self.output_dim), initializer="uniform", trainable=True
        )
        super().build(input_shape)

    def call(self, x):
        return K.dot(x, self.kernel)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        return dict(super().get_config(), output_dim=self.output_dim)


class TwoInputs(Layer):
    """The second example there: several inputs and outputs."""

    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)

    def build(self, input_shape):
        assert isinstance(input_shape, list)
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[0][1], self.output_dim), initializer="uniform", trainable=True
        )
        super().build(input_shape)

    def call(self, x):
        a, b = x
        return [K.dot(a, self.kernel) + b, K.mean(b, axis=-1)]

    def compute_output_shape(self, input_shape):
        shape_a, shape_b = input_shape
        return [(shape_a[0], self.output_dim), shape_b[:-1]]

    def get_config(self):
        return dict(super().get_config(), output_dim=self.output_dim)


class Attention(Layer):
    """Attention over time as published again and again, with masks, in the style of Keras 2.0."""

    def __init__(self, W_regularizer=None, bias=True, **kwargs):
        self.supports_masking = True
        self.init = initializers.get("glorot_uniform")
        self.W_regularizer = regularizers.get(W_regularizer)
        self.bias = bias
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        assert len(input_shape) == 3
        self.W = self.add_weight(
            (input_shape[-1],), initializer=self.init, name=f"{self.name}_W", regularizer=self.W_regularizer
        )
        if self.bias:
            self.b = self.add_weight((input_shape[1],), initializer="zero", name=f"{self.name}_b")
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return None

    def call(self, x, mask=None):
        steps, features = K.int_shape(x)[1:]
        eij = K.reshape(K.dot(K.reshape(x, (-1, features)), K.reshape(self.W, (features, 1))), (-1, steps))
        if self.bias:
            eij += self.b
        a = K.exp(K.tanh(eij))
        if mask is not None:
            a *= K.cast(mask, K.floatx())
        a /= K.cast(K.sum(a, axis=1, keepdims=True) + K.epsilon(), K.floatx())
        return K.sum(x * K.expand_dims(a), axis=1)

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[-1]


class Swish(Layer):
    """A layer with a scalar weight, and InputSpec set in build."""

    def build(self, input_shape):
        self.beta = self.add_weight(name="beta", shape=(), initializer=keras.initializers.Constant(1.0))
        self.input_spec = InputSpec(ndim=len(input_shape))
        self.built = True

    def call(self, inputs):
        return inputs * K.sigmoid(self.beta * inputs)


class InstanceNorm(Layer):
    """Statistics by K.mean and K.var over axes."""

    def call(self, inputs):
        mean = K.mean(inputs, axis=(1, 2), keepdims=True)
        return (inputs - mean) / K.sqrt(K.var(inputs, axis=(1, 2), keepdims=True) + 1e-3)


class Noise(Layer):
    """Another output in training."""

    def call(self, inputs, training=None):
        noised = inputs + K.random_normal(shape=K.shape(inputs), stddev=5.0)
        return K.in_train_phase(noised, inputs, training=training)


class MovingAverage(Layer):
    """A state that training updates."""

    def build(self, input_shape):
        self.average = self.add_weight(
            name="average", shape=(input_shape[-1],), initializer="zeros", trainable=False
        )
        self.built = True

    def call(self, inputs):
        self.add_update([K.moving_average_update(self.average, K.mean(inputs, axis=0), 0.9)], inputs)
        return inputs - self.average


class Sampling(Layer):
    """Of a variational autoencoder, with its loss added."""

    def call(self, inputs):
        mean, log_var = inputs
        self.add_loss(-0.5 * K.mean(1 + log_var - K.square(mean) - K.exp(log_var)), inputs=inputs)
        epsilon = K.random_normal(shape=(K.shape(mean)[0], K.int_shape(mean)[1]))
        return K.in_train_phase(mean + K.exp(0.5 * log_var) * epsilon, mean)


def single(layer, *shape):
    x = Input(shape)
    return Model(x, layer(x))


def two_inputs():
    a, b = Input((3,)), Input((4,))
    return Model([a, b], TwoInputs(4)([a, b]))


def attention_with_mask():
    x = Input((5, 3))
    return Model(x, Attention(W_regularizer="l2")(keras.layers.Masking()(x)))


def variational():
    x = Input((4,))
    mean, log_var = Dense(2)(x), Dense(2)(x)
    return Model(x, Dense(4)(Sampling()([mean, log_var])))


MODELS = {
    "MyLayer": lambda: single(MyLayer(4), 3),
    "TwoInputs": two_inputs,
    "Attention": attention_with_mask,
    "Swish": lambda: single(Swish(), 3),
    "InstanceNorm": lambda: single(InstanceNorm(), 4, 4, 2),
    "Noise": lambda: single(Noise(), 3),
    "MovingAverage": lambda: single(MovingAverage(), 3),
    "Sampling": variational,
}
OWN = (MyLayer, TwoInputs, Attention, Swish, InstanceNorm, Noise, MovingAverage, Sampling)
CLASSES = {cls.__name__: cls for cls in OWN}


def data(model):
    feeds = [RANDOM.uniform(-1, 1, (6, *K.int_shape(x)[1:])).astype("f") for x in model.inputs]
    targets = [RANDOM.uniform(-1, 1, (6, *K.int_shape(y)[1:])).astype("f") for y in model.outputs]
    return tuple(part[0] if len(part) == 1 else part for part in (feeds, targets))


@pytest.mark.parametrize("name", MODELS)
def test_trains(name):
    model = MODELS[name]()
    x, y = data(model)
    model.compile(keras.optimizers.SGD(0.05), "mse")
    before = model.get_weights()
    first = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=20, verbose=0)
    assert np.all(np.isfinite(model.evaluate(x, y, verbose=0)))
    if model.trainable_weights and name != "Sampling":
        assert np.sum(model.evaluate(x, y, verbose=0)) < np.sum(first)
    assert not before or any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_saves_loads_exports(name, tmp_path):
    from kcompile_runtime import Executor

    model = MODELS[name]()
    x, _ = data(model)
    expected = model.predict(x)
    model.save(str(tmp_path / "m.h5"))
    again = keras.models.load_model(str(tmp_path / "m.h5"), custom_objects=CLASSES)
    model.export(str(tmp_path / "m.onnx"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* weights that no output depends on")  # Sampling's, in prediction
        by_onnx = keras.models.load_model(str(tmp_path / "m.onnx"), custom_objects=CLASSES)
    exported = Executor(str(tmp_path / "m.onnx")).predict(x)
    for found in (again.predict(x), by_onnx.predict(x), exported):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_noise_is_for_training_only():
    model = MODELS["Noise"]()
    x, _y = data(model)
    model.compile("sgd", "mse")
    np.testing.assert_allclose(model.predict(x), x, rtol=1e-6)
    assert model.train_on_batch(x, x) > 1 > model.test_on_batch(x, x)


def test_moving_average_moves_in_training_only():
    model = MODELS["MovingAverage"]()
    x, _ = data(model)
    model.compile("sgd", "mse")
    model.predict(x), model.evaluate(x, x, verbose=0)
    assert (model.get_weights()[0] == 0).all()
    model.train_on_batch(x, x)
    np.testing.assert_allclose(model.get_weights()[0], 0.1 * x.mean(0), rtol=1e-4, atol=1e-6)


def test_masked_attention_ignores_masked_steps():
    model = attention_with_mask()
    x = RANDOM.uniform(0.1, 1, (2, 5, 3)).astype("f")
    x[:, 3:] = 0
    weights = model.get_weights()
    scores = np.exp(np.tanh(x @ weights[0] + weights[1])) * (x != 0).any(-1)
    expected = (x * (scores / scores.sum(1, keepdims=True))[..., None]).sum(1)
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-4)


def test_losses_metrics_regularizers_constraints_initializers_and_activations_of_users():
    def smooth(y_true, y_pred):
        return K.mean(K.log(1 + K.square(y_true - y_pred)), axis=-1)

    def worst(y_true, y_pred):
        return K.max(K.abs(y_true - y_pred))

    def l3(weight):
        return 0.01 * K.sum(K.pow(K.abs(weight), 3))

    def unit_rows(weight):
        return weight / (K.epsilon() + K.sqrt(K.sum(K.square(weight), axis=1, keepdims=True)))

    def stripes(shape, dtype=None):
        return K.ones(shape, dtype=dtype) * K.constant(np.arange(shape[1]) % 2)

    def bent(x):
        return K.switch(x > 0, x, 0.1 * x)

    settings = {"kernel_initializer": stripes, "kernel_regularizer": l3, "kernel_constraint": unit_rows}
    model = Sequential([Dense(4, activation=bent, input_shape=(3,), **settings), Dense(1)])
    assert (model.get_weights()[0] == [[0, 1, 0, 1]] * 3).all()
    model.compile("sgd", smooth, metrics=[worst])
    x, y = data(model)
    loss, largest = model.evaluate(x, y, verbose=0)
    error = np.abs(model.predict(x) - y)
    kernel = model.get_weights()[0]
    assert loss == pytest.approx(np.log(1 + error**2).mean() + 0.01 * (kernel**3).sum(), rel=1e-4)
    assert largest == pytest.approx(error.max(), rel=1e-5)
    model.fit(x, y, verbose=0)
    np.testing.assert_allclose((model.get_weights()[0] ** 2).sum(1), 1, rtol=1e-4)


def test_a_loss_made_by_a_closure_over_a_layer():
    x = Input((4,))
    h = Dense(2, name="code")(x)
    model = Model(x, Dense(4)(h))

    def penalised(y_true, y_pred):
        return K.mean(K.square(y_true - y_pred), axis=-1) + 0.1 * K.sum(K.abs(h), axis=-1)

    model.compile("sgd", penalised)
    data_x = RANDOM.uniform(size=(5, 4)).astype("f")
    code = Model(x, h).predict(data_x)
    expected = ((model.predict(data_x) - data_x) ** 2).mean() + 0.1 * np.abs(code).sum(1).mean()
    assert model.test_on_batch(data_x, data_x) == pytest.approx(expected, rel=1e-4)


def test_gradients_by_function():
    model = Sequential([Dense(1, use_bias=False, input_shape=(3,))])
    (gradient,) = K.gradients(K.sum(model.output), [model.input])
    f = K.function([model.input], [gradient])
    np.testing.assert_allclose(f([np.zeros((2, 3))])[0], np.tile(model.get_weights()[0].T, (2, 1)), rtol=1e-6)


def test_gradient_penalty_in_a_loss():
    """The gradient of a gradient, as WGAN-GP has it."""
    x = Input((3,))
    score = Dense(1)(Dense(4, activation="tanh")(x))
    (gradient,) = K.gradients(score, [x])
    model = Model(x, score)
    model.add_loss(K.mean(K.square(K.sqrt(K.sum(K.square(gradient), axis=-1)) - 1)))
    model.compile(keras.optimizers.Adam(0.02))
    data_x = RANDOM.uniform(-1, 1, (16, 3)).astype("f")
    losses = [model.train_on_batch(data_x) for _ in range(100)]
    assert losses[-1] < losses[0] / 2
    slopes = K.function([x], [gradient])([data_x])[0]
    assert losses[-1] == pytest.approx(((np.sqrt((slopes**2).sum(-1)) - 1) ** 2).mean(), rel=0.2, abs=1e-3)


def test_lambda_with_several_inputs_arguments_and_a_named_function():
    def weighted(tensors, factor=1.0):
        return tensors[0] + factor * tensors[1]

    a, b = Input((3,)), Input((3,))
    model = Model([a, b], Lambda(weighted, arguments={"factor": 3.0}, output_shape=(3,))([a, b]))
    ones = np.ones((2, 3), "f")
    np.testing.assert_array_equal(model.predict([ones, ones]), 4 * ones)


def test_an_optimizer_of_users():
    class Signs(keras.optimizers.Optimizer):
        def __init__(self, lr=0.01, **kwargs):
            super().__init__(**kwargs)
            self.lr = K.variable(lr, name="lr")

        def get_updates(self, loss, params):
            gradients = self.get_gradients(loss, params)
            self.updates = [
                K.update_sub(p, self.lr * K.sign(g)) for p, g in zip(params, gradients, strict=True)
            ]
            return self.updates

    model = Sequential([Dense(1, kernel_initializer="zeros", input_shape=(3,))])
    model.compile(Signs(0.5), "mse")
    model.train_on_batch(np.ones((4, 3)), np.ones((4, 1)))
    np.testing.assert_allclose(model.get_weights()[0], 0.5)


def test_values_are_printed_in_training_and_prediction_but_not_by_an_exported_file(tmp_path, capsys):
    shown = Lambda(lambda x: K.print_tensor(x, "features"), input_shape=(2,))
    model = Sequential([shown, Dense(1, kernel_initializer="ones")])

    def loss(y_true, y_pred):
        return K.print_tensor(K.mean(K.square(y_true - y_pred)), "loss")

    model.compile("sgd", loss)
    x = np.ones((4, 2), "f")
    model.fit(x, np.zeros((4, 1)), batch_size=2, epochs=1, verbose=0)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines() if line[0] != " "] == [
        "features",
        "loss",
    ] * 2
    expected = model.predict(x)
    assert capsys.readouterr().out.startswith("features [[1. 1.]")
    model.export(tmp_path / "model.onnx")
    from kcompile_runtime import Executor

    np.testing.assert_allclose(Executor(tmp_path / "model.onnx").predict(x), expected, rtol=1e-6)
    assert capsys.readouterr().out == ""


def length(x):
    return K.shape(x)[1]


SLICES = {  # of a table (50, 4) by a tensor x (batch, time, 4): the function for tensors, and for arrays
    "first": (lambda t, x: t[: length(x)], lambda t, n: t[:n]),
    "last": (lambda t, x: t[-length(x) :], lambda t, n: t[-n:]),
    "from": (lambda t, x: t[length(x) : 2 * length(x)], lambda t, n: t[n : 2 * n]),
    "middle": (lambda t, x: t[25 - length(x) // 2 :][: length(x)], lambda t, n: t[25 - n // 2 :][:n]),
    "steps": (lambda t, x: t[: 2 * length(x) : 2, ...], lambda t, n: t[: 2 * n : 2]),
    "backwards": (lambda t, x: t[length(x) - 1 :: -1, :], lambda t, n: t[n - 1 :: -1]),
    "symbolic step": (lambda t, x: t[:: length(x)][:1], lambda t, n: t[::n][:1]),
    "one row": (lambda t, x: t[None, length(x)], lambda t, n: t[None, n]),
    "new axis": (lambda t, x: t[None, : length(x), ..., -4:], lambda t, n: t[None, :n]),
    "K.slice": (lambda t, x: K.slice(t, [1, 0], [length(x), -1]), lambda t, n: t[1 : n + 1]),
}


@pytest.mark.parametrize("how", SLICES)
def test_a_table_sliced_by_the_size_of_another_tensor_predicts_trains_and_exports(how, tmp_path):
    symbolic, by_number = SLICES[how]

    class Position(Layer):
        def build(self, shape):
            self.table = self.add_weight(name="table", shape=(50, 4), initializer="uniform")
            super().build(shape)

        def call(self, x):
            return x + symbolic(self.table, x)

    x = Input((None, 4))
    model = Model(x, Position()(x))
    model.compile(keras.optimizers.SGD(1.0), "mse")
    (table,) = model.get_weights()
    for n in (7, 3):
        expected = np.zeros((2, n, 4), "float32") + by_number(table, n)
        np.testing.assert_array_equal(model.predict(np.zeros((2, n, 4))), expected)
    model.fit(np.zeros((2, 3, 4)), np.ones((2, 3, 4)), verbose=0)
    moved = (model.get_weights()[0] != table).any(axis=1).nonzero()[0]
    rows = by_number(np.arange(50), 3)
    assert list(moved) == sorted(set(rows.reshape(-1)))
    model.export(tmp_path / "m.onnx")
    again = keras.models.load_model(tmp_path / "m.onnx", {"Position": Position})
    np.testing.assert_array_equal(again.predict(np.zeros((1, 5, 4))), model.predict(np.zeros((1, 5, 4))))


@pytest.mark.parametrize("name", ["_call", "_calls", "_only", "_by_name", "_track", "_take"])
@pytest.mark.parametrize("base", [Layer, Model])
def test_a_user_may_give_a_method_of_their_own_a_short_private_name(base, name):
    def call(self, inputs):
        self.dense = self.__dict__.get("dense") or Dense(2, use_bias=False, kernel_initializer="ones")
        return getattr(self, name)(self.dense(inputs), 3.0)

    own = type("Own", (base,), {"call": call, name: lambda self, x, factor: x * factor})()
    x = Input((4,))
    model = Model(x, own(x))
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 4)), np.full((2, 2), 12.0), verbose=0)
    assert own.input is x and own.losses == [] and own.updates == []
    np.testing.assert_allclose(model.predict(np.ones((2, 4))), np.full((2, 2), 12.0))


def test_masks_in_lists_within_lists_count_one_after_the_other():
    class Three(Layer):
        supports_masking = True

        def call(self, inputs, mask=None):
            return [inputs, inputs * 2.0, inputs * 3.0]

        def compute_mask(self, inputs, mask=None):
            return [[mask, None], None]

    embedded = Embedding(4, 2, mask_zero=True)(Input((5,)))
    layer = Three()
    layer(embedded)
    mask, *others = layer.output_mask
    assert mask is embedded._keras_mask and others == [None, None]


class Penalised(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(activity_regularizer=keras.regularizers.l2(0.5), autocast=False, **kwargs)

    def call(self, inputs):
        return inputs


def test_users_layers_hand_tf_keras_arguments_to_their_base():
    model = keras.Sequential([Penalised(input_shape=(2,))])
    model.compile("sgd", "mse")
    x = np.ones((3, 2))
    assert model.evaluate(x, x, verbose=0) == pytest.approx(3.0)
    with pytest.raises(TypeError, match="not understood"):
        Penalised(activity="relu")


@pytest.mark.parametrize(
    "size", [3, np.int64(3), K.constant(3, dtype="int32"), 3.0], ids=lambda x: type(x).__name__
)
def test_sizes_that_a_layer_says_of_its_output_may_be_of_numpy_or_tensors(size, tmp_path) -> None:
    class Rows(Layer):
        def call(self, inputs):
            return K.reshape(inputs, K.concatenate([K.shape(inputs)[:1], K.constant([3, -1], dtype="int32")]))

        def compute_output_shape(self, input_shape):
            return input_shape[0], size, 2

    inputs = Input((6,))
    model = Model(inputs, Rows()(inputs))
    assert model.output_shape == (None, 3, 2)
    model.export(tmp_path / "m.onnx")
    assert model.predict(np.ones((2, 6))).shape == (2, 3, 2)
