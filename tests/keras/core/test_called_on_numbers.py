"""Layers, models, losses, metrics and K's functions called on numbers give numbers."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile.keras import rules
from kcompile.keras.models import Model, Sequential

X = np.arange(6.0).reshape(2, 3)


def numbers(value) -> np.ndarray:
    found = np.asarray(value)
    assert found.dtype.kind in "fiub"
    return found


def dense() -> L.Dense:
    return L.Dense(2, kernel_initializer="ones", bias_initializer="ones")


SUMS = X.sum(axis=1, keepdims=True).repeat(2, axis=1) + 1


def torch_tensor(dtype="float32", **settings):
    torch = pytest.importorskip("torch")
    return torch.tensor(X, dtype=getattr(torch, dtype), **settings)


INPUTS = {
    "float64": lambda: X,
    "float32": lambda: X.astype("float32"),
    "float16": lambda: X.astype("float16"),
    "int64": lambda: X.astype("int64"),
    "uint8": lambda: X.astype("uint8"),
    "a list of numbers": lambda: X.astype(int).tolist(),
    "a tuple of lists": lambda: tuple(X.tolist()),
    "a list of rows of NumPy's numbers": lambda: [list(row) for row in X],
    "PyTorch": torch_tensor,
    "PyTorch, whole numbers": lambda: torch_tensor("int64"),
    "PyTorch with a gradient": lambda: torch_tensor(requires_grad=True),
    "a constant": lambda: K.constant(X),
    "a variable": lambda: K.variable(X),
    "what a layer made of numbers": lambda: L.Activation("linear")(X),
}


def sequential(known: bool) -> Sequential:
    settings = {"input_shape": (3,)} if known else {}
    return Sequential([L.Dense(2, kernel_initializer="ones", bias_initializer="ones", **settings)])


class Subclassed(Model):
    def __init__(self):
        super().__init__()
        self.inner = dense()

    def call(self, x):
        return self.inner(x)


def functional() -> Model:
    i = L.Input((3,))
    return Model(i, dense()(i))


CALLED = {
    "layer": dense,
    "functional": functional,
    "Sequential": lambda: sequential(True),
    "Sequential that learns its input": lambda: sequential(False),
    "subclass": Subclassed,
    "model in a model": lambda: Sequential([functional()]),
}


@pytest.mark.parametrize("called", CALLED)
@pytest.mark.parametrize("given", INPUTS)
def test_layers_and_models_take_numbers_of_every_form(called, given):
    model, x = CALLED[called](), INPUTS[given]()
    found = numbers(model(x))
    np.testing.assert_allclose(found, SUMS, rtol=1e-3)
    np.testing.assert_allclose(numbers(model(x)), SUMS, rtol=1e-3)  # built by the first call
    if isinstance(model, Model):
        assert model.predict(np.ones((5, 3))).shape == (5, 2)  # the first call fixed no number of samples


def test_a_model_of_one_input_takes_a_list_of_it():
    np.testing.assert_allclose(numbers(functional()([X])), SUMS, rtol=1e-6)


def test_several_inputs_take_their_own_types():
    a, b = L.Input((3,)), L.Input((2,), dtype="int32")
    both = L.concatenate([L.Dense(1)(a), L.Flatten()(L.Embedding(4, 2)(b))])
    model = Model([a, b], both)
    expected = model.predict([X, np.array([[1, 2], [0, 3]])])
    for given in (
        [X, np.array([[1, 2], [0, 3]])],
        [X, np.array([[1.0, 2.0], [0.0, 3.0]])],
        [X.astype(int), [[1, 2], [0, 3]]],
        [X.tolist(), [[1, 2], [0, 3]]],
        [torch_tensor(), np.array([[1, 2], [0, 3]])],
    ):
        np.testing.assert_allclose(numbers(model(given)), expected, rtol=1e-6)


def test_whole_numbers_stay_whole_where_layers_want_them():
    assert numbers(L.Lambda(lambda x: K.one_hot(x, 3))(np.array([0, 2]))).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert numbers(L.Flatten()(np.array([[[1, 2]]]))).dtype == np.int64
    table = L.Embedding(4, 2)
    np.testing.assert_array_equal(numbers(table([[1, 3]]))[0], table.get_weights()[0][[1, 3]])


def test_nested_lists_of_unequal_lengths_are_no_tensor():
    with pytest.raises(ValueError, match="dense_.*nested lists of unequal lengths.*pad_sequences"):
        L.Dense(2)([[1.0, 2.0], [3.0]])


@pytest.mark.parametrize(
    "layer, shape",
    [
        (lambda: L.Conv2D(2, 3), (1, 5, 5, 2)),
        (lambda: L.LSTM(3), (2, 4, 3)),
        (lambda: L.Bidirectional(L.GRU(3)), (2, 4, 3)),
        (lambda: L.TimeDistributed(L.Dense(2)), (2, 3, 4)),
        (lambda: L.BatchNormalization(), (2, 3)),
        (lambda: L.MaxPooling1D(2), (1, 4, 2)),
        (lambda: L.Dropout(0.5), (2, 3)),
        (lambda: L.PReLU(), (2, 3)),
    ],
)
def test_layers_compute_as_a_model_of_them_predicts(layer, shape):
    layer = layer()
    x = np.random.RandomState(0).rand(*shape).astype("float32")
    found = numbers(layer(x))
    i = L.Input(shape[1:])
    np.testing.assert_allclose(found, Model(i, layer(i)).predict(x), rtol=1e-5, atol=1e-6)


def test_numbers_follow_the_weights_and_training():
    model = sequential(True)
    model.compile("sgd", "mse")
    y = model(X)
    before = numbers(y)
    model.fit(X, np.zeros((2, 2)), verbose=0)
    assert not np.allclose(numbers(y), before)
    np.testing.assert_allclose(numbers(y), model.predict(X), rtol=1e-5)
    np.testing.assert_allclose(K.eval(y), model.predict(X), rtol=1e-5)
    assert float(K.sum(y)) == pytest.approx(model.predict(X).sum(), rel=1e-5)


def test_training_says_how_the_layers_of_a_model_behave():
    i = L.Input((1000,))
    x = np.ones((1, 1000))
    for model in (
        Model(i, L.Dropout(0.5)(i)),
        Sequential([Sequential([L.Dropout(0.5, input_shape=(1000,))])]),
    ):
        for training, kept in ((None, 1000), (False, 1000), (True, 500)):
            assert abs(np.count_nonzero(model(x, training=training)) - kept) < 100
        off = Model(i, model(i, training=False))  # for good, also in fit
        assert not off.uses_learning_phase and Model(i, model(i)).uses_learning_phase


def test_symbolic_calls_refuse_by_name():
    model = functional()
    with pytest.raises(TypeError, match="dense_.*is symbolic and has no numbers.*model.predict"):
        np.asarray(model(L.Input((3,))))


def test_losses_and_metrics_of_arrays_are_numbers():
    y, p = np.eye(3), np.eye(3) * 0.7 + 0.1
    assert numbers(keras.losses.mean_squared_error(y, p)) == pytest.approx(((y - p) ** 2).mean(-1))
    assert float(keras.losses.MeanSquaredError()(y.tolist(), p.tolist())) == pytest.approx(
        ((y - p) ** 2).mean()
    )
    assert float(keras.losses.MeanSquaredError()(torch_tensor(), X + 1)) == pytest.approx(1.0)
    weighted = keras.losses.CategoricalCrossentropy()(y, p, sample_weight=[1, 0, 0])
    assert float(weighted) == pytest.approx(-np.log(0.8) / 3, rel=1e-5)
    assert numbers(keras.metrics.categorical_accuracy(y, p)).tolist() == [1, 1, 1]
    metric = keras.metrics.CategoricalAccuracy()
    for correct, expected in ((y, 1.0), (y[::-1], 2 / 3)):
        metric.update_state(correct, p)
        assert float(metric.result()) == pytest.approx(expected)
    assert keras.losses.mse(y, p).numpy().shape == (3,)


def every_loss():
    return sorted(
        name
        for name, cls in vars(keras.losses).items()
        if isinstance(cls, type)
        and issubclass(cls, keras.losses.Loss)
        and name not in ("Loss", "LossFunctionWrapper")
    )


@pytest.mark.parametrize("name", every_loss())
def test_every_loss_of_arrays_is_one_number(name):
    loss = getattr(keras.losses, name)()
    y, p = np.eye(4), np.full((4, 4), 0.25)
    if name in ("Circle", "SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy"):
        y = np.arange(4)
    elif name == "CTC":
        y, p = np.array([[1, 2]]), np.full((1, 4, 4), 0.25)
    found = loss(y, p)
    assert np.isfinite(float(found)) and numbers(found).shape == ()


def test_functions_of_the_backend_take_arrays():
    assert float(K.sum([1.0, 2.0])) == 3.0
    np.testing.assert_array_equal(K.dot(X, X.T), X.dot(X.T))
    np.testing.assert_array_equal(K.relu(np.array([-1.0, 1.0])), [0, 1])
    assert int(K.argmax(X[0])) == 2 and bool(K.all(K.greater(X, -1.0)))
    assert K.shape(X).numpy().tolist() == [2, 3]
    assert float(K.gradients(K.square(w := K.variable(3.0)), [w])[0]) == 6.0


def test_calls_on_numbers_leave_nothing_behind():
    """Neither values, nor losses and updates of calls that are over."""
    layer = L.BatchNormalization()
    regularized = L.Dense(2, activity_regularizer="l2")
    model = Sequential([layer, regularized])
    seen = []
    for _ in range(5):
        for called in (layer, regularized, model):
            y = called(X)
            numbers(y), numbers(y), numbers(y)
            seen.append(weakref.ref(y))
    assert len(layer.updates) == 2 + 2 and len(regularized._unrecorded_calls) <= 1
    del y
    gc.collect()
    assert sum(ref() is not None for ref in seen) <= 3  # the last call of each layer


class Gated(L.Layer):
    def build(self, input_shape):
        self.gate = self.add_weight(name="gate", shape=(), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        return inputs * 2.0 if self.gate > 0.5 else inputs


def test_python_conditions_on_weights_hold_for_numbers_and_are_refused_in_graphs():
    layer = Gated()
    np.testing.assert_array_equal(layer(X), X * 2)
    layer.set_weights([np.float32(0)])
    np.testing.assert_array_equal(layer(X), X)
    with pytest.raises(TypeError, match="depends on weights.*K.switch"):
        layer(L.Input((3,)))


class Shifting(L.Layer):
    """Programs of Keras 2 ask whether there is a bias, as TensorFlow 1's variables let them."""

    def __init__(self, units, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.units, self.use_bias = units, use_bias

    def build(self, input_shape):
        self.bias = self.add_weight(name="bias", shape=(self.units,)) if self.use_bias else None
        super().build(input_shape)

    def call(self, inputs):
        return inputs + self.bias if self.bias else inputs


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("use_bias", [True, False])
def test_a_vector_of_weights_is_there_by_the_rules_of_keras_2(units, use_bias):
    layer = Shifting(units, use_bias)
    model = Model(i := L.Input((3,)), layer(i))
    layer.set_weights([np.full(units, 0.0)] * use_bias)  # whatever its numbers are
    model.compile("sgd", "mse")
    model.fit(X, X + 1, verbose=0)
    assert use_bias == np.any(model.predict(X) != X)
    np.testing.assert_allclose(layer(X), model.predict(X))
    with rules.following(rules.TF_KERAS):
        if use_bias and units > 1:
            with pytest.raises(ValueError, match="3 elements and no truth value"):
                bool(layer.bias)
    assert not K.variable(0.0) and K.variable(1.0)


def test_models_called_on_numbers_run_what_predict_runs():
    """Without making a session for each call, and also under what is computed from their outputs."""
    i = L.Input((3,))
    hidden = L.BatchNormalization()(L.Dense(4, activation="tanh")(i))
    model = Model(i, [hidden, L.Dropout(0.5)(L.Dense(2)(hidden))])
    expected = model.predict(X)
    ready = model._predicting_run()
    calls = []
    model._network_predictor.compiled = lambda arrays: calls.append(1) or ready(arrays)
    one, two = model(X)
    np.testing.assert_allclose(one, expected[0], rtol=1e-6)
    assert len(calls) == 1
    both = K.mean(one) + K.sum(two)
    for factor in (1.0, 2.0, 3.0):
        model.set_weights([w * factor for w in model.get_weights()])
        found = ready([X.astype("float32")])
        assert float(both) == pytest.approx(found[0].mean() + found[1].sum(), rel=1e-4)
    assert len(calls) == 4  # once for both outputs
    model(X, training=True)[0].numpy()
    model(K.variable(X))[0].numpy()
    assert len(calls) == 5  # numbers of variables too; training is no prediction
    assert np.abs(K.gradients(K.sum(model(X)[0]), model.trainable_weights)[0].numpy()).max() > 0


def test_a_fixed_batch_stateful_and_masked_models_are_computed_as_they_are_called():
    fixed = Sequential([L.Dense(2, batch_input_shape=(4, 3))])
    assert numbers(fixed(X)).shape == (2, 2)
    state = Sequential([L.LSTM(2, stateful=True, batch_input_shape=(1, 2, 3))])
    steps = X.reshape(1, 2, 3)
    first = numbers(state(steps))
    np.testing.assert_array_equal(numbers(state(steps)), first)  # asking changes no state
    np.testing.assert_allclose(first, state.predict(steps), rtol=1e-5)
    i = L.Input((2, 3))
    inner = Model(i, L.LSTM(2)(i))
    zeros = np.zeros((1, 2, 3))
    np.testing.assert_allclose(numbers(inner(L.Masking()(zeros))), 0.0)


def test_loops_over_what_a_model_gives_are_read_through():
    i = L.Input((3,))
    model = Model(i, L.Dense(2)(i))
    y = model(X)
    summed = K.foldl(lambda a, row: a + row * K.sum(y), K.variable([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_allclose(summed, np.array([1, 2]) + np.array([3, 4]) * numbers(y).sum(), rtol=1e-4)


def test_outputs_by_name_and_models_in_models_are_those_of_predict():
    i = L.Input((3,))
    named = Model(i, {"z": L.Dense(1)(i), "a": L.Dense(2)(i), "m": L.Dense(3)(i)})
    found, expected = named(X), named.predict(X)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-6)
    inner = Model(i, [L.Dense(2)(i), L.Dense(3)(i)])
    j = L.Input((3,))
    outer = Model(j, list(reversed(inner(j))))
    for value, wanted in zip(outer(X), outer.predict(X), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-6)


def test_the_truth_of_a_comparison_of_single_numbers_is_that_of_the_numbers():
    assert K.constant(3.0) == 3.0
    assert K.constant([3.0]) == 3.0
    assert K.abs(K.constant(-3.0)) == 3.0
