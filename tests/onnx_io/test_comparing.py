"""What verification sees: which inputs are drawn, and which differences count."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import Constant, Graph, Parameter, Value, op
from kcompile.onnx_io.comparing import compare, difference, rounded_difference, rounding_difference
from kcompile.onnx_io.samples import Hints, Sampler

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("expected", "found", "value"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.0], [1.0, 2.2], pytest.approx(0.1)),
        ([INF, 1.0], [INF, 5.0], 4.0),  # an infinity beside blinds nothing
        ([INF, 1.0], [-INF, 1.0], INF),
        ([INF, 1.0], [1e30, 1.0], INF),
        ([1.0, 1.0], [INF, 1.0], INF),
        ([NAN, 1.0], [NAN, 3.0], 2.0),
        ([NAN, 1.0], [0.0, 1.0], INF),
        ([1.0, 1.0], [1.0, NAN], INF),
        ([NAN, INF, 2.0], [NAN, INF, 2.0], 0.0),
        ([1.0], [[1.0]], INF),
        ([], [], 0.0),
    ],
)
def test_differences(expected, found, value):
    assert difference(np.array(expected), np.array(found)) == value


def test_texts_differ_where_they_are_not_equal():
    texts = np.array(["a", "b"], object)
    assert difference(texts, texts.copy()) == 0
    assert difference(texts, np.array(["a", "c"], object)) == INF


def test_rounding_excuses_single_steps_and_no_more():
    expected = np.linspace(-1, 1, 200)
    one_step = expected.copy()
    one_step[50] += 0.03
    assert difference(expected, one_step) > 1e-3 and rounded_difference(expected, one_step) == 0
    assert rounded_difference(expected, expected * 1.05) > 1e-2  # all of them off
    assert rounded_difference(expected, np.where(np.arange(200) == 3, 1.0, expected)) > 1e-1  # one far off


X = ("batch", "steps", 3)


def graph_of(build, *shapes, dtype="float32"):
    inputs = [Value(dtype, shape, f"x{i}") for i, shape in enumerate(shapes or (X,))]
    return Graph([build(*inputs)], inputs)


def table(rows):
    return Parameter(np.ones((rows, 4), np.float32), "table")


def c(value, dtype="float32"):
    return Constant(np.array(value, dtype))


def run(function):
    return lambda arrays: [np.asarray(function(*arrays))]


def kept_steps(x):
    return (x != -1).any(-1, keepdims=True)


#: what the graph says -> the right function, and one that is wrong only where normal numbers never come
BLIND_SPOTS = {
    "masked steps": (
        lambda x: op.Where(op.Equal(x, c(-1)), c(0), x),
        lambda x: x * kept_steps(x),
        lambda x: x,
    ),
    "the upper end of a clip": (
        lambda x: op.Clip(x, c(0), c(6)),
        lambda x: np.clip(x, 0, 6),
        lambda x: np.maximum(x, 0),
    ),
    "the lower end of a clip far below": (
        lambda x: op.Clip(x, c(-100), None),
        lambda x: np.maximum(x, -100),
        lambda x: x,
    ),
    "a threshold": (
        lambda x: op.ThresholdedRelu(x, alpha=9.0),
        lambda x: x * (x > 9),
        lambda x: 0 * x,
    ),
    "the ends of a hard sigmoid": (
        lambda x: op.HardSigmoid(x, alpha=0.05),
        lambda x: np.clip(0.05 * x + 0.5, 0, 1),
        lambda x: 0.05 * x + 0.5,
    ),
    "negative numbers": (op.Relu, lambda x: np.maximum(x, 0), lambda x: x),
}


@pytest.mark.parametrize("name", BLIND_SPOTS)
def test_comparison_meets_what_the_graph_distinguishes(name):
    build, right, wrong = BLIND_SPOTS[name]
    graph = graph_of(build)
    assert compare([graph], run(right), run(right)).worst == [0.0]
    assert compare([graph], run(right), run(wrong)).worst[0] > 1e-3
    assert compare([graph_of(op.Neg), graph], run(right), run(wrong)).worst[0] > 1e-3  # either may say it


def test_indices_stay_within_the_smallest_table_and_meet_the_padding():
    def lookup(ids):
        rows = op.Cast(op.Reshape(ids, c([-1], "int64")), to=7)
        return op.Add(op.Gather(table(5000), rows), op.Gather(table(3000), rows))

    graph = graph_of(lookup, ("batch", "steps"))
    hints = Hints.of(graph)
    assert hints.rows == {0: 3000}
    sampler = Sampler(graph, hints, {"batch": 2, "steps": 9})
    drawn = [sampler.plain()[0], *(arrays[0] for arrays in sampler.further())]
    assert all(((array >= 0) & (array < 3000) & (array % 1 == 0)).all() for array in drawn)
    assert any((array[:, -1] == 0).any() for array in drawn)


def test_integers_without_a_table_are_tried_with_both_signs():
    graph = graph_of(op.Abs, ("batch", 50), dtype="int64")
    assert compare([graph], run(np.abs), run(lambda x: x)).worst[0] > 1e-3


def test_a_model_that_refuses_odd_values_is_compared_on_plain_ones():
    def strict(x):
        if np.abs(x).max() > 5:
            raise ValueError("too large")
        return np.clip(x, 0, 6)

    assert compare([graph_of(lambda x: op.Clip(x, c(0), c(6)))], run(strict), run(strict)).worst == [0.0]


def test_a_form_that_refuses_odd_values_which_the_other_takes_is_a_difference():
    def strict(x):
        if np.abs(x).max() > 5:
            raise ValueError("too large")
        return np.clip(x, 0, 6)

    graph = graph_of(lambda x: op.Clip(x, c(0), c(6)))
    assert str(compare([graph], run(lambda x: np.clip(x, 0, 6)), run(strict)).failed) == "too large"
    assert compare([graph], run(strict), run(lambda x: np.clip(x, 0, 6))).failed is None


def test_what_is_defined_for_positive_numbers_is_compared_on_those():
    def only_positive(factor):
        return run(lambda x: np.where(x.min() > 0, factor * x, np.nan))

    result = compare([graph_of(op.Log)], only_positive(1), only_positive(2))
    assert result.worst[0] == pytest.approx(1.0)


def test_nothing_but_nan_counts_as_not_compared():
    nothing = run(lambda x: x * np.nan)
    assert compare([graph_of(op.Log)], nothing, nothing).worst == [None]


def test_a_form_that_never_runs_is_told_apart_from_sizes_that_never_fit():
    def refuse(arrays):
        raise RuntimeError("no such kernel")

    graph = graph_of(op.Neg)
    assert str(compare([graph], run(np.negative), refuse).failed) == "no such kernel"
    refused = compare([graph], refuse, run(np.negative))
    assert refused.failed is None and "no such kernel" in refused.reason


def test_outputs_that_depend_on_draws_are_left_out_and_others_compared():
    x = Value("float32", ("batch", 3), "x")
    graph = Graph([op.Add(x, op.RandomNormalLike(x)), op.Neg(x)], [x])
    result = compare([graph], lambda a: [a[0], -a[0]], lambda a: [a[0] * 9, -a[0] * 2])
    assert result.random == [True, False] and result.worst[0] is None and result.worst[1] > 0.5
    only = Graph(graph.outputs[:1], [x])
    assert "random" in compare([only], run(np.abs), run(np.abs)).reason


def test_quantized_graphs_are_compared_with_their_rounding_in_mind():
    """A value on the border of two steps goes to either, by the last bit of what comes before."""
    scale = np.float32(0.05)

    def quantized(x):
        rounded = op.QuantizeLinear(x, c(scale), Constant(np.zeros((), np.int8)))
        return op.DequantizeLinear(rounded, c(scale), Constant(np.zeros((), np.int8)))

    def steps(x, shift=0.0, factor=1.0):
        return np.clip(np.rint(x / scale + shift), -128, 127) * scale * factor

    graph = graph_of(quantized, ("batch", 200))
    nudged = run(lambda x: steps(x, shift=0.02 * (np.arange(200) % 10 == 0)))
    assert difference(steps(np.linspace(-3, 3, 99)), steps(np.linspace(-3, 3, 99), 0.02)) > 1e-3
    assert compare([graph], run(steps), nudged).worst == [0.0]
    assert compare([graph], run(steps), run(lambda x: steps(x, factor=1.1))).worst[0] > 1e-3
    assert compare([graph], run(steps), run(lambda x: np.where(x > 1, 0, steps(x)))).worst[0] > 1e-3


def test_rounding_of_inputs_moves_little_where_nothing_cancels():
    x = [np.linspace(1, 2, 64, dtype="float32"), np.arange(4)]
    coarse = x[0].astype("float16").astype("float32")
    moved = rounding_difference(lambda a: [a[0] * 3, 100 * (a[0] - coarse), a[1]], x)
    assert 1e-8 < moved[0] < 1e-6
    assert 1e-4 < moved[1] < 1e-2
    assert moved[2] == 0
    assert (x[0] == np.linspace(1, 2, 64, dtype="float32")).all()
