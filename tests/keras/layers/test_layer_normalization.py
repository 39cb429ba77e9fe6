"""LayerNormalization and its relatives equal Keras 3.15, and are single operators where ONNX has one."""

from __future__ import annotations

import pytest

from kcompile.ir import Graph
from kcompile.keras import layers
from tests.keras.layers.keras3_golden import CHECKS, goldens, name_of

CASES = goldens("LayerNormalization", "GroupNormalization", "UnitNormalization", "RMSNormalization")


@pytest.mark.parametrize("golden", CASES, ids=name_of)
@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_layer_equals_keras(check, golden):
    check(golden)


@pytest.mark.parametrize(
    "layer, operator",
    [
        (layers.LayerNormalization(), "LayerNormalization"),
        (layers.GroupNormalization(2), "GroupNormalization"),
    ],
    ids=["layer", "group"],
)
def test_normalization_is_one_operator(layer, operator):
    x = layers.Input((3, 4))
    graph = Graph([layer(x)], [x], phase="inference")
    assert {node.op_type for node in graph.nodes} <= {operator, "Transpose"}


def test_layer_normalization_takes_the_axis_as_tf_keras_writes_it():
    layer = layers.LayerNormalization.from_config({"name": "n", "axis": [2], "epsilon": 0.001})
    assert layer.axis == 2


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda x: layers.LayerNormalization(axis=3)(x), "axis=3"),
        (lambda x: layers.LayerNormalization(axis=[1, 1])(x), "does not name axes"),
        (lambda x: layers.LayerNormalization(axis="last")(x), "must be an int"),
        (lambda x: layers.GroupNormalization(3)(x), "do not fall into groups=3"),
        (lambda x: layers.GroupNormalization(0)(x), "groups"),
        (lambda x: layers.LayerNormalization()(layers.Input((3, None))), "must be known"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(layers.Input((3, 4)))
