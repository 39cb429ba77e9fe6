"""Files of Keras 3.15: what it wrote opens here and trains on, and what is written here has its layout."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from kcompile import formats, keras
from kcompile.keras import layers
from kcompile.keras.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GRUCell,
    Input,
    LeakyReLU,
    LSTMCell,
    TimeDistributed,
    concatenate,
)
from kcompile.keras.models import Model, Sequential, load_model
from kcompile.keras.saving import archives
from tests.golden import run_h5

FOLDER = Path(__file__).parents[3] / "golden" / "formats" / "keras3"
SHARDED = ["nested_nadam", "lstm_masking_amsgrad"]


@pytest.mark.parametrize("name", list(run_h5.COMPILED))
def test_file_of_keras_predicts_and_trains_on_as_there(name):
    model = load_model(FOLDER / f"{name}.keras")
    got, want = run_h5.question(model, name), np.load(FOLDER / f"{name}.npz")
    for key in want.files:
        np.testing.assert_allclose(got[key], want[key], rtol=2e-4, atol=2e-5, err_msg=key)


@pytest.mark.parametrize("name", ["cnn_rmsprop", *SHARDED])
def test_written_file_comes_back_to_the_bit_and_trains_on(name, tmp_path):
    model = load_model(FOLDER / f"{name}.keras")
    model.save(tmp_path / "m.keras")
    twin = load_model(tmp_path / "m.keras")
    for ours, theirs in zip(model.get_weights(), twin.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)
    got, want = run_h5.question(twin, name), run_h5.question(model, name)
    for key in want:
        assert np.array_equal(got[key], want[key]), key


@pytest.mark.parametrize("name", SHARDED)
@pytest.mark.parametrize("ending", ["weights.h5", "weights.json"])
@pytest.mark.parametrize("named", [True, False], ids=["same-names", "own-names"])
def test_weights_alone_are_found_by_class_and_order(name, ending, named):
    model = run_h5.build(keras, name)
    if not named:
        for layer in model._flat_layers:
            layer._name = f"{layer.name}_of_another_program"
    model.load_weights(FOLDER / f"{name}.{ending}")
    want = load_model(FOLDER / f"{name}.keras", compile=False).get_weights()
    for a, b in zip(model.get_weights(), want, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", list(run_h5.COMPILED))
def test_written_groups_are_those_of_keras(name, tmp_path):
    model = load_model(FOLDER / f"{name}.keras")
    model.save(tmp_path / "m.keras")

    def datasets(path):
        with zipfile.ZipFile(path) as archive:
            file = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
        found = {}
        file.visititems(lambda n, o: found.update({n: o[()]}) if isinstance(o, h5py.Dataset) else None)
        return found

    ours, theirs = datasets(tmp_path / "m.keras"), datasets(FOLDER / f"{name}.keras")
    assert set(ours) == set(theirs)
    for key, values in theirs.items():
        np.testing.assert_allclose(ours[key], values, rtol=1e-6, err_msg=key)


@pytest.mark.parametrize("name", ["ops_chain", "ops_plain", "shared_lstm_sgd"])
def test_the_configuration_alone_of_a_functional_model_is_taken_by_its_class(name):
    with zipfile.ZipFile(FOLDER / f"{name}.keras") as file:
        config = json.loads(file.read("config.json"))["config"]
    model, whole = Model.from_config(config), load_model(FOLDER / f"{name}.keras")
    assert [type(layer) for layer in model.layers] == [type(layer) for layer in whole.layers]
    model.set_weights(whole.get_weights())
    x = [np.ones([2, *(size or 3 for size in tensor.shape[1:])], "float32") for tensor in model.inputs]
    found, wanted = (each.predict(x) for each in (model, whole))
    np.testing.assert_array_equal(*(np.concatenate([np.ravel(y) for y in ys]) for ys in (found, wanted)))


def every_structure():
    """Nested, shared, recurrent with states, wrapped, stacked cells, legacy arguments."""
    a, b = Input((6, 3)), Input((6, 3))
    inner_in = Input((6, 3))
    inner = Model(inner_in, TimeDistributed(Dense(4))(LSTM(4, return_sequences=True)(inner_in)))
    sequence, h, c = LSTM(4, return_sequences=True, return_state=True)(inner(a))
    x = LSTM(4, return_sequences=True)(inner(b), initial_state=[h, c])
    x = Bidirectional(GRU(2, return_sequences=True, reset_after=True))(concatenate([sequence, x]))
    x = RNN([LSTMCell(3), GRUCell(2)])(x)
    return Model([a, b], Dense(1)(LeakyReLU(alpha=0.2)(BatchNormalization()(x))))


def sequential_in_sequential():
    head = Sequential([Conv2D(3, 2, input_shape=(5, 5, 1)), Flatten()])
    return Sequential([head, Dense(2), Dense(1)])


def embedded():
    return Sequential([Embedding(9, 3, input_length=4), Flatten(), Dense(1)])


@pytest.mark.parametrize("make", [every_structure, sequential_in_sequential, embedded])
def test_structures_come_back(make, tmp_path):
    model = make()
    generator = np.random.default_rng(1)
    shapes = [[4 if n is None else n for n in x._keras_shape] for x in model.inputs]
    data = [np.floor(generator.random(shape) * 4).astype("float32") for shape in shapes]
    data = data[0] if len(data) == 1 else data
    model.save(tmp_path / "m.keras")
    twin = load_model(tmp_path / "m.keras")
    assert np.array_equal(model.predict(data), twin.predict(data))


def test_config_has_no_arguments_that_keras_3_lacks(tmp_path):
    every_structure().save(tmp_path / "m.keras")
    embedded().save(tmp_path / "e.keras")
    for name in ("m", "e"):
        with zipfile.ZipFile(tmp_path / f"{name}.keras") as archive:
            text = archive.read("config.json").decode()
            assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
            assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        for gone in ("implementation", "input_length", "batch_input_shape", "alpha"):
            assert f'"{gone}"' not in text
        assert json.loads(text)["module"].startswith("keras")


def test_formula_that_keras_3_changed_is_refused_and_nothing_written(tmp_path):
    model = Sequential([Dense(2, activation="hard_sigmoid", input_shape=(3,), name="gate")])
    with pytest.raises(ValueError, match=r"'gate'.*hard_sigmoid.*slope 1/6"):
        model.save(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_formula_that_keras_3_changed_is_read_as_keras_3_has_it(tmp_path):
    model = Sequential([Dense(2, activation="sigmoid", input_shape=(3,), name="gate")])
    model.save(tmp_path / "m.keras")
    changed = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "m.keras") as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(
                name, old.read(name).replace(b'"activation": "sigmoid"', b'"activation": "hard_sigmoid"')
            )
    changed.seek(0)
    assert load_model(changed).layers[0].activation is keras.activations.hard_sigmoid_3
    changed.seek(0)
    loaded = load_model(changed, custom_objects={"hard_sigmoid": keras.activations.sigmoid})
    x = np.ones((2, 3), "float32")
    assert np.array_equal(loaded.predict(x), model.predict(x))


def test_decayed_learning_rate_is_written_as_a_schedule(tmp_path):
    model = Sequential([Dense(2, input_shape=(3,))])
    model.compile(keras.optimizers.SGD(lr=0.1, decay=0.5, momentum=0.9), "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        rate = json.loads(archive.read("config.json"))["compile_config"]["optimizer"]["config"][
            "learning_rate"
        ]
    assert rate["class_name"] == "InverseTimeDecay" and rate["config"]["decay_rate"] == 0.5


def test_frozen_layers_keep_the_order_of_their_weights(tmp_path):
    model = Sequential([BatchNormalization(input_shape=(3,)), Dense(2)])
    model.set_weights([np.full(w.shape, i, "float32") for i, w in enumerate(model.get_weights())])
    model.save_weights(tmp_path / "a.weights.h5")
    other = Sequential([BatchNormalization(input_shape=(3,)), Dense(2)])
    other.layers[0].trainable = False
    other.load_weights(tmp_path / "a.weights.h5")
    other.layers[0].trainable = True
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


def two_dense(names=("a", "b"), units=2):
    return Sequential([Dense(3, input_shape=(4,), name=names[0]), Dense(units, name=names[1])])


def test_by_name_leaves_other_layers_alone(tmp_path):
    saved, model = two_dense(), two_dense(("b", "a"))
    saved.save_weights(tmp_path / "w.weights.h5")
    before = model.get_weights()
    with pytest.raises(ValueError, match="'b'|'a'"):
        model.load_weights(tmp_path / "w.weights.h5", by_name=True)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    partly = two_dense(("a", "other"))
    kept = partly.layers[1].get_weights()
    partly.load_weights(tmp_path / "w.weights.h5", by_name=True)
    assert np.array_equal(partly.layers[0].get_weights()[0], saved.layers[0].get_weights()[0])
    assert np.array_equal(partly.layers[1].get_weights()[0], kept[0])
    with pytest.warns(UserWarning, match="Skipping loading of weights for layer b"):
        two_dense(units=5).load_weights(tmp_path / "w.weights.h5", by_name=True, skip_mismatch=True)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: two_dense(units=7), r"'b'.*\(3, 7\).*\(3, 2\)"),
        (lambda: Sequential([Dense(3, input_shape=(4,)), Dense(2), Dense(2)]), "no group 'layers/dense_2'"),
        (lambda: Sequential([Dense(3, input_shape=(4,), use_bias=False)]), "has 1 weights"),
    ],
    ids=["shape", "layer", "bias"],
)
def test_weights_of_another_model_change_nothing(model, message, tmp_path):
    two_dense().save_weights(tmp_path / "w.weights.h5")
    model = model()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.load_weights(tmp_path / "w.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


# --- safetensors --------------------------------------------------------------------------------------------


def test_safetensors_has_the_names_of_the_weights_and_comes_back(tmp_path):
    from safetensors.numpy import load_file

    model, twin = two_dense(), two_dense()
    model.save_weights(tmp_path / "w.safetensors")
    stored = load_file(tmp_path / "w.safetensors")
    assert set(stored) == {"a/kernel", "a/bias", "b/kernel", "b/bias"}
    assert np.array_equal(stored["a/kernel"], model.get_weights()[0])
    twin.load_weights(tmp_path / "w.safetensors")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), twin.get_weights(), strict=True))


def test_safetensors_of_the_library_are_read(tmp_path):
    from safetensors.numpy import save_file

    values = {
        f"t{i}": np.arange(6).reshape(2, 3).astype(kind) for i, kind in enumerate("f4 f2 i8 u1 ?".split())
    }
    save_file(values, tmp_path / "t.safetensors", metadata={"a": "b"})
    for lazy in (False, True):
        with formats.read(tmp_path / "t.safetensors", lazy=lazy) as archive:
            found = {name: np.asarray(array) for name, array in archive.layer_weights[0].weights}
        assert found.keys() == values.keys()
        assert all(np.array_equal(found[k], v) and found[k].dtype == v.dtype for k, v in values.items())


def test_bfloat16_is_read_as_float32():
    values = np.asarray([1.0, -2.5, 3e38], "float32")
    header = b'{"w":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}'
    data = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    archive = formats.read(io.BytesIO(len(header).to_bytes(8, "little") + header + data))
    np.testing.assert_allclose(archive.layer_weights[0].weights[0][1], values, rtol=1e-2)


def test_safetensors_of_other_names_change_nothing(tmp_path):
    two_dense().save_weights(tmp_path / "w.safetensors")
    model = two_dense(("a", "c"))
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"missing are c/kernel, c/bias; unknown are b/kernel, b/bias"):
        model.load_weights(tmp_path / "w.safetensors")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.load_weights(tmp_path / "w.safetensors", by_name=True)
    assert not np.array_equal(before[0], model.get_weights()[0])
    assert np.array_equal(before[2], model.get_weights()[2])


# --- other layouts of .keras --------------------------------------------------------------------------------


def repacked(path, changes=(), extra=()):
    """The archive with members replaced, left out (None) or added."""
    result = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(result, "w") as new:
        for name in old.namelist():
            data = dict(changes).get(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
        for name, data in extra:
            new.writestr(name, data)
    result.seek(0)
    return result


WHOLE = FOLDER.parent / "tfkeras_whole.keras"


def check_whole(model):
    with np.load(FOLDER.parent / "tfkeras_whole.npz") as data:
        np.testing.assert_allclose(model.predict(data["x"]), data["y"], rtol=1e-5, atol=1e-6)
        losses = [model.train_on_batch(data["x"], data["y"] * 0)[0] for _ in range(3)]
        np.testing.assert_allclose(losses, data["losses"], rtol=1e-4)


def test_keras_file_of_tf_keras_predicts_and_trains_on_as_there():
    model = load_model(WHOLE)
    check_whole(model)
    assert model.metrics_names == ["loss", "mae", "squared"]


def test_container_of_keras_2_12_is_read():
    weights = io.BytesIO(zipfile.ZipFile(WHOLE).read("model.weights.h5"))
    with h5py.File(weights, "a") as file:
        file.move("layers", "_layer_checkpoint_dependencies")
        inner = "_layer_checkpoint_dependencies/sequential"
        file.move(f"{inner}/layers", f"{inner}/_layer_checkpoint_dependencies")
    check_whole(load_model(repacked(WHOLE, {"model.weights.h5": weights.getvalue()})))


def test_assets_that_no_layer_needs_are_left_alone():
    files = [("assets/tokens.txt", "a\nb"), ("assets/", "")]
    model = load_model(repacked(FOLDER / "mlp_adam.keras", extra=files))
    want = load_model(FOLDER / "mlp_adam.keras")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), want.get_weights(), strict=True))


def test_weights_in_npz_say_why_they_are_not_read():
    file = repacked(FOLDER / "mlp_adam.keras", {"model.weights.h5": None}, [("model.weights.npz", b"PK")])
    with pytest.raises(
        formats.UnsupportedFormatError, match="model.weights.npz.*pickle.*weights_format='h5'"
    ):
        load_model(file)


def test_sharded_weights_within_an_archive_say_how_to_save_them():
    file = repacked(FOLDER / "mlp_adam.keras", {"model.weights.h5": None}, [("model.weights.json", "{}")])
    with pytest.raises(formats.UnsupportedFormatError, match="the weights are in model.weights.json"):
        load_model(file)


@pytest.mark.parametrize("change", [{"metadata.json": b"{}"}, {"metadata.json": b'{"keras_version": 3}'}])
def test_version_that_is_missing_or_no_text_is_no_matter(change):
    assert load_model(repacked(FOLDER / "mlp_adam.keras", change)).layers


def test_build_config_gives_the_input_shape_of_a_model_without_one():
    config = json.loads(zipfile.ZipFile(FOLDER / "mlp_adam.keras").read("config.json"))
    layers = config["config"]["layers"]
    assert layers[0]["class_name"] == "InputLayer"
    shape = layers[0]["config"]["batch_shape"]
    del layers[0], config["config"]["build_input_shape"]
    config["build_config"] = {"input_shape": shape}
    file = repacked(FOLDER / "mlp_adam.keras", {"config.json": json.dumps(config)})
    assert load_model(file, compile=False).input_shape == tuple(shape)


def test_losses_and_metrics_as_objects_are_compiled_with_their_arguments(tmp_path):
    model = Sequential([Dense(2, activation="softmax", input_shape=(3,))])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.25)
    metrics = [keras.metrics.TopKCategoricalAccuracy(k=1, name="best"), "accuracy"]
    model.compile("adam", loss, metrics=metrics)
    model.save(tmp_path / "m.keras")
    config = json.loads(zipfile.ZipFile(tmp_path / "m.keras").read("config.json"))["compile_config"]
    assert config["loss"]["module"] == "keras.losses" and config["loss"]["config"]["label_smoothing"] == 0.25
    twin = load_model(tmp_path / "m.keras")
    x, y = np.eye(3, dtype="float32"), np.eye(3, dtype="float32")[:, :2]
    assert twin.metrics_names == model.metrics_names == ["loss", "best", "accuracy"]
    np.testing.assert_allclose(twin.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0), rtol=1e-6)


@pytest.mark.parametrize("recurrent", ["LSTM", "GRU", "SimpleRNN"])
def test_weights_of_a_recurrent_layers_activation_lie_where_keras_3_has_them(recurrent, tmp_path):
    """At the layer, through which it comes by them first, not at the cell."""
    model = Sequential(
        [getattr(layers, recurrent)(2, activation=layers.PReLU("ones"), input_shape=(None, 3))]
    )
    archive = archives.keras_archive_of(model)
    (path,) = [
        path for path in archive.objects if path.endswith("activation") and archive.objects[path].weights
    ]
    assert path.count("/") == 2 and "/cell/" not in path
    model.save(tmp_path / "m.keras")
    x = np.linspace(-1, 1, 12, dtype="float32").reshape(1, 4, 3)
    np.testing.assert_array_equal(load_model(tmp_path / "m.keras").predict(x), model.predict(x))
