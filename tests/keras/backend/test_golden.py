"""Every backend function gives what Keras 2.3.1 gives, on onnxruntime and on PyTorch."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from kcompile.ir import Graph
from kcompile.keras import backend as K

GOLDEN = Path(__file__).parents[2] / "golden" / "backend"


def _cases() -> dict:
    spec = importlib.util.spec_from_file_location("backend_cases", GOLDEN / "cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASES


def _expected() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "backend.npz") as file:
        index, values = json.loads(str(file["index"])), file["values"]
    found, start = {}, 0
    for name, shape in index.items():
        count = int(np.prod(shape))
        found[name] = values[start : start + count].reshape(shape)
        start += count
    assert start == len(values)
    return found


CASES, EXPECTED = _cases(), _expected()


def _build(name: str):
    inputs, call = CASES[name]
    given = [K.placeholder((None, *x.shape[1:])) for x in inputs]
    return inputs, given, call(K, *given)


def _check(name: str, result: np.ndarray) -> None:
    expected = EXPECTED[name]
    assert result.shape == expected.shape
    scale = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0)))
    np.testing.assert_allclose(result, expected, rtol=2e-5, atol=2e-6 * scale)


def test_the_golden_file_has_every_case() -> None:
    assert list(CASES) == list(EXPECTED)


@pytest.mark.parametrize("name", CASES)
def test_equals_keras_on_onnxruntime(name: str) -> None:
    inputs, given, value = _build(name)
    _check(name, K.function(given, [value])(inputs)[0])


@pytest.mark.parametrize("name", CASES)
def test_equals_keras_on_pytorch(name: str) -> None:
    pytest.importorskip("torch")
    from kcompile.torch_bridge import lower, run

    inputs, given, value = _build(name)
    for phase in ("inference", "train"):
        _check(name, run(lower(Graph([value], given, phase=phase)), *inputs)[0])


@pytest.mark.parametrize("name", CASES)
def test_the_static_shape_agrees_with_the_result(name: str) -> None:
    *_, value = _build(name)
    static = K.int_shape(value)
    assert static is not None
    assert len(static) == EXPECTED[name].ndim
    assert all(d is None or d == n for d, n in zip(static, EXPECTED[name].shape, strict=True))
