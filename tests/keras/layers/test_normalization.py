"""Batch normalization behaves as in Keras 2.3.1, trains at torch's pace and exports as itself."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.ir import Graph
from kcompile.keras import backend as K
from kcompile.keras import layers
from tests.keras.layers.golden_layers import golden_tests

test_layer_equals_keras, test_training_equals_keras = golden_tests("BatchNormalization")


# --- beyond the golden cases ---


def noise(*shape):
    return np.random.default_rng(1).normal(1.0, 2.0, shape).astype("float32")


def statistics(layer):
    return [weight.copy() for weight in layer.get_weights()[-2:]]


def fitted(layer, x, steps=3):
    inputs = layers.Input(x.shape[1:])
    model = keras.models.Model(inputs, layer(inputs))
    model.compile("sgd", "mse")
    for _ in range(steps):
        model.train_on_batch(x, np.zeros_like(x))
    return model


@pytest.mark.parametrize(
    "shape, axis", [((8, 4), -1), ((4, 5, 3), -1), ((4, 5, 6, 3), -1), ((4, 3, 5, 6), 1)]
)
def test_training_uses_one_operator_that_gives_output_and_statistics(shape, axis):
    x = layers.Input(shape[1:])
    layer = layers.BatchNormalization(axis=axis)
    graph = Graph([layer(x)], [x], layer.updates, phase="train")
    operators = [node.op_type for node in graph.nodes]
    assert operators.count("BatchNormalization") == 1
    assert not any(name.startswith("Reduce") for name in operators)
    assert len(graph.updates) == 2


@pytest.mark.parametrize(
    "shape, axis", [((8, 4), -1), ((4, 5, 3), -1), ((4, 5, 6, 3), -1), ((4, 3, 5, 6), 1)]
)
def test_inference_is_one_operator_over_the_weights_themselves(shape, axis):
    x = layers.Input(shape[1:])
    layer = layers.BatchNormalization(axis=axis)
    graph = Graph([layer(x)], [x], layer.updates, phase="inference")
    (node,) = [node for node in graph.nodes if node.op_type == "BatchNormalization"]
    assert list(graph.operands(node)[1:]) == [
        layer.gamma,
        layer.beta,
        layer.moving_mean,
        layer.moving_variance,
    ]
    assert graph.updates == ()
    assert {node.op_type for node in graph.nodes} <= {"BatchNormalization", "Transpose"}


def test_an_exported_model_keeps_the_node_and_the_weight_names(tmp_path):
    import onnx

    inputs = layers.Input((6, 6, 3))
    model = keras.models.Model(inputs, layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3)(inputs)))
    model.export(str(tmp_path / "m.onnx"))
    graph = onnx.load(str(tmp_path / "m.onnx")).graph
    assert [node.op_type for node in graph.node].count("BatchNormalization") == 1
    names = {tensor.name for tensor in graph.initializer}
    assert {f"norm/{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")} <= names


def test_a_frozen_layer_trains_by_its_moving_averages_and_leaves_them_alone():
    x = noise(8, 4)
    layer = layers.BatchNormalization(trainable=False)
    inputs = layers.Input((4,))
    model = keras.models.Model(inputs, layers.Dense(4, kernel_initializer="identity")(layer(inputs)))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    before = statistics(layer)
    loss = model.train_on_batch(x, np.zeros((8, 4)))
    for old, new in zip(before, statistics(layer), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_allclose(loss, np.mean(np.square(x)) / 1.001, rtol=1e-5)


def test_unfrozen_after_compile_it_stays_frozen_until_the_next_compile():
    x = noise(8, 4)
    layer = layers.BatchNormalization(trainable=False)
    model = fitted(layer, x, steps=0)
    before = statistics(layer)
    layer.trainable = True
    model.train_on_batch(x, x)
    np.testing.assert_array_equal(before[0], statistics(layer)[0])
    model.compile("sgd", "mse")
    model.train_on_batch(x, x)
    assert not np.allclose(before[0], statistics(layer)[0])


@pytest.mark.parametrize("training, mean", [(True, 0.0), (False, 1.0)])
def test_the_training_argument_decides_for_good(training, mean):
    x = noise(64, 4)
    inputs = layers.Input((4,))
    layer = layers.BatchNormalization()
    y = layer(inputs, training=training)
    for phase in (0, 1):
        (found,) = K.function([inputs, K.learning_phase()], [y])([x, phase])
        np.testing.assert_allclose(found.mean(0), x.mean(0) * mean / np.sqrt(1.001), atol=1e-4)


def test_moving_averages_approach_the_statistics_of_the_data():
    x = noise(256, 4)
    layer = layers.BatchNormalization(momentum=0.5)
    fitted(layer, x, steps=30)
    mean, variance = statistics(layer)
    np.testing.assert_allclose(mean, x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(variance, x.var(0) * 256 / (255 - 0.001), rtol=1e-4)


@pytest.mark.parametrize("shape", [(1, 4), (1, 1, 1, 4)])
def test_a_batch_of_one_element_a_channel_leaves_finite_statistics(shape):
    layer = layers.BatchNormalization()
    fitted(layer, noise(*shape))
    assert all(np.isfinite(weight).all() for weight in layer.get_weights())


def test_what_later_versions_write_is_taken_at_its_default():
    layer = layers.BatchNormalization(
        axis=[3], renorm=False, fused=None, virtual_batch_size=None, synchronized=False
    )
    assert layer.axis == 3 and "renorm" not in layer.get_config()


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: layers.BatchNormalization(axis=(1, 2)), r"axis must be an integer, found \(1, 2\)"),
        (lambda: layers.BatchNormalization(renorm=True), r"renorm=True is not supported"),
        (lambda: layers.BatchNormalization(virtual_batch_size=4), r"virtual_batch_size=4 is not supported"),
        (lambda: layers.BatchNormalization(axis=3)(layers.Input((4,))), r"axis 3 is not an axis of channels"),
        (lambda: layers.BatchNormalization(axis=0)(layers.Input((4,))), r"axis 0 is not an axis of channels"),
        (
            lambda: layers.BatchNormalization()(layers.Input((4, None))),
            r"axis -1 .* should have a defined dimension",
        ),
    ],
)
def test_bad_arguments_and_inputs_are_refused_by_one_clear_error(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()
