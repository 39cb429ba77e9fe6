"""Tensors of bfloat16: rounded as others round, taken and given by the Executor."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from kcompile_runtime import ExecutionError, Executor, InputError
from kcompile_runtime.bfloat16 import BFLOAT16, from_float32, to_float32
from kcompile_runtime.session import load_onnxruntime, older
from tests.runtime import models

bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
needs_bfloat16 = pytest.mark.skipif(
    older(load_onnxruntime(), 1, 20), reason="onnxruntime before 1.20 takes no bfloat16"
)


@pytest.fixture(scope="module")
def identity() -> Executor:
    return Executor(models.identity(TensorProto.BFLOAT16, ("batch", 3)))


def test_numbers_are_rounded_as_by_ml_dtypes() -> None:
    bits = np.random.default_rng(0).integers(0, 1 << 32, 100_000, np.uint32)
    ties = np.arange(1 << 16, dtype=np.uint32) << 16 | 0x8000
    x = np.concatenate([bits, ties]).view(np.float32)
    with np.errstate(invalid="ignore"):
        expected = x.astype(bfloat16)
    np.testing.assert_array_equal(to_float32(from_float32(x)), expected.astype(np.float32))


@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_shapes_stay(shape: tuple[int, ...]) -> None:
    assert to_float32(from_float32(np.zeros(shape))).shape == shape


@needs_bfloat16
@pytest.mark.parametrize(
    "make",
    [
        lambda x: x,
        lambda x: x.astype(np.float64),
        lambda x: x.astype(np.int32),
        lambda x: x.astype(bfloat16),
        from_float32,
        lambda x: np.asfortranarray(from_float32(x)),
        lambda x: x.tolist(),
    ],
    ids=["float32", "float64", "int32", "of ml_dtypes", "as it lies in memory", "in another order", "a list"],
)
def test_the_executor_takes_numbers_and_gives_float32(identity: Executor, make) -> None:
    x = np.array([[1, -2, 256], [0, 3, -4]], np.float32)
    (y,) = identity.run([np.asarray(make(x))] if isinstance(make(x), list) else [make(x)])
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, x)


def test_other_types_and_shapes_are_refused(identity: Executor) -> None:
    with pytest.raises(InputError, match="expected numbers or bfloat16"):
        identity.run([np.array([["a"]], object)])
    with pytest.raises(InputError, match="expected shape"):
        identity.run([np.zeros(3, np.float32)])


@needs_bfloat16
def test_a_nan_in_bfloat16_is_not_lost() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("MaxPool", ["wide"], ["y"], kernel_shape=[2]),
    ]
    shape = ["batch", 1, 4]
    model = models.build(
        nodes, [("x", TensorProto.BFLOAT16, shape)], [("y", TensorProto.FLOAT, ["batch", 1, 3])]
    )
    x = np.array([[[1, np.nan, 3, 4]]], np.float32)
    for given in (x, from_float32(x)):
        assert given.dtype in (np.float32, BFLOAT16)
        np.testing.assert_array_equal(Executor(model).run([given])[0], [[[np.nan, np.nan, 4]]])


def test_a_release_that_takes_none_says_so(identity: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    value = load_onnxruntime().OrtValue
    monkeypatch.delattr(value, "ortvalue_from_numpy_with_onnx_type", raising=False)
    with pytest.raises(ExecutionError, match=r"need onnxruntime 1\.20 or newer"):
        identity.run([np.zeros((1, 3))])
