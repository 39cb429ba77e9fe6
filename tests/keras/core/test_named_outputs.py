"""Models made of dicts of inputs and outputs: names kept in predict, fit, files and exports."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kcompile.keras.layers import Concatenate, Dense, Input, Layer
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
    loss, a, b, _mse = model.evaluate(X, TARGETS, verbose=0)
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


# --- call() returns a dict ----------------------------------------------------------------------------------


class Two(Model):
    """A subclassed model with two named outputs, not in the order of their names."""

    def __init__(self):
        super().__init__()
        self.wide, self.narrow = Dense(3), Dense(1)

    def call(self, inputs):
        return {"wide": self.wide(inputs), "narrow": self.narrow(inputs)}


WIDE, NARROW = np.full((8, 3), 0.5, "float32"), np.full((8, 1), 2.0, "float32")
SAMPLES = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)


@pytest.fixture(scope="module")
def two():
    model = Two()
    losses, weights = {"narrow": "mae", "wide": "mse"}, {"wide": 1.0, "narrow": 0.25}
    model.compile("sgd", losses, metrics={"wide": ["mae"]}, loss_weights=weights)
    model.fit(SAMPLES, {"wide": WIDE, "narrow": NARROW}, verbose=0)
    return model


def test_subclassed_model_trains_by_the_names_that_call_gives(two):
    logs = two.evaluate(SAMPLES, {"narrow": NARROW, "wide": WIDE}, verbose=0)
    found = two.predict(SAMPLES)
    narrow, wide = np.abs(found["narrow"] - NARROW).mean(), ((found["wide"] - WIDE) ** 2).mean()
    assert two.metrics_names == ["loss", "narrow_loss", "wide_loss", "wide_mae"]
    want = [wide + 0.25 * narrow, narrow, wide, np.abs(found["wide"] - WIDE).mean()]
    np.testing.assert_allclose(logs, want, rtol=1e-5)


def test_subclassed_model_gives_a_dict_in_the_order_of_call(two):
    found = two.predict(SAMPLES)
    assert list(found) == list(two.predict_on_batch(SAMPLES)) == list(two(SAMPLES)) == ["wide", "narrow"]
    assert found["wide"].shape == (8, 3) and found["narrow"].shape == (8, 1)
    np.testing.assert_allclose(np.asarray(two(SAMPLES)["narrow"]), found["narrow"], rtol=1e-5)


def test_generators_and_validation_take_the_names_of_call(two):
    target = {"wide": WIDE, "narrow": NARROW}
    history = two.fit(
        iter([(SAMPLES, target)]), steps_per_epoch=1, validation_data=(SAMPLES, target), verbose=0
    )
    assert {"narrow_loss", "val_narrow_loss", "val_wide_mae"} <= set(history.history)


def test_exported_outputs_have_the_names_of_call(two, tmp_path):
    two.export(tmp_path / "m.onnx")
    executor = Executor(tmp_path / "m.onnx")
    found = dict(zip((o.name for o in executor.outputs), executor.predict(SAMPLES), strict=True))
    for name, want in two.predict(SAMPLES).items():
        np.testing.assert_allclose(found[name], want, rtol=1e-5)


def test_weights_of_a_model_with_named_outputs_come_back(two, tmp_path):
    two.save_weights(tmp_path / "w.h5")
    twin = Two()
    twin.build((None, 4))
    twin.load_weights(tmp_path / "w.h5")
    for name, want in two.predict(SAMPLES).items():
        assert np.array_equal(twin.predict(SAMPLES)[name], want)


class Parts(Layer):
    def call(self, inputs):
        return {"twice": inputs * 2.0, "more": inputs + 1.0}


@pytest.mark.parametrize("make", [Parts, Two], ids=["layer", "model"])
def test_named_results_of_a_layer_between_tensors_are_taken_by_name(make):
    source = Input((4,))
    inner = make()
    made = inner(source)
    first, second = made
    model = Model(source, [made[second], made[first]])
    again = Input((4,))
    for ours, theirs in zip(Model(again, model(again)).predict(SAMPLES), model.predict(SAMPLES), strict=True):
        assert np.array_equal(ours, theirs)
    if make is Parts:
        assert np.array_equal(model.predict(SAMPLES)[1], SAMPLES * 2.0)


@pytest.mark.parametrize(("given", "message"), [("text", "entry 'a' is str"), ([], "entry 'a' is list")])
def test_entries_of_a_dict_that_are_no_tensors_are_refused(given, message):
    class Wrong(Layer):
        def call(self, inputs):
            return {"a": given}

    with pytest.raises(ValueError, match=rf"Wrong.call of 'wrong_\d+' returned a dict whose {message}"):
        Wrong()(Input((4,)))
