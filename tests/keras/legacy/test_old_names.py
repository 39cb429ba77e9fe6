"""Module paths of Keras 2 that have no code stand for the modules that have it, also for mocks."""

from __future__ import annotations

import importlib
from unittest.mock import patch

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras.engine import (
    base_layer,
    input_layer,
    network,
    saving,
    sequential,
    training,
    training_utils,
)

PATHS = [base_layer, input_layer, network, saving, sequential, training, training_utils]


@pytest.mark.parametrize("answer", [False, True])
def test_a_mock_at_the_path_of_keras_2_is_what_saving_asks(answer, tmp_path):
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    path = str(tmp_path / "model.h5")
    model.save(path)
    old = model.get_weights()[0]
    model.set_weights([w + 1 for w in model.get_weights()])
    with patch("kcompile.keras.engine.saving.ask_to_proceed_with_overwrite", return_value=answer) as ask:
        model.save(path, overwrite=False)
    ask.assert_called_once()
    np.testing.assert_array_equal(keras.models.load_model(path).get_weights()[0], old + answer)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__.rpartition(".")[2])
def test_what_is_put_at_a_path_is_put_where_the_code_is_and_taken_back(path):
    code = importlib.import_module(f"kcompile.keras.{vars(path)['_code']}")
    shared = [name for name in path.__all__ if name in vars(code)]
    assert shared
    for name in shared:
        before = getattr(code, name)
        with patch.object(path, name) as put:
            assert getattr(code, name) is put
        assert getattr(code, name) is before and getattr(path, name) is before
