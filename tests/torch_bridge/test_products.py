"""Products by oneDNN are those of torch, and so are their gradients and the gradients of these."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kcompile import keras
from kcompile.torch_bridge import products

onednn = pytest.mark.skipif(
    not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")),
    reason="this torch has no oneDNN",
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """The shapes of what oneDNN multiplies; on any processor, and of any size."""
    made: list[torch.Size] = []
    product = products._product

    def noted(x: Any, weight: Any, bias: Any = None) -> Any:
        made.append(x.shape)
        return product(x, weight, bias)

    monkeypatch.setattr(products, "_product", noted)
    monkeypatch.setattr(products, "prefers_onednn", lambda: True)
    monkeypatch.setattr(products, "_LEAST", 0)
    monkeypatch.setattr(products, "_LEAST_WEIGHTS", 0)
    return made


SHAPES = [(6, 5), (2, 3, 5), (2, 1, 4, 5), (1, 5)]


def _operands(shape: tuple[int, ...], units: int = 7) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = [shape, (shape[-1], units), (units,)]
    return [torch.randn(size, generator=generator).requires_grad_() for size in sizes]


@onednn
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("upstream", ["dense", "expanded", "transposed"])
def test_results_and_gradients_are_torchs(shape: Any, upstream: str, calls: list[torch.Size]) -> None:
    x, kernel, bias = _operands(shape)
    found = []
    for function in (products.linear, F.linear):
        y = function(x, kernel.t(), bias)
        if upstream == "expanded":
            loss = y.sum()
        elif upstream == "transposed":
            loss = (y.transpose(0, -1) * torch.arange(1.0, 1 + y.shape[0])).sum()
        else:
            loss = (y * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum()
        found.append([y, *torch.autograd.grad(loss, (x, kernel, bias))])
    assert len(calls) == 3
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@onednn
def test_gradients_can_be_differentiated(calls: list[torch.Size]) -> None:
    x, kernel, bias = _operands((4, 5))
    found = []
    for function in (products.linear, F.linear):
        y = torch.tanh(function(x, kernel.t(), bias)).sum()
        (grad,) = torch.autograd.grad(y, x, create_graph=True)
        found.append(torch.autograd.grad(grad.square().sum(), (x, kernel, bias)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@onednn
def test_what_needs_no_gradient_gets_none(calls: list[torch.Size]) -> None:
    x, kernel, bias = _operands((4, 5))
    products.linear(x.detach(), kernel.t(), bias.detach()).sum().backward()
    assert kernel.grad is not None and bias.grad is None
    assert len(calls) == 2


@pytest.mark.parametrize("other", ["double", "autocast", "small"])
def test_what_is_not_large_and_float32_stays_torchs(
    other: str, calls: list[torch.Size], monkeypatch: Any
) -> None:
    x, kernel, bias = _operands((4, 5))
    if other == "double":
        x, kernel, bias = (value.double() for value in (x, kernel, bias))
    if other == "small":
        monkeypatch.setattr(products, "_LEAST", 1 << 20)
    with torch.autocast("cpu", enabled=other == "autocast"):
        products.linear(x, kernel.t(), bias)
    assert calls == []


@onednn
def test_a_step_of_training_is_the_same_with_it(monkeypatch: pytest.MonkeyPatch, request: Any) -> None:
    def trained() -> list[np.ndarray]:
        keras.utils.set_random_seed(3)
        x = keras.Input((6, 8))
        y = keras.layers.Dense(16, activation="gelu")(x)
        y = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling1D()(y))
        model = keras.Model(x, y)
        model.compile(keras.optimizers.SGD(0.1), "mse")
        random = np.random.default_rng(0)
        data = random.normal(size=(12, 6, 8)).astype("float32"), random.normal(size=(12, 5)).astype("float32")
        losses = [model.train_on_batch(*data) for _ in range(3)]
        return [np.array(losses), *model.get_weights(), model.evaluate(*data, verbose=0)]

    monkeypatch.setattr(products, "prefers_onednn", lambda: False)
    plain = trained()
    calls = request.getfixturevalue("calls")
    for a, b in zip(trained(), plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert len(calls) >= 3 * 5


def test_intels_processors_and_others_keep_mkl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    for vendor, wanted in (
        ("vendor_id\t: GenuineIntel\n", False),
        ("vendor_id\t: AuthenticAMD\n", True),
        ("", False),
    ):
        monkeypatch.setattr(products, "_vendor", lambda vendor=vendor: vendor)
        available = torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()
        assert products.prefers_onednn.__wrapped__() == (wanted and available)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not products.prefers_onednn.__wrapped__()


@pytest.mark.parametrize("error", [AttributeError, RuntimeError, TypeError])
def test_a_torch_whose_operator_is_another_multiplies_as_ever(error: type, monkeypatch: Any) -> None:
    def product(*operands: Any) -> Any:
        raise error("no such operator")

    monkeypatch.setattr(products, "_product", product)
    assert not products._has_operator()
