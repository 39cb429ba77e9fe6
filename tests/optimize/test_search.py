"""Layers are put back to float32 until the metric holds; the report says which and why."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from kcompile.optimize import OptimizeError, SamplesError, quantize, quantizing
from kcompile.optimize.ranges import Ranges
from kcompile.optimize.samples import Samples
from kcompile.optimize.scoring import Judge, accuracy, sqnr, top_5
from kcompile.optimize.search import hold
from kcompile.optimize.sensitivity import Sensitivity, with_quantized_nodes
from kcompile_runtime import Executor
from tests.optimize.networks import Digits


def fragile(digits: Digits) -> onnx.ModelProto:
    """The same network, in which one number that the last layer reads is far larger than the others, and its
    weights as much smaller: 8 bits for all of them leave little of the others."""
    model = onnx.ModelProto()
    model.CopyFrom(digits.proto)
    _scale(model, "hidden/kernel", 1, 2000.0)
    _scale(model, "hidden/bias", 0, 2000.0)
    _scale(model, "digits/kernel", 0, 1 / 2000.0)
    return model


def _scale(model: onnx.ModelProto, name: str, axis: int, factor: float) -> None:
    tensor = next(i for i in model.graph.initializer if i.name == name)
    array = numpy_helper.to_array(tensor).copy()
    index = [slice(None)] * array.ndim
    index[axis] = slice(0, 1)
    array[tuple(index)] *= factor
    tensor.CopyFrom(numpy_helper.from_array(array, name))


def test_the_layer_that_costs_accuracy_is_put_back(digits):
    model = fragile(digits)
    options = {
        "calibrate": digits.x[:100], "evaluate": digits.x_test, "labels": digits.y_test, "equalize": False
    }  # fmt: skip
    plain = quantize(model, **options)
    assert plain.measured.drop > 0.05 and plain.held
    result = quantize(model, **options, max_drop=0.005)
    assert result.held and result.measured.drop <= 0.005
    assert "digits" in [layer.name for layer in result.float_layers]
    assert {layer.reason for layer in result.float_layers} == {"put back for the metric"}
    assert result.sensitivities[0].layer == "digits"
    outputs = Executor(result.model.SerializeToString()).predict(digits.x_test)
    assert np.mean(outputs.argmax(-1) == digits.y_test) == pytest.approx(result.measured.after)


def test_nothing_is_put_back_where_nothing_is_lost(digits):
    result = quantize(
        digits.proto, calibrate=digits.x[:100], evaluate=digits.x_test, labels=digits.y_test, max_drop=0.02
    )
    assert result.held and not result.float_layers and not result.sensitivities
    assert result.measured.tried == [(0, result.measured.after)]


def test_a_drop_that_cannot_be_held_gives_the_best_found(digits):
    result = quantize(
        digits.proto, calibrate=digits.x[:100], evaluate=digits.x_test, labels=digits.y_test, max_drop=-0.5
    )
    assert not result.held
    assert len(result.measured.tried) > 1
    assert result.measured.after == max(score for _, score in result.measured.tried)
    assert (
        0 < len(result.float_layers) < len(result.layers)
        or result.measured.tried[0][1] == result.measured.after
    )


def test_without_labels_the_models_own_answers_are_right(digits):
    result = quantize(digits.proto, calibrate=digits.x[:100], max_drop=0.02)
    assert result.measured.before == 1.0 and result.measured.after > 0.97


def test_any_function_judges(digits):
    def agreement(labels: np.ndarray, outputs: np.ndarray) -> float:
        return float(np.mean(outputs[np.arange(len(labels)), labels]))

    result = quantize(digits.proto, calibrate=digits.x[:100], labels=digits.y[:100], metric=agreement)
    assert result.measured.metric == "agreement" and result.measured.before > 0.7


@pytest.mark.parametrize("method", ["dynamic", "weights4", "float16", "bfloat16"])
def test_every_method_can_be_searched(digits, method):
    result = quantize(digits.proto, method, calibrate=digits.x[:50], labels=digits.y[:50], max_drop=-1.0)
    assert not result.held and result.sensitivities
    assert all(np.isfinite(one.change) for one in result.sensitivities)


BAD_LABELS = {
    "too few": (lambda y: y[:5], "expected 100, one for each sample"),
    "texts": (lambda y: y.astype(str), "expected numbers"),
    "nan": (lambda y: np.full(len(y), np.nan), "NaN"),
    "another shape": (lambda y: np.stack([y, y], 1), "expected classes"),
}


@pytest.mark.parametrize("case", sorted(BAD_LABELS))
def test_labels_that_do_not_fit_are_refused(digits, case):
    spoil, message = BAD_LABELS[case]
    with pytest.raises(SamplesError, match=message):
        quantize(digits.proto, calibrate=digits.x[:100], labels=spoil(digits.y[:100]))


def test_a_metric_that_needs_labels_says_so(digits):
    with pytest.raises(SamplesError, match="mae needs them"):
        quantize(digits.proto, calibrate=digits.x[:50], metric="mae", max_drop=0.1)
    with pytest.raises(OptimizeError, match="expected accuracy"):
        quantize(digits.proto, calibrate=digits.x[:50], metric="f1", labels=digits.y[:50])
    with pytest.raises(SamplesError, match="there are none"):
        quantize(digits.proto, "dynamic", labels=digits.y[:50])


def test_a_layer_alone_is_as_in_the_whole_model(digits):
    prepared = quantizing.prepare(digits.proto)
    whole = quantizing.static(prepared, Ranges(prepared, Samples(digits.proto, digits.x[:50])))
    names = [node.name for nodes in quantizing.weighted_nodes(prepared).values() for node in nodes]
    every = with_quantized_nodes(prepared, whole, names)
    onnx.checker.check_model(every)
    x = digits.x_test[:50]
    plain, alone, all_of_it = (
        Executor(model.SerializeToString()).predict(x) for model in (prepared, every, whole)
    )
    assert sqnr(all_of_it, alone) > sqnr(plain, all_of_it)
    one = with_quantized_nodes(prepared, whole, names[:1])
    assert sum(node.op_type == "QuantizeLinear" for node in one.graph.node) == 1
    none = Executor(with_quantized_nodes(prepared, whole, []).SerializeToString()).predict(x)
    np.testing.assert_array_equal(none, plain)


class _Scripted(Judge):
    """Scores by the number of layers that are put back."""

    def __init__(self, scores: list[float]) -> None:
        self.base, self.more_is_better, self.scores = 1.0, True, scores

    def score(self, model: onnx.ModelProto) -> float:
        return self.scores[int(model.producer_name)]


@pytest.mark.parametrize(
    ("scores", "found", "held"),
    [
        ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 0, True),
        ([0.1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], 1, True),
        ([0.1, 0.1, 0.1, 1.0, 1.0, 1.0, 1.0, 1.0], 3, True),
        ([0.1, 0.1, 0.1, 0.1, 0.1, 1.0, 1.0, 1.0], 5, True),
        ([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 1.0], 7, True),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 7, False),
        ([0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 0, False),
    ],
)
def test_the_search_ends_at_the_fewest_layers(scores, found, held):
    def make(layers):
        return onnx.ModelProto(producer_name=str(len(layers)))

    def order():
        return [Sensitivity(str(i), ("Conv",), 0.0, 0.0) for i in range(len(scores))]

    result = hold(make, _Scripted(scores), order, 0.01)
    assert (len(result.float_layers), result.held) == (found, held)
    assert len(result.tried) <= 7


@pytest.mark.parametrize(
    ("labels", "outputs", "expected"),
    [
        ([0, 1, 1, 0], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]], 0.75),
        ([[1, 0], [0, 1]], [[0.9, 0.1], [0.6, 0.4]], 0.5),
        ([[0], [1]], [[0.2], [0.7]], 1.0),
        ([0, 1], [[-3.0], [0.2]], 1.0),
        ([[0, 1]], [[[0.9, 0.1], [0.2, 0.8]]], 1.0),
    ],
)
def test_accuracy_takes_labels_of_every_form(labels, outputs, expected):
    assert accuracy(np.array(labels), np.array(outputs)) == expected


def test_top_5_counts_the_five_largest():
    outputs = np.arange(8)[None].repeat(8, 0).astype(np.float32)
    assert top_5(np.arange(8), outputs) == 5 / 8
