"""What ONNX's node tests leave out: recurrence, gradients, random draws, uneven pads, memory order."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper

from kcompile.ir import Graph, OperatorError, Value, op, to_onnx
from kcompile.torch_bridge import lower, run
from kcompile.torch_bridge.devices import default_device
from kcompile.torch_bridge.ops import OPERATORS, gru_steps, lstm_steps, nn, pooling, random, tensor, vision
from kcompile.torch_bridge.ops import math as elementwise

RNG = np.random.default_rng(7)


def draw(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def by_onnxruntime(
    op_type: str, inputs: list[np.ndarray | None], attributes: dict[str, Any], outputs: int
) -> list[np.ndarray]:
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    given = {n: x for n, x in zip(names, inputs, strict=True) if x is not None}
    node = helper.make_node(op_type, names, [f"y{i}" for i in range(outputs)], **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(n, to_onnx(x.dtype), x.shape) for n, x in given.items()],
        [onnx.ValueInfoProto(name=f"y{i}") for i in range(outputs)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, given)


def by_bridge(
    op_type: str, inputs: list[np.ndarray | None], attributes: dict[str, Any], outputs: int = 1
) -> list[np.ndarray]:
    values = [None if x is None else Value(x.dtype, x.shape, f"x{i}") for i, x in enumerate(inputs)]
    results = getattr(op, op_type)(*values, outputs=outputs, **attributes)
    results = results if isinstance(results, tuple) else (results,)
    module = lower(Graph(results, [v for v in values if v is not None]), default_device())
    return list(run(module, *(x for x in inputs if x is not None)))


def assert_same_as_onnxruntime(op_type: str, inputs: list, attributes: dict, outputs: int) -> None:
    expected = by_onnxruntime(op_type, inputs, attributes, outputs)
    for actual, wanted in zip(by_bridge(op_type, inputs, attributes, outputs), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-5)


# --- products ---


@pytest.mark.parametrize("kind", ["int32", "int64", "uint32", "uint64"])
@pytest.mark.parametrize(
    "op_type, attributes", [("MatMul", {}), ("Gemm", {}), ("Einsum", {"equation": "ij,jk->ik"})]
)
def test_products_of_integers_are_exact(op_type: str, attributes: dict[str, Any], kind: str) -> None:
    a, b = np.arange(1, 7, dtype=kind).reshape(2, 3), np.arange(60001, 60007, dtype=kind).reshape(3, 2)
    (found,) = by_bridge(op_type, [a, b], attributes)
    assert found.dtype == kind
    np.testing.assert_array_equal(found, a @ b)


# --- recurrence ---

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
ACTIVATIONS = {
    "default": {},
    "hard": {"LSTM": ["HardSigmoid", "Tanh", "Tanh"], "GRU": ["HardSigmoid", "Tanh"], "RNN": ["HardSigmoid"]},
    "relu": {"LSTM": ["Sigmoid", "Relu", "Softsign"], "GRU": ["Sigmoid", "Relu"], "RNN": ["Relu"]},
    "alpha": {"LSTM": ["Sigmoid", "LeakyRelu", "Elu"], "GRU": ["Sigmoid", "ScaledTanh"], "RNN": ["Affine"]},
}


def recurrent_case(
    op_type: str, direction: str, activations: str, lengths: list[int] | None, states: bool = True
) -> tuple[list[np.ndarray | None], dict[str, Any]]:
    steps, batch, features, hidden = 6, 4, 3, 5
    d = 2 if direction == "bidirectional" else 1
    gates = GATES[op_type]
    x, w, r = draw(steps, batch, features), draw(d, gates * hidden, features), draw(d, gates * hidden, hidden)
    b = draw(d, 2 * gates * hidden)
    inputs: list[np.ndarray | None] = [x, w, r, b, None if lengths is None else np.array(lengths, np.int32)]
    if states:
        inputs += [draw(d, batch, hidden) for _ in range(2 if op_type == "LSTM" else 1)]
    attributes: dict[str, Any] = {"hidden_size": hidden, "direction": direction}
    names = ACTIVATIONS[activations].get(op_type)
    if names:
        attributes["activations"] = names * d
    if activations == "alpha":
        attributes["activation_alpha"] = {"LSTM": [0.2, 0.7], "GRU": [0.8], "RNN": [0.9]}[op_type] * d
        attributes["activation_beta"] = {"LSTM": [], "GRU": [0.6], "RNN": [0.1]}[op_type] * d
    return inputs, {k: v for k, v in attributes.items() if v != []}


LENGTHS = {"full": None, "ragged": [6, 2, 1, 4], "all": [6, 6, 6, 6], "mostly_padding": [1, 2, 1, 1]}


@pytest.mark.parametrize("lengths", list(LENGTHS.values()), ids=list(LENGTHS))
@pytest.mark.parametrize("activations", sorted(ACTIVATIONS))
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op_type", sorted(GATES))
def test_recurrence_is_onnxruntimes(op_type: str, direction: str, activations: str, lengths: Any) -> None:
    inputs, attributes = recurrent_case(op_type, direction, activations, lengths)
    assert_same_as_onnxruntime(op_type, inputs, attributes, 3 if op_type == "LSTM" else 2)


@pytest.mark.parametrize("operand", ["X", "W", "B", "state"])
@pytest.mark.parametrize("op_type", sorted(GATES))
def test_recurrence_on_shapes_that_do_not_fit_is_refused(op_type: str, operand: str) -> None:
    """A graph need not know its shapes before it runs, and torch's kernels do not look at them."""
    inputs, attributes = recurrent_case(op_type, "forward", "default", None)
    i = {"X": 0, "W": 1, "B": 3, "state": 5}[operand]
    inputs[i] = inputs[i][None, None] if operand == "X" else inputs[i][..., :-1]  # type: ignore[index]
    given = [None if array is None else Value(array.dtype, None, f"i{k}") for k, array in enumerate(inputs)]
    y = getattr(op, op_type)(*given, outputs=1, **attributes)
    module = lower(Graph([y], [value for value in given if value is not None]))
    with pytest.raises(ValueError, match="should have the shape"):
        run(module, *(array for array in inputs if array is not None))


@pytest.mark.parametrize("activations", ["default", "hard"])
@pytest.mark.parametrize("lengths", [None, [6, 3, 1, 5]], ids=["full", "ragged"])
def test_gru_with_the_reset_gate_after_the_product_is_onnxruntimes(lengths: Any, activations: str) -> None:
    inputs, attributes = recurrent_case("GRU", "bidirectional", activations, lengths)
    assert_same_as_onnxruntime("GRU", inputs, attributes | {"linear_before_reset": 1}, 2)


@pytest.mark.parametrize("extra", [{"clip": 0.4}, {"input_forget": 1}], ids=["clip", "input_forget"])
def test_lstm_options_are_onnxruntimes(extra: dict[str, Any]) -> None:
    inputs, attributes = recurrent_case("LSTM", "forward", "default", None)
    assert_same_as_onnxruntime("LSTM", inputs, attributes | extra, 3)


def test_lstm_peepholes_are_onnxruntimes() -> None:
    inputs, attributes = recurrent_case("LSTM", "bidirectional", "default", None)
    assert_same_as_onnxruntime("LSTM", [*inputs, draw(2, 15)], attributes, 3)


@pytest.mark.parametrize("activations", ["default", "hard"])
@pytest.mark.parametrize("op_type", sorted(GATES))
def test_an_empty_sequence_keeps_its_initial_state_and_gives_zeros(op_type: str, activations: str) -> None:
    inputs, attributes = recurrent_case(op_type, "forward", activations, [0, 6, 0, 2])
    outputs = 3 if op_type == "LSTM" else 2
    y, *states = by_bridge(op_type, inputs, attributes, outputs)
    assert not y[:, :, [0, 2]].any()
    assert y[:, :, 1].any(axis=-1).all()
    for state, initial in zip(states, inputs[5:], strict=True):
        np.testing.assert_array_equal(state[:, [0, 2]], initial[:, [0, 2]])
    np.testing.assert_allclose(states[0][:, 3], y[1, :, 3], rtol=1e-6)


@pytest.mark.parametrize("op_type", sorted(GATES))
def test_batch_first_layout_is_the_transposed_result(op_type: str) -> None:
    inputs, attributes = recurrent_case(op_type, "bidirectional", "default", None)
    outputs = 3 if op_type == "LSTM" else 2
    y, *states = by_bridge(op_type, inputs, attributes, outputs)
    swapped = [x if i in (1, 2, 3) or x is None else x.swapaxes(0, 1) for i, x in enumerate(inputs)]
    y1, *states1 = by_bridge(op_type, swapped, attributes | {"layout": 1}, outputs)
    np.testing.assert_allclose(y1, y.transpose(2, 0, 1, 3), rtol=1e-6)
    for a, b in zip(states1, states, strict=True):
        np.testing.assert_allclose(a, b.swapaxes(0, 1), rtol=1e-6)


@pytest.mark.parametrize("activations", ["default", "hard", "relu"])
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("op_type", sorted(GATES))
def test_recurrence_has_the_gradients_of_finite_differences(
    op_type: str, direction: str, activations: str
) -> None:
    inputs, attributes = recurrent_case(op_type, direction, activations, [6, 3, 0, 5])
    attributes = {k: tuple(v) if isinstance(v, list) else v for k, v in attributes.items()}
    arrays = [torch.from_numpy(x).double() if x.dtype.kind == "f" else torch.from_numpy(x) for x in inputs]
    leaves = [(a * 0.3).requires_grad_() for a in arrays[:4]]
    function = OPERATORS[op_type].function
    outputs = 3 if op_type == "LSTM" else 2
    assert torch.autograd.gradcheck(
        lambda *xs: function(*xs, *arrays[4:], **attributes, outputs=outputs), leaves, fast_mode=True
    )


@pytest.mark.parametrize("lengths", [[6, 3, 0, 5], [1, 2, 1, 1]], ids=["ragged", "mostly_padding"])
@pytest.mark.parametrize("activations", ["default", "hard"])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("op_type", sorted(GATES))
def test_no_gradient_comes_from_behind_the_end_of_a_sequence(
    op_type: str, direction: str, activations: str, lengths: list[int]
) -> None:
    """Not even from what is no number."""
    inputs, attributes = recurrent_case(op_type, direction, activations, lengths)
    attributes = {k: tuple(v) if isinstance(v, list) else v for k, v in attributes.items()}
    found = []
    for filler in (0.0, np.nan, 1e30):
        for sample, length in enumerate(lengths):
            inputs[0][length:, sample] = filler  # type: ignore[index]
        leaves = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs if x is not None]
        results = OPERATORS[op_type].function(*leaves, **attributes, outputs=3 if op_type == "LSTM" else 2)
        sum(result.square().sum() for result in results).backward()
        found.append([r.detach().numpy() for r in results] + [x.grad.numpy() for x in leaves[1:4]])
    for others in found[1:]:
        for a, b in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_written_out_lstm_steps_have_first_and_second_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(5, 3, 16), (3, 4), (3, 4), (4, 16)]
    leaves = [torch.randn(s, dtype=torch.float64, generator=generator) * 0.4 + 0.2 for s in shapes]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    assert torch.autograd.gradcheck(lstm_steps.LstmSteps.apply, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(lstm_steps.LstmSteps.apply, leaves, fast_mode=True)


def test_the_written_out_gru_steps_have_first_and_second_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(5, 3, 12), (3, 4), (12, 4), (12,)]
    leaves = [torch.randn(s, dtype=torch.float64, generator=generator).requires_grad_() for s in shapes]
    assert torch.autograd.gradcheck(gru_steps.GruSteps.apply, leaves, fast_mode=True)
    assert torch.autograd.gradgradcheck(gru_steps.GruSteps.apply, leaves, fast_mode=True)


@pytest.mark.parametrize("lengths", list(LENGTHS.values()), ids=list(LENGTHS))
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_gradients_of_the_written_out_gru_steps_are_those_of_torchs_kernel(
    direction: str, lengths: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, attributes = recurrent_case("GRU", direction, "default", lengths)
    attributes |= {"linear_before_reset": 1, "outputs": 2}
    found = []
    for applies in (lambda *tensors: False, gru_steps.applies):
        monkeypatch.setattr(gru_steps, "applies", applies)
        leaves = [None if x is None else torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
        results = OPERATORS["GRU"].function(*leaves, **attributes)
        sum(result.square().sum() for result in results).backward()
        found.append([*results, *(x.grad for x in leaves if x is not None and x.requires_grad)])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("indices", [(0, 3, 1, 2), (1, 0)], ids=["all", "some"])
def test_parts_in_another_order_have_values_and_gradients_of_indexing(
    indices: tuple[int, ...], axis: int
) -> None:
    function = OPERATORS["Gather"].function
    data = torch.from_numpy(draw(4, 4, 4)).requires_grad_()
    weights = torch.from_numpy(draw(4, 4, 4)).index_select(axis, torch.arange(len(indices)))
    found = []
    for given in (indices, torch.tensor(indices)):
        y = function(data, given, axis=axis)
        found.append((y, *torch.autograd.grad((y * weights).sum(), [data])))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("factors", [(2, 2), (3, 1), (3, 2)])
def test_whole_factors_of_resize_have_gradients_of_both_orders_in_the_memory_order_of_their_input(
    factors: tuple[int, int],
) -> None:
    function = OPERATORS["Resize"].function
    x = torch.from_numpy(draw(2, 3, 4, 5)).double().contiguous(memory_format=torch.channels_last)
    x.requires_grad_()

    def resized(x: torch.Tensor) -> torch.Tensor:
        return function(x, None, (1.0, 1.0, *factors), coordinate_transformation_mode="asymmetric",
                        nearest_mode="floor")  # fmt: skip

    y = resized(x)
    wanted = x.repeat_interleave(factors[0], 2).repeat_interleave(factors[1], 3)
    torch.testing.assert_close(y, wanted, rtol=0, atol=0)
    (dx,) = torch.autograd.grad(y, [x], y.detach().contiguous(memory_format=torch.channels_last))
    assert dx.is_contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradcheck(resized, [x], fast_mode=True)
    assert torch.autograd.gradgradcheck(resized, [x], fast_mode=True)


# --- convolution and pooling ---


@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 2, 1]], ids=["none", "even", "uneven"])
@pytest.mark.parametrize("auto_pad", ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("strides", [[1, 1], [2, 3]], ids=["dense", "strided"])
def test_convolution_pads_as_onnxruntime(strides: list[int], auto_pad: str, pads: list[int]) -> None:
    attributes: dict[str, Any] = {"strides": strides, "auto_pad": auto_pad}
    if auto_pad == "NOTSET":
        attributes["pads"] = pads
    assert_same_as_onnxruntime("Conv", [draw(2, 3, 9, 8), draw(4, 3, 3, 2), draw(4)], attributes, 1)


@pytest.mark.parametrize(
    "attributes",
    [
        {"pads": [1, 0, 0, 1]},
        {"strides": [2, 2], "output_padding": [1, 1]},
        {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"strides": [2, 2], "auto_pad": "SAME_LOWER"},
        {"strides": [3, 2], "output_shape": [19, 13]},
        {"strides": [2, 2], "pads": [1, 1, 1, 1], "dilations": [2, 1]},
    ],
    ids=str,
)
def test_transposed_convolution_is_onnxruntimes(attributes: dict[str, Any]) -> None:
    assert_same_as_onnxruntime("ConvTranspose", [draw(2, 3, 6, 6), draw(3, 4, 3, 3), draw(4)], attributes, 1)


@pytest.mark.parametrize("ceil_mode", [0, 1])
@pytest.mark.parametrize("strides", [[1, 1], [2, 2], [3, 2]], ids=str)
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0]], ids=str)
@pytest.mark.parametrize("op_type", ["MaxPool", "AveragePool"])
def test_pooling_is_onnxruntimes(op_type: str, pads: list[int], strides: list[int], ceil_mode: int) -> None:
    attributes = {"kernel_shape": [3, 2], "pads": pads, "strides": strides, "ceil_mode": ceil_mode}
    for extra in [{}, {"count_include_pad": 1}][: 2 if op_type == "AveragePool" else 1]:
        assert_same_as_onnxruntime(op_type, [draw(2, 3, 9, 8)], attributes | extra, 1)


def test_global_lp_pool_is_the_norm_over_space() -> None:
    x = draw(2, 3, 4, 5)
    (y,) = by_bridge("GlobalLpPool", [x], {"p": 3})
    np.testing.assert_allclose(y, (np.abs(x) ** 3).sum((2, 3), keepdims=True) ** (1 / 3), rtol=1e-5)


def test_max_roi_pool_is_onnxruntimes() -> None:
    x = draw(2, 3, 12, 10)
    rois = np.array([[0, 1, 2, 8, 11], [1, 0, 0, 9, 9], [1, 4, 4, 5, 5]], np.float32)
    attributes = {"pooled_shape": [3, 2], "spatial_scale": 1.0}
    assert_same_as_onnxruntime("MaxRoiPool", [x, rois], attributes, 1)


def test_a_channels_last_view_stays_channels_last_through_the_kernels() -> None:
    x = torch.rand(2, 8, 8, 3).permute(0, 3, 1, 2)
    weight = torch.rand(3, 3, 3, 4).permute(3, 2, 0, 1)
    y = nn.Conv(x, weight, pads=(0, 0, 1, 1))
    y = pooling.AveragePool(
        pooling.MaxPool(y, kernel_shape=(2, 2)), kernel_shape=(2, 2), auto_pad="SAME_UPPER"
    )
    y = nn.BatchNormalization(y, *torch.rand(4, 4))
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_batch_normalization_in_training_averages_the_population_variance() -> None:
    x = draw(4, 3, 5, 5)
    scale, bias, mean, variance = draw(3), draw(3), draw(3), np.abs(draw(3))
    y, new_mean, new_variance = by_bridge(
        "BatchNormalization", [x, scale, bias, mean, variance], {"training_mode": 1, "momentum": 0.7}, 3
    )
    batch_mean, batch_variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
    np.testing.assert_allclose(new_mean, 0.7 * mean + 0.3 * batch_mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(new_variance, 0.7 * variance + 0.3 * batch_variance, rtol=1e-4, atol=1e-6)
    shape = (1, 3, 1, 1)
    normal = (x - batch_mean.reshape(shape)) / np.sqrt(batch_variance.reshape(shape) + 1e-5)
    np.testing.assert_allclose(y, normal * scale.reshape(shape) + bias.reshape(shape), rtol=1e-3, atol=1e-4)


# --- indexing and filling ---


@pytest.mark.parametrize(
    ("start", "end", "step"),
    list(itertools.product([0, 2, -1, 100], [5, -1, -100], [1, 2]))
    + [(-1, -100, -1), (4, 0, -2), (1, 3, -1)],
)
def test_slices_are_numpys(start: int, end: int, step: int) -> None:
    x = np.arange(6)
    got = tensor.Slice(torch.from_numpy(x), (start,), (end,), (0,), (step,))
    np.testing.assert_array_equal(got.numpy(), x[start:end:step])


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
@pytest.mark.parametrize("pads", [(0, 2, 0, 1), (1, 3, 2, 0), (0, 0, 0, 0)], ids=str)
def test_pads_are_numpys(mode: str, pads: tuple[int, ...]) -> None:
    x = draw(4, 5)
    got = tensor.Pad(torch.from_numpy(x), pads, mode=mode).numpy()
    np.testing.assert_array_equal(got, np.pad(x, [(pads[0], pads[2]), (pads[1], pads[3])], mode))


def test_gather_takes_from_a_table_by_embedding_and_counts_negative_indices_from_the_end() -> None:
    table = torch.rand(5, 3, requires_grad=True)
    indices = torch.tensor([[0, -1], [2, 2]], dtype=torch.int32)
    rows = tensor.Gather(table, indices)
    torch.testing.assert_close(rows, table[indices.long()])
    rows.sum().backward()
    assert table.grad[:, 0].tolist() == [1, 0, 2, 0, 1]


def test_gather_outside_of_the_table_is_an_error() -> None:
    with pytest.raises(IndexError):
        tensor.Gather(torch.rand(5, 3), torch.tensor([5]))


def test_topk_and_hardmax_prefer_the_first_of_equals() -> None:
    x = torch.tensor([1.0, 3.0, 3.0, 2.0, 3.0])
    assert tensor.TopK(x, 2)[1].tolist() == [1, 2]
    assert elementwise.Hardmax(x).tolist() == [0, 1, 0, 0, 0]


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
def test_types_that_torch_only_stores_compute(dtype: str) -> None:
    a, b = np.array([7, 250, 65000], dtype), np.array([3, 60, 60000], dtype)
    for op_type, expected in {"Add": a + b, "Sub": a - b, "Div": a // b, "Max": np.maximum(a, b)}.items():
        (got,) = by_bridge(op_type, [a, b], {})
        assert got.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(got, expected)
    (less,) = by_bridge("Less", [a, b], {})
    np.testing.assert_array_equal(less, a < b)


def test_strings_are_refused_by_name() -> None:
    x = Value("string", (2,), "x")
    with pytest.raises(OperatorError, match="string"):
        run(lower(Graph([op.Equal(x, x)], [x])), np.array(["a", "b"], object))


def test_suppression_keeps_the_best_of_overlapping_boxes() -> None:
    boxes = torch.tensor([[[0.0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 5, 1, 6]]])
    scores = torch.tensor([[[0.6, 0.9, 0.5]]])
    kept = vision.NonMaxSuppression(boxes, scores, 3, 0.5, 0.0)
    assert kept.tolist() == [[0, 0, 1], [0, 0, 2]]


# --- random draws ---

DRAWS: dict[str, tuple[list, dict[str, Any]]] = {
    "Dropout": ([torch.ones(1000), 0.25, True], {}),
    "RandomNormal": ([], {"shape": (1000,), "mean": 3.0, "scale": 0.5}),
    "RandomNormalLike": ([torch.ones(1000)], {"mean": 3.0, "scale": 0.5}),
    "RandomUniform": ([], {"shape": (1000,), "low": -1.0, "high": 3.0}),
    "RandomUniformLike": ([torch.ones(1000)], {"low": -1.0, "high": 3.0}),
    "Bernoulli": ([torch.full((1000,), 0.25)], {}),
    "Multinomial": ([torch.log(torch.tensor([[0.25, 0.75]]))], {"sample_size": 1000}),
}
MEANS = {
    "Dropout": 1.0,
    "RandomNormal": 3.0,
    "RandomNormalLike": 3.0,
    "RandomUniform": 1.0,
    "RandomUniformLike": 1.0,
    "Bernoulli": 0.25,
    "Multinomial": 0.75,
}


@pytest.mark.parametrize("op_type", sorted(DRAWS))
def test_draws_have_the_mean_that_is_asked_for(op_type: str) -> None:
    inputs, attributes = DRAWS[op_type]
    generator = random.new_generator(1.0, torch.device("cpu"))
    drawn = OPERATORS[op_type].function(*inputs, generator=generator, **attributes)
    assert abs(drawn.double().mean().item() - MEANS[op_type]) < 0.15


@pytest.mark.parametrize("op_type", sorted(DRAWS))
def test_without_a_seed_draws_follow_torchs_global_generator(op_type: str) -> None:
    inputs, attributes = DRAWS[op_type]
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append(OPERATORS[op_type].function(*inputs, **attributes))
    assert torch.equal(*drawn)
    assert not torch.equal(drawn[0], OPERATORS[op_type].function(*inputs, **attributes))


def test_a_seeded_node_goes_on_from_call_to_call_and_starts_over_in_a_new_module() -> None:
    graph = Graph([op.RandomUniform(shape=[4], seed=11.0)])
    module = lower(graph)
    first, second = run(module)[0], run(module)[0]
    assert not np.array_equal(first, second)
    again = lower(graph)
    torch.manual_seed(0)  # has no part in it
    np.testing.assert_array_equal(run(again)[0], first)
    np.testing.assert_array_equal(run(again)[0], second)


def test_dropout_passes_everything_through_outside_of_training() -> None:
    x = torch.rand(5)
    assert random.Dropout(x, 0.5, False) is x
    kept, mask = random.Dropout(x, 0.5, None, outputs=2)
    assert kept is x
    assert mask.all()


def test_dropout_of_everything_leaves_zeros() -> None:
    assert not random.Dropout(torch.ones(9), 1.0, True).any()
    assert not random.Dropout(torch.ones(9), 1.0, True, generator=torch.Generator())[0].any()


@pytest.mark.parametrize("bounds", [(0.0, 6.0), (0.0, 5.0), (-1.0, None), (None, 1.0)])
def test_clip_passes_gradients_between_its_bounds_alone(bounds):
    x = torch.tensor([-2.0, -0.5, 0.5, 4.0, 7.0, float("nan")], requires_grad=True)
    low, high = (float("-inf") if bounds[0] is None else bounds[0], bounds[1] or float("inf"))
    y = elementwise.Clip(x, *bounds)
    np.testing.assert_array_equal(y.detach(), np.clip(x.detach(), low, high))
    y[:5].sum().backward()
    expected = [float(low < value < high) for value in [-2.0, -0.5, 0.5, 4.0, 7.0]]
    assert x.grad is not None and x.grad[:5].tolist() == expected
