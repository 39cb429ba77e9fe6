"""Models in files: what is saved comes back, resumes exactly, and failures leave everything as it was."""

from __future__ import annotations

import io
import json
import os

import h5py
import numpy as np
import pytest

import kcompile.keras as keras
from kcompile import formats
from kcompile.keras import backend as K
from kcompile.keras import optimizers
from kcompile.keras.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    add,
    concatenate,
)
from kcompile.keras.models import Model, Sequential, load_model, model_from_json, model_from_yaml
from kcompile.keras.utils import CustomObjectScope

torch = pytest.importorskip("torch")

RANDOM = np.random.RandomState(4)
X = RANDOM.uniform(-1, 1, (12, 3)).astype("float32")
Y = RANDOM.uniform(-1, 1, (12, 2)).astype("float32")


def mlp(**compile_arguments):
    model = Sequential(
        [Dense(4, activation="tanh", input_shape=(3,), name="a"), Dense(2, name="b")], name="mlp"
    )
    if compile_arguments:
        model.compile(**{"loss": "mse", **compile_arguments})
    return model


def nested():
    x = Input((3,), name="inner_x")
    inner = Model(x, BatchNormalization(name="norm")(Dense(3, name="dense")(x)), name="inner")
    stack = Sequential([Dense(3, input_shape=(3,), name="one"), Dense(2, name="two")], name="stack")
    a, b = Input((3,), name="a"), Input((3,), name="b")
    return Model([a, b], [stack(add([inner(a), inner(b)])), inner(a)], name="nested")


def image():
    return Sequential(
        [Conv2D(3, 2, input_shape=(4, 4, 2), name="conv"), Flatten(), Dense(2, name="top")], name="image"
    )


def recurrent():
    return Sequential([LSTM(3, input_shape=(4, 3), name="lstm"), Dense(2, name="top")], name="recurrent")


MODELS = {"mlp": mlp, "nested": nested, "image": image, "recurrent": recurrent}


def feeds(model):
    found = [RANDOM.uniform(-1, 1, (5, *K.int_shape(x)[1:])).astype("f") for x in model.inputs]
    return found if len(found) > 1 else found[0]


def outputs(model, x):
    predicted = model.predict(x)
    return predicted if isinstance(predicted, list) else [predicted]


def same(a, b):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


# --- whole models ---


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("place", ["path", "pathlib", "bytes", "file", "group"])
def test_a_model_comes_back_from_everywhere(name, place, tmp_path):
    model = MODELS[name]()
    x = feeds(model)
    if place == "bytes":
        target = io.BytesIO()
        model.save(target)
        again = load_model(io.BytesIO(target.getvalue()))
    elif place in ("file", "group"):
        with h5py.File(tmp_path / "m.h5", "w") as file:
            target = file.create_group("deep/inside") if place == "group" else file
            model.save(target)
            again = load_model(target)
    else:
        target = tmp_path / "m.h5" if place == "pathlib" else str(tmp_path / "m.h5")
        model.save(target)
        again = load_model(target)
    assert again.get_config() == model.get_config()
    same(outputs(again, x), outputs(model, x))
    same(again.get_weights(), model.get_weights())


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.05, momentum=0.9, nesterov=True, decay=0.01),
        optimizers.RMSprop(0.01, decay=0.05),
        optimizers.Adagrad(0.05),
        optimizers.Adadelta(1.0),
        optimizers.Adam(0.01, amsgrad=True),
        optimizers.Adamax(0.01),
        optimizers.Nadam(0.01),
    ],
    ids=lambda o: type(o).__name__,
)
def test_training_resumes_exactly(optimizer, tmp_path):
    model = mlp(optimizer=optimizer, metrics=["mae"])
    for _ in range(5):
        model.train_on_batch(X, Y)
    model.save(str(tmp_path / "m.h5"))
    again = load_model(str(tmp_path / "m.h5"))
    ahead = [model.train_on_batch(X, Y) for _ in range(10)]
    resumed = [again.train_on_batch(X, Y) for _ in range(10)]
    assert resumed == ahead
    same(again.get_weights(), model.get_weights())


def test_training_resumes_after_frozen_layers_and_with_clipping(tmp_path):
    x = Input((3,))
    base = Model(x, BatchNormalization()(Dense(4, name="frozen")(x)), name="base")
    base.trainable = False
    model = Model(x, Dense(2)(Dense(4, name="free")(base(x))))
    model.compile(optimizers.Adam(0.01, clipnorm=0.5), "mse")
    model.fit(X, Y, epochs=3, verbose=0)
    model.save(str(tmp_path / "m.h5"))
    again = load_model(str(tmp_path / "m.h5"))
    assert len(again.trainable_weights) == 4 and again.optimizer.clipnorm == 0.5
    assert [again.train_on_batch(X, Y) for _ in range(10)] == [model.train_on_batch(X, Y) for _ in range(10)]


def test_training_resumes_after_an_interruption_by_checkpoint(tmp_path):
    path = str(tmp_path / "checkpoint.h5")
    straight, broken = mlp(optimizer="adam"), mlp(optimizer="adam")
    broken.set_weights(straight.get_weights())
    expected = straight.fit(X, Y, epochs=6, shuffle=False, verbose=0).history["loss"]
    broken.fit(X, Y, epochs=3, shuffle=False, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint(path)])
    resumed = load_model(path).fit(X, Y, initial_epoch=3, epochs=6, shuffle=False, verbose=0).history["loss"]
    assert resumed == expected[3:]


COMPILED = {
    "a name": dict(loss="mse", metrics=["mae"]),
    "functions": dict(loss=keras.losses.mean_absolute_error, metrics=[keras.metrics.mean_squared_error]),
    "objects": dict(
        loss=keras.losses.Huber(delta=0.5), metrics=[keras.metrics.MeanSquaredError(name="error")]
    ),
    "weighted metrics": dict(loss="mse", weighted_metrics=["mae"]),
    "temporal": dict(loss="mse", sample_weight_mode=None),
}


@pytest.mark.parametrize("name", COMPILED)
def test_compile_arguments_come_back(name, tmp_path):
    model = mlp(optimizer="sgd", **COMPILED[name])
    model.save(str(tmp_path / "m.h5"))
    again = load_model(str(tmp_path / "m.h5"))
    assert again.metrics_names == model.metrics_names
    assert again.evaluate(X, Y, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-6)


def test_losses_by_output_come_back(tmp_path):
    model = nested()
    model.compile(
        "sgd", {"stack": "mse", "inner": "mae"}, loss_weights={"stack": 0.5}, metrics={"inner": ["mse"]}
    )
    model.save(str(tmp_path / "m.h5"))
    again = load_model(str(tmp_path / "m.h5"))
    data = [X, X], [Y, X]
    assert again.evaluate(*data, verbose=0) == pytest.approx(model.evaluate(*data, verbose=0), rel=1e-6)
    assert again.metrics_names == model.metrics_names


def test_without_compiling_and_without_optimizer(tmp_path):
    model = mlp(optimizer="adam")
    model.fit(X, Y, verbose=0)
    path = str(tmp_path / "m.h5")
    model.save(path)
    assert load_model(path, compile=False).optimizer is None
    model.save(path, include_optimizer=False)
    with h5py.File(path) as file:
        assert "optimizer_weights" not in file
    assert K.get_value(load_model(path).optimizer.iterations) == 0


def test_a_model_that_was_never_compiled(tmp_path):
    mlp().save(str(tmp_path / "m.h5"))
    assert load_model(str(tmp_path / "m.h5")).optimizer is None


def test_custom_losses_metrics_and_optimizers(tmp_path):
    def own(y_true, y_pred):
        return K.mean(K.abs(y_true - y_pred), axis=-1)

    model = mlp(optimizer="sgd", loss=own, metrics=[own])
    path = str(tmp_path / "m.h5")
    model.save(path)
    with pytest.warns(UserWarning, match="not compiled .*Unknown .*'own'.*compile=False.*custom_objects"):
        plain = load_model(path)
    np.testing.assert_array_equal(plain.predict(X), model.predict(X))
    with pytest.raises(RuntimeError, match="must compile"):
        plain.evaluate(X, Y, verbose=0)
    again = load_model(path, custom_objects={"own": own})
    with CustomObjectScope({"own": own}):
        load_model(path)
    assert again.evaluate(X, Y, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-6)


def test_kernel_memory_order_does_not_show_in_files(tmp_path):
    model = image()
    with h5py.File(tmp_path / "m.h5", "w") as file:
        model.save(file)
        np.testing.assert_array_equal(file["model_weights/conv/conv/kernel:0"][:], model.get_weights()[0])


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize("name", MODELS)
def test_architecture_as_text(name, form, tmp_path):
    model = MODELS[name]()
    write, read = {"json": (model.to_json, model_from_json), "yaml": (model.to_yaml, model_from_yaml)}[form]
    again = read(write())
    again.set_weights(model.get_weights())
    x = feeds(model)
    same(outputs(again, x), outputs(model, x))
    assert again.get_config() == model.get_config()
    path = tmp_path / f"m.{form}"
    model.save(str(path))
    assert load_model(str(path)).get_config() == model.get_config()


def test_json_arguments():
    assert "\n  " in mlp().to_json(indent=2)
    assert json.loads(mlp().to_json())["class_name"] == "Sequential"


# --- weights ---


def test_weights_in_order_names_do_not_matter(tmp_path):
    path = str(tmp_path / "w.h5")
    model = mlp()
    model.save_weights(path)
    other = Sequential([Dense(4, input_shape=(3,)), Dropout(0.5), Dense(2)])
    other.load_weights(path)
    same(other.get_weights(), model.get_weights())
    whole = str(tmp_path / "m.h5")
    model.save(whole)
    other.load_weights(whole)


def test_weights_of_nested_models_by_order_and_by_name(tmp_path):
    path = str(tmp_path / "w.h5")
    model = nested()
    model.set_weights([RANDOM.uniform(0.5, 1, w.shape) for w in model.get_weights()])
    model.save_weights(path)
    for by_name in (False, True):
        other = nested()
        other.load_weights(path, by_name=by_name)
        same(other.get_weights(), model.get_weights())


def test_weights_of_a_model_saved_frozen_fit_the_same_model_thawed(tmp_path):
    """A model lists trainable weights first, so the order is that of what was frozen; names settle it."""
    path = str(tmp_path / "w.h5")
    model = nested()
    model.set_weights([RANDOM.uniform(0.5, 1, w.shape) for w in model.get_weights()])
    model.get_layer("inner").get_layer("dense").trainable = False
    model.save_weights(path)
    model.get_layer("inner").get_layer("dense").trainable = True
    for by_name in (False, True):
        thawed = nested()
        thawed.load_weights(path, by_name=by_name)
        same(thawed.get_weights(), model.get_weights())


def test_by_name_leaves_others_alone(tmp_path):
    path = str(tmp_path / "w.h5")
    model = mlp()
    model.save_weights(path)
    other = Sequential([Dense(4, input_shape=(3,), name="a"), Dense(7, name="other")])
    untouched = other.layers[1].get_weights()
    other.load_weights(path, by_name=True)
    same(other.layers[0].get_weights(), model.layers[0].get_weights())
    same(other.layers[1].get_weights(), untouched)


def test_skip_mismatch(tmp_path):
    path = str(tmp_path / "w.h5")
    model = mlp()
    model.save_weights(path)
    other = Sequential([Dense(4, input_shape=(3,), name="a"), Dense(5, name="b")])
    before = other.get_weights()
    with pytest.raises(
        ValueError, match=r"b/kernel of layer 'b' has shape \(4, 5\), but the saved.*\(4, 2\)"
    ):
        other.load_weights(path, by_name=True)
    same(other.get_weights(), before)
    with pytest.warns(UserWarning, match="Skipping loading of weights for layer b"):
        other.load_weights(path, by_name=True, skip_mismatch=True)
    same(other.layers[0].get_weights(), model.layers[0].get_weights())
    same(other.layers[1].get_weights(), before[2:])
    with pytest.raises(ValueError, match="skip_mismatch needs by_name=True"):
        other.load_weights(path, skip_mismatch=True)


def test_reshape(tmp_path):
    path = str(tmp_path / "w.h5")
    conv = Sequential([Conv2D(2, 1, input_shape=(4, 4, 3), name="layer")])
    conv.save_weights(path)
    dense = Sequential([Dense(2, input_shape=(3,), name="layer")])
    with pytest.raises(ValueError, match=r"\(3, 2\).*\(1, 1, 3, 2\)"):
        dense.load_weights(path)
    for by_name in (True, False):
        dense.load_weights(path, by_name=by_name, reshape=True)
        np.testing.assert_array_equal(dense.get_weights()[0], conv.get_weights()[0][0, 0])


MISFITS = {
    "too few layers": (
        lambda: Sequential([Dense(4, input_shape=(3,))]),
        "weights of 2 layers .a, b.*has 1 layers",
    ),
    "another shape": (
        lambda: Sequential([Dense(4, input_shape=(3,)), Dense(5, name="top")]),
        r"top/kernel of layer 'top' has shape \(4, 5\), but the saved weight has shape \(4, 2\)",
    ),
    "another number of weights": (
        lambda: Sequential([Dense(4, input_shape=(3,)), Dense(2, use_bias=False, name="top")]),
        "'top' expects 1 weights .*but the saved weights of 'b' have 2",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_weights_that_do_not_fit_change_nothing(name, tmp_path):
    build, message = MISFITS[name]
    path = str(tmp_path / "w.h5")
    mlp().save_weights(path)
    other = build()
    before = other.get_weights()
    with pytest.raises(ValueError, match=f"w.h5.*{message}"):
        other.load_weights(path)
    same(other.get_weights(), before)


def test_weights_into_an_unbuilt_model(tmp_path):
    path = str(tmp_path / "w.h5")
    mlp().save_weights(path)
    with pytest.raises(ValueError, match="have not been created yet"):
        Sequential([Dense(4), Dense(2)]).load_weights(path)


def test_a_file_of_weights_is_no_model(tmp_path):
    path = str(tmp_path / "w.h5")
    mlp().save_weights(path)
    with pytest.raises(ValueError, match="w.h5.*no model architecture, only weights.*load_weights"):
        load_model(path)


def test_loaded_weights_are_seen_by_prediction_and_training(tmp_path):
    path = str(tmp_path / "w.h5")
    model, other = mlp(optimizer="sgd"), mlp(optimizer="sgd")
    model.save_weights(path)
    other.predict(X), other.train_on_batch(X, Y)
    other.load_weights(path)
    same(other.predict(X), model.predict(X))
    assert other.train_on_batch(X, Y) == pytest.approx(model.train_on_batch(X, Y), rel=1e-6)


# --- deferred models, states ---


def test_a_model_built_by_its_data_comes_back_built(tmp_path):
    model = Sequential([Dense(4), Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.save(str(tmp_path / "m.h5"))
    same(load_model(str(tmp_path / "m.h5")).predict(X), model.predict(X))


def test_states_of_recurrent_layers_are_no_weights(tmp_path):
    model = Sequential([LSTM(3, stateful=True, batch_input_shape=(5, 4, 3))])
    x = feeds(model)[:5]
    first = model.predict(x)
    model.save(str(tmp_path / "m.h5"))
    again = load_model(str(tmp_path / "m.h5"))
    assert len(again.get_weights()) == 3
    np.testing.assert_allclose(again.predict(x), first, rtol=1e-6)  # from zeros


# --- failures ---


def test_overwrite_asks(tmp_path, monkeypatch):
    path = tmp_path / "m.h5"
    path.write_bytes(b"old")
    asked = []
    monkeypatch.setattr("builtins.input", lambda prompt="": asked.append(prompt) or "n")
    mlp().save(str(path), overwrite=False)
    mlp().save_weights(str(path), overwrite=False)
    assert path.read_bytes() == b"old" and len(asked) == 2
    monkeypatch.setattr("builtins.input", lambda prompt="": "y")
    mlp().save(str(path), overwrite=False)
    assert load_model(str(path)).name == "mlp"


@pytest.mark.parametrize("method", ["save", "save_weights"])
def test_an_error_while_writing_leaves_the_old_file(method, tmp_path, monkeypatch):
    path = tmp_path / "m.h5"
    getattr(mlp(), method)(str(path))
    old = path.read_bytes()
    created = []

    def failing(self, *args, **kwargs):
        created.append(args)
        if len(created) == 3:
            raise OSError("disk full")
        return original(self, *args, **kwargs)

    original = h5py.Group.create_dataset
    monkeypatch.setattr(h5py.Group, "create_dataset", failing)
    with pytest.raises(OSError, match="disk full"):
        getattr(mlp(), method)(str(path))
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["m.h5"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError, match="missing"):
        mlp().save(str(tmp_path / "missing" / "m.h5"))


@pytest.mark.parametrize(
    "content",
    [b"", b"hello world", b"\x89HDF\r\n\x1a\n" + b"\0" * 100, b"PK\x03\x04 not a zip", b"{}", b"\x08\x07"],
    ids=["empty", "text", "header only", "half a zip", "an empty object", "start of protobuf"],
)
@pytest.mark.parametrize(
    "load", [load_model, lambda path: mlp().load_weights(path)], ids=["model", "weights"]
)
def test_foreign_files(content, load, tmp_path):
    path = tmp_path / "m.h5"
    path.write_bytes(content)
    with pytest.raises((formats.FileFormatError, ValueError), match="m.h5"):
        load(str(path))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.95])
def test_truncated_files(share, tmp_path):
    path = tmp_path / "m.h5"
    model = mlp(optimizer="adam")
    model.fit(X, Y, verbose=0)
    model.save(str(path))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    other = mlp()
    before = other.get_weights()
    with pytest.raises((formats.FileFormatError, ValueError), match="m.h5"):
        load_model(str(path))
    with pytest.raises((formats.FileFormatError, ValueError), match="m.h5"):
        other.load_weights(str(path))
    same(other.get_weights(), before)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.h5"):
        load_model(str(tmp_path / "nowhere.h5"))
    with pytest.raises(FileNotFoundError, match="nowhere.h5"):
        mlp().load_weights(str(tmp_path / "nowhere.h5"))


def test_optimizer_state_that_does_not_fit_starts_afresh_with_a_warning(tmp_path):
    path = str(tmp_path / "m.h5")
    model = mlp(optimizer="adam")
    model.fit(X, Y, verbose=0)
    model.save(path)
    with h5py.File(path, "r+") as file:
        group = file["optimizer_weights"]
        names = list(group.attrs["weight_names"])
        group.attrs["weight_names"] = names[:-1]
    with pytest.warns(UserWarning, match="optimizer's state does not fit the model and starts afresh"):
        again = load_model(path)
    same(again.predict(X), model.predict(X))
    again.fit(X, Y, verbose=0)


def test_a_file_is_as_real_keras_writes_it(tmp_path):
    model = concatenated()
    model.compile("sgd", "mse", metrics=["mae"])
    with h5py.File(tmp_path / "m.h5", "w") as file:
        model.save(file)
        assert set(file.attrs) >= {"keras_version", "backend", "model_config", "training_config"}
        weights = file["model_weights"]
        assert [n.decode() if isinstance(n, bytes) else n for n in weights.attrs["layer_names"]] == [
            layer.name for layer in model.layers
        ]
        assert list(weights["left"].attrs["weight_names"]) == [b"left/kernel:0", b"left/bias:0"]
        assert list(weights["joined"].attrs["weight_names"]) == []
        training = json.loads(file.attrs["training_config"])
        assert training["optimizer_config"]["class_name"] == "SGD" and training["metrics"] == ["mae"]


def concatenated():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    joined = concatenate([Dense(2, name="left")(a), Dense(2, name="right")(b)], name="joined")
    return Model([a, b], Dense(1, name="top")(joined))
