"""A dense layer as a graph, for tests of what becomes of it."""

from __future__ import annotations

import numpy as np

from kcompile.ir import Parameter, Value, name_scope, op

X = np.arange(8, dtype=np.float32).reshape(2, 4)


def dense(units: int = 3) -> tuple[Value, Value, Parameter, Parameter]:
    """x, relu(x @ kernel + bias), kernel, bias."""
    x = Value("float32", ("batch", 4), "x")
    rng = np.random.default_rng(0)
    with name_scope("dense_1"):
        kernel = Parameter(rng.standard_normal((4, units)).astype(np.float32), "dense_1/kernel")
        bias = Parameter(np.zeros(units, np.float32), "dense_1/bias")
        y = op.Relu(op.Add(op.MatMul(x, kernel), bias))
    return x, y, kernel, bias
