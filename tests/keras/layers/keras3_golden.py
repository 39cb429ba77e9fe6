"""Comparison with Keras 3.15 of layers that Keras 2.3 lacks, in the manner of ``golden_layers``."""

from __future__ import annotations

import functools
import re

import numpy as np

from kcompile import keras, torch_bridge
from kcompile.ir import Graph
from tests.golden import runner as base
from tests.golden.keras3 import runner
from tests.golden.keras3.load_keras3 import load

_GOLDEN = load("keras3_layers")
_TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def goldens(*class_names):
    """The cases whose layer is of one of these classes; each class must have some."""
    found = [golden for golden in _GOLDEN if golden.case["layer"]["class"] in class_names]
    missing = set(class_names) - {golden.case["layer"]["class"] for golden in found}
    assert not missing, f"no golden case of {sorted(missing)}"
    return found


def name_of(case):
    return getattr(case, "name", None) or case.__name__


@functools.cache
def _untrained(name):
    golden = next(golden for golden in _GOLDEN if golden.name == name)
    return runner.run_layer(keras, {**golden.case, "train": False})


def check_outputs(golden):
    """``predict``, on onnxruntime, gives what Keras gave."""
    golden.check(_untrained(golden.name)[0], only=["output"], **_TOLERANCE)


def check_torch_outputs(golden):
    """The inference graph lowered to PyTorch gives what Keras gave."""
    model, _ = runner.build_layer(keras, golden.case)
    module = torch_bridge.lower(Graph(model.outputs, model.inputs, phase="inference"))
    outputs = torch_bridge.run(module, *base.layer_inputs(golden.case))
    found = {f"output{i}": np.asarray(value) for i, value in enumerate(outputs)}
    golden.check(found, only=["output"], **_TOLERANCE)


def check_facts(golden):
    """Weights have Keras's names, shapes and order; output shapes are known; Keras's config is understood."""
    _, meta = _untrained(golden.name)
    # Keras 3 calls kernel what tf_keras, as Keras 2, calls depthwise_kernel
    named = [[name.replace("depthwise_kernel", "kernel"), shape] for name, shape in meta["weights"]]
    # Keras 3 names layers inside a layer, Keras 2 does not
    expected = [[re.sub(r"\w+_cell/|\binner/", "", name), shape] for name, shape in golden.meta["weights"]]
    assert named == expected
    assert len(meta["trainable"]) == len(golden.meta["trainable"])
    # some shapes that Keras infers are wrong: compared with what it returned
    for i, own in enumerate(meta["output_shapes"]):
        expected = golden.arrays[f"output{i}"].shape
        assert len(own) == len(expected)
        assert all(size in (None, known) for size, known in zip(own[1:], expected[1:], strict=True))
        assert None not in own[1:] or None in golden.meta["output_shapes"][i][1:]
    layer = base.make_layer(keras, golden.case["layer"], "layer")
    own = base.plain(layer.get_config())
    copy = base.plain(type(layer).from_config(golden.meta["config"]).get_config())
    assert list(copy) == list(own)
    for key in own:  # Keras says sizes and axes that the arguments left open
        if not key.endswith(("initializer", "layer", "layers")) and own[key] is not None and key != "groups":
            assert copy[key] == own[key], key


def check_config_round_trip(golden):
    """A model made from the config of a model gives the same outputs with the same weights."""
    model, _ = runner.build_layer(keras, golden.case)
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    feeds = base.one_or_list(base.layer_inputs(golden.case))
    for one, other in zip(base.as_list(model.predict(feeds)), base.as_list(copy.predict(feeds)), strict=True):
        np.testing.assert_array_equal(one, other)


def check_training(golden):
    """Ten SGD steps go through the losses, and end at the weights, of Keras."""
    if "loss" in golden.arrays:
        arrays, _ = runner.run_layer(keras, golden.case)
        golden.check(arrays, only=["loss", "trained", "probe"], **_TOLERANCE)


CHECKS = [check_outputs, check_torch_outputs, check_facts, check_config_round_trip, check_training]
