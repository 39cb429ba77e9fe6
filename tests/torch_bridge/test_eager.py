"""Operators computed at once: the same numbers and gradients as lowered graphs, operator by operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompile.ir import Constant, EagerTensor, Graph, OperatorError, Parameter, Value, eagerly, emit, op
from kcompile.keras import backend as K
from kcompile.onnx_io.reading import read_graph
from kcompile.torch_bridge import lower, run
from kcompile.torch_bridge.arrays import as_tensor
from kcompile.torch_bridge.eager import TorchInterpreter
from kcompile.torch_bridge.ops import OPERATORS
from tests.torch_bridge.node_tests import arrays, compare
from tests.torch_bridge.operators_table import RANDOM, exclusion
from tests.torch_bridge.test_onnx_node_tests import cases_by_operator


def computed(graph: Graph, inputs: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    """The outputs of a graph, each of its nodes emitted anew on numbers."""
    interpreter = TorchInterpreter()
    known: dict[Value, Value] = {
        value: interpreter.eager(as_tensor(array)) for value, array in zip(graph.inputs, inputs, strict=True)
    }
    with eagerly(interpreter):
        for node in graph.nodes:
            operands = [None if x is None else known.get(x, x) for x in graph.operands(node)]
            found = emit(node.op_type, operands, node.attributes, len(node.outputs))
            known.update(zip(node.outputs, found if isinstance(found, tuple) else (found,), strict=True))
    results = [known.get(graph.resolve(x), x) for x in graph.outputs]
    assert all(isinstance(x, EagerTensor) for x in results if x.node is not None)
    return tuple(x.numpy() for x in results)


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_onnx_node_tests_of_each_operator_pass_when_computed_at_once(operator: str) -> None:
    failures = []
    for case in cases_by_operator().get(operator, []):
        if exclusion(case) is not None or case.name.startswith(RANDOM):
            continue
        graph = read_graph(case.model)
        if any(graph.bodies(node) for node in graph.nodes):  # what they capture is of the old graph
            continue
        for inputs, expected in case.data_sets:
            try:
                compare(case, computed(graph, arrays(inputs)), arrays(expected))
            except Exception as error:
                failures.append(f"{case.name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    assert failures == []


def eager(*shape: int, gradient: bool = False) -> EagerTensor:
    array = np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)
    return TorchInterpreter().eager(as_tensor(array).requires_grad_(gradient))


def test_gradients_reach_weights_and_are_those_of_the_graph():
    kernel = Parameter(np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32), "kernel")

    def loss(x: Any) -> Value:
        return op.ReduceSum(op.Tanh(op.MatMul(x, kernel)), keepdims=0)

    x = eager(2, 4)
    with eagerly(TorchInterpreter()):
        (found,) = op.Gradient(loss(x), kernel)
    symbolic = Value("float32", (2, 4), "x")
    (expected,) = run(lower(Graph(list(op.Gradient(loss(symbolic), kernel)), [symbolic])), x.numpy())
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_gradients_can_be_differentiated_again():
    x = eager(5, gradient=True)
    with eagerly(TorchInterpreter()):
        (first,) = op.Gradient(op.Mul(op.Mul(x, x), x), x)
        (second,) = op.Gradient(first, x)
    np.testing.assert_allclose(second.numpy(), 6 * x.numpy(), rtol=1e-6)


def test_what_prints_prints_at_once_and_a_stopped_gradient_is_zero(capsys):
    x = eager(2, gradient=True)
    with eagerly(TorchInterpreter()):
        shown = op.Print(x, "here: ")
        (gradient,) = op.Gradient(op.Mul(op.StopGradient(shown), 2.0), x)
    assert "here: " in capsys.readouterr().out and not gradient.numpy().any()


@pytest.mark.parametrize("training", [False, True])
def test_a_phase_is_decided_at_once(training: bool):
    with eagerly(TorchInterpreter(training=training)):
        assert (
            float(op.Phase(op.Neg(Constant(np.float32(1))), op.Abs(Constant(np.float32(1)))))
            == 1 - 2 * training
        )


def test_operators_on_symbolic_values_are_emitted_and_read_numbers_as_constants():
    symbolic = Value("float32", (2, 4), "x")
    with eagerly(TorchInterpreter()):
        total = op.Add(symbolic, op.Neg(eager(2, 4)))
    assert total.node is not None and isinstance(total.node.inputs[1], EagerTensor)
    graph = Graph([total], [symbolic])
    (found,) = run(lower(graph), np.zeros((2, 4), np.float32))
    np.testing.assert_allclose(found, -eager(2, 4).numpy())


def test_one_eager_tensor_makes_what_is_computed_with_weights_eager_and_gradients_reach_them():
    kernel = Parameter(np.ones((4, 3), np.float32), "kernel")
    penalty = op.ReduceSum(op.Mul(kernel, kernel), keepdims=0)  # emitted: no number is asked for yet
    x = eager(2, 4)
    loss = op.ReduceSum(op.MatMul(x, kernel), keepdims=0) + penalty
    assert penalty.node is not None and isinstance(loss, EagerTensor)
    (found,) = op.Gradient(loss, kernel)
    np.testing.assert_allclose(found.numpy(), 2 + x.numpy().sum(0)[:, None] * np.ones(3), rtol=1e-5)


def test_numbers_are_python_s_when_asked_for():
    with eagerly(TorchInterpreter()):
        x = op.ReduceMean(eager(3, 3), keepdims=0)
        assert isinstance(float(x), float) and bool(op.Greater(x, op.Sub(x, 1.0)))
        assert [round(float(row[0]), 5) for row in eager(3, 3)] == [
            round(float(n), 5) for n in eager(3, 3).numpy()[:, 0]
        ]


def test_a_scan_computes_at_once_and_gradients_pass_through_what_it_captures():
    steps, factor = eager(2, 5, 3), eager(3, gradient=True)

    def cumulated(x: Any) -> Any:
        return K.rnn(
            lambda row, states: (states[0] + row * factor, [states[0] + row * factor]), x, [K.zeros((2, 3))]
        )

    with eagerly(TorchInterpreter()):
        last, rows, _ = cumulated(steps)
        (gradient,) = op.Gradient(last, factor)
    np.testing.assert_allclose(rows.numpy(), np.cumsum(steps.numpy() * factor.numpy(), 1), rtol=1e-5)
    np.testing.assert_allclose(gradient.numpy(), steps.numpy().sum((0, 1)), rtol=1e-5)


def test_a_refusal_names_operator_and_shapes():
    with (
        eagerly(TorchInterpreter()),
        pytest.raises(OperatorError, match=r"MatMul\(float32\[2, 3\], float32\[2, 3\]\)"),
    ):
        op.MatMul(eager(2, 3), eager(2, 3))
    with eagerly(TorchInterpreter()), pytest.raises(OperatorError, match="unknown attribute"):
        op.Softmax(eager(2, 3), axes=1)


def test_weights_are_assigned_all_or_none():
    first, second = (Parameter(np.zeros(3, np.float32), name) for name in ("first", "second"))
    with pytest.raises(ValueError, match=r"second has shape \(3,\); got a value of shape \(2,\)"):
        TorchInterpreter().assign([(first, eager(3)), (second, eager(2))])
    assert not first.numpy().any()
    TorchInterpreter().assign([(first, eager(3)), (second, first)])
    np.testing.assert_array_equal(first.numpy(), eager(3).numpy())
    assert not second.numpy().any()


@pytest.mark.parametrize(
    "view",
    [
        op.Identity,
        lambda x: op.Reshape(x, [3, 2]),
        lambda x: op.Transpose(x, perm=[1, 0]),
        lambda x: x[0],
        op.Relu,
    ],
)
def test_what_was_computed_of_a_weight_stays_when_the_weight_changes(view):
    weight = Parameter(np.ones((2, 3), np.float32), "weight")
    with eagerly(TorchInterpreter()):
        before = view(weight)
    (gradient,) = op.Gradient(before, weight)
    weight.assign(np.zeros((2, 3)))
    assert (before.numpy() == 1).all() and gradient.numpy().any()


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "int32"])
def test_a_choice_of_two_numbers_has_their_type(dtype):
    condition = np.array([True, False])
    one, zero = (Constant(np.array(n, dtype)) for n in (1, 0))
    given = Value(np.bool_, (2,))
    (lowered,) = run(lower(Graph([op.Where(given, one, zero)], [given])), condition)
    with eagerly(TorchInterpreter()):
        at_once = op.Where(Constant(condition), one, zero).numpy()
    assert lowered.dtype == at_once.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(at_once, [1, 0])
    np.testing.assert_array_equal(lowered, [1, 0])
