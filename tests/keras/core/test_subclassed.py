"""Models written as a class with a call method: what they can do, and what they cannot."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras.layers import BatchNormalization, Dense, Dropout
from kcompile.keras.models import Model

torch = pytest.importorskip("torch")

X = np.random.RandomState(0).uniform(-1, 1, (32, 5)).astype("float32")
Y = np.eye(3, dtype="float32")[(X.sum(1) > 0).astype(int) + (X[:, 0] > 0)]


class Mlp(Model):
    """The example of Keras's own documentation."""

    def __init__(self, use_bn=False, use_dp=False, num_classes=3):
        super().__init__(name="mlp")
        self.use_bn, self.use_dp = use_bn, use_dp
        self.dense1 = Dense(8, activation="relu")
        self.dense2 = Dense(num_classes, activation="softmax")
        if use_dp:
            self.dp = Dropout(0.5)
        if use_bn:
            self.bn = BatchNormalization(axis=-1)

    def call(self, inputs):
        x = self.dense1(inputs)
        if self.use_dp:
            x = self.dp(x)
        if self.use_bn:
            x = self.bn(x)
        return self.dense2(x)


@pytest.mark.parametrize(
    "options", [{}, {"use_bn": True}, {"use_dp": True}, {"use_bn": True, "use_dp": True}]
)
def test_fit_evaluate_predict(options):
    model = Mlp(**options)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, Y, epochs=3, batch_size=8, verbose=0, validation_data=(X, Y))
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    loss, accuracy = model.evaluate(X, Y, verbose=0)
    predicted = model.predict(X)
    assert accuracy == pytest.approx((predicted.argmax(1) == Y.argmax(1)).mean())
    np.testing.assert_allclose(predicted.sum(1), 1, rtol=1e-5)
    assert loss == pytest.approx(-np.log((predicted * Y).sum(1)).mean(), rel=1e-4)


def test_weights_can_be_saved_and_loaded(tmp_path):
    model = Mlp(use_bn=True)
    model.compile("sgd", "categorical_crossentropy")
    model.fit(X, Y, epochs=2, verbose=0)
    path = str(tmp_path / "w.h5")
    model.save_weights(path)
    again = Mlp(use_bn=True)
    again.build((None, 5))
    again.load_weights(path)
    np.testing.assert_allclose(again.predict(X), model.predict(X), rtol=1e-6)


def test_structure_cannot_be_saved(tmp_path):
    model = Mlp()
    model.build((None, 5))
    for attempt in (
        model.get_config,
        model.to_json,
        model.to_yaml,
        lambda: model.save(str(tmp_path / "m.h5")),
    ):
        with pytest.raises(NotImplementedError, match="Mlp is a subclassed model.*save_weights"):
            attempt()
    assert list(tmp_path.iterdir()) == []


def test_exports_to_onnx(tmp_path):
    from kcompile_runtime import Executor

    model = Mlp(use_bn=True)
    model.compile("sgd", "categorical_crossentropy")
    model.fit(X, Y, verbose=0)
    path = str(tmp_path / "m.onnx")
    model.export(path)
    np.testing.assert_allclose(Executor(path).predict(X), model.predict(X), rtol=1e-4, atol=1e-6)


def test_before_the_first_data_there_are_no_weights():
    model = Mlp()
    assert model.inputs is None and not model.built
    with pytest.raises(ValueError, match="not been built yet"):
        model.summary()
    with pytest.raises(ValueError, match="not built yet"):
        model.export("never.onnx")
    model.build((None, 5))
    assert len(model.weights) == 4 and model.count_params() == 5 * 8 + 8 + 8 * 3 + 3


def test_building_by_calling_on_an_input():
    model = Mlp()
    x = keras.Input((5,))
    outer = Model(x, model(x))
    np.testing.assert_allclose(outer.predict(X), model.predict(X), rtol=1e-6)
    assert [layer.name for layer in outer.layers][-1] == "mlp"
    with pytest.raises(NotImplementedError):
        outer.get_config()


def test_training_argument():
    class Noisy(Model):
        def __init__(self):
            super().__init__()
            self.drop = Dropout(0.5)

        def call(self, inputs, training=None):
            return self.drop(inputs, training=training)

    always, normal = Noisy(), Noisy()
    x = keras.Input((5,))
    assert (Model(x, always(x, training=True)).predict(np.ones((64, 5), "f")) == 0).any()
    assert (Model(x, normal(x)).predict(np.ones((64, 5), "f")) == 1).all()


def test_mask_argument():
    class Masked(Model):
        def __init__(self):
            super().__init__()
            self.lstm = keras.layers.LSTM(2)

        def call(self, inputs, mask=None):
            return self.lstm(inputs, mask=mask)

    x = keras.Input((4, 3))
    model = Masked()
    masked = Model(x, model(keras.layers.Masking()(x)))
    data = np.random.RandomState(1).uniform(size=(2, 4, 3)).astype("f")
    data[:, 2:] = 0
    short = keras.Input((2, 3))
    shorter = Model(short, model.lstm(short))
    np.testing.assert_allclose(masked.predict(data), shorter.predict(data[:, :2]), rtol=1e-5, atol=1e-6)


def test_several_inputs_and_outputs():
    class Two(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2)

        def call(self, inputs):
            a, b = inputs
            return [self.dense(a), self.dense(b)]

    model = Two()
    model.compile("sgd", "mse")
    model.fit([X, -X], [X[:, :2], X[:, :2]], verbose=0)
    first, second = model.predict([X, -X])
    assert model.output_names == ["output_1", "output_2"] and model.input_names == ["input_1", "input_2"]
    np.testing.assert_allclose(first + second, 2 * np.tile(model.dense.get_weights()[1], (32, 1)), atol=1e-5)
    with pytest.raises(ValueError, match="expects 2 arrays.*got 1"):
        model.predict(X)


def test_losses_in_call():
    class Sparse(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2)

        def call(self, inputs):
            h = self.dense(inputs)
            self.add_loss(K.mean(K.abs(h)))
            return h

    model = Sparse()
    model.compile("sgd", "mse")
    loss = model.test_on_batch(X, X[:, :2])
    h = model.predict(X)
    assert loss == pytest.approx(((h - X[:, :2]) ** 2).mean() + np.abs(h).mean(), rel=1e-5)


def test_weights_of_its_own():
    class Scaled(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2)
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

        def call(self, inputs):
            return self.scale * self.dense(inputs)

    model = Scaled()
    model.compile("sgd", "mse")
    model.fit(X, X[:, :2], verbose=0)
    assert model.scale.numpy() != 1.0 and len(model.trainable_weights) == 3


def test_without_call():
    class Empty(Model):
        pass

    with pytest.raises(NotImplementedError, match="Empty must override call"):
        Empty().build((None, 3))


def test_layers_in_lists_are_trained():
    class Stack(Model):
        def __init__(self):
            super().__init__()
            self.stack = [Dense(4, activation="relu") for _ in range(3)]

        def call(self, x):
            for layer in self.stack:
                x = layer(x)
            return x

    model = Stack()
    model.build((None, 5))
    assert len(model.layers) == 3 and len(model.trainable_weights) == 6


@pytest.mark.parametrize(
    "x",
    [np.ones((1, 5), "float32"), K.ones((2, 5)), K.placeholder((None, 5)), K.placeholder((3, 5)) * 2],
    ids=["an array", "a variable", "a placeholder", "a tensor"],
)
def test_a_model_that_was_called_on_anything_is_built(x, tmp_path):
    first, second = Mlp(use_bn=True), Mlp(use_bn=True)
    for model in (first, second):
        assert not model.built
        model(x)
        assert (
            model.built
            and len(model.weights) == 8
            and model.count_params() == sum(w.size for w in model.get_weights())
        )
    lines = []
    first.summary(print_fn=lines.append)
    assert any("dense" in line for line in lines)
    first.save_weights(tmp_path / "w.h5")
    second.load_weights(tmp_path / "w.h5")
    np.testing.assert_allclose(first.predict(X), second.predict(X), rtol=1e-6)
    second.compile("sgd", "categorical_crossentropy")
    second.fit(X, Y, verbose=0)
