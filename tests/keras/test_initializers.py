"""Initializers: their values or distributions against Keras 2.3.1, seeds, names and configs."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import initializers
from tests.golden.load import Golden, load, run

RANDOM = [name for name, found in initializers._ALL.items() if hasattr(found(), "seed")]


@pytest.mark.parametrize("golden", load("initializers"), ids=repr)
def test_equals_keras(golden: Golden) -> None:
    np.random.seed(0)
    arrays, meta = run(keras, golden)
    assert meta["config"] == golden.meta["config"]
    if not golden.case["random"]:
        golden.check(arrays)
        return
    mean, deviation, low, high = golden.arrays["stats"]
    found = arrays["stats"]
    count = 8 * int(np.prod(golden.case["shape"]))
    assert abs(found[0] - mean) < 6 * deviation * (2 / count) ** 0.5
    assert abs(found[1] / deviation - 1) < 6 / count**0.5
    if "Orthogonal" not in golden.name and "RandomNormal" not in golden.name:  # these have no bounds
        assert abs(found[2] - low) < 0.1 * (high - low)
        assert abs(found[3] - high) < 0.1 * (high - low)


def test_orthogonal_with_a_seed_has_the_values_of_keras() -> None:
    # from Keras 2.3.1: initializers.Orthogonal(seed=7)((3, 2))
    expected = [[-0.91537904, 0.14420294], [0.03229816, -0.90433723], [0.40129545, 0.40172091]]
    np.testing.assert_allclose(initializers.Orthogonal(seed=7)((3, 2)), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(5, 5), (8, 3), (3, 8), (3, 3, 4, 6)])
def test_orthogonal_is_orthogonal(shape) -> None:
    matrix = initializers.Orthogonal(gain=2.0)(shape).reshape(-1, shape[-1])
    product = matrix @ matrix.T if len(matrix) <= shape[-1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


@pytest.mark.parametrize("name", RANDOM)
def test_seed_or_else_the_generator_of_numpy_decides(name: str) -> None:
    make = initializers._ALL[name]
    first, second = make(seed=3), make(seed=3)
    a = first((6, 7))
    np.testing.assert_array_equal(a, second((6, 7)))
    assert (first((6, 7)) != a).any(), "two weights that share an initializer must differ"
    np.random.seed(1)
    b = make()((6, 7))
    np.random.seed(1)
    np.testing.assert_array_equal(make()((6, 7)), b)


@pytest.mark.parametrize("name", sorted(initializers._ALL))
def test_configs_lead_back_and_survive_other_writers(name: str) -> None:
    made = initializers.get(name)
    if type(made) is initializers.Initializer:
        return
    config = initializers.serialize(made)
    again = initializers.get(config)
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()
    config["config"]["dtype"] = "float32"  # as TensorFlow's Keras writes it
    assert initializers.deserialize(config).get_config() == made.get_config()


@pytest.mark.parametrize("dtype", [None, "float32", "float64", "float16", "int32"])
def test_results_are_arrays_of_the_type_asked_for(dtype) -> None:
    for made in (
        initializers.Zeros(),
        initializers.Ones(),
        initializers.RandomNormal(),
        initializers.he_uniform(),
    ):
        array = made((3, 4), dtype=dtype)
        assert isinstance(array, np.ndarray)
        assert (array.shape, array.dtype) == ((3, 4), dtype or K.floatx())


def test_results_work_where_tensors_are_expected() -> None:
    array = initializers.Ones()((2, 3))
    np.testing.assert_array_equal(K.eval(array), 1)
    np.testing.assert_array_equal(K.eval(K.sum(array, axis=0) + array), 3)


def test_constant_takes_arrays() -> None:
    made = initializers.Constant(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(made((2, 2)), [[1, 2], [2, 2]])
    assert initializers.serialize(made)["config"] == {"value": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((4, 5), (4, 5)), ((3, 4, 5), (12, 15)), ((2, 3, 4, 5), (24, 30)), ((7,), (7**0.5, 7**0.5))],
)
def test_fans(shape, fans) -> None:
    np.testing.assert_allclose(initializers._compute_fans(shape), fans)


def test_get_takes_classes_instances_and_functions() -> None:
    def mine(shape, dtype=None):
        return np.full(shape, 3.0)

    zeros = initializers.Zeros()
    assert initializers.get(zeros) is zeros
    assert isinstance(initializers.get(initializers.Zeros), initializers.Zeros)
    assert initializers.get(mine) is mine
    with keras.utils.generic_utils.custom_object_scope({"mine": mine}):
        assert initializers.get("mine") is mine
    assert initializers.get(None) is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: initializers.VarianceScaling(scale=0), "positive"),
        (lambda: initializers.VarianceScaling(mode="fan_up"), "fan_up"),
        (lambda: initializers.VarianceScaling(distribution="cauchy"), "cauchy"),
        (lambda: initializers.Identity()((2, 2, 2)), "2D"),
        (lambda: initializers.Orthogonal()((3,)), "two-dimensional"),
        (lambda: initializers.get("glorot_unifrm"), "glorot_uniform"),
        (lambda: initializers.get("np"), "initializer"),
        (lambda: initializers.get("_compute_fans"), "initializer"),
        (lambda: initializers.get(3), "3"),
        (lambda: initializers.deserialize({"class_name": "Zeros"}), "config"),
    ],
)
def test_what_cannot_be_is_named(call, words) -> None:
    with pytest.raises(ValueError, match=words):
        call()
