"""Variables that numbers are written to."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch
from keras.src.backend.common.stateless_scope import StatelessScope


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [("float32", 2, 2.0), ("float32", 0.1, np.float32(0.1)), ("int32", 3, 3), ("int64", 2**40, 2**40)],
)
def test_a_number_is_written_to_a_scalar(dtype: str, value: float, expected: float) -> None:
    variable = keras.Variable(1, dtype=dtype)
    before = variable.parameter.storage.version
    found = variable.assign(value)
    assert variable.parameter.storage.version != before  # files and onnxruntime see it
    assert variable.numpy() == expected and variable.numpy().dtype == dtype
    variable.assign(0)
    assert isinstance(found, torch.Tensor) and found.item() == expected and not found.requires_grad


def test_a_number_in_a_stateless_scope_is_an_update_of_it() -> None:
    variable = keras.Variable(1.0)
    with StatelessScope() as scope:
        variable.assign(5)
        assert float(variable.value) == 5
    assert float(variable.value) == 1 and float(scope.get_current_value(variable)) == 5


def test_a_number_is_no_vector() -> None:
    with pytest.raises(ValueError, match="shape"):
        keras.Variable([1.0, 2.0]).assign(3)


class _Wrong(keras.layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(3, 2))

    def call(self, x):
        return keras.ops.matmul(x, self.w)


class _WrongByNumbers(_Wrong):
    def call(self, x):
        return super().call(keras.ops.array([float(n) for n in x[0]]))


@pytest.mark.parametrize("layer", [_Wrong, _WrongByNumbers])
def test_the_error_of_a_layer_is_its_own(layer):
    """Not that of the attempt by numbers where tracing fails, and not that its numbers are symbolic."""
    with pytest.raises((ValueError, RuntimeError), match=r"[Mm]at[Mm]ul|mat1|size|shape"):
        layer()(keras.Input((4,)))


def test_a_layer_that_asks_for_numbers_has_a_shape():
    class Asking(_Wrong):
        def call(self, x):
            return keras.ops.matmul(x, self.w) * float(keras.ops.convert_to_numpy(self.w).sum())

    assert Asking()(keras.Input((3,))).shape == (None, 2)
