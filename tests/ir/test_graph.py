"""Slicing: order, phases, updates, bodies, captures, and the errors of graphs that hang together badly."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import pytest

from kcompile.ir import (
    LEARNING_PHASE,
    Body,
    Constant,
    Graph,
    GraphError,
    Node,
    Parameter,
    Value,
    absolute_scope,
    name_scope,
    op,
)


def vector(name=None, size="batch"):
    return Value("float32", (size,), name)


def operators(graph):
    return [node.op_type for node in graph.nodes]


def test_nodes_come_before_their_readers():
    x = vector("x")
    a = op.Relu(x)
    b = op.Exp(a)
    y = op.Add(op.Mul(b, a), b)
    graph = Graph([y], [x])
    seen = {x}
    for node in graph.nodes:
        assert all(value in seen for value in graph.operands(node))
        seen.update(node.outputs)
    assert operators(graph) == ["Relu", "Exp", "Mul", "Add"]


def test_only_what_the_outputs_need_is_inside():
    x = vector("x")
    a = op.Relu(x)
    op.Exp(a)
    assert operators(Graph([a], [x])) == ["Relu"]
    assert operators(Graph([], [x])) == []


def test_slicing_stops_at_intermediate_values():
    x = vector("x")
    a = op.Relu(x)
    graph = Graph([op.Exp(a)], [a])
    assert operators(graph) == ["Exp"] and graph.inputs == (a,)


def test_an_input_may_be_an_output():
    x = vector("x")
    graph = Graph([x], [x])
    assert graph.nodes == () and graph.outputs == (x,)


def test_disconnected_graph_names_the_input_and_its_reader():
    x, y = vector("x"), vector("y")
    with name_scope("dense_1"):
        z = op.Add(x, y)
    with pytest.raises(GraphError, match=r"dense_1/Add needs the input 'y' \(float32\[\?\]\).*given \('x'\)"):
        Graph([z], [x])
    with pytest.raises(GraphError, match="an output is the input 'y'.*none"):
        Graph([y])


def test_five_thousand_nodes_deep():
    x = vector("x")
    y = x
    for _ in range(5000):
        y = op.Add(y, x)
    assert sys.getrecursionlimit() < 5000
    graph = Graph([y], [x])
    assert len(graph.nodes) == 5000
    assert str(graph).count("Add") == 5000


def test_five_thousand_phases_and_identities_deep():
    x = vector("x")
    y = x
    for _ in range(2500):
        y = op.Phase(op.Exp(y), op.Identity(y))
    assert Graph([y], [x]).nodes == ()
    assert len(Graph([y], [x], phase="train").nodes) == 2500


def test_a_deep_chain_is_freed_without_recursion_errors():
    x = vector("x")
    y = x
    for _ in range(20_000):
        y = Node("Relu", [y], {}, [(y.dtype, y.shape)]).outputs[0]
    gone = weakref.ref(x)
    del x, y
    gc.collect()
    assert gone() is None


# --- phases ---


def test_phase_keeps_one_branch():
    x = vector("x")
    y = op.Phase(op.Exp(x), op.Relu(x))
    assert operators(Graph([y], [x], phase="train")) == ["Exp"]
    assert operators(Graph([y], [x], phase="inference")) == ["Relu"]


def test_frozen_owners_keep_the_inference_branch():
    x = vector("x")
    owner = object()
    y = op.Phase(op.Exp(x), op.Relu(x), owner=owner)
    z = op.Phase(op.Exp(y), op.Neg(y))
    assert operators(Graph([z], [x], phase="train")) == ["Exp", "Exp"]
    assert operators(Graph([z], [x], phase="train", frozen=[owner])) == ["Relu", "Exp"]


def test_identity_is_an_alias():
    x = vector("x")
    y = op.Identity(op.Identity(op.Relu(op.Identity(x))))
    graph = Graph([y], [x])
    assert operators(graph) == ["Relu"]
    assert graph.operands(graph.nodes[0]) == (x,)
    assert graph.resolve(y) is graph.nodes[0].outputs[0]


def test_learning_phase_is_a_constant_of_the_slice():
    y = op.Cast(LEARNING_PHASE, to=1)
    for phase, value in (("train", 1), ("inference", 0)):
        graph = Graph([y], phase=phase)
        (operand,) = graph.operands(graph.nodes[0])
        assert isinstance(operand, Constant) and operand.array == value


def test_stop_gradient_matters_where_gradients_are_taken():
    x = vector("x", 3)
    y = op.Mul(op.StopGradient(x), x)
    assert operators(Graph([y], [x], phase="inference")) == ["Mul"]
    assert operators(Graph([y], [x], phase="train")) == ["StopGradient", "Mul"]
    (gradient,) = op.Gradient(op.ReduceSum(y, keepdims=0), x)
    assert "StopGradient" in operators(Graph([gradient], [x], phase="inference"))


# --- parameters and updates ---


def parameter(name="w", size=3, trainable=True):
    return Parameter(np.zeros(size, "float32"), name, trainable)


def test_parameters_are_captured_in_the_order_of_first_use():
    a, b, unused = parameter("a"), parameter("b"), parameter("unused")
    x = vector("x", 3)
    graph = Graph([op.Add(op.Mul(x, b), a)], [x])
    assert graph.parameters == (b, a) and unused not in graph.captures


def test_updates_that_change_nothing_in_a_phase_are_dropped():
    w, x = parameter(), vector("x", 3)
    update = (w, op.Phase(op.Add(w, x), w))
    assert Graph([x], [x], [update], "inference").updates == ()
    trained = Graph([x], [x], [update], "train")
    assert trained.updates == (update,) and trained.parameters == (w,)
    assert operators(trained) == ["Add"]


def test_an_updated_parameter_belongs_to_the_graph_even_if_nothing_reads_it():
    w, x = parameter(), vector("x", 3)
    assert Graph([], [x], [(w, op.Neg(x))], "train").parameters == (w,)


def test_a_parameter_may_be_given_as_input():
    w, x = parameter(), vector("x", 3)
    assert Graph([op.Add(w, x)], [x, w]).parameters == ()


# --- bodies ---


def _scan(step, x, initial):
    """op.Scan over the rows of x: step(state, row) -> (state, output)."""
    state, row = Value("float32", initial.shape), Value("float32", x.shape[1:])
    new_state, output = step(state, row)
    return op.Scan(initial, x, body=Body([new_state, output], [state, row]), num_scan_inputs=1, outputs=2)


def test_what_depends_on_no_formal_input_moves_out_of_the_body():
    x, scale = Value("float32", (4, 3), "x"), Value("float32", (3,), "scale")
    w = parameter()

    def step(state, row):
        doubled = op.Mul(op.Exp(scale), row)  # Exp(scale) is the same in every step
        new = op.Add(op.Add(state, doubled), w)
        return new, op.Identity(new)

    _, ys = _scan(step, x, Constant(np.zeros(3, "float32")))
    graph = Graph([ys], [x, scale])
    assert operators(graph) == ["Exp", "Scan"]
    (body,) = graph.bodies(graph.nodes[1]).values()
    assert operators(body) == ["Mul", "Add", "Add"]
    assert set(body.captures) == {graph.nodes[0].outputs[0], w}
    assert graph.parameters == (w,)


def test_bodies_are_sliced_for_the_phase_of_the_graph():
    x = Value("float32", (4, 3), "x")
    owner = object()

    def step(state, row):
        new = op.Add(state, op.Phase(op.Exp(row), op.Relu(row), owner=owner))
        return new, new

    _, ys = _scan(step, x, Constant(np.zeros(3, "float32")))

    def inside(**slicing):
        graph = Graph([ys], [x], **slicing)
        return operators(graph.bodies(graph.nodes[0])["body"])

    assert inside(phase="train") == ["Exp", "Add"]
    assert inside(phase="inference") == ["Relu", "Add"]
    assert inside(phase="train", frozen=[owner]) == ["Relu", "Add"]


def test_a_body_that_needs_an_input_nobody_gives_is_disconnected():
    x, missing = Value("float32", (4, 3), "x"), vector("missing", 3)
    _, ys = _scan(lambda s, r: (op.Add(s, op.Mul(r, missing)), r), x, Constant(np.zeros(3, "float32")))
    with pytest.raises(GraphError, match="'missing'"):
        Graph([ys], [x])


def test_scan_computes(run):
    x = Value("float32", (4, 3), "x")

    def step(state, row):
        new = op.Add(state, row)
        return new, op.Identity(new)

    last, sums = _scan(step, x, Constant(np.zeros(3, "float32")))
    rows = np.arange(12, dtype="float32").reshape(4, 3)
    found = run([last, sums], {x: rows})
    np.testing.assert_array_equal(found[0], rows.sum(0))
    np.testing.assert_array_equal(found[1], rows.cumsum(0))


def test_nodes_forced_inside_stay_inside():
    x = vector("x", 3)
    inner = op.Exp(x)
    branch = Body([inner], inside=[inner.node])
    other = Body([op.Neg(x)])
    y = op.If(Value("bool", (), "condition"), then_branch=branch, else_branch=other)
    graph = Graph([y], [y.node.inputs[0], x])
    assert operators(graph) == ["Neg", "If"]
    assert operators(graph.bodies(graph.nodes[1])["then_branch"]) == ["Exp"]


# --- memory ---


def test_ten_thousand_graphs_leave_nothing_behind():
    def build():
        x = vector("x", 3)
        w = parameter()
        y = op.Phase(op.Relu(op.Add(x, w)), op.Add(x, w))
        state, row = vector(size=3), vector(size=3)
        body = Body([op.Add(state, row), op.Mul(row, w)], [state, row])
        _, ys = op.Scan(y, op.Unsqueeze(y, [0]), body=body, num_scan_inputs=1, outputs=2)
        return Graph([ys], [x], phase="train")

    for _ in range(50):  # caches of schemas and types fill
        build()
    gc.collect()
    before = len(gc.get_objects())
    alive = weakref.WeakSet()
    for _ in range(10_000 // 20):
        graph = build()
        alive.add(graph.inputs[0])
        for _ in range(20):
            Graph(graph.outputs, graph.inputs, phase="inference")
    del graph
    gc.collect()
    assert len(alive) == 0
    assert len(gc.get_objects()) - before < 100


def test_a_value_keeps_its_past_alive_and_nothing_else():
    x = vector("x", 3)
    past, future = op.Relu(x), None
    future = op.Exp(past)
    watched = weakref.ref(future), weakref.ref(past.node)
    del future
    gc.collect()
    assert watched[0]() is None and watched[1]() is not None


# --- printing ---


def test_printing():
    x = Value("float32", ("batch", 4), "x")
    kernel = Parameter(np.zeros((4, 2), "float32"), "dense_1/kernel")
    bias = Parameter(np.zeros(2, "float32"), "dense_1/bias", trainable=False)
    with name_scope("dense_1"):
        y = op.Add(op.MatMul(x, kernel), bias)
    with name_scope("drop"):
        y = op.Phase(op.Mul(y, 2.0), y)
    big = Constant(np.zeros(20, "float32"))
    y = op.Clip(op.Softmax(y, axis=-1), None, 0.5)
    z = op.ReduceSum(big, [0], keepdims=0)
    assert str(Graph([y, z], [x], [(bias, op.Neg(bias))], phase="train")) == (
        "graph(%x: float32[batch, 4]) for train {\n"
        "  @dense_1/kernel : float32[4, 2]\n"
        "  @dense_1/bias : float32[2]  # not trainable\n"
        "  %0 = MatMul(%x, @dense_1/kernel) : float32[batch, 2]  # dense_1\n"
        "  %1 = Add(%0, @dense_1/bias) : float32[batch, 2]  # dense_1\n"
        "  %2 = Mul(%1, 2.0) : float32[batch, 2]  # drop\n"
        "  %3 = Softmax(%2, axis=-1) : float32[batch, 2]\n"
        "  %4 = Clip(%3, -, 0.5) : float32[batch, 2]\n"
        "  %5 = ReduceSum(<float32[20]>, [0], keepdims=0) : float32[]\n"
        "  %6 = Neg(@dense_1/bias) : float32[2]\n"
        "  return %4, %5\n"
        "  @dense_1/bias <- %6\n"
        "}"
    )


def test_printing_of_bodies_and_unknown_shapes():
    x, state = Value("float32", (None, 3), "x"), vector(size=3)
    row = vector(size=3)
    body = Body([op.Add(state, row), op.Neg(row)], [state, row])
    _, ys = op.Scan(Constant(np.zeros(3, "float32")), x, body=body, num_scan_inputs=1, outputs=2)
    text = str(Graph([ys], [x]))
    assert "graph(%x: float32[?, 3]) for inference {" in text
    assert "  body = graph(%in0: float32[3], %in1: float32[3]) for inference {" in text
    assert "= Add(%in0, %in1) : float32[3]" in text
    assert "num_scan_inputs=1" in text


def test_absolute_scope_replaces_the_path():
    with name_scope("a"), absolute_scope("x/y"):
        assert op.Relu(vector()).node.scope == "x/y"


def test_several_updates_of_one_parameter_add_up_their_changes():
    parameter = Parameter(np.array([1.0], np.float32), "average")
    first, second = parameter * 0.5, parameter * 0.5 + 1.0
    graph = Graph([], [], [(parameter, first), (parameter, second), (parameter, first)], "train")
    ((updated, new),) = graph.updates
    assert updated is parameter
    assert operators(graph).count("Sub") == 1
    assert new.node.op_type == "Add" and first in new.node.inputs


def test_an_update_that_a_phase_leaves_out_is_not_combined_with_others():
    parameter = Parameter(np.array([1.0], np.float32), "average")
    trained, always = op.Phase(parameter * 0.5, parameter), parameter + 1.0
    graph = Graph([], [], [(parameter, trained), (parameter, always)], "inference")
    assert graph.updates == ((parameter, always),)
