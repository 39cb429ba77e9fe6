"""Layers written over the private bases of Keras 2's layers, as other people's packages write them."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import layers as L
from kcompile.keras.layers.convolutional import _Conv, _Cropping, _SeparableConv, _UpSampling, _ZeroPadding
from kcompile.keras.layers.merge import _Merge
from kcompile.keras.layers.pooling import (
    _GlobalPooling1D,
    _GlobalPooling2D,
    _GlobalPooling3D,
    _Pooling1D,
    _Pooling2D,
    _Pooling3D,
)
from kcompile.keras.layers.recurrent import _generate_dropout_mask, _standardize_args

RANDOM = np.random.RandomState(1)
IMAGES = RANDOM.rand(2, 6, 4, 3).astype("float32")
SEQUENCES = RANDOM.rand(2, 6, 3).astype("float32")
VOLUMES = RANDOM.rand(2, 4, 4, 4, 2).astype("float32")


def outputs(layer, *arrays):
    inputs = [keras.Input(a.shape[1:]) for a in arrays]
    model = keras.Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0]))
    predicted = model.predict(list(arrays))
    assert predicted.shape[1:] == model.output_shape[1:]
    return predicted


def test_a_merge_of_ones_own():
    class RandomWeightedAverage(_Merge):
        def _merge_function(self, inputs):
            weights = K.random_uniform((K.shape(inputs[0])[0], 1, 1, 1))
            return weights * inputs[0] + (1 - weights) * inputs[1]

    mixed = outputs(RandomWeightedAverage(), np.zeros_like(IMAGES), np.ones_like(IMAGES))
    assert ((mixed > 0) & (mixed < 1)).all() and len(np.unique(mixed)) == 2
    with pytest.raises(NotImplementedError, match="must override _merge_function"):
        outputs(_Merge(), IMAGES, IMAGES)


@pytest.mark.parametrize(
    "base, arrays, size",
    [(_Pooling1D, SEQUENCES, 2), (_Pooling2D, IMAGES, 2), (_Pooling3D, VOLUMES, 2)],
    ids=["1D", "2D", "3D"],
)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_pooling_of_ones_own(base, arrays, size, padding):
    """The hook gets images, or volumes, whatever the rank; see Keras's own layers."""
    pool = K.pool3d if base is _Pooling3D else K.pool2d

    class Mixed(base):
        def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
            assert len(pool_size) == len(strides) == K.ndim(inputs) - 2 == (3 if base is _Pooling3D else 2)
            both = [pool(inputs, pool_size, strides, padding, data_format, mode) for mode in ("max", "avg")]
            return both[0] + both[1]

    rank = arrays.ndim - 2
    highest = getattr(L, f"MaxPooling{rank}D")(size, padding=padding)
    mean = getattr(L, f"AveragePooling{rank}D")(size, padding=padding)
    expected = outputs(highest, arrays) + outputs(mean, arrays)
    np.testing.assert_allclose(outputs(Mixed(size, padding=padding), arrays), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "base, arrays", [(_GlobalPooling1D, SEQUENCES), (_GlobalPooling2D, IMAGES), (_GlobalPooling3D, VOLUMES)]
)
def test_a_global_pooling_of_ones_own(base, arrays):
    class GlobalSum(base):
        def call(self, inputs):
            return K.sum(inputs, axis=list(range(1, K.ndim(inputs) - 1)))

    summed = outputs(GlobalSum(), arrays)
    np.testing.assert_allclose(summed, arrays.sum(tuple(range(1, arrays.ndim - 1))), rtol=1e-5)
    for kind in ("Max", "Average"):
        assert issubclass(getattr(L, f"Global{kind}Pooling{arrays.ndim - 2}D"), base)


def test_convolutions_over_their_bases():
    class Standardized(_Conv):
        def __init__(self, filters, kernel_size, **kwargs):
            super().__init__(rank=2, filters=filters, kernel_size=kernel_size, **kwargs)

        def call(self, inputs):
            kernel = self.kernel - K.mean(self.kernel, axis=(0, 1, 2), keepdims=True)
            return K.conv2d(inputs, kernel, self.strides, self.padding, self.data_format)

    constant = np.ones_like(IMAGES)
    np.testing.assert_allclose(outputs(Standardized(2, 3), constant), 0, atol=1e-5)
    assert all(issubclass(getattr(L, f"Conv{rank}D"), _Conv) for rank in (1, 2, 3))
    assert issubclass(L.SeparableConv2D, _SeparableConv) and issubclass(_SeparableConv, _Conv)
    assert outputs(_SeparableConv(1, 4, 3), SEQUENCES).shape == (2, 4, 4)


def test_resizing_over_its_bases():
    class Bilinear(_UpSampling):
        def call(self, inputs):
            return K.resize_images(inputs, *self.size, self.data_format, "bilinear")

    np.testing.assert_allclose(
        outputs(Bilinear((2, 3)), IMAGES), outputs(L.UpSampling2D((2, 3), interpolation="bilinear"), IMAGES)
    )

    class Reflection(_ZeroPadding):
        def call(self, inputs):
            (top, bottom), (left, right) = self.padding
            x = K.concatenate([inputs[:, 1 : top + 1], inputs, inputs[:, -bottom - 1 : -1]], 1)
            return K.concatenate([x[:, :, 1 : left + 1], x, x[:, :, -right - 1 : -1]], 2)

    padded = outputs(Reflection(((1, 1), (1, 1))), IMAGES)
    np.testing.assert_array_equal(padded, np.pad(IMAGES, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect"))
    np.testing.assert_array_equal(outputs(_Cropping(((1, 2), (0, 1))), IMAGES), IMAGES[:, 1:-2, :-1])


def test_dropout_by_timestep():
    class TimestepDropout(L.Dropout):
        def _get_noise_shape(self, inputs):
            return (K.shape(inputs)[0], K.shape(inputs)[1], 1)

    x = keras.Input((None, 3))
    y = TimestepDropout(0.5)(x)
    (dropped,) = K.function([x, K.learning_phase()], [y])([np.ones((4, 50, 3)), 1])
    assert set(np.unique(dropped)) == {0, 2} and (dropped == dropped[..., :1]).all()


def test_a_convolution_of_an_lstm_of_ones_own():
    class Doubling(L.ConvLSTM2DCell):
        def input_conv(self, x, w, b=None, padding="valid"):
            assert K.int_shape(w)[-1] == 2
            return 2 * super().input_conv(x, w, b, padding)

        def recurrent_conv(self, x, w):
            return 2 * super().recurrent_conv(x, w)

    frames = RANDOM.rand(2, 3, 6, 6, 2).astype("float32")
    cells = [cls(2, 3, padding="same") for cls in (Doubling, L.ConvLSTM2DCell)]
    first, second = (L.ConvRNN2D(cell) for cell in cells)
    outputs(first, frames), outputs(second, frames)
    kernel, recurrent, bias = first.get_weights()
    second.set_weights([2 * kernel, 2 * recurrent, bias])
    x = keras.Input(frames.shape[1:])
    model = keras.Model(x, [first(x), second(x)])
    np.testing.assert_allclose(*model.predict(frames), rtol=1e-4, atol=1e-6)


def test_a_batch_of_a_cudnn_layer_of_ones_own():
    class Negated(L.CuDNNLSTM):
        def _process_batch(self, inputs, initial_state):
            output, states = super()._process_batch(inputs, initial_state)
            return -output, states

    for sequences in (False, True):
        layer = Negated(2, return_sequences=sequences)
        plain = L.CuDNNLSTM(2, return_sequences=sequences)
        negated = outputs(layer, SEQUENCES)
        outputs(plain, SEQUENCES)
        plain.set_weights(layer.get_weights())
        np.testing.assert_allclose(negated, -outputs(plain, SEQUENCES), rtol=1e-6)


def test_functions_that_cells_import():
    ones, x = K.ones((2, 3)), K.placeholder((2, 3))
    masks = _generate_dropout_mask(ones, 0.5, training=True, count=4)
    assert len(masks) == 4 and set(np.unique(K.eval(masks[0]))) <= {0, 2}
    assert K.eval(_generate_dropout_mask(ones, 0.5, training=False)).tolist() == [[1.0] * 3] * 2
    assert _standardize_args([x, ones, x], None, None, 1) == (x, [ones], [x])
    assert _standardize_args(x, None, None, None) == (x, None, None)


def test_the_shape_that_a_user_computes_is_asked_for_even_if_it_is_known():
    asked = []

    class Asked(L.Dense):
        def compute_output_shape(self, input_shape):
            asked.append(input_shape)
            return super().compute_output_shape(input_shape)

    Asked(2)(keras.Input(batch_shape=(4, 3)))
    assert asked == [(4, 3)]
