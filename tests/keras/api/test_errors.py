"""Errors help: the nearest name for a mistyped one, path and both shapes where shapes do not fit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kcompile.keras import activations, constraints, initializers, layers, losses, metrics, models, optimizers
from kcompile.keras import backend as K


def _compiled(**arguments: Any) -> models.Sequential:
    model = models.Sequential([layers.Dense(3, input_shape=(4,), name="first")], name="net")
    model.compile(**{"optimizer": "sgd", "loss": "mse", **arguments})
    return model


@pytest.mark.parametrize(
    ("make", "meant"),
    [
        (lambda: losses.get("mean_squared_eror"), "mean_squared_error"),
        (lambda: _compiled(loss="catagorical_crossentropy"), "categorical_crossentropy"),
        (lambda: metrics.get("acuracy"), "accuracy"),
        (lambda: _compiled(metrics=["top_k_categorical_acuracy"]), "top_k_categorical_accuracy"),
        (lambda: optimizers.get("admam"), "Adam"),
        (lambda: _compiled(optimizer="rmspropp"), "RMSprop"),
        (lambda: activations.get("rellu"), "relu"),
        (lambda: layers.Dense(3, activation="sigmod"), "sigmoid"),
        (lambda: layers.LSTM(3, recurrent_activation="hard_sigmiod"), "hard_sigmoid"),
        (lambda: initializers.get("glorot_unifrom"), "glorot_uniform"),
        (lambda: layers.Conv2D(3, 3, kernel_initializer="he_nomal"), "he_normal"),
        (lambda: constraints.get("maxnrm"), "MaxNorm"),
        (lambda: layers.deserialize({"class_name": "Dens", "config": {}}), "Dense"),
        (
            lambda: models.model_from_json('{"class_name": "Sequental", "config": {"layers": []}}'),
            "Sequential",
        ),
        (lambda: optimizers.deserialize({"class_name": "Adamm", "config": {}}), "Adam"),
    ],
)
def test_mistyped_name_suggests_the_nearest_one(make: Callable, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"Unknown .*Did you mean .*'{meant}'"):
        make()


@pytest.mark.parametrize(
    ("make", "given", "meant"),
    [
        (lambda: layers.Dense(3, kernal_initializer="zeros"), "kernal_initializer", "kernel_initializer"),
        (lambda: layers.Dense(3, input_shpe=(4,)), "input_shpe", "input_shape"),
        (lambda: layers.Dense(3, nme="d"), "nme", "name"),
        (lambda: layers.Conv2D(3, 3, pading="same"), "pading", "padding"),
        (lambda: layers.LSTM(3, return_sequence=True), "return_sequence", "return_sequences"),
        (lambda: layers.Bidirectional(layers.LSTM(3), merge_mod="sum"), "merge_mod", "merge_mode"),
        (lambda: layers.MaxPooling2D(poolsize=2), "poolsize", "pool_size"),
        (lambda: layers.BatchNormalization(momentun=0.9), "momentun", "momentum"),
        (lambda: layers.Dense(unit=3), "unit", "units"),
        (lambda: layers.Reshape(target_shap=(2, 3)), "target_shap", "target_shape"),
        (lambda: _compiled(metrcs=["acc"]), "metrcs", "metrics"),
        (lambda: _compiled().fit(np.ones((2, 4)), np.ones((2, 3)), epoch=2), "epoch", "epochs"),
        (lambda: optimizers.SGD(learning_rat=1.0), "learning_rat", "learning_rate"),
    ],
)
def test_mistyped_argument_suggests_the_nearest_one(make: Callable, given: str, meant: str) -> None:
    with pytest.raises(TypeError, match=f"'?{given}.*[Dd]id you mean '{meant}'"):
        make()


def test_mistyped_argument_of_a_users_layer_suggests_its_own() -> None:
    class Scale(layers.Layer):
        def __init__(self, factor: float = 2.0, **kwargs: Any) -> None:
            super().__init__(**kwargs)

    with pytest.raises(TypeError, match="Scale: .*'facter'. Did you mean 'factor'?"):
        Scale(facter=3.0)


def test_an_argument_like_nothing_lists_what_there_is() -> None:
    with pytest.raises(
        TypeError, match=r"'zzz'\. It takes rate, noise_shape, seed, and what every layer takes: "
    ):
        layers.Dropout(0.5, zzz=1)


def test_missing_argument_is_named_with_the_call() -> None:
    with pytest.raises(
        TypeError, match=r"Conv2D: the argument 'kernel_size' is missing. The call was Conv2D\(8"
    ):
        layers.Conv2D(8, padding="same")


@pytest.mark.parametrize(
    ("expression", "meant"), [("keras.layers.Dens", "Dense"), ("keras.optmizers", "optimizers")]
)
def test_python_itself_suggests_names_of_modules(expression: str, meant: str) -> None:
    """Modules need do nothing for it but list their names."""
    command = [sys.executable, "-c", f"from kcompile import keras; {expression}"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert f"Did you mean: '{meant}'?" in done.stderr


class Inner(layers.Layer):
    """Adds three numbers to whatever it gets."""

    def call(self, inputs):
        return inputs + K.ones((3,))


class Outer(layers.Layer):
    """Layers inside a layer."""

    def __init__(self, inner: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, inputs):
        return self.inner(inputs)


def _input(*shape: int) -> Any:
    return layers.Input(shape)


def _shared() -> Any:
    layer = layers.Dense(3, name="shared")
    layer(_input(4))
    return layer(_input(5))


def _nested_model() -> Any:
    inside = models.Sequential([layers.Dense(3, input_shape=(4,), name="d")], name="inside")
    return inside(_input(5))


def _gather(x: Any) -> Any:
    return K.dot(x, K.ones((7, 2)))


@pytest.mark.parametrize(
    ("call", "path", "shapes"),
    [
        (lambda: layers.Conv2D(3, 3, name="c")(_input(4)), "c", ["(None, None, None, None)", "(None, 4)"]),
        (lambda: _shared(), "shared", ["(None, 4)", "(None, 5)"]),
        (lambda: _nested_model(), "inside/d", ["(None, 4)", "(None, 5)"]),
        (lambda: Outer(layers.Conv1D(2, 3, name="c"), name="o")(_input(4)), "o/c", ["(None, 4)"]),
        (lambda: Outer(Inner(name="i"), name="o")(_input(4)), "o/i", ["[?, 4]", "[3]"]),
        (lambda: layers.Lambda(_gather, name="lam")(_input(4)), "lam", ["[?, 4]", "[7, 2]"]),
        (lambda: layers.Add(name="a")([_input(4), _input(5)]), "a", ["(4,)", "(5,)"]),
        (
            lambda: layers.Concatenate(axis=1, name="cat")([_input(4, 5), _input(3, 6)]),
            "cat",
            ["(None, 4, 5)", "(None, 3, 6)"],
        ),
        (
            lambda: layers.Dot(1, name="dot")([_input(4, 5), _input(3, 5)]),
            "dot",
            ["(None, 4, 5)", "(None, 3, 5)"],
        ),
        (lambda: layers.Reshape((3, 3), name="r")(_input(4)), "r", ["(None, 4)", "(3, 3)"]),
        (lambda: layers.Conv2D(3, 9, name="c")(_input(8, 8, 3)), "c", ["(9, 9)", "(8, 8)"]),
        (lambda: layers.TimeDistributed(layers.Conv2D(3, 3, name="c"))(_input(5, 3)), "c", ["(3, 3)", "()"]),
        (
            lambda: layers.LSTM(3, name="l")(_input(4, 2), initial_state=[_input(3), _input(4)]),
            "l",
            ["(3, 3)", "(None, 4)"],
        ),
        (lambda: _compiled().predict(np.ones((2, 5))), "first_input", ["(4,)", "(5,)"]),
        (lambda: _compiled().fit(np.ones((2, 4)), np.ones((2, 2))), "first", ["(3,)", "(2,)"]),
        (
            lambda: _compiled().set_weights([np.ones((3, 4)), np.ones(3)]),
            "first/kernel",
            ["(4, 3)", "(3, 4)"],
        ),
    ],
)
def test_shape_error_shows_the_path_and_both_shapes(call: Callable, path: str, shapes: list[str]) -> None:
    with pytest.raises(ValueError) as raised:
        call()
    text = str(raised.value)
    assert re.search(rf"(?<![\w/]){re.escape(path)}(?![\w/])", text), text
    assert [shape for shape in shapes if shape not in text] == [], text


@pytest.mark.parametrize("units", ["x", 0, -1, 2.5, None])
def test_units_that_are_no_positive_integer_are_refused(units: Any) -> None:
    with pytest.raises(ValueError, match="Dense: `units` must be a positive integer"):
        layers.Dense(units)
