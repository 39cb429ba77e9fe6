"""Products and the biases added to them, as one call where nobody can tell."""

from __future__ import annotations

import numpy as np

from kcompile.ir import Graph, Parameter, Value, op
from kcompile.torch_bridge import lower, run
from tests.torch_bridge.one_layer import X, dense


def test_a_product_that_somebody_else_reads_is_not_fused_with_its_bias() -> None:
    x, _, kernel, bias = dense()
    product = op.MatMul(x, kernel)
    module = lower(Graph([op.Add(product, bias), product], [x]))
    assert "addmm" not in module.code
    a, b = run(module, X)
    np.testing.assert_allclose(a, b + bias.numpy())


def test_a_dense_layer_over_steps_is_one_call() -> None:
    x = Value("float32", ("batch", "time", 4), "x")
    _, _, kernel, _ = dense()
    bias = Parameter(np.arange(3, dtype=np.float32), "bias")
    module = lower(Graph([op.Add(bias, op.MatMul(x, kernel))], [x]))
    assert "linear(" in module.code
    data = np.random.default_rng(1).standard_normal((2, 5, 4)).astype(np.float32)
    np.testing.assert_allclose(
        run(module, data)[0], data @ kernel.numpy() + np.arange(3), rtol=1e-4, atol=1e-5
    )


def test_a_bias_that_widens_the_product_is_not_fused() -> None:
    x, _, kernel, _ = dense(units=1)
    wide = Parameter(np.arange(3, dtype=np.float32), "wide")
    (y,) = run(lower(Graph([op.Add(op.MatMul(x, kernel), wide)], [x])), X)
    np.testing.assert_allclose(y, X @ kernel.numpy() + np.arange(3), rtol=1e-5)


def test_a_product_that_is_given_is_not_computed() -> None:
    x, _, kernel, bias = dense()
    product = op.MatMul(x, kernel)
    (y,) = run(lower(Graph([op.Add(product, bias + 1.0)], [product])), np.ones((2, 3), np.float32))
    np.testing.assert_allclose(y, 2)
