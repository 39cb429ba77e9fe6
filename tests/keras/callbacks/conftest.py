"""The model that callbacks are given."""

from __future__ import annotations

import types

import numpy as np
import pytest

from kcompile.keras.callbacks import control

from .training import Model


@pytest.fixture
def model(monkeypatch):
    backend = types.SimpleNamespace(
        get_value=lambda rate: rate.value,
        set_value=lambda rate, value: setattr(rate, "value", np.float32(value)),
    )
    monkeypatch.setattr(control, "K", backend)
    return Model()
