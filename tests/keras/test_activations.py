"""Activations against Keras 2.3.1 and numpy, and their names."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import activations
from kcompile.keras import backend as K
from kcompile.keras.core.layer import Layer
from tests.golden.load import Golden, load, run

GRID = np.linspace(-4, 4, 17, dtype="float32").reshape(1, 17)

# Keras 2.3 takes no notice of `axis` for two axes; here it means what it says.
GOLDEN = [golden for golden in load("activations") if golden.name != "softmax_axis_0"]


@pytest.mark.parametrize("golden", GOLDEN, ids=repr)
def test_equals_keras(golden: Golden) -> None:
    golden.check(run(keras, golden)[0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("swish", lambda x: x / (1 + np.exp(-x))),
        ("silu", lambda x: x / (1 + np.exp(-x))),
        ("mish", lambda x: x * np.tanh(np.log1p(np.exp(x)))),
        ("relu6", lambda x: np.clip(x, 0, 6)),
        ("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
        ("log_softmax", lambda x: x - np.log(np.exp(x).sum(-1, keepdims=True))),
    ],
)
def test_names_of_later_versions(name, expected) -> None:
    np.testing.assert_allclose(K.eval(activations.get(name)(GRID)), expected(GRID), rtol=1e-5, atol=1e-6)


def test_gelu_and_its_approximation() -> None:
    from math import erf

    exact = np.array([x * 0.5 * (1 + erf(x / 2**0.5)) for x in GRID[0].tolist()])
    np.testing.assert_allclose(K.eval(activations.gelu(GRID))[0], exact, atol=1e-6)
    np.testing.assert_allclose(K.eval(activations.gelu(GRID, approximate=True))[0], exact, atol=1e-3)


def test_softmax_takes_its_axis_and_refuses_a_single_one() -> None:
    x = np.random.RandomState(0).normal(size=(3, 4)).astype("f")
    for axis in (0, 1, -1):
        np.testing.assert_allclose(K.eval(activations.softmax(x, axis=axis)).sum(axis), 1, rtol=1e-6)
    with pytest.raises(ValueError, match="1D"):
        activations.softmax(K.placeholder((None,)))


@pytest.mark.parametrize("name", sorted(activations._ALL))
def test_names_lead_to_functions_and_back(name: str) -> None:
    function = activations.get(name)
    assert activations.serialize(function) == name
    assert activations.deserialize(name) is function


def test_get_takes_none_functions_and_custom_names() -> None:
    def double(x):
        return 2 * x

    assert activations.get(None) is activations.linear
    assert activations.get(double) is double
    assert activations.deserialize("double", custom_objects={"double": double}) is double
    with keras.utils.generic_utils.custom_object_scope({"double": double}):
        assert activations.get("double") is double


def test_a_layer_as_activation_is_accepted_with_a_warning() -> None:
    layer = Layer()
    with pytest.warns(UserWarning, match="Layer"):
        assert activations.get(layer) is layer


@pytest.mark.parametrize(
    ("name", "near"), [("sofmax", "softmax"), ("Relu", "relu"), ("hardsigmoid", "hard_sigmoid")]
)
def test_unknown_names_suggest_near_ones(name, near) -> None:
    with pytest.raises(ValueError, match=f"Unknown activation function.*'{near}'"):
        activations.get(name)


@pytest.mark.parametrize("identifier", [3, object(), "K", "deserialize", "_ALL"])
def test_what_is_no_activation_is_refused(identifier) -> None:
    with pytest.raises(ValueError, match="activation function"):
        activations.get(identifier)
