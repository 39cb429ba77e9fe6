"""Whole .h5 files, compiled and with optimizer state: their models, their data, and how a loaded one is
questioned.

A case is one file, ``h5/<model>.<writer>.h5``: a model after ``STEPS_BEFORE`` training steps.  Its
answers come from the run that was never interrupted: the outputs at the moment of saving, and losses and
weights of the next ten steps.  The file keeps to syntax that Python 3.7 reads.
"""

from __future__ import annotations

import os

import numpy as np

from . import cases
from .runner import as_list, one_or_list, set_weights, sub_module

WRITERS = ["keras-2.3.1", "tf_keras-2.21.0", "tf_keras-2.21.0-legacy", "keras-3.15.0"]
STEPS_BEFORE, STEPS_AFTER, BATCH = 5, 10, 6
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "h5")

# model: (optimizer, its arguments, arguments that only optimizers of Keras 2 know, loss, metrics)
COMPILED = {
    "mlp_adam": ("Adam", {"learning_rate": 0.01}, {}, "categorical_crossentropy", ["accuracy"]),
    "cnn_rmsprop": ("RMSprop", {"learning_rate": 0.005}, {}, "sparse_categorical_crossentropy", ["accuracy"]),
    "lstm_masking_amsgrad": ("Adam", {"learning_rate": 0.01, "amsgrad": True}, {}, "binary_crossentropy", []),
    "shared_lstm_sgd": (
        "SGD",
        {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
        {"decay": 0.01},
        "binary_crossentropy",
        ["accuracy"],
    ),
    "nested_nadam": ("Nadam", {"learning_rate": 0.01}, {}, "mse", ["mae"]),
    "bidirectional_gru_adamax": ("Adamax", {"learning_rate": 0.01}, {}, "mse", []),
    "conv1d_adadelta": ("Adadelta", {"learning_rate": 0.5}, {}, "mse", []),
    "embedding_adagrad": ("Adagrad", {"learning_rate": 0.05}, {}, "binary_crossentropy", ["accuracy"]),
}
CASES = [
    {"name": model + "." + writer, "model": model, "writer": writer, "file": model + "." + writer + ".h5"}
    for model in COMPILED
    for writer in WRITERS
]


def build(keras, name):
    """The model, uncompiled, with weights set by the rule."""
    layers, models = keras.layers, keras.models
    if name == "mlp_adam":
        model = models.Sequential(
            [
                layers.Dense(8, activation="relu", input_shape=(6,), name="hidden"),
                layers.Dropout(0.0, name="drop"),
                layers.Dense(3, activation="softmax", name="last"),
            ]
        )
    elif name == "cnn_rmsprop":
        model = models.Sequential(
            [
                layers.Conv2D(4, 3, padding="same", activation="relu", input_shape=(8, 8, 1), name="conv_a"),
                layers.BatchNormalization(name="norm"),
                layers.MaxPooling2D(2, name="pool"),
                layers.Conv2D(3, [2, 3], strides=[1, 1], use_bias=False, name="conv_b"),
                layers.Activation("relu", name="act"),
                layers.Flatten(name="flat"),
                layers.Dense(3, activation="softmax", name="last"),
            ]
        )
    elif name == "lstm_masking_amsgrad":
        model = models.Sequential(
            [
                layers.Masking(0.0, input_shape=(6, 3), name="mask"),
                layers.LSTM(4, return_sequences=True, name="lstm_a"),
                layers.LSTM(3, name="lstm_b"),
                layers.Dense(1, activation="sigmoid", name="last"),
            ]
        )
    elif name == "shared_lstm_sgd":
        a, b = layers.Input(shape=(5, 3), name="a"), layers.Input(shape=(5, 3), name="b")
        shared = layers.LSTM(4, name="shared")
        joined = layers.concatenate([shared(a), shared(b)], name="joined")
        model = models.Model([a, b], layers.Dense(1, activation="sigmoid", name="last")(joined))
    elif name == "nested_nadam":
        inner = layers.Input(shape=(5,), name="inner_x")
        encoder = models.Model(
            inner, layers.Dense(4, activation="tanh", name="encode")(inner), name="encoder"
        )
        head = models.Sequential(
            [
                layers.Dense(4, activation="relu", input_shape=(4,), name="head_a"),
                layers.Dense(2, name="head_b"),
            ],
            name="head",
        )
        a, b = layers.Input(shape=(5,), name="a"), layers.Input(shape=(5,), name="b")
        model = models.Model([a, b], head(layers.subtract([encoder(a), encoder(b)], name="difference")))
    elif name == "bidirectional_gru_adamax":
        model = models.Sequential(
            [
                layers.Bidirectional(
                    layers.GRU(3, return_sequences=True, name="gru"), input_shape=(5, 2), name="both"
                ),
                layers.TimeDistributed(layers.Dense(2, name="inner"), name="last"),
            ]
        )
    elif name == "conv1d_adadelta":
        model = models.Sequential(
            [
                layers.Conv1D(
                    3,
                    3,
                    padding="causal",
                    dilation_rate=2,
                    activation="relu",
                    input_shape=(8, 2),
                    name="conv",
                ),
                layers.GlobalMaxPooling1D(name="pool"),
                layers.Dense(2, name="last"),
            ]
        )
    else:
        model = models.Sequential(
            [
                layers.Embedding(9, 3, input_length=4, name="embedding")
                if not keras.__version__.startswith("3.")
                else layers.Embedding(9, 3, name="embedding"),
                layers.GlobalAveragePooling1D(name="pool"),
                layers.Dense(1, activation="sigmoid", name="last"),
            ]
        )
        model.build((None, 4))
    for layer in model.layers:
        if layer.weights:
            set_weights(layer, "h5 " + name, layer.name)
    return model


def data(name, step):
    """(inputs, target) of a training step: lists of arrays and one array."""

    def draw(tag, *shape, **bounds):
        return cases.array("h5 " + name, "%s@%d" % (tag, step), (BATCH,) + shape, **bounds)

    def binary():
        return draw("y", 1, low=0, high=2, dtype="int32").astype("float32")

    if name == "mlp_adam":
        return [draw("x", 6)], np.eye(3, dtype="float32")[draw("y", low=0, high=3, dtype="int32")]
    if name == "cnn_rmsprop":
        return [draw("x", 8, 8, 1)], draw("y", 1, low=0, high=3, dtype="int32").astype("float32")
    if name == "lstm_masking_amsgrad":
        return [draw("x", 6, 3) * (draw("mask", 6, 1) > -0.3).astype("float32")], binary()
    if name == "shared_lstm_sgd":
        return [draw("a", 5, 3), draw("b", 5, 3)], binary()
    if name == "nested_nadam":
        return [draw("a", 5), draw("b", 5)], draw("y", 2)
    if name == "bidirectional_gru_adamax":
        return [draw("x", 5, 2)], draw("y", 5, 2)
    if name == "conv1d_adadelta":
        return [draw("x", 8, 2)], draw("y", 2)
    return [draw("x", 4, low=0, high=9, dtype="int32")], binary()


def _step(model, name, step):
    inputs, target = data(name, step)
    return float(as_list(model.train_on_batch(one_or_list(inputs), target))[0])


def question(model, name):
    """Arrays: ``prediction`` (on the data of step 0), ``loss`` (of the next ten steps), ``weight<i>`` (model
    weights after them)."""
    arrays = {
        "prediction": np.asarray(model.predict(one_or_list(data(name, 0)[0]), batch_size=BATCH, verbose=0))
    }
    arrays["loss"] = np.asarray(
        [_step(model, name, STEPS_BEFORE + step) for step in range(STEPS_AFTER)], "float32"
    )
    for i, value in enumerate(model.get_weights()):
        arrays["weight%d" % i] = np.asarray(value)
    return arrays


def run_h5(keras, case, folder=FOLDER):
    """Loads the case's file with the Keras given and questions it."""
    model = keras.models.load_model(os.path.join(folder, case["file"]))
    return question(model, case["model"]), {"metrics_names": list(model.metrics_names)}


def write_h5(keras, case, folder=FOLDER):
    """Trains the case's model, writes its file, and returns the answers of the run that goes on."""
    name = case["model"]
    class_name, kwargs, legacy, loss, metrics = COMPILED[name]
    if case["writer"] in ("keras-2.3.1", "tf_keras-2.21.0-legacy"):
        kwargs = dict(kwargs, **legacy)
    model = build(keras, name)
    model.compile(getattr(sub_module(keras, "optimizers"), class_name)(**kwargs), loss, metrics=metrics)
    for step in range(STEPS_BEFORE):
        _step(model, name, step)
    if not os.path.isdir(folder):
        os.makedirs(folder)
    model.save(os.path.join(folder, case["file"]))
    return question(model, name), {"metrics_names": list(model.metrics_names)}


GROUPS = {"h5": CASES}
RUNNERS = {"h5": run_h5}
