"""Constants of a file: computed before it is written as far as they stay small, and those of bodies."""

from __future__ import annotations

import tracemalloc

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kcompile.ir import Graph, Value, op
from kcompile.onnx_io import build_session_model, export, read_graph
from tests.onnx_io.running import run

ONE = np.ones((1, 1), np.float32)


def pad(n):
    return op.Pad(ONE, [0, 0, 0, n - 1])


def expand(n):
    return op.Expand(ONE, [1, n])


def tile(n):
    return op.Tile(ONE, [1, n])


def constant_of_shape(n):
    return op.ConstantOfShape([1, n], value=np.array([2.0], np.float32))


def range_(n):
    return op.Unsqueeze(op.Range(np.float32(0), np.float32(n), np.float32(1)), [0])


def resize(n):
    return op.Resize(ONE, None, None, np.array([1, n]), mode="nearest")


def one_hot(n):
    return op.OneHot(np.array([0]), np.array([n]), np.array([1, 2], np.float32))


def gather(n):
    return op.Gather(np.arange(2 * n, dtype=np.float32).reshape(2, n), [1], axis=0)


def concat(n):
    value = op.Concat(ONE, ONE, axis=1)
    for _ in range(n.bit_length() - 2):
        value = op.Concat(value, value, axis=1)
    return value


GROWING = [pad, expand, tile, constant_of_shape, range_, resize, one_hot, gather, concat]


@pytest.mark.parametrize("grow", GROWING)
@pytest.mark.parametrize("n", [2, 8, 2**19])
def test_a_constant_that_grows_is_exported(grow, n):
    x = Value("float32", ("batch", n), "x")
    graph = Graph([op.Add(x, grow(n))], [x])
    feeds = {"x": np.arange(2 * n, dtype=np.float32).reshape(2, n)}
    np.testing.assert_array_equal(*(run(export(graph, optimize=o), feeds)[0] for o in (True, False)))


@pytest.mark.parametrize("grow", [g for g in GROWING if g is not gather])
def test_what_would_not_fit_into_memory_is_left_to_compute(grow):
    n = 2**40
    x = Value("float32", ("batch", 1), "x")
    graph = Graph([op.Add(x, op.Slice(grow(n), [0], [1], [1]))], [x])
    tracemalloc.start()
    try:
        model = export(graph)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert model.ByteSize() < 2 << 20
    assert peak < 64 << 20


# --- bodies ---


def info(name, shape=None, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def branches(then, other, tail):
    """x (N, 2) -> Relu -> Ifs on the sign of the sum; what they read is named r."""
    node = helper.make_node
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("ReduceSum", ["x"], ["s"], keepdims=0),
        node("Cast", ["s"], ["c"], to=TensorProto.BOOL),
        node("Constant", [], ["one"], value=numpy_helper.from_array(np.array([1]))),
        node("Shape", ["x"], ["sizes"]),
        node("Gather", ["sizes", "one"], ["size"]),
        node("Cast", ["size"], ["n"], to=TensorProto.FLOAT),
    ]
    for i, kinds in enumerate(zip(then, other, strict=True)):
        bodies = {
            f"{which}_branch": helper.make_graph(
                [node(kind, ["r"], [f"{which}{i}"])], which, [], [info(f"{which}{i}")]
            )
            for which, kind in zip(("then", "else"), kinds, strict=True)
        }
        nodes.append(node("If", ["c"], [f"i{i}"], **bodies))
    nodes += [node(*end) for end in tail]
    graph = helper.make_graph(nodes, "g", [info("x", ["N", 2])], [info("y", ["N", 2])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


ADD = ("Add", ["i0", "n"], ["y"])


@pytest.mark.parametrize(
    ("then", "other", "tail"),
    [
        (["Identity"], ["Identity"], [ADD]),
        (["Identity"], ["Neg"], [ADD]),
        (["Neg"], ["Identity"], [ADD]),
        (["Identity", "Neg"], ["Neg", "Identity"], [("Sum", ["i0", "i1", "n"], ["y"])]),
        (["Identity", "Identity"], ["Identity", "Identity"], [("Sum", ["i0", "i1", "r", "n"], ["y"])]),
    ],
)
def test_branches_hand_on_one_outer_value(then, other, tail):
    theirs = branches(then, other, tail)
    ours = export(read_graph(theirs))
    for x in (np.array([[-1, 2]], np.float32), np.array([[-1, 1]], np.float32)):
        np.testing.assert_array_equal(run(ours, {"x": x})[0], run(theirs, {"x": x})[0])


def test_an_output_of_the_graph_is_handed_on_by_a_branch_too():
    theirs = branches(["Identity"], ["Neg"], [ADD])
    theirs.graph.output.append(info("r", ["N", 2]))
    x = np.array([[-1, 2]], np.float32)
    for a, b in zip(run(export(read_graph(theirs)), {"x": x}), run(theirs, {"x": x}), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("size", [1, 32, 33, 64, 65, 100])
@pytest.mark.parametrize("kind", ["If", "Loop", "Scan"])
@pytest.mark.parametrize("weights", ["external", "inputs"])
def test_a_constant_of_any_size_lies_in_a_body(kind, size, weights):
    node = helper.make_node
    constant = node("Constant", [], ["k"], value=numpy_helper.from_array(np.arange(size, dtype=np.float32)))
    add = node("Add", ["state", "k"], ["next"])
    if kind == "If":
        body = helper.make_graph([constant, node("Mul", ["x", "k"], ["next"])], "b", [], [info("next")])
        nodes = [node("If", ["yes"], ["y"], then_branch=body, else_branch=body)]
    elif kind == "Loop":
        body = helper.make_graph(
            [constant, add, node("Identity", ["go"], ["on"])], "b",
            [info("i", [], TensorProto.INT64), info("go", [], TensorProto.BOOL), info("state", ["N", size])],
            [info("on", [], TensorProto.BOOL), info("next", ["N", size])],
        )  # fmt: skip
        nodes = [node("Loop", ["three", "", "x"], ["y"], body=body)]
    else:
        steps = node("Identity", ["step"], ["seen"])
        body = helper.make_graph(
            [constant, add, steps], "b", [info("state", ["N", size]), info("step", [])],
            [info("next", ["N", size]), info("seen", [])],
        )  # fmt: skip
        nodes = [node("Scan", ["x", "steps"], ["y", "rest"], body=body, num_scan_inputs=1)]
    constants = {"yes": np.array(True), "three": np.array(3), "steps": np.zeros(3, np.float32)}
    used = {name for n in nodes for name in n.input} & constants.keys()
    graph = helper.make_graph(
        nodes, "g", [info("x", ["N", size])], [info("y", ["N", size])],
        [numpy_helper.from_array(constants[name], name) for name in sorted(used)],
    )  # fmt: skip
    theirs = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(theirs)
    x = np.ones((2, size), np.float32)
    made = build_session_model(read_graph(theirs), weights=weights)
    declared = {value.name for value in onnx.load_model_from_string(made.model).graph.input}
    inputs = {name: array for name, array in made.initializers.items() if name in declared}
    others = {name: array for name, array in made.initializers.items() if name not in declared}
    found = run(made.model, {"x": x, **inputs}, others)
    np.testing.assert_array_equal(found[0], run(theirs, {"x": x})[0])
