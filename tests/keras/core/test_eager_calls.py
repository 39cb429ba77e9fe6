"""Layers called on eager tensors compute at once what predict computes, with gradients and updates."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.ir import EagerTensor, Graph, op
from kcompile.keras import backend as K
from kcompile.torch_bridge import lower, run
from kcompile.torch_bridge.arrays import as_tensor
from kcompile.torch_bridge.eager import TorchInterpreter
from tests.golden import runner
from tests.golden.keras3 import runner as keras3
from tests.golden.keras3.load_keras3 import load as load_keras3
from tests.golden.load import load

CASES = [(runner, golden) for golden in load("layers")] + [(keras3, g) for g in load_keras3("keras3_layers")]


def eager(array: np.ndarray) -> EagerTensor:
    return TorchInterpreter().eager(as_tensor(np.ascontiguousarray(array)))


@pytest.mark.parametrize("of, golden", CASES, ids=[golden.name for _, golden in CASES])
def test_every_layer_computes_at_once_what_its_graph_does(of, golden):
    model, _ = of.build_layer(keras, golden.case)
    given = [
        eager(array.astype(x.dtype))
        for array, x in zip(runner.layer_inputs(golden.case), model.inputs, strict=True)
    ]
    weights = model.trainable_weights if model.outputs[0].dtype.kind == "f" else []
    wanted = op.Gradient(K.sum(K.square(model.outputs[0])), *weights) if weights else ()
    graph = Graph([*model.outputs, *wanted], model.inputs, phase="inference")
    expected = run(lower(graph), *[x.numpy() for x in given])
    outputs = model(given if len(given) > 1 else given[0])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    gradients = op.Gradient(K.sum(K.square(outputs[0])), *weights) if weights else ()
    assert all(isinstance(x, EagerTensor) for x in (*outputs, *gradients))
    for found, array in zip((*outputs, *gradients), expected, strict=True):
        np.testing.assert_allclose(found.numpy(), array, rtol=1e-4, atol=1e-5)


def batch_normalization():
    return keras.Sequential([keras.layers.BatchNormalization(momentum=0.5, input_shape=(3,))])


def test_a_call_in_training_updates_states_and_one_at_inference_does_not():
    model, x = batch_normalization(), np.float32([[0, 1, 2], [2, 3, 6]])
    model(eager(x))
    np.testing.assert_array_equal(model.get_weights()[2], 0)
    normalized = model(eager(x), training=True)
    np.testing.assert_allclose(normalized.numpy().mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(model.get_weights()[2], x.mean(0) / 2)


def test_a_frozen_layer_stays_as_at_inference():
    model = batch_normalization()
    model.trainable = False
    x = np.float32([[0, 1, 2], [2, 3, 6]])
    np.testing.assert_allclose(model(eager(x), training=True).numpy(), model.predict(x), rtol=1e-6)
    np.testing.assert_array_equal(model.get_weights()[2], 0)


def test_dropout_draws_in_training_alone_also_inside_a_model_of_the_user_s():
    class Noisy(keras.Model):
        def __init__(self):
            super().__init__()
            self.drop = keras.layers.Dropout(0.5)

        def call(self, inputs):
            return self.drop(inputs)

    model, ones = Noisy(), eager(np.ones((4, 50), np.float32))
    assert (model(ones).numpy() == 1).all()
    assert set(np.unique(model(ones, training=True).numpy())) == {0, 2}


def test_losses_of_the_last_call_are_eager_and_carry_gradients():
    layer = keras.layers.Dense(2, activity_regularizer="l2", kernel_regularizer="l1")
    layer(eager(np.ones((3, 4), np.float32)))
    (gradient,) = op.Gradient(sum(layer.losses), layer.kernel)
    assert isinstance(gradient, EagerTensor) and np.abs(gradient.numpy()).min() > 0


class TakesAnything(keras.layers.Layer):
    def call(self, inputs, **kwargs):
        return inputs * (2.0 if kwargs.get("training") else 1.0)


class TakesNothing(keras.layers.Layer):
    def call(self, inputs):
        return inputs


class Calling(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = TakesAnything(), TakesNothing()

    def call(self, inputs, training=None):
        return self.second(self.first(inputs, training=training), training=training)


def test_training_reaches_a_call_that_takes_any_keyword_and_is_no_error_of_one_that_takes_none():
    ones = np.ones((2, 3), np.float32)
    assert float(Calling()(eager(ones), training=True)[0, 0]) == 2
    assert float(Calling()(eager(ones))[0, 0]) == 1
    assert float(TakesNothing()(eager(ones), training=True)[0, 0]) == 1


def test_on_symbolic_inputs_training_goes_to_whoever_takes_it_and_to_nobody_else():
    x = keras.layers.Input((3,))
    ones = np.ones((2, 3), np.float32)
    model = keras.models.Model(x, TakesAnything()(x, training=True))
    np.testing.assert_array_equal(model.predict(ones), 2)
    with pytest.raises(TypeError, match="training"):
        TakesNothing()(x, training=True)
