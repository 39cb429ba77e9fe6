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
