"""Models made of dicts of inputs and outputs: names kept in predict, fit, files and exports."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kcompile.keras.layers import Concatenate, Dense, Input
from kcompile.keras.models import Model, clone_model, load_model, model_from_json
from kcompile_runtime import Executor

X = np.random.RandomState(0).rand(4, 3).astype("float32")
TARGETS = {"a": np.ones((4, 1)), "b": np.ones((4, 2))}


def named():
    x = Input((3,), name="x")
    return Model(x, {"b": Dense(2, name="first")(x), "a": Dense(1, name="second")(x)})


def both_named():
    p, q = Input((3,)), Input((2,))
    return Model({"q": p, "p": q}, {"only": Concatenate()([p, q])})


def equal(found, want):
    assert isinstance(found, dict) and list(found) == list(want)
    for name, array in want.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("how", ["predict", "predict_on_batch", "verbose", "generator"])
def test_predictions_come_by_name_in_the_order_given(how):
    model = named()
    found = {
        "predict": lambda: model.predict(X),
        "predict_on_batch": lambda: model.predict_on_batch(X),
        "verbose": lambda: model.predict(X, verbose=2, batch_size=2),
        "generator": lambda: model.predict_generator((X for _ in range(1)), steps=1),
    }[how]()
    want = [X @ kernel + bias for kernel, bias in (layer.get_weights() for layer in model.layers[1:])]
    shapes = {array.shape: array for array in want}
    equal(found, {"b": shapes[4, 2], "a": shapes[4, 1]})


def test_compile_fit_and_evaluate_know_the_outputs_by_name():
    model = named()
    model.compile("sgd", {"a": "mse", "b": "mae"}, metrics={"b": ["mse"]}, loss_weights={"a": 2.0, "b": 1.0})
    predicted = model.predict(X)
    loss, a, b, mse = model.evaluate(X, TARGETS, verbose=0)
    assert model.metrics_names == ["loss", "a_loss", "b_loss", "b_mse"]
    np.testing.assert_allclose(a, np.mean((predicted["a"] - 1) ** 2), rtol=1e-5)
    np.testing.assert_allclose(b, np.mean(np.abs(predicted["b"] - 1)), rtol=1e-5)
    np.testing.assert_allclose(loss, 2 * a + b, rtol=1e-5)
    history = model.fit(X, TARGETS, epochs=3, verbose=0, sample_weight={"a": np.ones(4), "b": np.ones(4)})
    assert history.history["loss"][-1] < history.history["loss"][0]


@pytest.mark.parametrize("build", [named, both_named])
@pytest.mark.parametrize("ending", ["h5", "keras", "onnx", "json", "clone"])
def test_names_survive_files_and_copies(build, ending, tmp_path):
    model = build()
    if ending == "json":
        copy = model_from_json(model.to_json())
        copy.set_weights(model.get_weights())
    elif ending == "clone":
        copy = clone_model(model)
        copy.set_weights(model.get_weights())
    else:
        model.save(tmp_path / f"m.{ending}")
        copy = load_model(tmp_path / f"m.{ending}")
    assert copy.input_names == model.input_names and copy.output_names == model.output_names
    data = X if build is named else {"p": X[:, :2], "q": X}
    equal(copy.predict(data), model.predict(data))


def test_exported_file_has_the_names(tmp_path):
    model = both_named()
    model.export(tmp_path / "m.onnx")
    executor = Executor(tmp_path / "m.onnx")
    (found,) = [executor.predict({"q": X, "p": X[:, :2]})]
    found = found["only"] if isinstance(found, dict) else found
    np.testing.assert_allclose(found, model.predict({"p": X[:, :2], "q": X})["only"])


def test_calls_give_and_take_dicts():
    model, outer = named(), Input((3,))
    called = model(outer)
    assert list(called) == ["b", "a"]
    whole = Model(outer, Concatenate()([called["a"], called["b"]]))
    want = model.predict(X)
    np.testing.assert_allclose(whole.predict(X), np.concatenate([want["a"], want["b"]], 1))
    twin = model_from_json(whole.to_json())
    twin.set_weights(whole.get_weights())
    np.testing.assert_allclose(twin.predict(X), whole.predict(X))
    assert list(both_named()({"p": Input((2,)), "q": Input((3,))})) == ["only"]
    with pytest.raises(
        ValueError, match="on a dict without 'q'; its inputs are 'p', 'q', the keys given 'p'"
    ):
        both_named()({"p": Input((2,))})


def test_configuration_is_that_of_tf_keras():
    config = json.loads(named().to_json())["config"]
    assert config["output_layers"] == {"b": ["first", 0, 0], "a": ["second", 0, 0]}
    assert config["input_layers"] == [["x", 0, 0]]


@pytest.mark.parametrize("outputs", [lambda y: {1: y}, lambda y: {}, lambda y: {"": y}])
def test_names_that_are_no_text_are_refused(outputs):
    x = Input((3,))
    with pytest.raises(ValueError, match="outputs of a Model are named by text"):
        Model(x, outputs(Dense(2)(x)))


def test_unknown_name_in_compile_is_told():
    with pytest.raises(ValueError, match="'c'"):
        named().compile("sgd", {"a": "mse", "c": "mse"})
