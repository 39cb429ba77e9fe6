"""Constraints: values as Keras's formulas give them, configs, lookup by name."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import constraints

KERNEL = np.random.default_rng(1).normal(size=(3, 3, 4, 5)).astype("float32")
MATRIX = np.random.default_rng(2).normal(size=(6, 4)).astype("float32")


def applied(constraint, weight):
    return K.eval(constraint(K.variable(weight)))


def norm(weight, axis):
    return np.sqrt((weight.astype("float64") ** 2).sum(axis=axis, keepdims=True))


def tuple_of(axis):
    return tuple(axis) if isinstance(axis, list) else axis


with_axes = pytest.mark.parametrize(
    ("weight", "axis"), [(MATRIX, 0), (MATRIX, 1), (KERNEL, [0, 1, 2]), (KERNEL, -1)], ids=str
)


@with_axes
@pytest.mark.parametrize("limit", [0.5, 2, 100])
def test_max_norm_scales_down_only_what_is_too_long(weight, axis, limit):
    norms = norm(weight, tuple_of(axis))
    expected = weight * np.clip(norms, 0, limit) / (1e-7 + norms)
    assert np.allclose(applied(constraints.MaxNorm(limit, axis), weight), expected, rtol=1e-5)


@with_axes
def test_unit_norm_gives_length_one(weight, axis):
    found = applied(constraints.UnitNorm(axis), weight)
    assert np.allclose(norm(found, tuple_of(axis)), 1, rtol=1e-5)
    assert np.allclose(applied(constraints.UnitNorm(axis), np.zeros_like(weight)), 0)


@with_axes
@pytest.mark.parametrize("rate", [1.0, 0.3])
def test_min_max_norm_goes_towards_its_bounds_at_its_rate(weight, axis, rate):
    norms = norm(weight, tuple_of(axis))
    expected = weight * (rate * np.clip(norms, 1.5, 2.0) + (1 - rate) * norms) / (1e-7 + norms)
    constraint = constraints.MinMaxNorm(1.5, 2.0, rate, axis)
    assert np.allclose(applied(constraint, weight), expected, rtol=1e-5)


def test_non_neg_zeroes_negative_weights():
    assert np.array_equal(applied(constraints.NonNeg(), MATRIX), np.maximum(MATRIX, 0))


RINGS = {
    1: [[0]],
    2: [[0, 0], [0, 0]],
    3: [[4, 4, 4], [4, 0, 4], [4, 4, 4]],
    4: [[15, 15, 15, 15], [15, 5, 5, 15], [15, 5, 5, 15], [15, 15, 15, 15]],
    5: [[18] * 5, [18, 12, 12, 12, 18], [18, 12, 6, 12, 18], [18, 12, 12, 12, 18], [18] * 5],
}
"""For kernels of each size, which of their weights RadialConstraint of tf_keras 2.21 puts where."""


@pytest.mark.parametrize("size", RINGS)
def test_radial_constraint_makes_rings_of_weights_on_the_diagonal(size):
    weight = np.random.default_rng(size).normal(size=(size, size, 2, 3)).astype("float32")
    expected = weight.reshape(size * size, 2, 3)[np.array(RINGS[size])]
    assert np.array_equal(applied(constraints.get("radial_constraint"), weight), expected)


@pytest.mark.parametrize("shape", [(3, 3), (3, 4, 1, 1), (3, 3, 3, 1, 1)], ids=str)
def test_radial_constraint_refuses_what_are_no_square_kernels(shape):
    with pytest.raises(ValueError, match="as many rows as"):
        applied(constraints.RadialConstraint(), np.ones(shape, "float32"))


def test_base_constraint_leaves_the_weight():
    assert np.array_equal(applied(constraints.Constraint(), MATRIX), MATRIX)


DEFAULTS = {
    "MaxNorm": {"max_value": 2, "axis": 0},
    "NonNeg": {},
    "UnitNorm": {"axis": 0},
    "MinMaxNorm": {"min_value": 0.0, "max_value": 1.0, "rate": 1.0, "axis": 0},
    "RadialConstraint": {},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_config_is_kerass_and_comes_back(name):
    made = constraints.get(name)
    assert constraints.serialize(made) == {"class_name": name, "config": DEFAULTS[name]}
    other = {key: value + 1 for key, value in DEFAULTS[name].items()}
    again = constraints.deserialize({"class_name": name, "config": other})
    assert type(again) is type(made) and again.get_config() == other


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("max_norm", "MaxNorm"),
        ("maxnorm", "MaxNorm"),
        ("non_neg", "NonNeg"),
        ("nonneg", "NonNeg"),
        ("unit_norm", "UnitNorm"),
        ("unitnorm", "UnitNorm"),
        ("min_max_norm", "MinMaxNorm"),
    ],
)
def test_aliases_name_the_class(alias, name):
    assert getattr(constraints, alias) is getattr(constraints, name)
    assert type(constraints.get(alias)).__name__ == name


def test_get_passes_none_and_callables_through():
    own = constraints.NonNeg()
    assert constraints.get(None) is None
    assert constraints.get(own) is own
    assert constraints.get(abs) is abs


def test_own_constraint_is_found_by_name():
    class Tiny(constraints.Constraint):
        def __call__(self, w):
            return w * 1e-3

    assert isinstance(constraints.deserialize({"class_name": "Tiny", "config": {}}, {"Tiny": Tiny}), Tiny)


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("MaxNrom", "Unknown constraint: 'MaxNrom'. Did you mean 'MaxNorm'"),
        ("deserialize", "Unknown constraint"),
        ({"class_name": "K", "config": {}}, "Unknown constraint"),
        (3, "expected a name, a config dict or a callable, found 3"),
    ],
)
def test_what_is_no_constraint_is_an_error(identifier, message):
    with pytest.raises(ValueError, match=message):
        constraints.get(identifier)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_functions_of_the_users_come_back_from_files(tmp_path, ending):
    def no_less_than_one(weight):
        return K.maximum(weight, 1.0)

    def halves(shape, dtype=None):
        return K.constant(0.5, shape=shape, dtype=dtype)

    def largest(weight):
        return K.max(weight)

    mine = {function.__name__: function for function in (no_less_than_one, halves, largest)}
    layer = keras.layers.Dense(
        2,
        input_shape=(3,),
        kernel_constraint=no_less_than_one,
        kernel_initializer=halves,
        kernel_regularizer=largest,
    )
    keras.Sequential([layer]).save(tmp_path / f"model.{ending}")
    read = keras.models.load_model(tmp_path / f"model.{ending}", custom_objects=mine).layers[0]
    assert read.kernel_constraint is no_less_than_one
    assert (read.kernel_initializer, read.kernel_regularizer) == (halves, largest)
