"""keras.engine.saving's functions on open HDF5 groups."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from kcompile.keras import layers, models
from kcompile.keras.saving import hdf5_groups as saving


@pytest.fixture
def group():
    with h5py.File("weights", "w", driver="core", backing_store=False) as file:
        yield file.create_group("g")


def _model(units: int = 3) -> models.Sequential:
    return models.Sequential([layers.Dense(units, input_shape=(4,), name="a"), layers.Dense(2, name="b")])


def test_weights_come_back_in_order_and_by_name(group) -> None:
    written, in_order, by_name = _model(), _model(), _model()
    saving.save_weights_to_hdf5_group(group, written.layers)
    saving.load_weights_from_hdf5_group(group, in_order.layers)
    saving.load_weights_from_hdf5_group_by_name(group, by_name.layers[1:])
    for found, expected in zip(in_order.get_weights(), written.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(by_name.get_weights()[2], written.get_weights()[2])
    assert not np.array_equal(by_name.get_weights()[0], written.get_weights()[0])


def test_weights_that_do_not_fit_are_refused_or_left_out(group) -> None:
    saving.save_weights_to_hdf5_group(group, _model().layers)
    other = _model(units=5)
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"a/kernel.*\(4, 5\).*\(4, 3\)"):
        saving.load_weights_from_hdf5_group(group, other.layers)
    with pytest.raises(ValueError, match="2 layers"):
        saving.load_weights_from_hdf5_group(group, other.layers[:1])
    with pytest.warns(UserWarning, match="Skipping loading of weights"):
        saving.load_weights_from_hdf5_group_by_name(group, other.layers, skip_mismatch=True)
    for found, expected in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_weights_are_reshaped_when_asked() -> None:
    layer = layers.Dense(3)
    layer.build((None, 4))
    kernel, bias = np.arange(12.0), np.zeros(3)
    reshaped = saving.preprocess_weights_for_loading(layer, [kernel, bias], "2", "tensorflow", reshape=True)
    np.testing.assert_array_equal(reshaped[0], kernel.reshape(4, 3))
    left = saving.preprocess_weights_for_loading(layer, [kernel, bias])
    assert left[0].shape == (12,)


def test_weights_of_a_cudnn_layer_take_the_layout_of_its_plain_sister() -> None:
    fast, plain = layers.CuDNNLSTM(2), layers.LSTM(2)
    for layer in (fast, plain):
        layer.build((None, None, 3))
    converted = saving.preprocess_weights_for_loading(plain, fast.get_weights())
    assert [w.shape for w in converted] == [w.shape for w in plain.weights]


@pytest.mark.parametrize("count", [0, 1, 3, 3000])
def test_lists_of_names_come_back_however_long(group, count: int) -> None:
    names = [f"layer_with_a_long_name_{i:08d}".encode() for i in range(count)]
    saving.save_attributes_to_hdf5_group(group, "names", names)
    assert saving.load_attributes_from_hdf5_group(group, "names") == [name.decode() for name in names]
    assert ("names" in group.attrs) == (count < 3000)


def test_a_name_too_long_for_hdf5_is_refused(group) -> None:
    with pytest.raises(RuntimeError, match="larger than 64512 bytes"):
        saving.save_attributes_to_hdf5_group(group, "names", [b"x" * 70000])
    assert saving.load_attributes_from_hdf5_group(group, "names") == []
