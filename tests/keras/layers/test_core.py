"""Core layers behave as those of Keras 2.3.1."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import Graph
from kcompile.keras import backend as K
from kcompile.keras import layers
from tests.keras.layers.golden_layers import golden_tests

test_layer_equals_keras, test_training_equals_keras = golden_tests(
    "Dense",
    "Activation",
    "Dropout",
    "ActivityRegularization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "Flatten",
    "Reshape",
    "Permute",
    "RepeatVector",
    "Masking",
)


# --- beyond the golden cases ---


def in_training(layer, x):
    inputs = layers.Input(x.shape[1:])
    (found,) = K.function([inputs, K.learning_phase()], [layer(inputs)])([x, 1])
    return found


@pytest.mark.parametrize(
    "layer, shape, spatial",
    [
        (lambda: layers.SpatialDropout1D(0.5), (40, 5, 8), (1,)),
        (lambda: layers.SpatialDropout2D(0.5), (40, 5, 4, 8), (1, 2)),
        (lambda: layers.SpatialDropout2D(0.5, data_format="channels_first"), (40, 8, 5, 4), (2, 3)),
        (lambda: layers.SpatialDropout3D(0.5), (40, 3, 4, 2, 8), (1, 2, 3)),
    ],
)
def test_spatial_dropout_drops_whole_channels_and_scales_up_the_others(layer, shape, spatial):
    found = in_training(layer(), np.ones(shape, "float32"))
    assert (found.max(axis=spatial) == found.min(axis=spatial)).all()
    assert set(np.unique(found)) == {0.0, 2.0}
    assert 0.3 < (found == 0).mean() < 0.7


def test_dropout_draws_anew_at_each_call_and_keeps_the_mean():
    x = np.ones((50, 40), "float32")
    inputs = layers.Input((40,))
    run = K.function([inputs, K.learning_phase()], [layers.Dropout(0.25)(inputs)])
    first, second = run([x, 1])[0], run([x, 1])[0]
    assert (first != second).any()
    assert abs(first.mean() - 1) < 0.1
    np.testing.assert_array_equal(run([x, 0])[0], x)


def test_the_layout_of_spatial_dropout_survives_a_config_when_it_is_not_the_usual_one():
    layer = layers.SpatialDropout2D(0.5, data_format="channels_first")
    assert layers.SpatialDropout2D.from_config(layer.get_config()).data_format == "channels_first"


def test_masking_looks_at_the_steps_once_and_passes_its_mask_on():
    inputs = layers.Input((3, 2))
    y = layers.Masking(2.0)(inputs)
    graph = Graph([y, y._keras_mask], [inputs])
    assert [node.op_type for node in graph.nodes].count("ReduceMax") == 1
    x = np.array([[[2, 2], [2, 1], [0, 0]]], "float32")
    masked, mask = K.function([inputs], [y, y._keras_mask])([x])
    assert mask.tolist() == [[False, True, True]]
    assert masked.tolist() == [[[0, 0], [2, 1], [0, 0]]]


@pytest.mark.parametrize(
    "layer, shape, expected",
    [
        (lambda: layers.Flatten(), (None, 2), (None, None)),
        (lambda: layers.Reshape((-1, 2)), (None, 2), (None, None, 2)),
        (lambda: layers.Reshape((6,)), (3, 2), (None, 6)),
        (lambda: layers.Reshape(6), (3, 2), (None, 6)),
        (lambda: layers.Permute((2, 1)), (None, 2), (None, 2, None)),
        (lambda: layers.RepeatVector(3), (2,), (None, 3, 2)),
    ],
)
def test_shapes_with_open_sizes(layer, shape, expected):
    assert K.int_shape(layer()(layers.Input(shape))) == expected


@pytest.mark.parametrize(
    "make, problem",
    [
        (
            lambda: layers.Reshape((5,))(layers.Input((3, 2))),
            r"6 elements .* do not go into target_shape=\(5,\)",
        ),
        (lambda: layers.Reshape((4, -1))(layers.Input((3, 2))), r"6 elements .* do not go into target_shape"),
        (lambda: layers.Reshape((-1, -1)), r"at most one -1"),
        (lambda: layers.Permute((1, 3)), r"permutation of 1 to 2"),
        (lambda: layers.Permute((2, 1))(layers.Input((4,))), r"expected ndim=3, found ndim=2"),
        (lambda: layers.RepeatVector(0), r"`n` must be a positive integer, found 0"),
        (lambda: layers.RepeatVector(2.5), r"`n` must be a positive integer, found 2.5"),
        (lambda: layers.RepeatVector(2)(layers.Input((4, 3))), r"expected ndim=2, found ndim=3"),
        (lambda: layers.SpatialDropout2D(0.5)(layers.Input((4, 3))), r"expected ndim=4, found ndim=3"),
        (lambda: layers.Dense(3)(layers.Flatten()(layers.Input((None, 2)))), r"needs known sizes"),
        (lambda: layers.Dense(3, activation="reluu"), r"reluu"),
    ],
)
def test_bad_arguments_and_inputs_are_refused_by_one_clear_error(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()
