"""What a layer's call takes beside its inputs: by position, by name, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import Input, layers
from kcompile.keras import backend as K
from kcompile.keras.models import Model


class Scaled(layers.Layer):
    """``inputs * scale``, plus 1 while training."""

    def call(self, inputs, scale, training):
        return K.in_train_phase(inputs * scale + 1, inputs * scale, training=training)


def test_tensors_by_position_are_inputs_of_the_call():
    x, scale = Input((3,)), Input((1,))
    model = Model([x, scale], Scaled()(x, scale))
    data = [np.ones((2, 3)), np.array([[2.0], [3.0]])]
    assert model.predict(data).tolist() == [[2.0] * 3, [3.0] * 3]
    swapped = Model([scale, x], model([x, scale]))
    assert swapped.predict(data[::-1]).tolist() == [[2.0] * 3, [3.0] * 3]


def test_arguments_by_position_and_name_mean_the_same():
    x, scale = Input((3,)), Input((1,))
    outputs = [Scaled()(x, scale, True), Scaled()(x, scale, training=True), Scaled()(x, scale=scale)]
    data = [np.zeros((1, 3)), np.ones((1, 1))]
    assert [found[0, 0] for found in Model([x, scale], outputs).predict(data)] == [1.0, 1.0, 0.0]


def test_the_phase_need_not_be_said_where_call_asks_for_it():
    x, scale = Input((3,)), Input((1,))
    model = Model([x, scale], Scaled()(x, scale))
    model.compile("sgd", "mse")
    data, zeros = [np.zeros((1, 3)), np.ones((1, 1))], np.zeros((1, 3))
    assert model.train_on_batch(data, zeros) == 1.0
    assert model.test_on_batch(data, zeros) == 0.0


def test_a_mask_need_not_be_there_where_call_asks_for_it():
    class Masked(layers.Layer):
        supports_masking = True

        def call(self, inputs, mask):
            return inputs if mask is None else inputs * 0

    x = Input((2, 1))
    outputs = [Masked()(x), Masked()(layers.Masking(5.0)(x))]
    assert [found.sum() for found in Model(x, outputs).predict(np.ones((1, 2, 1)))] == [2.0, 0.0]


def test_too_many_arguments_are_an_error_that_names_those_that_there_are():
    with pytest.raises(TypeError, match=r"takes the arguments scale, training behind its inputs"):
        Scaled()(Input((3,)), 1.0, True, 4)
    with pytest.raises(TypeError, match="by name"):
        Scaled()(Input((3,)), 1.0, scale=2.0)


def test_a_model_of_plain_numbers_is_called_on_one():
    x = Input(())
    assert float(Model(x, 2 * x + 1)(1)) == 3.0


def test_inputs_may_be_named():
    class ByName(layers.Layer):
        def call(self, logits, targets=None):
            return logits - targets

    x, y = Input((2,)), Input((2,))
    model = Model([x, y], ByName()(logits=x, targets=y))
    assert model.predict([np.ones((1, 2)), np.full((1, 2), 3.0)]).tolist() == [[-2.0, -2.0]]


def test_a_tensor_given_by_name_that_comes_back_is_an_output_of_the_layer():
    class Passing(layers.Layer):
        def call(self, inputs, other):
            return other

    x, y = Input((2,)), Input((2,))
    model = Model([x, y], Passing()(x, y))
    assert model.predict([np.zeros((1, 2)), np.ones((1, 2))]).tolist() == [[1.0, 1.0]]
    nested = Model([model.inputs], [model.output])
    assert nested.predict([np.zeros((1, 2)), np.ones((1, 2))]).tolist() == [[1.0, 1.0]]
