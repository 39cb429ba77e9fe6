"""Files of Keras 1, built to the documented layout: the weights of a model of today, rearranged."""

from __future__ import annotations

import json
import warnings

import h5py
import numpy as np
import pytest

from kcompile.keras.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    SimpleRNN,
    TimeDistributed,
)
from kcompile.keras.models import Sequential, load_model

COMMON = {
    "init": "glorot_uniform",
    "W_regularizer": None,
    "b_regularizer": None,
    "W_constraint": None,
    "bias": True,
}
RECURRENT = {
    "init": "glorot_uniform",
    "inner_init": "orthogonal",
    "activation": "tanh",
    "return_sequences": False,
    "go_backwards": False,
    "stateful": False,
    "unroll": False,
    "consume_less": "cpu",
    "W_regularizer": None,
    "U_regularizer": None,
    "b_regularizer": None,
    "dropout_W": 0.0,
    "dropout_U": 0.0,
    "output_dim": 3,
    "name": "r",
    "batch_input_shape": [None, 5, 2],
    "input_dim": 2,
    "input_length": 5,
}
GATED = {**RECURRENT, "inner_activation": "hard_sigmoid"}


def gates(order, count):
    """Keras 1's list of kernels by gate, from kernel, recurrent kernel and bias of today."""

    def split(weights):
        parts = [np.split(w, count, axis=-1) for w in weights]
        return [parts[i][gate] for gate in order for i in range(3)]

    return split


def conv2d(ordering, **changes):
    config = {
        **COMMON,
        "name": "c",
        "nb_filter": 4,
        "nb_row": 3,
        "nb_col": 2,
        "activation": "relu",
        "border_mode": "same",
        "subsample": [1, 1],
        "dim_ordering": ordering,
        "batch_input_shape": [None, 2, 6, 6],
    }
    return {**config, **changes}


def as_is(weights):
    return weights


# class in Keras 1, config in Keras 1, layer of today, weights of today -> weights of Keras 1
LAYERS = {
    "Dense": (
        "Dense",
        {
            **COMMON,
            "output_dim": 3,
            "activation": "relu",
            "name": "d",
            "batch_input_shape": [None, 4],
            "input_dim": 4,
        },
        Dense(3, activation="relu", input_shape=(4,)),
        as_is,
    ),
    "TimeDistributedDense": (
        "TimeDistributedDense",
        {
            **COMMON,
            "output_dim": 3,
            "activation": "linear",
            "name": "d",
            "batch_input_shape": [None, 5, 4],
            "input_dim": 4,
            "input_length": 5,
        },
        TimeDistributed(Dense(3), input_shape=(5, 4)),
        as_is,
    ),
    "Embedding": (
        "Embedding",
        {
            "input_dim": 6,
            "output_dim": 3,
            "init": "uniform",
            "input_length": 4,
            "mask_zero": False,
            "W_regularizer": None,
            "W_constraint": None,
            "dropout": 0.0,
            "name": "e",
            "batch_input_shape": [None, 4],
            "input_dtype": "int32",
        },
        Embedding(6, 3, input_length=4),
        as_is,
    ),
    "Convolution2D th": (
        "Convolution2D",
        conv2d("th"),
        Conv2D(
            4, (3, 2), activation="relu", padding="same", data_format="channels_first", input_shape=(2, 6, 6)
        ),
        lambda w: [w[0].transpose(3, 2, 0, 1), w[1]],
    ),
    "Convolution2D tf": (
        "Convolution2D",
        conv2d("tf", batch_input_shape=[None, 6, 6, 2]),
        Conv2D(4, (3, 2), activation="relu", padding="same", input_shape=(6, 6, 2)),
        as_is,
    ),
    "Convolution1D": (
        "Convolution1D",
        {
            **COMMON,
            "name": "c",
            "nb_filter": 4,
            "filter_length": 3,
            "activation": "linear",
            "border_mode": "valid",
            "subsample_length": 1,
            "batch_input_shape": [None, 8, 2],
            "input_dim": 2,
            "input_length": 8,
        },
        Conv1D(4, 3, input_shape=(8, 2)),
        lambda w: [w[0][:, None], w[1]],
    ),
    "Convolution1D of Theano's order": (
        "Convolution1D",
        {
            **COMMON,
            "name": "c",
            "nb_filter": 4,
            "filter_length": 3,
            "activation": "linear",
            "border_mode": "valid",
            "subsample_length": 1,
            "batch_input_shape": [None, 8, 2],
        },
        Conv1D(4, 3, input_shape=(8, 2)),
        lambda w: [w[0][:, None].transpose(3, 2, 0, 1), w[1]],
    ),
    "BatchNormalization": (
        "BatchNormalization",
        {
            "name": "b",
            "epsilon": 1e-3,
            "mode": 0,
            "axis": -1,
            "momentum": 0.99,
            "gamma_regularizer": None,
            "beta_regularizer": None,
            "batch_input_shape": [None, 4],
        },
        BatchNormalization(input_shape=(4,)),
        as_is,
    ),
    "SimpleRNN": ("SimpleRNN", RECURRENT, SimpleRNN(3, input_shape=(5, 2)), as_is),
    "LSTM": (
        "LSTM",
        {**GATED, "forget_bias_init": "one"},
        LSTM(3, recurrent_activation="hard_sigmoid", input_shape=(5, 2)),
        gates((0, 2, 1, 3), 4),
    ),
    "GRU": (
        "GRU",
        GATED,
        GRU(3, recurrent_activation="hard_sigmoid", input_shape=(5, 2)),
        gates((0, 1, 2), 3),
    ),
    "Bidirectional": (
        "Bidirectional",
        {
            "name": "bi",
            "merge_mode": "concat",
            "batch_input_shape": [None, 5, 2],
            "layer": {"class_name": "GRU", "config": GATED},
        },
        Bidirectional(GRU(3, recurrent_activation="hard_sigmoid"), input_shape=(5, 2)),
        lambda w: gates((0, 1, 2), 3)(w[:3]) + gates((0, 1, 2), 3)(w[3:]),
    ),
}


def write(path, config, layers, backend=None):
    """A file as Keras 1.2 wrote it: names ``param_0`` where weights have none."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"1.2.2"
        if backend:
            file.attrs["backend"] = backend.encode()
        file.attrs["model_config"] = json.dumps(config).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name, _ in layers]
        for name, weights in layers:
            entry = group.create_group(name)
            names = [f"param_{i}" for i in range(len(weights))]
            entry.attrs["weight_names"] = [n.encode() for n in names]
            for key, values in zip(names, weights, strict=True):
                entry[key] = values


def randomize(model):
    generator = np.random.default_rng(3)
    model.set_weights([generator.uniform(0.1, 0.9, w.shape).astype("float32") for w in model.get_weights()])


def data_for(model):
    shape = [3, *model.input_shape[1:]]
    return np.floor(np.random.default_rng(4).random(shape) * 5).astype("float32")


@pytest.mark.parametrize(("class_name", "config", "layer", "old"), LAYERS.values(), ids=LAYERS.keys())
def test_layer_of_keras_1(class_name, config, layer, old, tmp_path):
    model = Sequential([type(layer).from_config(layer.get_config())])
    randomize(model)
    entry = {"class_name": class_name, "config": config}
    write(
        tmp_path / "m.h5",
        {"class_name": "Sequential", "config": [entry]},
        [("layer", old(model.get_weights()))],
    )
    loaded = load_model(tmp_path / "m.h5")
    x = data_for(model)
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), rtol=1e-5, atol=1e-6)
    model.set_weights([w * 0 for w in model.get_weights()])
    model.load_weights(tmp_path / "m.h5")
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), rtol=1e-5, atol=1e-6)


def test_theano_turns_the_window(tmp_path):
    model = Sequential([Conv2D(4, (3, 2), data_format="channels_first", input_shape=(2, 6, 6))])
    randomize(model)
    kernel, bias = model.get_weights()
    stored = [kernel[::-1, ::-1].transpose(3, 2, 0, 1), bias]
    config = conv2d("th", activation="linear", border_mode="valid")
    entry = {"class_name": "Convolution2D", "config": config}
    write(tmp_path / "m.h5", {"class_name": "Sequential", "config": [entry]}, [("c", stored)], "theano")
    x = data_for(model)
    np.testing.assert_allclose(load_model(tmp_path / "m.h5").predict(x), model.predict(x), rtol=1e-5)


def functional(mode, **arguments):
    def dense(name):
        config = {**COMMON, "output_dim": 3, "activation": "linear", "name": name, "input_dim": 4}
        return {"class_name": "Dense", "config": config, "name": name, "inbound_nodes": [[["x", 0, 0]]]}

    x = {"name": "x", "batch_input_shape": [None, 4], "input_dtype": "float32", "sparse": False}
    merge = {
        "name": "m",
        "mode": mode,
        "mode_type": "raw",
        "concat_axis": -1,
        "dot_axes": -1,
        "output_shape": None,
        "output_shape_type": "raw",
        "output_mask": None,
        "output_mask_type": "raw",
        "arguments": {},
        **arguments,
    }
    layers = [
        {"class_name": "InputLayer", "config": x, "name": "x", "inbound_nodes": []},
        dense("a"),
        dense("b"),
        {"class_name": "Merge", "config": merge, "name": "m", "inbound_nodes": [[["a", 0, 0], ["b", 0, 0]]]},
    ]
    config = {
        "name": "model_1",
        "layers": layers,
        "input_layers": [["x", 0, 0]],
        "output_layers": [["m", 0, 0]],
    }
    return {"class_name": "Model", "config": config}


MODES = {
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) / 2,
    "max": np.maximum,
    "concat": lambda a, b: np.concatenate([a, b], -1),
    "dot": lambda a, b: (a * b).sum(-1, keepdims=True),
    "cos": lambda a, b: (
        (a * b).sum(-1, keepdims=True)
        / np.linalg.norm(a, axis=-1, keepdims=True)
        / np.linalg.norm(b, axis=-1, keepdims=True)
    ),
}


@pytest.mark.parametrize("mode", MODES)
def test_merge_layer_by_its_mode(mode, tmp_path):
    generator = np.random.default_rng(0)
    kernels = [generator.random((4, 3)).astype("float32") for _ in range(2)]
    bias = np.ones(3, "float32")
    stored = [("x", []), ("a", [kernels[0], bias]), ("b", [kernels[1], bias]), ("m", [])]
    write(tmp_path / "m.h5", functional(mode), stored)
    x = generator.random((2, 4)).astype("float32")
    want = MODES[mode](x @ kernels[0] + bias, x @ kernels[1] + bias)
    np.testing.assert_allclose(load_model(tmp_path / "m.h5").predict(x), want, rtol=1e-5)


def test_merge_by_a_function_is_refused_by_name(tmp_path):
    config = functional("<lambda>")
    write(tmp_path / "m.h5", config, [("a", [])])
    with pytest.raises(ValueError, match="'m' of the file is a Merge of Keras 1 with mode='<lambda>'"):
        load_model(tmp_path / "m.h5")


# --- Merge in Sequential models -----------------------------------------------------------------------------


def merge_entry(branches, mode="concat", mode_type="raw", **changes):
    config = dict(functional(mode)["config"]["layers"][-1]["config"], mode_type=mode_type, concat_axis=1)
    return {"class_name": "Merge", "config": {**config, "layers": branches, **changes}}


def dense_entry(name, units, inputs=None):
    config = {**COMMON, "output_dim": units, "activation": "linear", "name": name, "input_dim": inputs}
    if inputs is not None:
        config |= {"batch_input_shape": [None, inputs], "input_dtype": "float32"}
    return {"class_name": "Dense", "config": config}


def branch(*entries):
    return {"class_name": "Sequential", "config": list(entries)}


def matrices(*shapes):
    generator = np.random.default_rng(5)
    return [(generator.random(s).astype("float32"), generator.random(s[1]).astype("float32")) for s in shapes]


def test_sequential_that_begins_with_a_merge(tmp_path):
    # the left branch is deeper, so that the order of a functional model is not that of the file
    left = branch(dense_entry("a", 3, 4), dense_entry("b", 2))
    right = branch(dense_entry("c", 5, 6))
    config = branch(merge_entry([left, right]), dense_entry("d", 2))
    (a, ab), (b, bb), (c, cb), (d, db) = matrices((4, 3), (3, 2), (6, 5), (7, 2))
    stored = [("a", [a, ab]), ("b", [b, bb]), ("c", [c, cb]), ("d", [d, db])]
    write(tmp_path / "m.h5", config, stored)
    model = load_model(tmp_path / "m.h5")
    x, y = np.ones((2, 4), "float32"), np.full((2, 6), 2, "float32")
    want = np.concatenate([(x @ a + ab) @ b + bb, y @ c + cb], 1) @ d + db
    np.testing.assert_allclose(model.predict([x, y]), want, rtol=1e-5)
    assert model.input_names == ["a_input", "c_input"]


def test_merge_of_merges_and_of_single_layers(tmp_path):
    inner = branch(
        merge_entry([dense_entry("a", 3, 4), branch(dense_entry("b", 3, 4))], mode="sum", name="inner")
    )
    config = branch(merge_entry([inner, dense_entry("c", 3, 6)], mode="mul"))
    (a, ab), (b, bb), (c, cb) = matrices((4, 3), (4, 3), (6, 3))
    write(tmp_path / "m.h5", config, [("a", [a, ab]), ("b", [b, bb]), ("c", [c, cb])])
    x, y = np.ones((2, 4), "float32"), np.ones((2, 6), "float32")
    want = (x @ a + ab + x @ b + bb) * (y @ c + cb)
    np.testing.assert_allclose(load_model(tmp_path / "m.h5").predict([x, x, y]), want, rtol=1e-5)


def distance(tensors):
    return tensors[0] - 2 * tensors[1]


@pytest.mark.parametrize("sequential", [True, False])
def test_merge_by_a_function_takes_it_from_custom_objects(sequential, tmp_path):
    (a, ab), (b, bb) = matrices((4, 3), (4, 3))
    x = np.ones((2, 4), "float32")
    if sequential:
        branches = [dense_entry("a", 3, 4), dense_entry("b", 3, 4)]
        config, data = branch(merge_entry(branches, mode="distance", mode_type="function")), [x, x]
    else:
        config, data = functional("distance", mode_type="function"), x
    write(tmp_path / "m.h5", config, [("a", [a, ab]), ("b", [b, bb])])
    model = load_model(tmp_path / "m.h5", custom_objects={"distance": distance})
    np.testing.assert_allclose(model.predict(data), x @ a + ab - 2 * (x @ b + bb), rtol=1e-4)
    with pytest.raises(ValueError, match="'distance'.*custom_objects"):
        load_model(tmp_path / "m.h5")


def test_merge_by_bytecode_is_refused_by_safe_mode(tmp_path):
    config = functional(["code", None, None], mode_type="lambda")
    write(tmp_path / "m.h5", config, [])
    with pytest.raises(ValueError, match="safe_mode=False"):
        load_model(tmp_path / "m.h5")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (branch(merge_entry([functional("sum")])), "a functional model, which is not read"),
        (branch(merge_entry([dense_entry("a", 3)])), "'a' of a branch in the file has no input shape"),
        (branch(merge_entry([branch()])), "a Sequential model without layers"),
        (
            branch(merge_entry([dense_entry("a", 3, 4), dense_entry("a", 3, 4)])),
            "'a' of the file stands in two",
        ),
        ({"class_name": "Graph", "config": {}}, "holds a Graph of Keras 0.3"),
        (
            branch(dense_entry("a", 3, 4), merge_entry([dense_entry("b", 3, 4)])),
            "as a layer of a Sequential model",
        ),
    ],
)
def test_merge_that_is_not_read_says_why(config, message, tmp_path):
    write(tmp_path / "m.h5", config, [])
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path / "m.h5")


# --- optimizer state ----------------------------------------------------------------------------------------

# Keras 1 wrote the iterations of some optimizers, and neither vhat nor Nadam's product of momenta.
OPTIMIZERS = {
    "SGD": ({"lr": 0.1, "momentum": 0.9, "decay": 0.1, "nesterov": True}, lambda state: state),
    "RMSprop": ({"lr": 0.02, "rho": 0.9, "epsilon": 1e-8, "decay": 0.0}, lambda state: state[1:]),
    "Adagrad": ({"lr": 0.1, "epsilon": 1e-8, "decay": 0.0}, lambda state: state[1:]),
    "Adadelta": ({"lr": 1.0, "rho": 0.95, "epsilon": 1e-8, "decay": 0.0}, lambda state: state[1:]),
    "Adam": (
        {"lr": 0.02, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "decay": 0.0},
        lambda state: state[: 1 + (len(state) - 1) // 3 * 2],
    ),
    "Adamax": ({"lr": 0.02, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "decay": 0.0}, lambda s: s),
}


def by_gates(slot):
    """A slot over kernel and bias of a convolution, an LSTM and a Dense layer, as Keras 1 lists it."""
    kernel, bias, *recurrent, last, last_bias = slot
    return [kernel[:, None], bias, *gates((0, 2, 1, 3), 4)(recurrent), last, last_bias]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_with_the_state_of_keras_1(name, tmp_path):
    arguments, as_keras_1 = OPTIMIZERS[name]
    model = Sequential(
        [
            Conv1D(2, 3, input_shape=(7, 2)),
            LSTM(3, recurrent_activation="hard_sigmoid"),
            Dense(3, activation="relu"),
        ]
    )
    randomize(model)
    model.compile({"class_name": name, "config": arguments}, "mse")
    x = data_for(model)
    for _ in range(3):
        model.train_on_batch(x, x[:, :3, 0])
    conv, recurrent, dense = (layer.get_weights() for layer in model.layers)
    state = as_keras_1(model.optimizer.get_weights())
    head = [array for array in state if array.shape == ()]
    rest = [array for array in state if array.shape != () and array.shape != (1,)]
    slots = [by_gates(rest[i : i + 7]) for i in range(0, len(rest), 7)]
    stored = [array.astype("float32") for array in [*head, *(array for slot in slots for array in slot)]]
    configs = [LAYERS["Convolution1D"][1], {**GATED, "forget_bias_init": "one"}, LAYERS["Dense"][1]]
    configs[0] = {**configs[0], "nb_filter": 2, "batch_input_shape": [None, 7, 2], "input_length": 7}
    entries = [
        {"class_name": class_name, "config": config}
        for class_name, config in zip(("Convolution1D", "LSTM", "Dense"), configs, strict=True)
    ]
    weights = [[conv[0][:, None], conv[1]], gates((0, 2, 1, 3), 4)(recurrent), dense]
    write(
        tmp_path / "m.h5",
        {"class_name": "Sequential", "config": entries},
        [(config["name"], own) for config, own in zip(configs, weights, strict=True)],
    )
    with h5py.File(tmp_path / "m.h5", "a") as file:
        training = {
            "optimizer_config": {"class_name": name, "config": arguments},
            "loss": "mse",
            "metrics": [],
            "sample_weight_mode": None,
            "loss_weights": None,
        }
        file.attrs["training_config"] = json.dumps(training).encode()
        group = file.create_group("optimizer_weights")
        names = [f"param_{i}" for i in range(len(stored))]
        group.attrs["weight_names"] = [n.encode() for n in names]
        for key, values in zip(names, stored, strict=True):
            group[key] = values
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = load_model(tmp_path / "m.h5")
    for one in (model, loaded):
        for _ in range(2):
            one.train_on_batch(x, x[:, :3, 0])
    for own, again in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(again, own, rtol=1e-5, atol=1e-6)
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file["optimizer_weights"].attrs["weight_names"] = [n.encode() for n in names[:-1]]
    with pytest.warns(UserWarning, match="the optimizer's state does not fit the model and starts afresh"):
        load_model(tmp_path / "m.h5")
