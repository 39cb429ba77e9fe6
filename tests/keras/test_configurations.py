"""Every class that files may name: its configuration has the keys of earlier releases in their order, makes
an equal object, and has the defaults of the signature.

configurations.json holds the keys by kind and class; ``python -m tests.keras.test_configurations`` writes it
anew.
"""

from __future__ import annotations

import inspect
import json
import re
import warnings
from pathlib import Path

import pytest

from kcompile.keras import layers as L
from kcompile.keras import optimizers, registry
from kcompile.keras.declaration import declared

FILE = Path(__file__).with_name("configurations.json")
KINDS = ("layer", "loss", "metric", "optimizer", "schedule", "initializer", "regularizer", "constraint")
#: What is written as a graph, a function or an inner optimizer; what only says why it is not there.
EXCEPT = {
    "Functional",
    "Lambda",
    "LossScaleOptimizer",
    "Model",
    "MultiOptimizer",
    "ONNXGraph",
    "OperationLayer",
    "Sequential",
    "TFOptimizer",
}
#: Their configurations are read by the classes that derive from them, or hold a function by its name.
BASES = {"LossFunctionWrapper", "MeanMetricWrapper", "Reduce"}
#: Values by the names of arguments that have to be given.
SAMPLES = {
    "activation": "relu", "axes": 1, "boundaries": [1, 2], "cell": lambda: L.LSTMCell(2), "decay_rate": 0.5,
    "cells": lambda: [L.LSTMCell(2), L.GRUCell(3)], "decay_steps": 3, "dims": (2, 1), "equation": "ab,bc->ac",
    "factor": 0.5, "filters": 2, "first_decay_steps": 3, "fn": lambda: registry.names("loss")["mse"],
    "head_dim": 2, "height": 3, "height_factor": 0.5, "initial_learning_rate": 0.1, "input_dim": 3,
    "inner_optimizer": lambda: optimizers.Adam(), "kernel_size": 2, "key_dim": 2,
    "layer": lambda: L.LSTM(2, name="inner"), "layers": lambda: [L.Dense(2, name="inner")], "n": 2,
    "name": "sample", "normalizer": [1.0], "num_bins": 4, "num_classes": 2,
    "num_heads": 2, "num_key_value_heads": 1,
    "num_query_heads": 2, "output_dim": 2, "output_shape": 3, "output_size": 2, "precision": 0.5, "rate": 0.5,
    "recall": 0.5, "reduction": "sum", "scale": 2.0, "sensitivity": 0.5, "specificity": 0.5, "stddev": 0.5,
    "target_class_ids": [0], "target_shape": (2, 3), "units": 2, "value": 0.5, "values": [1.0, 2.0, 3.0],
    "width": 3, "width_factor": 0.5,
}  # fmt: skip
#: Arguments that a class wants besides, though it gives them a default.
WANTED = {
    "CategoryEncoding": {"num_tokens": 3},
    "Discretization": {"num_bins": 2},
    "InputLayer": {"input_shape": (2,)},
    "SpectralNormalization": {"layer": lambda: L.Dense(2, name="inner")},
    "RandomPosterization": {"factor": 3},
    "ConvRNN2D": {"cell": lambda: L.ConvLSTM2DCell(2, 2)},
}


def classes() -> dict[str, tuple[str, type]]:
    """(kind, class) by ``kind:name``, each class once."""
    found: dict[type, tuple[str, type]] = {}
    for kind in KINDS:
        for cls in registry.names(kind).values():
            if (
                inspect.isclass(cls)
                and cls.__name__ not in EXCEPT
                and not issubclass(cls, L.unavailable._Unavailable)
            ):
                found.setdefault(cls, (kind, cls))
    return {f"{kind}:{cls.__name__}": (kind, cls) for kind, cls in found.values()}


def parameters_of(cls: type) -> dict[str, inspect.Parameter]:
    return {
        p.name: p
        for p in inspect.signature(cls).parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }


def needed(cls: type) -> dict[str, object]:
    """Arguments without which the class is not made."""
    named = [name for name, p in parameters_of(cls).items() if p.default is p.empty]
    values = {name: SAMPLES[name] for name in named} | WANTED.get(cls.__name__, {})
    return {name: value() if inspect.isfunction(value) else value for name, value in values.items()}


def made(cls: type, **arguments: object) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cls(**{**needed(cls), **arguments})


def written(instance: object) -> str:
    """The configuration as JSON, without the name, which is counted up, as those of layers inside are."""
    config = {k: v for k, v in instance.get_config().items() if k != "name"}
    return re.sub(r"_\d+\"", '"', json.dumps(config, default=lambda x: x.tolist()))


CLASSES = dict(sorted(classes().items()))
STORED = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
every_class = pytest.mark.parametrize("kind, cls", CLASSES.values(), ids=list(CLASSES))


def test_the_file_has_every_class():
    assert sorted(STORED) == sorted(CLASSES)


@every_class
def test_keys_stand_in_the_order_of_earlier_releases(kind, cls):
    assert list(made(cls).get_config()) == STORED[f"{kind}:{cls.__name__}"]


@every_class
def test_a_configuration_makes_an_equal_object(kind, cls):
    if cls.__name__ in BASES:
        pytest.skip("says a function by its name")
    instance = made(cls)
    config = json.loads(json.dumps(instance.get_config(), default=lambda x: x.tolist()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = cls.from_config(config) if hasattr(cls, "from_config") else cls(**config)
    assert type(again) is cls and written(again) == written(instance)


@every_class
def test_defaults_are_those_of_the_signature(kind, cls):
    defaults = {
        n: p.default for n, p in parameters_of(cls).items() if p.default is not p.empty and n != "name"
    }
    assert written(made(cls, **{**defaults, **needed(cls)})) == written(made(cls))


@every_class
def test_what_a_class_declares_is_in_its_configuration(kind, cls):
    config = made(cls).get_config()
    always = [name for name, how in declared(cls).items() if how.written == "always"]
    if not hasattr(cls.__init__, "_declaration"):
        always = []  # the class says itself what it writes
    assert [name for name in always if name not in config] == []


if __name__ == "__main__":
    lines = [
        f'"{key}": {json.dumps(list(made(cls).get_config()))}' for key, (_, cls) in sorted(CLASSES.items())
    ]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
