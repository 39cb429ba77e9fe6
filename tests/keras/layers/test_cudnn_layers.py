"""CuDNNLSTM and CuDNNGRU: their weights are those of LSTM and GRU in another layout."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from kcompile.keras.layers import (
    GRU,
    LSTM,
    CuDNNGRU,
    CuDNNLSTM,
)
from kcompile.keras.models import Sequential

from .recurrence import FEATURES, STEPS, UNITS, X, draw, node_types


@pytest.mark.parametrize(
    "ours, theirs", [(LSTM, CuDNNLSTM), (functools.partial(GRU, reset_after=True), CuDNNGRU)]
)
def test_cudnn_layers_and_ours_load_each_others_weights(ours, theirs, tmp_path):
    a = Sequential([ours(UNITS, return_sequences=True, input_shape=(STEPS, FEATURES), name="layer")])
    b = Sequential([theirs(UNITS, return_sequences=True, input_shape=(STEPS, FEATURES), name="layer")])
    b.set_weights([draw(*w.shape, seed=i) for i, w in enumerate(b.get_weights())])
    b.save_weights(tmp_path / "b.h5")
    a.load_weights(tmp_path / "b.h5")
    np.testing.assert_allclose(a.predict(X), b.predict(X), rtol=1e-5, atol=2e-6)
    a.save_weights(tmp_path / "a.h5")
    b.load_weights(tmp_path / "a.h5")
    np.testing.assert_allclose(b.predict(X), a.predict(X), rtol=1e-5, atol=2e-6)
    b.export(str(tmp_path / "b.onnx"))
    assert not {"Scan", "Gather"} & set(node_types(str(tmp_path / "b.onnx")))
    assert theirs.from_config(b.layers[0].get_config()).get_config() == b.layers[0].get_config()


def test_a_gru_without_reset_after_refuses_cudnn_weights(tmp_path):
    model = Sequential([CuDNNGRU(2, input_shape=(STEPS, FEATURES), name="layer")])
    model.save_weights(tmp_path / "w.h5")
    other = Sequential([GRU(2, input_shape=(STEPS, FEATURES), name="layer")])
    with pytest.raises(ValueError, match="weights of CuDNNGRU cannot be loaded into GRU"):
        other.load_weights(tmp_path / "w.h5")
