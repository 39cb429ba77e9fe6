"""Functions of networks: what they compute at once a graph of them computes, too, by onnxruntime."""

from __future__ import annotations

import ast
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from keras.src import backend as keras_backend

from kcompile.ir import Graph, Trace, Value, tracing
from kcompile.keras import backend as K
from kcompile.keras3.backend import nn, rnn
from kcompile.torch_bridge import lower, run
from tests.keras3.backend.graphs import in_a_graph, listed

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(3, 4, 6)).astype("float32") * 2
IMAGES = RANDOM.normal(size=(2, 8, 7, 4)).astype("float32")
KERNEL = RANDOM.normal(size=(3, 3, 4, 6)).astype("float32")
DEEP = RANDOM.normal(size=(3, 3, 4, 2)).astype("float32")
WIDE = RANDOM.normal(size=(1, 1, 8, 5)).astype("float32")
BACK = RANDOM.normal(size=(3, 3, 6, 4)).astype("float32")
CLASSES = np.array([[0, 2, 1, 5], [3, 0, 4, 2], [1, 1, 0, 3]], np.int32)
P = np.exp(X) / np.exp(X).sum(-1, keepdims=True)
HEADS = RANDOM.normal(size=(2, 5, 4, 8)).astype("float32")
FEW = RANDOM.normal(size=(2, 6, 2, 8)).astype("float32")
MASK = RANDOM.rand(2, 4, 5, 5) > 0.4
BIAS = RANDOM.normal(size=MASK.shape).astype("float32")
LENGTHS = np.array([4, 3, 2], np.int32)
LABELS = np.array([[1, 2], [3, 3], [4, 0]], np.int32)

#: name -> what it is called with: tensors first, then keywords.
CASES = {
    **{
        name: ([X], {})
        for name in (
            "celu elu gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid "
            "log_softmax relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus "
            "sparse_sigmoid sparsemax squareplus tanh tanh_shrink"
        ).split()
    },
    "gelu exact": ([X], {"approximate": False}),
    "softmax over all": ([X], {"axis": None}),
    "log_softmax over all": ([X], {"axis": None}),
    "threshold": ([X], {"threshold": 0.3, "default_value": -1.0}),
    "conv": ([IMAGES, KERNEL], {}),
    "conv same": ([IMAGES, KERNEL], {"strides": 2, "padding": "same"}),
    "conv in groups": ([IMAGES, KERNEL[:, :, :2]], {"dilation_rate": 2}),
    "depthwise_conv": ([IMAGES, DEEP], {"padding": "same"}),
    "separable_conv": ([IMAGES, DEEP, WIDE], {}),
    "conv_transpose": ([IMAGES, BACK], {"strides": 2}),
    "conv_transpose same": ([IMAGES, BACK], {"strides": 2, "padding": "same"}),
    "conv_transpose more": ([IMAGES, BACK], {"strides": 3, "padding": "same", "output_padding": 2}),
    "max_pool": ([IMAGES], {"pool_size": 2}),
    "average_pool": ([IMAGES], {"pool_size": 3, "strides": 2, "padding": "same"}),
    "adaptive_max_pool": ([IMAGES], {"output_size": (3, 2)}),
    "adaptive_average_pool": ([IMAGES], {"output_size": 3}),
    "one_hot": ([CLASSES], {"num_classes": 6, "axis": 1}),
    "multi_hot": ([CLASSES], {"num_classes": 6}),
    "categorical_crossentropy": ([P[::-1].copy(), P], {}),
    "categorical_crossentropy of logits": ([P, X], {"from_logits": True}),
    "sparse_categorical_crossentropy": ([CLASSES, P], {}),
    "sparse_categorical_crossentropy of logits": ([CLASSES, X], {"from_logits": True}),
    "binary_crossentropy": ([P[::-1].copy(), P], {}),
    "binary_crossentropy of logits": ([P, X], {"from_logits": True}),
    "moments": ([X], {"axes": [0, 1]}),
    "batch_normalization": ([X, X.mean((0, 1)), X.var((0, 1)), X[0, 0], X[0, 1]], {"axis": -1}),
    "layer_normalization": ([X, X[0, 0], X[0, 1]], {"axis": [-1], "epsilon": 1e-3}),
    "layer_normalization of several axes": ([X, None, X[0]], {"axis": [1, 2], "epsilon": 1e-3}),
    "layer_normalization of inner axes": ([IMAGES, IMAGES[0, :, 0, 0], None], {"axis": [1], "epsilon": 0.1}),
    "ctc_loss": ([LABELS, X, np.array([2, 2, 1], np.int32), LENGTHS], {"mask_index": 5}),
    "ctc_loss with the blank as a label": ([LABELS, X, np.array([2, 2, 2], np.int32), LENGTHS], {}),
    "ctc_decode": ([X, LENGTHS], {}),
    "ctc_decode by a beam": ([X, LENGTHS], {"strategy": "beam_search", "beam_width": 8, "top_paths": 2}),
    "psnr": ([P, P[::-1].copy()], {"max_val": 1.0}),
    "dot_product_attention": ([HEADS, FEW, FEW], {}),
    "dot_product_attention causal": ([HEADS, HEADS, HEADS], {"is_causal": True}),
    "dot_product_attention by a bias": ([HEADS, HEADS, HEADS, BIAS], {"is_causal": True}),
    "dot_product_attention by both": ([HEADS, HEADS, HEADS, BIAS, MASK], {"scale": 0.2}),
    "dot_product_attention masked": ([HEADS, HEADS, HEADS, None, MASK], {"attn_logits_soft_cap": 2.0}),
    "unfold": ([IMAGES], {"kernel_size": (2, 3), "padding": 1, "stride": 2}),
    "fold": ([RANDOM.rand(2, 12, 30).astype("float32")], {"output_size": (7, 6), "kernel_size": 2}),
    "depth_to_space": ([IMAGES], {"block_size": 2}),
    "depth_to_space first": ([IMAGES], {"block_size": 2, "data_format": "channels_first"}),
    "space_to_depth": ([IMAGES[:, :, :6]], {"block_size": 2}),
    "space_to_depth first": ([IMAGES[:, :, :6]], {"block_size": 2, "data_format": "channels_first"}),
}
CASES["depth_to_space first"] = ([IMAGES.transpose(0, 3, 1, 2)], CASES["depth_to_space first"][1])
CASES["space_to_depth first"] = ([IMAGES[:, :, :6].transpose(0, 3, 1, 2)], CASES["space_to_depth first"][1])


#: function -> the arguments that have no axis of samples, which are behind the first.
WEIGHTS = {
    nn.conv: ("kernel",),
    nn.conv_transpose: ("kernel",),
    nn.depthwise_conv: ("kernel",),
    nn.separable_conv: ("depthwise_kernel", "pointwise_kernel"),
    nn.batch_normalization: ("mean", "variance", "offset", "scale"),
    nn.layer_normalization: ("gamma", "beta"),
}


def with_weights(function, arrays, keywords, dtype):
    """Arrays with an axis of samples, and keywords with the tensors that have none."""
    if function not in WEIGHTS:
        return arrays, keywords
    weights = [None if a is None else torch.tensor(a, dtype=dtype) for a in arrays[1:]]
    return arrays[:1], {**keywords, **dict(zip(WEIGHTS[function], weights, strict=True))}


@pytest.mark.parametrize("case", CASES)
def test_a_graph_computes_what_tensors_do(case):
    function = getattr(nn, case.split()[0])
    arrays, keywords = with_weights(function, *CASES[case], torch.float32)
    at_once = listed(function(*arrays, **keywords))
    assert all(isinstance(y, torch.Tensor) for y in at_once)
    for a, b in zip(in_a_graph(function, arrays, keywords), at_once, strict=True):
        assert a.shape == tuple(b.shape) and a.dtype == b.numpy().dtype
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-4)


def public_functions(path: Path) -> set[str]:
    found = (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))
    return {node.name for node in found if not node.name.startswith("_")}


@pytest.mark.parametrize("module", ["nn", "rnn"])
def test_every_function_of_the_torch_backend_is_there(module):
    folder = Path(keras_backend.__file__).parent / "torch"
    ours = nn if module == "nn" else keras_backend
    internal = {"prepare_lstm_params", "prepare_gru_params"}
    assert rnn is keras_backend.rnn
    assert {
        name for name in public_functions(folder / f"{module}.py") - internal if not hasattr(ours, name)
    } == set()


def test_every_function_has_a_case():
    assert {case.split()[0] for case in CASES} == set(nn.__all__)


TORCH = {
    "celu": F.celu, "elu": F.elu, "gelu exact": F.gelu, "glu": F.glu, "hard_shrink": F.hardshrink,
    "hard_sigmoid": F.hardsigmoid, "hard_silu": F.hardswish, "hard_tanh": F.hardtanh,
    "log_sigmoid": F.logsigmoid, "relu": F.relu, "relu6": F.relu6, "selu": F.selu, "sigmoid": F.sigmoid,
    "silu": F.silu, "soft_shrink": F.softshrink, "softplus": F.softplus, "softsign": F.softsign,
    "tanh": F.tanh, "tanh_shrink": F.tanhshrink, "gelu": lambda x: F.gelu(x, approximate="tanh"),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2), "softmax": lambda x: F.softmax(x, -1),
    "log_softmax": lambda x: F.log_softmax(x, -1),
}  # fmt: skip


@pytest.mark.parametrize("name", TORCH)
def test_activations_and_their_gradients_are_those_of_torch(name):
    keywords = CASES[name][1]
    ours, theirs = (torch.tensor(X, requires_grad=True) for _ in range(2))
    a, b = getattr(nn, name.split()[0])(ours, **keywords), TORCH[name](theirs)
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    (a * a).sum().backward()
    (b * b).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32"])
@pytest.mark.parametrize("name", TORCH)
def test_activations_keep_the_type_of_numbers_with_a_fraction(name, dtype):
    found = getattr(nn, name.split()[0])(torch.tensor(X).to(getattr(torch, dtype)), **CASES[name][1])
    whole = "int32" if name in ("relu", "relu6") else "float32"
    assert keras_backend.standardize_dtype(found.dtype) == (whole if dtype == "int32" else dtype)


HALF = [*TORCH, *(c for c in CASES if any(word in c for word in ("conv", "pool", "normalization", "dot_")))]


@pytest.mark.parametrize("case", HALF)
def test_bfloat16_is_computed_in_graphs_as_at_once(case):
    function = getattr(nn, case.split()[0])
    arrays, keywords = with_weights(function, *CASES[case], torch.bfloat16)
    given = [None if a is None else Value(a.dtype, (None, *a.shape[1:])) for a in arrays]
    inputs = [x for x in given if x is not None]
    with tracing(Trace(inputs)):
        half = [x if x is None or x.dtype == bool else K.cast(x, "bfloat16") for x in given]
        found = function(*half, **keywords)
        assert str(found.dtype) == "bfloat16"
        graph = Graph([K.cast(found, "float32")], inputs)
    (a,) = run(lower(graph), *(a for a in arrays if a is not None))
    tensors = (None if a is None else torch.tensor(a) for a in arrays)
    halves = (x if x is None or x.dtype == torch.bool else x.bfloat16() for x in tensors)
    np.testing.assert_allclose(a, function(*halves, **keywords).float().numpy(), rtol=0.1, atol=0.3)


def test_a_batch_normalized_by_its_own_moments_is_one_operator_with_their_gradient():
    x, (gamma, beta) = torch.tensor(X, requires_grad=True), (torch.tensor(X[0, i]) for i in (1, 2))
    y = nn.batch_normalization(x, *nn.moments(x, [0, 1]), -1, beta, gamma)
    (y * torch.tensor(X[::-1].copy())).sum().backward()

    value, upstream = (Value(np.float32, (None, 4, 6)) for _ in range(2))
    trace = Trace([value, upstream], training=True)
    with tracing(trace):
        normalized = nn.batch_normalization(value, *nn.moments(value, [0, 1]), -1, beta, gamma)
        (gradient,) = trace.gradients([normalized * upstream], [value])
    graph = trace.graph([normalized], "train")
    assert [node.op_type for node in graph.nodes].count("BatchNormalization") == 1
    found = run(lower(Graph([gradient], [value, upstream], phase="train")), X, X[::-1].copy())[0]
    np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-3, atol=1e-4)


def test_a_label_that_is_the_blank_counts_as_torch_has_it():
    labels, lengths = torch.tensor([[1, 2, 0], [0, 0, 1], [3, 0, 0]]), torch.tensor([3, 2, 2])
    times = torch.tensor([4, 4, 3])
    expected = F.ctc_loss(
        F.log_softmax(torch.tensor(X), -1).transpose(0, 1), labels, times, lengths, reduction="none"
    )
    torch.testing.assert_close(nn.ctc_loss(labels, X, lengths, times), expected, rtol=1e-4, atol=1e-4)


ERRORS = {
    "one_hot": (([CLASSES], {"num_classes": 6, "sparse": True}), "sparse=True"),
    "conv": (([IMAGES, KERNEL[:, :, :3]], {}), "must be divisible"),
    "conv of many axes": (([X[0], KERNEL], {}), "ndim=3, 4, or 5"),
    "ctc_decode": (([X, LENGTHS], {"strategy": "guess"}), "Invalid strategy guess"),
    "categorical_crossentropy": (([P[:2], P], {}), "must have the same shape"),
    "sparse_categorical_crossentropy": (([CLASSES[:2], P], {}), "up until the last dimension"),
    "binary_crossentropy": (([P[:, :2], P], {}), "must have the same shape"),
    "dot_product_attention": (([X, X, X], {}), "only supports 4D inputs"),
    "psnr": (([P, P[:2]], {"max_val": 1.0}), "must match"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_does_not_fit_is_refused(case):
    (arrays, keywords), message = ERRORS[case]
    with pytest.raises(ValueError, match=message):
        getattr(nn, case.split()[0])(*arrays, **keywords)


def test_keras_calls_them():
    found = keras.ops.softmax(keras.ops.convert_to_tensor(X))
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(found.numpy().sum(-1), 1, rtol=1e-5)
