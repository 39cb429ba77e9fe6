"""The writer: names, states, subgraphs, dynamic axes, weights kept out of the proto."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from kcompile.ir import Body, Constant, Graph, Parameter, Storage, Value, name_scope, op
from kcompile.onnx_io import ExportError, build_model, build_session_model, get_metadata
from tests.onnx_io import networks
from tests.onnx_io.running import feeds_for, run


def rand(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def dense_graph():
    x = Value("float32", ("batch", 4), "x")
    kernel, bias = Parameter(rand(4, 16), "dense_1/kernel"), Parameter(rand(16), "dense_1/bias")
    with name_scope("dense_1"):
        y = op.Relu(op.Add(op.MatMul(x, kernel), bias))
    return Graph([y], [x]), kernel, bias


def test_names_come_from_layers_and_weights():
    graph, *_ = dense_graph()
    model = build_model(graph, output_names=["dense_1"])
    onnx.checker.check_model(model, full_check=True)
    assert [n.name for n in model.graph.node] == ["dense_1/MatMul", "dense_1/Add", "dense_1/Relu"]
    assert [i.name for i in model.graph.initializer] == ["dense_1/kernel", "dense_1/bias"]
    assert [o.name for o in model.graph.output] == ["dense_1"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [p.value for n in model.graph.node for p in n.metadata_props] == ["dense_1"] * 3


def test_equal_node_names_are_numbered_and_equal_constants_written_once():
    x = Value("float32", ("batch", 4), "x")
    with name_scope("twice"):
        y = op.Reshape(op.Reshape(op.Reshape(x, [-1, 2]), [-1, 4]), [-1, 2])
    model = build_model(Graph([y], [x]))
    assert [n.name for n in model.graph.node] == ["twice/Reshape", "twice/Reshape_1", "twice/Reshape_2"]
    assert [i.name for i in model.graph.initializer] == ["twice/Reshape/shape", "twice/Reshape_1/shape"]


@pytest.mark.parametrize("weights", ["inline", "external", "inputs"])
@pytest.mark.parametrize("order", [None, (3, 2, 0, 1), (3, 0, 1, 2)])
def test_outputs_do_not_depend_on_where_the_weights_are(weights, order):
    graph = networks.cnn(order=order)
    feeds = feeds_for(graph)
    expected = run(build_model(networks.cnn()), feeds)
    if weights == "inline":
        found = run(build_model(graph), feeds)
    else:
        session = build_session_model(graph, weights=weights)
        assert set(session.parameters) == {p.name for p in graph.parameters}
        if weights == "external":
            found = run(session.model, feeds, session.initializers)
        else:
            found = run(session.model, {**feeds, **session.initializers})
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("order", [None, (3, 2, 0, 1), (3, 0, 1, 2)])
def test_session_weights_share_memory_with_the_parameter(order):
    graph = networks.cnn(order=order)
    session = build_session_model(graph, weights="inputs")
    for name, array in session.initializers.items():
        assert np.shares_memory(array, session.parameters[name].storage.array), name
        assert array.flags.c_contiguous
    large = sum(array.nbytes for array in session.initializers.values())
    assert large > 3 * len(session.model)


def test_a_kernel_that_lies_as_the_operator_wants_it_needs_no_transpose():
    model = onnx.load_from_string(
        build_session_model(networks.cnn(order=(3, 2, 0, 1)), weights="inputs").model
    )
    kernels = {n.input[1] for n in model.graph.node if n.op_type == "Conv"}
    assert kernels == {"conv2d_1/kernel", "conv2d_3/kernel"}


def test_a_weight_with_a_memory_order_can_be_read_in_every_way():
    """Raw, transposed, captured by a body, and as an output."""
    weight = Parameter(Storage(rand(2, 3), order=(1, 0)), "w")
    x = Value("float32", ("time", 2, 3), "x")
    state, step = Value("float32", (2, 3), "state"), Value("float32", (2, 3), "step")
    new = op.Add(state, op.Mul(step, weight))
    (last,) = [op.Scan(weight, x, body=Body([new], [state, step]), num_scan_inputs=1, outputs=1)]
    flipped = op.Transpose(weight, perm=[1, 0])
    graph = Graph([last, weight, flipped, op.MatMul(flipped, weight)], [x])
    feeds = feeds_for(graph)
    session = build_session_model(graph, weights="inputs")
    for found, expected in zip(
        run(session.model, {**feeds, **session.initializers}), run(build_model(graph), feeds), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_outputs_that_are_inputs_weights_constants_or_repeated_have_names_of_their_own():
    x = Value("float32", ("batch", 4), "x")
    weight = Parameter(rand(4), "w")
    y = op.Relu(x)
    graph = Graph([x, weight, Constant(rand(2)), y, y, op.Identity(y)], [x])
    model = build_model(graph, output_names=["x", "b", "c", "y", "y", "z"])
    onnx.checker.check_model(model, full_check=True)
    assert [o.name for o in model.graph.output] == ["x_1", "b", "c", "y", "y_1", "z"]
    value = rand(2, 4)
    found = run(model, {"x": value})
    for output, expected in zip(
        found, [value, weight.numpy(), rand(2), *[np.maximum(value, 0)] * 3], strict=True
    ):
        np.testing.assert_array_equal(output, expected)


def test_axes_of_unknown_size_get_names_of_their_own():
    x = Value("float32", ("batch", None, None, 3), "x")
    model = build_model(Graph([op.Relu(x)], [x]))
    dims = [d.dim_param or d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    assert dims == ["batch", "x_dim1", "x_dim2", 3]


def counter_graph(start):
    x = Value("float32", ("batch", 2), "x")
    total = Parameter(np.asarray(start, np.float32), "metric/total", trainable=False)
    new = op.Add(total, op.ReduceSum(x, [0], keepdims=0))
    return Graph([op.Mul(x, total), new], [x], updates=[(total, new)]), total


@pytest.mark.parametrize(
    ("start", "initial"),
    [([0, 0], None), ([2, 2], 2.0), ([1, 2], [1.0, 2.0])],
    ids=["zeros", "uniform", "any"],
)
def test_updates_become_state_pairs(start, initial):
    graph, _ = counter_graph(start)
    model = build_model(graph, output_names=["scaled", "sum"])
    onnx.checker.check_model(model, full_check=True)
    (state,) = json.loads(get_metadata(model)["kcompile.states"])
    assert state.pop("initial", None) == initial
    assert state == {"input": "metric/total", "output": "metric/total/next", "shape": [2], "dtype": "float32"}
    value = rand(3, 2)
    first = np.asarray(start, np.float32)
    scaled, total, following = run(model, {"x": value, "metric/total": first})
    np.testing.assert_allclose(scaled, value * first)
    np.testing.assert_array_equal(total, following)


def test_the_start_of_a_state_can_differ_from_its_present_value():
    graph, total = counter_graph([5, 6])
    model = build_model(graph, initial={total: np.zeros(2)})
    assert "initial" not in json.loads(get_metadata(model)["kcompile.states"])[0]


def test_scan_bodies_capture_outer_values():
    graph = networks.scan()
    model = build_model(graph)
    onnx.checker.check_model(model, full_check=True)
    feeds = feeds_for(graph)
    last, every = run(model, feeds)
    outer = np.maximum(feeds["x"], 0)
    kernel = graph.parameters[0].numpy()
    state, rows = outer.min(0), []
    for row in outer:
        state = state * 0.5 + row @ kernel
        rows.append(state + outer.max(0))
    np.testing.assert_allclose(last, state, rtol=1e-5)
    np.testing.assert_allclose(every, rows, rtol=1e-5)


def test_branches_of_if_may_return_what_lies_outside():
    x = Value("float32", ("batch",), "x")
    weight = Parameter(rand(1), "w")
    condition = op.Greater(op.ReduceMax(x, [0], keepdims=0), 0.0)
    y = op.If(condition, then_branch=Body([x]), else_branch=Body([weight]), outputs=1)
    model = build_model(Graph([y], [x]))
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_array_equal(run(model, {"x": np.float32([1, 2])})[0], [1, 2])
    np.testing.assert_array_equal(run(model, {"x": np.float32([-1, -2])})[0], weight.numpy())


def gradient():
    x = Value("float32", ("batch", 4), "x")
    with name_scope("critic"):
        (g,) = op.Gradient(op.Mul(x, x), x)
    return Graph([g], [x])


def stop_gradient():
    x = Value("float32", ("batch", 4), "x")
    with name_scope("frozen"):
        y = op.StopGradient(op.Relu(x))
    return Graph([y], [x], phase="train")


def same_weight_names():
    x = Value("float32", ("batch", 4), "x")
    return Graph([op.Add(op.Add(x, Parameter(rand(4), "w")), Parameter(rand(4), "w"))], [x])


def same_input_names():
    x, y = Value("float32", (4,), "x"), Value("float32", (4,), "x")
    return Graph([op.Add(x, y)], [x, y])


@pytest.mark.parametrize(
    ("graph", "arguments", "message"),
    [
        (gradient, {}, r"Gradient in critic cannot be exported to ONNX: .*K\.function"),
        (stop_gradient, {}, "StopGradient in frozen .* slice the graph for inference"),
        (same_weight_names, {}, "weight .*w .*named 'w', and so is another"),
        (same_input_names, {}, "input .*named 'x', and so is another"),
        (networks.cnn, {"input_names": ["a", "b"]}, r"2 input names given \(a, b\); the graph has 1"),
        (networks.cnn, {"output_names": []}, "0 output names given .*; the graph has 1"),
        (networks.cnn, {"input_names": [""]}, "empty name"),
        (networks.cnn, {"metadata": {"a": 1}}, r"Metadata entries are strings; 'a' is 1 \(int\)"),
    ],
)
def test_what_cannot_be_written_is_named(graph, arguments, message):
    with pytest.raises(ExportError, match=message):
        build_model(graph(), **arguments)


def test_weights_of_equal_names_are_told_apart_in_a_session():
    graph = same_weight_names()
    session = build_session_model(graph, weights="inputs")
    assert list(session.parameters) == ["w", "w_1"]
    value = rand(2, 4, seed=3)
    found = run(session.model, {"x": value, **session.initializers})[0]
    np.testing.assert_allclose(found, value + sum(p.numpy() for p in graph.parameters), rtol=1e-6)
