"""deepcopy shares functions and classes with the model; pickle carries them by name, or says that it
cannot."""

from __future__ import annotations

import copy
import functools
import pickle
import subprocess
import sys

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile.keras.models import Model, Sequential, clone_model

X = np.linspace(-1, 1, 12).reshape(4, 3)
Y = np.linspace(0, 1, 8).reshape(4, 2)


def tripled(x):
    return x * 3.0


def from_range(shape, dtype=None):
    return K.reshape(K.arange(float(np.prod(shape))), shape) / 10.0


def penalty(weight):
    return K.sum(K.abs(weight)) * 0.1


def halved(weight):
    return weight * 0.5


def own_loss(y_true, y_pred):
    return K.mean(K.abs(y_true - y_pred), axis=-1)


def own_metric(y_true, y_pred):
    return K.max(y_pred)


class OwnLoss(keras.losses.Loss):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        return own_loss(y_true, y_pred) * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class OwnMetric(keras.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(K.abs(y_true - y_pred), sample_weight)


class OwnInitializer(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return from_range(shape, dtype)


class OwnOptimizer(keras.optimizers.SGD):
    pass


class Scaled(L.Layer):
    """A layer that has a function, which its configuration holds as it is."""

    def __init__(self, function=tripled, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        return self.function(inputs) * self.scale

    def get_config(self):
        return {**super().get_config(), "function": self.function}


class Cell(L.Layer):
    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))
        super().build(input_shape)

    def call(self, inputs, states):
        output = K.tanh(K.dot(inputs, self.kernel)) + states[0]
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def named(name, base):
    """A class of a name that another class has, with an effect of its own."""
    return type(name, (base,), {"call": lambda self, inputs: base.call(self, inputs) * 7.0})


OwnDense = named("Dense", L.Dense)
FirstNamesake, SecondNamesake = named("Namesake", L.Dense), type("Namesake", (L.Dense,), {})


def model(*layers, loss="mse", metrics=(), optimizer="sgd"):
    made = Sequential([L.InputLayer((3,)), L.Dense(4), *layers, L.Dense(2)])
    made.compile(optimizer, loss, metrics=list(metrics))
    return made


def closing_over(factor):
    return lambda x: x * factor


#: What pickle carries too: functions and classes of a module.
BY_NAME = {
    "activation": lambda: model(L.Dense(3, activation=tripled)),
    "Activation": lambda: model(L.Activation(tripled)),
    "Lambda": lambda: model(L.Lambda(tripled, output_shape=lambda_shape)),
    "partial": lambda: model(L.Lambda(functools.partial(np.multiply, 2.0))),
    "a function of K": lambda: model(L.Lambda(K.square)),
    "initializer": lambda: model(L.Dense(3, kernel_initializer=from_range)),
    "initializer of a class": lambda: model(L.Dense(3, kernel_initializer=OwnInitializer())),
    "regularizer": lambda: model(L.Dense(3, kernel_regularizer=penalty, activity_regularizer=penalty)),
    "constraint": lambda: model(L.Dense(3, kernel_constraint=halved)),
    "layer": lambda: model(Scaled()),
    "layer with a function": lambda: model(Scaled(halved)),
    "wrapped layer": lambda: model(L.Reshape((2, 2)), L.TimeDistributed(Scaled(halved)), L.Flatten()),
    "cell": lambda: model(L.Reshape((2, 2)), L.Bidirectional(L.RNN(Cell()))),
    "activation in a cell": lambda: model(L.Reshape((2, 2)), L.LSTM(2, recurrent_activation=tripled)),
    "model in a model": lambda: model(Sequential([L.Dense(3, activation=tripled, input_shape=(4,))])),
    "loss": lambda: model(loss=own_loss),
    "losses by name": lambda: model(loss={"dense_2": own_loss}),
    "loss of a class": lambda: model(loss=OwnLoss(3.0)),
    "metrics": lambda: model(metrics=[own_metric, OwnMetric(name="own"), "mae"]),
    "optimizer": lambda: model(optimizer=OwnOptimizer(0.1, momentum=0.9)),
    "Adam": lambda: model(optimizer=keras.optimizers.Adam(0.1)),
}

#: What only this process has.
LIVING = {
    "lambda in Lambda": lambda: model(L.Lambda(lambda x: x * 2.0)),
    "closure": lambda: model(L.Lambda(closing_over(K.variable(2.0))), L.Lambda(closing_over(5.0))),
    "two lambdas as activations": lambda: model(
        L.Dense(3, activation=lambda x: x * 2.0), L.Dense(3, activation=lambda x: x * 9.0)
    ),
    "arguments": lambda: model(L.Lambda(lambda x, factor: x * factor, arguments={"factor": np.float32(4)})),
    "lambda in a layer": lambda: model(Scaled(lambda x: x * 8.0)),
    "lambda as loss and metric": lambda: model(
        loss=lambda t, p: K.mean(K.square(t - p)) * 2.0,
        metrics=[lambda t, p: K.max(p), lambda t, p: K.min(p)],
    ),
    "lambda as initializer, regularizer, constraint": lambda: model(
        L.Dense(
            3,
            kernel_initializer=lambda shape, dtype=None: np.ones(shape),
            kernel_regularizer=lambda w: K.sum(w),
            kernel_constraint=lambda w: w * 0.9,
        )
    ),
    "a class named as one of Keras": lambda: model(OwnDense(3), L.Dense(3)),
    "two classes of one name": lambda: model(FirstNamesake(3), SecondNamesake(3)),
}


def lambda_shape(shape):
    return shape


def trained(made):
    K.clear_session()
    np.random.seed(0)
    model = made()
    model.fit(X, Y, epochs=2, verbose=0)
    return model


def assert_goes_on_like(copied, original):
    np.testing.assert_array_equal(copied.predict(X), original.predict(X))
    assert type(copied) is type(original) and copied.metrics_names == original.metrics_names
    assert [layer.name for layer in copied.layers] == [layer.name for layer in original.layers]
    np.testing.assert_allclose(
        copied.evaluate(X, Y, verbose=0), original.evaluate(X, Y, verbose=0), rtol=1e-6
    )
    before = original.get_weights()
    copied.fit(X, Y, verbose=0, shuffle=False)
    for weight, kept in zip(original.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)  # the weights are the copy's own
    original.fit(X, Y, verbose=0, shuffle=False)  # the optimizers' states agreed
    np.testing.assert_allclose(copied.predict(X), original.predict(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [*BY_NAME, *LIVING])
def test_deepcopy_copies_weights_and_state_and_shares_functions(kind):
    original = trained({**BY_NAME, **LIVING}[kind])
    assert_goes_on_like(copy.deepcopy(original), original)


@pytest.mark.parametrize("kind", BY_NAME)
def test_pickle_carries_what_modules_have(kind):
    original = trained(BY_NAME[kind])
    assert_goes_on_like(pickle.loads(pickle.dumps(original)), original)


@pytest.mark.parametrize("kind", [kind for kind in LIVING if kind != "a class named as one of Keras"])
@pytest.mark.filterwarnings("ignore:Pickled by its name")
def test_pickle_says_what_it_cannot_carry(kind):
    with pytest.raises(
        pickle.PicklingError,
        match=r"cannot be pickled: (the layer '\w+' of )?\w+ needs the (function|class) .*deepcopy",
    ):
        pickle.dumps(LIVING[kind]())


def test_what_no_module_has_is_pickled_by_its_name_for_custom_objects_as_in_keras_2():
    class LocalScale(Scaled):
        pass

    def doubled(x):
        return 2.0 * x

    def squared(y_true, y_pred):
        return K.mean(K.square(y_true - y_pred))

    original = trained(lambda: model(LocalScale(), L.Dense(3, activation=doubled), loss=squared))
    with pytest.warns(
        UserWarning, match="Pickled by its name alone: the layer .* needs the class .*LocalScale"
    ):
        content = pickle.dumps(original)
    with keras.utils.custom_object_scope({"LocalScale": LocalScale, "doubled": doubled, "squared": squared}):
        loaded = pickle.loads(content)
    assert_goes_on_like(loaded, original)
    with pytest.raises(ValueError, match=r"needs '\w+', which is carried by its name alone"):
        pickle.loads(content)


@pytest.mark.parametrize("kind", LIVING)
def test_cloudpickle_carries_the_rest(kind):
    cloudpickle = pytest.importorskip("cloudpickle")
    original = trained(LIVING[kind])
    try:
        content = cloudpickle.dumps(original)
    except TypeError:
        assert kind == "closure"  # over a variable, which no pickle carries
        return
    np.testing.assert_array_equal(pickle.loads(content).predict(X), original.predict(X))


@pytest.mark.parametrize("kind", [*BY_NAME, *LIVING])
def test_clone_model_shares_functions(kind):
    original = trained({**BY_NAME, **LIVING}[kind])
    clone = clone_model(original)
    clone.set_weights(original.get_weights())
    np.testing.assert_array_equal(clone.predict(X), original.predict(X))


def test_another_process_has_the_pickled_model(tmp_path):
    original = trained(BY_NAME["layer with a function"])
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(original))
    np.save(tmp_path / "x.npy", X)
    program = (
        "import pickle, sys, numpy as np\n"
        "model = pickle.load(open(sys.argv[1] + '/model.pickle', 'rb'))\n"
        "np.save(sys.argv[1] + '/y.npy', model.predict(np.load(sys.argv[1] + '/x.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=120)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), original.predict(X), rtol=1e-6)


def test_a_functional_model_with_several_outputs_is_copied_as_compiled():
    i = L.Input((3,), name="x")
    shared = L.Dense(2, activation=lambda v: v * 2.0)
    a, b = (
        L.Lambda(lambda v: v + 1.0, name="a")(shared(i)),
        L.Dense(1, name="b")(shared(shared_again := L.Dense(3)(i))),
    )
    original = Model(i, {"one": a, "two": b})
    original.compile("adam", {"one": own_loss, "two": "mse"}, loss_weights={"one": 0.5, "two": 2.0})
    data = {"one": Y, "two": Y[:, :1]}
    original.fit(X, data, verbose=0)
    copied = copy.deepcopy(original)
    assert shared_again is not None and copied.evaluate(X, data, verbose=0) == original.evaluate(
        X, data, verbose=0
    )
    assert copied.predict(X).keys() == {"one", "two"}


def test_frozen_layers_and_masks_survive():
    original = model(L.Dense(3, trainable=False))
    assert copy.deepcopy(original).layers[1].trainable is False
    masked = Sequential(
        [L.Masking(input_shape=(2, 3)), L.Lambda(lambda x: x, mask=lambda x, m: None), L.LSTM(2)]
    )
    zeros = np.zeros((1, 2, 3))
    np.testing.assert_array_equal(copy.deepcopy(masked).predict(zeros), masked.predict(zeros))
    assert callable(copy.deepcopy(masked).layers[1].mask)


def test_models_that_are_not_built_or_compiled_are_copied():
    original = Sequential([L.Dense(2, activation=lambda x: x * 2.0)])
    assert copy.deepcopy(original).predict(X).shape == (4, 2) and not original.built
    original.compile("sgd", "mse")
    copy.deepcopy(original).fit(X, Y, verbose=0)
    assert not original.built
    assert copy.deepcopy(Sequential([L.Dense(2, input_shape=(3,))])).optimizer is None
    assert copy.copy(model()).predict(X).shape == (4, 2)


def test_deepcopy_of_what_holds_a_model_copies_it_once():
    original = model()
    pair = copy.deepcopy([original, {"again": original}])
    assert pair[0] is pair[1]["again"] and pair[0] is not original


def test_a_subclassed_model_says_that_it_is_code():
    class Net(Model):
        def call(self, x):
            return x

    for write in (copy.deepcopy, pickle.dumps):
        with pytest.raises(NotImplementedError, match="Net is a subclassed model"):
            write(Net())


def test_files_go_on_holding_names_and_bytecode(tmp_path):
    """A copy that is saved, and saving while a copy is made, are as ever: files open no door."""
    original = trained(LIVING["lambda in Lambda"])
    copied = copy.deepcopy(original)
    copied.save(tmp_path / "m.h5")
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.models.load_model(tmp_path / "m.h5")
    assert (
        model(L.Dense(3, activation=tripled)).get_config()["layers"][1]["config"]["activation"] == "tripled"
    )
