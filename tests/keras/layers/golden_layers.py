"""One comparison with real Keras for every kind of layer: outputs, shapes, config, names, training.

A test module takes its tests from ``golden_tests("Conv1D", "Conv2D")``, or asks ``goldens`` for its cases and
calls each of CHECKS on each, and ``check_training`` on the ``trained`` ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kcompile import keras
from kcompile.ir import Graph
from tests.golden import runner
from tests.golden.load import Golden, load

_GOLDEN = load("layers")


def goldens(*class_names: str) -> list[Golden]:
    """The cases whose layer is of one of these classes, in the table's order; each class must have some."""
    found = [golden for golden in _GOLDEN if golden.case["layer"]["class"] in class_names]
    missing = set(class_names) - {golden.case["layer"]["class"] for golden in found}
    assert not missing, f"no golden case of {sorted(missing)}"
    return found


def trained(cases: list[Golden]) -> list[Golden]:
    """Those of the cases that real Keras trained for ten steps."""
    return [golden for golden in cases if "loss" in golden.arrays]


def name_of(case: Any) -> str:
    """The name of a case or of a check, as pytest's ``ids``."""
    return case.name if isinstance(case, Golden) else case.__name__


@functools.cache
def _untrained(name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    golden = next(golden for golden in _GOLDEN if golden.name == name)
    return runner.run_layer(keras, {**golden.case, "train": False})


def check_outputs(golden: Golden) -> None:
    """``predict``, on onnxruntime, gives what real Keras gave (for stateful layers call after call)."""
    arrays, _ = _untrained(golden.name)
    golden.check(arrays, only=["output"])


def check_torch_outputs(golden: Golden) -> None:
    """The inference graph lowered to PyTorch gives what real Keras gave."""
    from kcompile import torch_bridge

    model, _ = runner.build_layer(keras, golden.case)
    module = torch_bridge.lower(Graph(model.outputs, model.inputs, phase="inference"))
    outputs = torch_bridge.run(module, *runner.layer_inputs(golden.case))
    golden.check({f"output{i}": value for i, value in enumerate(outputs)}, only=_first_call(golden))


def _first_call(golden: Golden) -> list[str]:
    return [name for name in golden.arrays if name.startswith("output") and "@" not in name]


def check_facts(golden: Golden) -> None:
    """Config, weight names and shapes, trainable weights and output shapes equal those of real Keras."""
    _, meta = _untrained(golden.name)
    assert meta["weights"] == golden.meta["weights"]
    assert meta["trainable"] == golden.meta["trainable"]
    assert meta["output_shapes"] == golden.meta["output_shapes"]
    if "refused_by_first" not in golden.meta:
        assert meta["config"] == golden.meta["config"]
    else:  # a later Keras answered, whose configs say more: they are understood
        layer = runner.make_layer(keras, golden.case["layer"], "layer")
        copy = type(layer).from_config(golden.meta["config"])
        config = runner.plain(copy.get_config())
        assert list(config) == list(meta["config"])
        assert all(config[k] == v for k, v in meta["config"].items() if not k.endswith("initializer"))


def check_config_round_trip(golden: Golden) -> None:
    """A layer made from the config has that config again."""
    layer = runner.make_layer(keras, golden.case["layer"], "layer")
    copy = type(layer).from_config(layer.get_config())
    assert runner.plain(copy.get_config()) == runner.plain(layer.get_config())


def check_training(golden: Golden) -> None:
    """Ten SGD steps go through the losses, and end at the weights, of real Keras."""
    arrays, _ = runner.run_layer(keras, golden.case)
    golden.check(arrays, only=["loss", "trained", "probe"])


CHECKS = [check_outputs, check_torch_outputs, check_facts, check_config_round_trip]


def golden_tests(*class_names: str) -> tuple[Callable[..., None], Callable[..., None]]:
    """The tests of a module: that layers of these classes equal Keras's, and that training does."""
    cases = goldens(*class_names)

    @pytest.mark.parametrize("golden", cases, ids=name_of)
    @pytest.mark.parametrize("check", CHECKS, ids=name_of)
    def test_layer_equals_keras(check: Any, golden: Golden) -> None:
        check(golden)

    @pytest.mark.parametrize("golden", trained(cases), ids=name_of)
    def test_training_equals_keras(golden: Golden) -> None:
        check_training(golden)

    return test_layer_equals_keras, test_training_equals_keras
