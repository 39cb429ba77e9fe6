"""A layer as users write it for Keras 2, for the tests here."""

from __future__ import annotations

from kcompile.keras import backend as K
from kcompile.keras.core.layer import Layer


class Linear(Layer):
    """Dense without activation and bias."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        return K.dot(inputs, self.kernel)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}
