"""Activations of later Keras versions equal those of Keras 3.15, on onnxruntime and on torch, and train."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras, torch_bridge
from kcompile.ir import Graph
from kcompile.keras import activations, layers
from tests.golden import cases as base
from tests.golden.keras3 import cases, runner
from tests.golden.keras3.load_keras3 import load

GOLDEN = load("keras3_activations")


@pytest.mark.parametrize("golden", GOLDEN, ids=repr)
def test_activation_equals_keras(golden):
    golden.check(runner.run_activation(keras, golden.case)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("golden", GOLDEN, ids=repr)
def test_activation_on_torch_equals_keras_and_has_a_finite_gradient(golden):
    import torch

    case = golden.case
    x = layers.Input(tuple(case["shape"][1:]))
    y = getattr(activations, case["function"])(x, **case["kwargs"])
    module = torch_bridge.lower(Graph([y], [x], phase="inference"))
    fed = torch.tensor(base.array(case["name"], "input0", case["shape"], **cases.NUMBERS), requires_grad=True)
    found = module(fed)
    found = found[0] if isinstance(found, (list, tuple)) else found
    golden.check({"output": found.detach().numpy()}, rtol=1e-5, atol=1e-5)
    found.sum().backward()
    assert np.isfinite(fed.grad.numpy()).all()


@pytest.mark.parametrize("name", sorted({case["function"] for case in cases.ACTIVATIONS} - {"threshold"}))
def test_activation_is_found_by_name(name):
    assert activations.serialize(layers.Dense(4, activation=name).activation) == name


def test_sparsemax_needs_a_known_size():
    with pytest.raises(ValueError, match="known size"):
        activations.sparsemax(layers.Input((None,)))
