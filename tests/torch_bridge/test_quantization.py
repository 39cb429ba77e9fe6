"""Gradients through QuantizeLinear and DequantizeLinear, in lowered modules and at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kcompile.ir import Constant, Graph, Parameter, eagerly, op
from kcompile.torch_bridge import lower, lowering
from kcompile.torch_bridge.eager import TorchInterpreter

X = np.array([[-3.0, -0.26, 0.1, 0.76], [1.3, 2.6, 500.0, -500.0]], np.float32)


def rounded(x, scale, zero_point, **axis):
    zero_point = Constant(zero_point)
    integers = op.QuantizeLinear(x, scale, zero_point, **axis)
    return op.DequantizeLinear(integers, scale, zero_point, **axis)


CASES = {
    "uint8": (np.array(0.5, np.float32), np.array(3, np.uint8), {}),
    "int8": (np.array(0.5, np.float32), np.array(-3, np.int8), {}),
    "by row": (np.array([0.5, 2.0], np.float32), np.zeros(2, np.int8), {"axis": 0}),
    "by column": (np.array([0.5, 2.0, 0.1, 4.0], np.float32), np.zeros(4, np.uint8), {"axis": 1}),
    "int16": (np.array(0.01, np.float32), np.array(7, np.int16), {}),
}


def expected(scale, zero_point, axis):
    """The gradients of sum(y * W) by their definitions: straight through, and LSQ's of the scale."""
    spread = scale.reshape([-1 if i == axis.get("axis") else 1 for i in range(2)]) if scale.ndim else scale
    zero = zero_point.astype(np.float64).reshape(spread.shape)
    bounds = np.iinfo(zero_point.dtype)
    levels = np.round(X.astype(np.float64) / spread) + zero
    inside = (levels >= bounds.min) & (levels <= bounds.max)
    slope = np.where(inside, levels - zero - X / spread, np.clip(levels, bounds.min, bounds.max) - zero)
    of_scale = W * slope
    if scale.ndim:
        of_scale = of_scale.sum(axis=1 - axis["axis"])
    return W * inside, of_scale if scale.ndim else of_scale.sum()


W = np.array([[1.0, -2.0, 3.0, 0.5], [0.25, 1.5, -1.0, 2.0]], np.float32)


@pytest.mark.parametrize("name", sorted(CASES))
def test_gradients_go_straight_through_rounding_in_a_module(name):
    scale, zero_point, axis = CASES[name]
    x, its_scale = Parameter(X.copy(), "x"), Parameter(scale.copy(), "scale")
    module = lower(Graph([op.Mul(rounded(x, its_scale, zero_point, **axis), W)], phase="train"))
    module()[0].sum().backward()
    of_x, of_scale = expected(scale, zero_point, axis)
    np.testing.assert_allclose(module.x.grad, of_x, rtol=1e-5)
    np.testing.assert_allclose(module.scale.grad, of_scale, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", sorted(CASES))
def test_gradients_go_straight_through_rounding_at_once(name):
    scale, zero_point, axis = CASES[name]
    interpreter = TorchInterpreter()
    x, its_scale = (interpreter.eager(torch.tensor(a, requires_grad=True)) for a in (X, scale))
    with eagerly(interpreter):
        total = op.ReduceSum(op.Mul(rounded(x, its_scale, zero_point, **axis), W), keepdims=0)
    found = interpreter.gradients([total], [x, its_scale])
    for gradient, wanted in zip(found, expected(scale, zero_point, axis), strict=True):
        np.testing.assert_allclose(gradient.array, wanted, rtol=1e-3, atol=1e-4)


def test_what_is_computed_is_the_same_with_and_without_gradients():
    for scale, zero_point, axis in CASES.values():
        x = Parameter(X.copy(), "x")
        module = lower(Graph([rounded(x, scale, zero_point, **axis)]))
        with torch.no_grad():
            plain = module()[0]
        np.testing.assert_array_equal(module()[0].detach(), plain)


def test_integers_that_were_stored_learn_their_scale():
    stored, scale = np.array([[1, -2], [3, 4]], np.int8), Parameter(np.array(0.5, np.float32), "scale")
    module = lower(Graph([op.DequantizeLinear(stored, scale)], phase="train"))
    module()[0].sum().backward()
    assert module.scale.grad == 6


def trained(scale, zero_point, axis, x):
    """What a lowered pair gives for numbers, the gradients of it, and the code."""
    numbers, its_scale = Parameter(x.copy(), "x"), Parameter(scale.copy(), "scale")
    y = rounded(numbers, its_scale, zero_point, **axis)
    module = lower(Graph([y], phase="train"))
    (found,) = module()
    (found * torch.linspace(-1, 2, found.numel()).reshape(found.shape)).sum().backward()
    return [found.detach().numpy(), module.x.grad.numpy(), module.scale.grad.numpy()], module.code


@pytest.mark.parametrize("name", sorted(CASES))
def test_one_call_gives_the_numbers_and_gradients_of_both_operators(name, monkeypatch):
    scale, zero_point, axis = CASES[name]
    random = np.random.default_rng(0)
    x = (random.normal(size=X.shape) * 10.0 ** random.integers(-3, 3, X.shape)).astype(np.float32)
    x = np.concatenate([x, np.round(x) * 0.5, X], 1 - axis.get("axis", 0))
    together, code = trained(scale, zero_point, axis, x)
    assert "rounding_rounded(" in code and "QuantizeLinear(" not in code
    monkeypatch.setattr(lowering, "fuse_roundings", lambda graph, root, constants: None)
    apart, code = trained(scale, zero_point, axis, x)
    assert "DequantizeLinear(" in code
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one, other)


def test_integers_that_others_read_are_made():
    scale, zero_point, _ = CASES["uint8"]
    x = Parameter(X.copy(), "x")
    integers = op.QuantizeLinear(x, scale, zero_point)
    numbers = op.DequantizeLinear(integers, scale, zero_point)
    other = op.DequantizeLinear(op.QuantizeLinear(x, scale, zero_point), scale * 2, zero_point)
    module = lower(Graph([integers, numbers, other], phase="train"))
    assert "rounding_rounded(" not in module.code
    found = [value.detach().numpy() for value in module()]
    assert found[0].dtype == np.uint8
    np.testing.assert_array_equal(found[1], (found[0].astype(np.float32) - 3) * 0.5)
    np.testing.assert_array_equal(found[2], found[1] * 2)
