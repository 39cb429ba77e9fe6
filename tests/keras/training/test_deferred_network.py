"""Subclassed models that learn from the first call or data what they are called on: inputs by name."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from kcompile.keras import backend as K
from kcompile.keras.layers import Conv2D, Dense, Input, concatenate
from kcompile.keras.models import Model, Sequential
from kcompile.keras.utils import Sequence
from kcompile.tf_keras import tensorflow

pytest.importorskip("torch")

A, B = np.linspace(0, 1, 12, dtype="float32").reshape(6, 2), np.linspace(-1, 1, 18, dtype="f").reshape(6, 3)
X, Y = {"b": B, "a": A}, A[:, :1] - B[:, 1:2]


class ByName(Model):
    def __init__(self):
        super().__init__()
        self.of_b, self.of_a = Dense(1, name="of_b"), Dense(1, name="of_a")

    def call(self, inputs):
        return self.of_b(inputs["b"]) + 2.0 * self.of_a(inputs["a"])


def expected(model):
    of_b, of_a = model.of_b.get_weights(), model.of_a.get_weights()
    return B @ of_b[0] + of_b[1] + 2.0 * (A @ of_a[0] + of_a[1])


class Batches(Sequence):
    def __init__(self, targets=True):
        self.targets = targets

    def __len__(self):
        return 3

    def __getitem__(self, i):
        rows = slice(2 * i, 2 * i + 2)
        x = {name: array[rows] for name, array in X.items()}
        return (x, Y[rows]) if self.targets else x


FIRST = {
    "fit": lambda m: m.fit(X, Y, verbose=0),
    "fit on a Sequence": lambda m: m.fit(Batches(), verbose=0),
    "train_on_batch": lambda m: m.train_on_batch(X, Y),
    "evaluate": lambda m: m.evaluate(X, Y, verbose=0),
    "predict": lambda m: m.predict(X),
    "build": lambda m: m.build({"a": (None, 2), "b": (None, 3)}),
    "a call on numbers": lambda m: m(X),
    "a call on Inputs": lambda m: m({"a": Input((2,)), "b": Input((3,))}),
}


@pytest.mark.parametrize("first", FIRST)
def test_a_model_of_inputs_by_name_learns_them_from_what_comes_first(first):
    model = ByName()
    model.compile("sgd", "mse")
    FIRST[first](model)
    for x in (X, {"a": A, "b": B, "more": A}):
        np.testing.assert_allclose(model.predict(x), expected(model), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(X), expected(model), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.asarray(model(X)), expected(model), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(Batches(False)), expected(model), rtol=1e-5, atol=1e-6)
    assert model.input_names == ["a", "b"]
    error = ((expected(model) - Y) ** 2).mean()
    for found in (
        model.evaluate(X, Y, verbose=0),
        model.evaluate(Batches(), verbose=0),
        model.test_on_batch(X, Y),
    ):
        assert found == pytest.approx(error, rel=1e-4)
    history = model.fit(X, Y, batch_size=2, epochs=20, validation_data=(X, Y), verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_an_integer_input_by_name_keeps_its_type():
    class Shifted(Model):
        def call(self, inputs):
            assert K.dtype(inputs["steps"]) == "int64"
            return inputs["x"] * K.cast(inputs["steps"], "float32")

    steps = np.arange(6)[:, None]
    np.testing.assert_allclose(Shifted().predict({"x": A, "steps": steps}), A * steps)


def test_a_model_of_inputs_by_name_inside_another():
    inner = ByName()
    a, b = Input((2,), name="left"), Input((3,), name="right")
    model = Model([a, b], Dense(1, name="last")(concatenate([inner({"b": b, "a": a}), a])))
    last = model.get_layer("last").get_weights()
    wanted = np.concatenate([expected(inner), A], 1) @ last[0] + last[1]
    np.testing.assert_allclose(model.predict([A, B]), wanted, rtol=1e-5, atol=1e-6)
    again = model([a, b])  # emits the layers anew
    np.testing.assert_allclose(K.function([a, b], [again])([A, B])[0], wanted, rtol=1e-5, atol=1e-6)


def test_its_file_has_inputs_of_these_names(tmp_path):
    from kcompile_runtime import Executor

    model = ByName()
    model.predict(X)
    model.export(tmp_path / "named.onnx")
    np.testing.assert_allclose(Executor(tmp_path / "named.onnx").predict(X), expected(model), 1e-5, 1e-6)


MISTAKES = {
    "a name is missing": (lambda m: m.predict({"a": A}), "'b'|are called"),
    "a wrong shape": (lambda m: m.predict({"a": A, "b": A}), r"expected b to have shape \(3,\)"),
    "other counts": (lambda m: m.predict({"a": A[:4], "b": B[:2]}), "number of samples"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_by_the_name_of_the_input(mistake):
    call, message = MISTAKES[mistake]
    model = ByName()
    model.predict(X)
    with pytest.raises(ValueError, match=message):
        call(model)


def test_names_are_text():
    with pytest.raises(ValueError, match="named by text in a dict"):
        ByName().predict({1: A, 2: B})


def test_a_sequential_model_has_no_names_before_it_is_built():
    with pytest.raises(ValueError, match="takes a list of arrays, not a dictionary"):
        Sequential([Dense(1)]).predict({"x": A})


def test_a_model_that_own_steps_have_called_alone_exports(tmp_path):
    class Trainer(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(2)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            with tensorflow.GradientTape() as tape:
                loss = tensorflow.reduce_mean((self(x, training=True) - y) ** 2)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss}

    model = Trainer()
    model.compile("sgd")
    x = np.ones((4, 3), "float32")
    model.fit(x, np.zeros((4, 2)), verbose=0)
    path = str(tmp_path / "model.onnx")
    model.export(path)
    (found,) = onnxruntime.InferenceSession(path).run(None, {"input_1": x})
    np.testing.assert_allclose(found, model.predict(x, verbose=0), rtol=1e-5)


def test_a_subclassed_model_called_on_images_of_several_sizes_is_exported_for_any(tmp_path):
    class Enhance(Model):
        def __init__(self):
            super().__init__()
            self.convolution = Conv2D(3, 3, padding="same")

        def call(self, x):
            return x + self.convolution(x)

    model = Enhance()
    for size in ((8, 6), (5, 6), (7, 6)):
        model(np.ones((1, *size, 3), "float32"))
    model.export(tmp_path / "model.onnx")
    x = np.random.RandomState(0).rand(2, 9, 6, 3).astype("float32")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert session.get_inputs()[0].shape[2:] == [6, 3]
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(found, np.asarray(model(x)), rtol=1e-5, atol=1e-6)
