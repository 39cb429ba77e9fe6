"""A subclass of a convolution convolves its own way, or with another kernel."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras.layers import Conv2D
from kcompile.keras.models import Sequential

IMAGES = np.random.default_rng(0).random((2, 5, 5, 2)).astype("float32")


class ByOverriding(Conv2D):
    def convolution_op(self, inputs, kernel):
        return K.conv2d(inputs, kernel * 2, padding=self.padding, data_format=self.data_format)


class ByCalling(Conv2D):
    def call(self, inputs):
        return self.activation(K.bias_add(self.convolution_op(inputs, self.kernel * 2), self.bias))


@pytest.mark.parametrize("cls", [ByOverriding, ByCalling])
def test_the_convolution_is_what_the_subclass_says(cls):
    options = {"activation": "relu", "input_shape": (5, 5, 2), "bias_initializer": "ones"}
    model, plain = Sequential([cls(3, 3, **options)]), Sequential([Conv2D(3, 3, **options)])
    kernel, bias = model.get_weights()
    plain.set_weights([kernel * 2, bias])
    np.testing.assert_allclose(model.predict(IMAGES), plain.predict(IMAGES), rtol=1e-5)
