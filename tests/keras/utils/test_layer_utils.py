"""Summaries, source inputs and weight conversions. The tables are what Keras 2.3.1 prints."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras.utils import conv_utils, layer_utils
from tests.keras.utils import fake_models as fakes


def summary(model, **arguments):
    lines = []
    layer_utils.print_summary(model, print_fn=lines.append, **arguments)
    return lines


MLP = """\
Model: "mlp"
_________________________________________________________________
Layer (type)                 Output Shape              Param #   #
=================================================================
hidden_with_a_very_long_name (None, 256)               200960    #
_________________________________________________________________
drop (Dropout)               (None, 256)               0         #
_________________________________________________________________
bn (BatchNormalization)      (None, 256)               1024      #
_________________________________________________________________
out (Dense)                  (None, 10)                2570      #
=================================================================
Total params: 204,554
Trainable params: 204,042
Non-trainable params: 512
_________________________________________________________________"""

SIAMESE = """\
Model: "siamese"
__________________________________________________________________________________________________
Layer (type)                    Output Shape         Param #     Connected to                     #
==================================================================================================
tweet_a (InputLayer)            (None, 140, 256)     0                                            #
__________________________________________________________________________________________________
tweet_b (InputLayer)            (None, 140, 256)     0                                            #
__________________________________________________________________________________________________
shared (Dense)                  (None, 140, 64)      16448       tweet_a[0][0]                    #
                                                                 tweet_b[0][0]                    #
__________________________________________________________________________________________________
flat (Flatten)                  (None, 8960)         0           shared[0][0]                     #
                                                                 shared[1][0]                     #
__________________________________________________________________________________________________
merged (Concatenate)            (None, 17920)        0           flat[0][0]                       #
                                                                 flat[1][0]                       #
__________________________________________________________________________________________________
out (Dense)                     (None, 1)            17921       merged[0][0]                     #
==================================================================================================
Total params: 34,369
Trainable params: 34,369
Non-trainable params: 0
__________________________________________________________________________________________________"""

NESTED = """\
Model: "outer"
_________________________________________________________________
Layer (type)                 Output Shape              Param #   #
=================================================================
x (InputLayer)               (None, 784)               0         #
_________________________________________________________________
mlp (Sequential)             (None, 10)                204554    #
_________________________________________________________________
frozen (Dense)               (None, 3)                 33        #
=================================================================
Total params: 204,587
Trainable params: 204,042
Non-trainable params: 545
_________________________________________________________________"""

NARROW = """\
Model: "siamese"
____________________________________________________________
Layer (ty Output Shape        Param #   Connected to        #
============================================================
tweet_a ( (None, 140, 256)    0                             #
____________________________________________________________
tweet_b ( (None, 140, 256)    0                             #
____________________________________________________________
shared (D (None, 140, 64)     16448     tweet_a[0][0]       #
                                        tweet_b[0][0]       #
____________________________________________________________
flat (Fla (None, 8960)        0         shared[0][0]        #
                                        shared[1][0]        #
____________________________________________________________
merged (C (None, 17920)       0         flat[0][0]          #
                                        flat[1][0]          #
____________________________________________________________
out (Dens (None, 1)           17921     merged[0][0]        #
============================================================
Total params: 34,369
Trainable params: 34,369
Non-trainable params: 0
____________________________________________________________"""


@pytest.mark.parametrize(
    ("make", "arguments", "expected"),
    [
        (fakes.mlp, {}, MLP),
        (fakes.siamese, {}, SIAMESE),
        (fakes.nested, {}, NESTED),
        (fakes.siamese, {"line_length": 60, "positions": [10, 30, 40, 60]}, NARROW),
    ],
    ids=["sequential", "graph", "nested", "narrow"],
)
def test_summary_is_kerass_table(make, arguments, expected):
    assert summary(make(), **arguments) == expected.replace("#\n", "\n").splitlines()


def test_relative_positions_follow_the_line_length():
    lines = summary(fakes.mlp(), line_length=40, positions=[0.3, 0.6, 1.0])
    assert lines[2] == "Layer (type Output Shap Param #         "
    assert lines[4] == "hidden_with (None, 256) 200960          "


def test_summary_prints_by_default(capsys):
    layer_utils.print_summary(fakes.mlp())
    assert capsys.readouterr().out.startswith('Model: "mlp"\n____')


def test_calls_outside_the_model_are_not_shown():
    model = fakes.siamese()
    other = fakes.layer("InputLayer", "elsewhere", (None, 140, 256))
    model.layers[2](other())
    assert summary(model) == SIAMESE.replace("#\n", "\n").splitlines()


def test_a_layer_without_one_shape_is_shown_as_multiple():
    model = fakes.mlp()
    del model.layers[1].output_shape
    assert "drop (Dropout)               multiple " in summary(model)[6]


def test_nodes_and_connections_of_a_model():
    model = fakes.siamese()
    assert len(layer_utils.model_nodes(model)) == 8
    flat = model.layers[3]
    nodes = {id(node) for node in layer_utils.model_nodes(model)}
    assert layer_utils.connections_among(flat, nodes) == [("shared", 0, 0), ("shared", 1, 0)]


def test_model_over_inner_tensors_stops_at_its_inputs():
    whole = fakes.mlp()
    start = fakes.Tensor(whole.layers[1], 0)
    part = fakes.Model("part", [start], whole.outputs, whole.layers[2:])
    names = {node.outbound_layer.name for node in layer_utils.model_nodes(part)}
    assert names == {"drop", "bn", "out"}


def test_count_params_counts_each_weight_once():
    weight = np.zeros((3, 4))
    assert layer_utils.count_params([weight, weight, np.zeros(5), np.float32(1)]) == 18


def test_source_inputs_are_found_once_each():
    model = fakes.siamese()
    assert layer_utils.get_source_inputs(model.outputs[0]) == model.inputs[:0] + [
        model.layers[0]._inbound_nodes[0].output_tensors[0],
        model.layers[1]._inbound_nodes[0].output_tensors[0],
    ]
    assert layer_utils.get_source_inputs(3) == 3
    untouched = fakes.Tensor(fakes.layer("Dense", "d", None), 0)
    assert layer_utils.get_source_inputs(untouched) == [untouched]


def test_a_very_deep_model_is_walked_without_recursion():
    source = fakes.layer("InputLayer", "x", (None, 1))
    layers = [fakes.layer("Dense", f"d{i}", (None, 1)) for i in range(3000)]
    first = tensor = source()
    for part in layers:
        tensor = part(tensor)
    assert layer_utils.get_source_inputs(tensor) == [first]
    model = fakes.Model("deep", [first], [tensor], [source, *layers])
    assert len(layer_utils.model_nodes(model)) == 3001


def test_all_kernels_are_flipped_in_place():
    conv = fakes.layer("Conv2D", "c", None, (3, 3, 2, 4), (4,))
    dense = fakes.layer("Dense", "d", None, (3, 3))
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
    conv.set_weights([kernel, np.ones(4)])
    dense.set_weights([np.arange(9).reshape(3, 3)])
    layer_utils.convert_all_kernels_in_model(fakes.Model("m", [], [fakes.Tensor(conv, 0)], [conv, dense]))
    assert np.array_equal(conv.weights[0], conv_utils.convert_kernel(kernel))
    assert np.array_equal(conv.weights[1], np.ones(4))
    assert np.array_equal(dense.weights[0], np.arange(9).reshape(3, 3))


def test_dense_weights_follow_the_feature_map_to_the_other_format():
    maps = np.random.default_rng(0).normal(size=(2, 3, 4))  # rows, columns, channels
    dense = fakes.layer("Dense", "d", None, (24, 5), (5,))
    kernel = np.random.default_rng(1).normal(size=(24, 5))
    dense.set_weights([kernel, np.zeros(5)])
    expected = maps.ravel() @ kernel
    layer_utils.convert_dense_weights_data_format(dense, (4, 2, 3), "channels_first")
    assert np.allclose(maps.transpose(2, 0, 1).ravel() @ dense.weights[0], expected)
    layer_utils.convert_dense_weights_data_format(dense, (2, 3, 4), "channels_last")
    assert np.allclose(dense.weights[0], kernel)
    with pytest.raises(ValueError, match="24 inputs, which is not a feature map of shape"):
        layer_utils.convert_dense_weights_data_format(dense, (4, 2, 2))
    with pytest.raises(ValueError, match="target_data_format"):
        layer_utils.convert_dense_weights_data_format(dense, (4, 2, 3), "NCHW")
