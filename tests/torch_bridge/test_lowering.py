"""Lowering: readable modules over shared weights, sizes, gradients as values, bodies."""

from __future__ import annotations

import gc
import weakref

import ml_dtypes
import numpy as np
import pytest
import torch

from kcompile.ir import Body, Graph, OperatorError, Parameter, Storage, Value, name_scope, op
from kcompile.torch_bridge import (
    lower,
    parameter_of,
    run,
    signature,
    tensor_of,
)
from kcompile.torch_bridge.ops import host
from tests.torch_bridge.one_layer import X, dense

# --- the module ---


def test_the_code_reads_like_the_model() -> None:
    x, y, *_ = dense()
    module = lower(Graph([op.Reshape(y * 2.0, [0, 3, 1])], [x]))
    assert "def forward(self, x)" in module.code
    assert "dense_1_Add = torch.addmm(dense_1_bias, x, dense_1_kernel)" in module.code
    assert "(dense_1_Relu, 2.0)" in module.code
    assert "(0, 3, 1)" in module.code
    assert sorted(name for name, _ in module.named_parameters()) == ["dense_1_bias", "dense_1_kernel"]


def test_several_weights_of_one_name_stay_apart() -> None:
    a, b = (Parameter(np.full(2, v, np.float32), "layer/w") for v in (1, 2))
    module = lower(Graph([a - b]))
    assert run(module)[0].tolist() == [-1, -1]
    assert len(signature(module).parameters) == 2


def test_an_operator_that_the_bridge_lacks_is_named_with_its_layer() -> None:
    data = Value("uint8", (None,), "data")
    with name_scope("decoder"):
        y = op.ImageDecoder(data)
    with pytest.raises(OperatorError, match="decoder/ImageDecoder.*no operator ImageDecoder"):
        lower(Graph([y], [data]))


def test_thousands_of_nodes_in_a_row_are_lowered_without_recursion() -> None:
    x = y = Value("float32", (2,), "x")
    for _ in range(5000):
        y = op.Tanh(y)
    module = lower(Graph([y], [x]))
    leaf = torch.ones(2, requires_grad=True)
    module(leaf)[0].sum().backward()
    assert leaf.grad is not None


def test_modules_and_weights_are_freed() -> None:
    x, y, kernel, bias = dense()
    module = lower(Graph([y], [x]))
    watched = [weakref.ref(module), weakref.ref(kernel)]
    del x, y, kernel, bias, module
    gc.collect()
    assert [w() for w in watched] == [None, None]


def test_torch_compile_and_autocast_take_the_module() -> None:
    x, y, *_ = dense()
    size = op.Shape(y)
    flat = op.Reshape(y, op.Concat(op.Mul(size[:1], size[1:]), axis=0))
    module = lower(Graph([flat], [x]))
    expected = run(module, X)[0]
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    np.testing.assert_allclose(compiled(torch.from_numpy(X))[0].detach().numpy(), expected, rtol=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        assert module(torch.from_numpy(X))[0].dtype == torch.bfloat16


# --- dense layers ---


# --- sizes ---


def test_sizes_are_python_numbers_in_the_code() -> None:
    x = Value("float32", ("batch", 4, 3), "x")
    size = op.Shape(x)
    batch = size[0]
    target = op.Concat(op.Unsqueeze(batch, [0]), op.Mul(size[1:2], size[2:3]), axis=0)
    count = op.Cast(batch, to=1)
    module = lower(Graph([op.Reshape(x, target), op.ReduceSum(x) / count, size, op.Equal(batch, batch)], [x]))
    flat, mean, shape, same = run(module, np.ones((2, 4, 3), np.float32))
    assert flat.shape == (2, 12)
    assert mean.item() == 12
    assert shape.tolist() == [2, 4, 3]
    assert same.item() is True
    reshape = next(node for node in module.graph.nodes if node.name == "Reshape")
    assert reshape.args[1].target is host.Concat


@pytest.mark.parametrize(
    ("op_type", "a", "b"),
    [
        ("Add", (2, 3), (4,)),
        ("Sub", 5, (1, 2)),
        ("Div", (7, 9), (2, 4)),
        ("Mul", 2, 3),
        ("Max", (1, 9), (4, 4)),
        ("Min", (3,), (1, 2)),
    ],
)
def test_arithmetic_on_sizes_is_numpys(op_type: str, a: host.Sizes, b: host.Sizes) -> None:
    function = {"Div": np.floor_divide, "Max": np.maximum, "Min": np.minimum}.get(op_type)
    function = function or getattr(np, {"Add": "add", "Sub": "subtract", "Mul": "multiply"}[op_type])
    got = host.HOST[op_type](a, b)
    np.testing.assert_array_equal(np.array(got), function(a, b))


def test_division_of_sizes_truncates() -> None:
    assert host.Div(-7, 2) == -3
    assert host.Div(7, -2) == -3


# --- weights ---


def test_weights_share_the_host_buffer_in_both_directions() -> None:
    x, y, kernel, _ = dense()
    module = lower(Graph([y], [x]))
    with torch.no_grad():
        module.dense_1_kernel.fill_(2.0)
    assert (kernel.storage.array == 2).all()
    kernel.assign(np.full((4, 3), 3.0))
    assert (module.dense_1_kernel == 3).all()


def test_a_kernel_is_a_free_view_in_the_order_of_its_memory() -> None:
    storage = Storage(
        np.random.default_rng(0).standard_normal((3, 3, 2, 8)).astype(np.float32), order=(3, 0, 1, 2)
    )
    kernel = Parameter(storage, "conv/kernel")
    x = Value("float32", (1, 5, 5, 2), "x")
    y = op.Conv(op.Transpose(x, perm=[0, 3, 1, 2]), op.Transpose(kernel, perm=[3, 2, 0, 1]))
    module = lower(Graph([y], [x], phase="train"))
    weight = module.conv_kernel.permute(3, 2, 0, 1)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert weight.data_ptr() == storage.array.ctypes.data
    module(torch.rand(1, 5, 5, 2))[0].sum().backward()
    assert module.conv_kernel.grad.stride() == module.conv_kernel.stride()


@pytest.mark.parametrize("dtype", [np.float16, np.float64, ml_dtypes.bfloat16, np.int32, np.bool_, np.uint16])
def test_every_element_type_shares_memory(dtype: type) -> None:
    parameter = Parameter(np.zeros((2, 3), dtype), "p")
    tensor_of(parameter)[0, 1] = 1
    assert parameter.storage.array[0, 1] == 1
    assert tensor_of(parameter) is tensor_of(parameter)


def test_a_weight_trained_here_and_frozen_there_is_one_memory() -> None:
    x, y, kernel, bias = dense()
    graph = Graph([y], [x], phase="train")
    trains, frozen = lower(graph, trainable=[kernel, bias]), lower(graph, trainable=[bias])
    assert trains.dense_1_kernel.requires_grad
    assert not frozen.dense_1_kernel.requires_grad
    assert trains.dense_1_bias is frozen.dense_1_bias
    assert trains.dense_1_kernel.data_ptr() == frozen.dense_1_kernel.data_ptr()
    assert trains.dense_1_kernel is parameter_of(kernel, trainable=True)


def test_integers_are_buffers_and_what_is_not_trainable_needs_no_gradient() -> None:
    count = Parameter(np.array(3), "count")
    mean = Parameter(np.zeros(2, np.float32), "mean", trainable=False)
    module = lower(Graph([op.Cast(count, to=1) + mean]))
    assert [name for name, _ in module.named_buffers()] == ["count"]
    assert [(n, p.requires_grad) for n, p in module.named_parameters()] == [("mean", False)]


# --- gradients as values ---


def test_no_gradient_flows_through_stop_gradient() -> None:
    x = Value("float32", (3,), "x")
    module = lower(Graph([op.StopGradient(x) * x], [x], phase="train"))
    leaf = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    module(leaf)[0].sum().backward()
    assert leaf.grad.tolist() == [1, 2, 3]


@pytest.mark.parametrize("recording", [True, False])
def test_gradients_of_inputs_and_weights_are_values(recording: bool) -> None:
    x, y, kernel, _ = dense()
    module = lower(Graph(op.Gradient(y, x, kernel), [x]))
    with torch.set_grad_enabled(recording):
        of_x, of_kernel = module(torch.from_numpy(X))
    leaf, weight = torch.from_numpy(X).requires_grad_(), torch.from_numpy(kernel.numpy()).requires_grad_()
    torch.relu(leaf @ weight).sum().backward()
    torch.testing.assert_close(of_x.detach(), leaf.grad)
    torch.testing.assert_close(of_kernel.detach(), weight.grad)
    assert of_x.requires_grad == recording


def test_the_gradient_of_what_is_not_read_is_zero() -> None:
    x, y, *_ = dense()
    other = Value("float32", (2,), "other")
    of_x, of_other = run(
        lower(Graph(op.Gradient(op.ReduceSum(y), x, other), [x, other])), X, np.ones(2, np.float32)
    )
    assert of_x.any()
    assert of_other.tolist() == [0, 0]


def test_a_frozen_weight_and_an_inner_value_have_gradients_too() -> None:
    weight = Parameter(np.array([2.0, 3.0], np.float32), "w", trainable=False)
    inner = weight * 5.0
    of_weight, of_inner = run(lower(Graph(op.Gradient(inner * inner, weight, inner))))
    assert of_inner.tolist() == [20, 30]
    assert of_weight.tolist() == [100, 150]


def test_a_gradient_penalty_trains() -> None:
    x, y, _kernel, _ = dense()
    (of_x,) = op.Gradient(y, x)
    penalty = op.ReduceSum(of_x * of_x, keepdims=0)
    module = lower(Graph([penalty], [x], phase="train"))
    module(torch.from_numpy(X))[0].backward()
    alive = (torch.from_numpy(X) @ module.dense_1_kernel.detach() > 0).float()
    expected = 2 * torch.einsum("bu,bv,iv->iu", alive, alive, module.dense_1_kernel.detach())
    torch.testing.assert_close(module.dense_1_kernel.grad, expected)


# --- bodies ---


def test_a_scan_runs_its_body_with_what_it_captures_and_trains_it() -> None:
    weight = Parameter(np.array(0.5, np.float32), "decay")
    state, step = Value("float32", (2,), "state"), Value("float32", (2,), "step")
    new = state * weight + step
    x = Value("float32", ("time", 2), "x")
    last, all_states = op.Scan(
        np.zeros(2, np.float32), x, body=Body([new, new], [state, step]), num_scan_inputs=1, outputs=2
    )
    module = lower(Graph([last, all_states], [x], phase="train"))
    final, rows = module(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert final.tolist() == [3.5, 5.0]
    assert rows.tolist() == [[1.0, 2.0], [3.5, 5.0]]
    final.sum().backward()
    assert module.decay.grad.item() == 3.0


def test_a_scan_over_nothing_gives_empty_rows() -> None:
    state, step = Value("float32", (2,), "state"), Value("float32", (2,), "step")
    x = Value("float32", ("time", 2), "x")
    outputs = op.Scan(
        np.ones(2, np.float32), x, body=Body([state, step], [state, step]), num_scan_inputs=1, outputs=2
    )
    last, rows = run(lower(Graph(outputs, [x])), np.zeros((0, 2), np.float32))
    assert last.tolist() == [1, 1]
    assert rows.shape == (0, 2)


def test_a_loop_stops_by_count_or_by_condition() -> None:
    i, going, total = Value("int64", (), "i"), Value("bool", (), "going"), Value("float32", (), "total")
    limit = Value("float32", (), "limit")
    new = total + 2.0
    body = Body([new < limit, new, new], [i, going, total])
    final, rows = op.Loop(np.int64(10), True, np.float32(0), body=body, outputs=2)
    module = lower(Graph([final, rows], [limit]))
    assert run(module, np.float32(5))[0] == 6
    assert run(module, np.float32(100))[1].tolist() == [2.0 * n for n in range(1, 11)]


def test_if_computes_one_branch_only() -> None:
    condition, x = Value("bool", (), "condition"), Value("float32", (2,), "x")
    yes, no = op.Neg(x), op.Exp(x)
    y = op.If(condition, then_branch=Body([yes], inside=[yes.node]), else_branch=Body([no], inside=[no.node]))
    module = lower(Graph([y], [condition, x]))
    assert "torch.neg" not in module.code  # it is in the branch
    assert run(module, np.array(True), np.zeros(2, np.float32))[0].tolist() == [0, 0]
    assert run(module, np.array(False), np.zeros(2, np.float32))[0].tolist() == [1, 1]
