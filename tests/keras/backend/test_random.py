"""Random values: their distributions, and that seeds decide them."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import Graph
from kcompile.keras import backend as K

SHAPE = (200, 500)
TRUNCATED = 0.87962566103423978

DRAWS = {
    "normal": (lambda **k: K.random_normal(SHAPE, 1.0, 2.0, **k), 1.0, 2.0),
    "uniform": (lambda **k: K.random_uniform(SHAPE, -1.0, 3.0, **k), 1.0, 4 / 12**0.5),
    "binomial": (lambda **k: K.random_binomial(SHAPE, 0.3, **k), 0.3, 0.21**0.5),
    "truncated": (lambda **k: K.truncated_normal(SHAPE, 1.0, 2.0, **k), 1.0, 2 * TRUNCATED),
    "normal of tensors": (
        lambda **k: K.random_normal(SHAPE, K.constant(1.0), K.constant(2.0), **k),
        1.0,
        2.0,
    ),
    "integers": (
        lambda **k: K.cast(K.random_uniform(SHAPE, 0, 4, dtype="int32", **k), "float32"),
        1.5,
        1.25**0.5,
    ),
    "uniform variable": (lambda **k: K.random_uniform_variable(SHAPE, -1.0, 3.0, **k), 1.0, 4 / 12**0.5),
    "normal variable": (lambda **k: K.random_normal_variable(SHAPE, 1.0, 2.0, **k), 1.0, 2.0),
}


@pytest.mark.parametrize("name", DRAWS)
def test_mean_and_deviation(name: str) -> None:
    draw, mean, deviation = DRAWS[name]
    found = K.eval(draw(seed=5))
    assert found.shape == SHAPE
    assert found.dtype == np.float32
    assert abs(found.mean() - mean) < 0.02 * deviation
    assert abs(found.std() - deviation) < 0.02 * deviation


@pytest.mark.parametrize("name", DRAWS)
def test_seed_or_else_the_generator_of_numpy_decides(name: str) -> None:
    draw = DRAWS[name][0]
    first, second, other = K.eval(draw(seed=5)), K.eval(draw(seed=5)), K.eval(draw(seed=6))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    np.random.seed(11)
    a, b = K.eval(draw()), K.eval(draw())
    np.random.seed(11)
    np.testing.assert_array_equal(K.eval(draw()), a)
    assert (a != b).any()


def test_truncated_normal_has_the_distribution_of_a_normal_cut_at_two_deviations() -> None:
    found = np.sort(K.eval(K.truncated_normal((100_000,), seed=3)))
    assert np.abs(found).max() <= 2.0001
    # quantiles of the standard normal distribution between 0.02275 and 0.97725
    for share, quantile in ((0.5, 0.0), (0.1, -1.1837), (0.9, 1.1837), (0.75, 0.6394), (0.99, 1.848)):
        assert abs(found[int(share * len(found))] - quantile) < 0.02


def test_shapes_known_at_run_time_only() -> None:
    x = K.placeholder((None, 3))
    values = [
        K.random_normal(K.shape(x)),
        K.random_uniform((K.shape(x)[0], 5)),
        K.truncated_normal(K.shape(x)),
        K.random_binomial(K.shape(x), 0.5),
    ]
    found = K.function([x], values)([np.ones((4, 3))])
    assert [f.shape for f in found] == [(4, 3), (4, 5), (4, 3), (4, 3)]
    assert K.int_shape(values[1]) == (None, 5)


def test_each_call_of_a_function_draws_anew() -> None:
    f = K.function([], [K.random_normal((100,))])
    assert (f([])[0] != f([])[0]).all()


@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
@pytest.mark.parametrize("noise_shape", [None, (None, 1, 4), (200, 1, 4)])
def test_dropout_keeps_the_mean_and_drops_by_the_mask(engine, noise_shape) -> None:
    x = K.placeholder((None, 50, 4))
    value = K.dropout(x, 0.4, noise_shape=noise_shape, seed=1)
    array = np.ones((200, 50, 4), "f")
    if engine == "torch":
        pytest.importorskip("torch")
        from kcompile.torch_bridge import lower, run

        (found,) = run(lower(Graph([value], [x], phase="train")), array)
    else:
        (found,) = K.function([x], [value])([array])
    kept = found != 0
    np.testing.assert_allclose(found[kept], 1 / 0.6, rtol=1e-6)
    assert abs(kept.mean() - 0.6) < (0.01 if noise_shape is None else 0.05)
    if noise_shape is not None:
        assert (kept == kept[:, :1]).all()


def test_dropout_of_nothing_keeps_everything() -> None:
    np.testing.assert_array_equal(K.eval(K.dropout(np.ones((5, 5), "f"), 0.0)), 1)
