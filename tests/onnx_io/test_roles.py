"""Which floats of a foreign file are weights: what reads them decides, wherever they stand."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import TensorProto, helper, numpy_helper

from kcompile.ir import Constant
from kcompile.onnx_io.reading import read_graph
from kcompile.onnx_io.templates import split

N = helper.make_node
RANDOM = np.random.default_rng(0)
INT64, BOOL = TensorProto.INT64, TensorProto.BOOL


def floats(*shape, dtype=np.float32):
    return RANDOM.standard_normal(shape).astype(dtype)


def info(name, shape=None, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def case(nodes, tensors, trained="", kept="", x=("N", 4), inputs=()):
    """Nodes in ONNX's text; trained, kept: which tensors become weights, the latter not trainable."""
    if isinstance(nodes, str):
        nodes = [onnx.parser.parse_node(text) for text in nodes.split(";")]
    return nodes, tensors, set(trained.split()), set(kept.split()), [info("x", x), *inputs]


def recurrent(kind, gates):
    tensors = {"w": floats(1, gates * 3, 4), "r": floats(1, gates * 3, 3), "b": floats(1, gates * 6)}
    states = ["h", "c"] if kind == "LSTM" else ["h"]
    tensors |= {name: np.zeros((1, 2, 3), np.float32) for name in states}
    node = N(kind, ["x", "w", "r", "b", "", *states], ["all", "y"], hidden_size=3)
    return case([node], tensors, "w r b", x=(5, 2, 4))


MASK = np.triu(np.full((4, 4), -np.inf, np.float32), 1)
WINDOWS = np.where(np.eye(4), 0, -100).astype(np.float32)
I = np.array  # noqa: E741

CASES = {
    # what learns
    "MatMul": case("y = MatMul(x, w)", {"w": floats(4, 1)}, "w"),
    "MatMul from the left": case("y = MatMul(w, x)", {"w": floats(2, 3)}, "w", x=(3, 4)),
    "Gemm": case("y = Gemm(x, w, b)", {"w": floats(4, 1), "b": floats(1)}, "w b"),
    "Conv": case("y = Conv(x, w, b)", {"w": floats(1, 3, 1, 1), "b": floats(1)}, "w b", x=("N", 3, 5, 5)),
    "ConvTranspose": case("y = ConvTranspose(x, w)", {"w": floats(3, 2, 2)}, "w", x=("N", 3, 5)),
    "Einsum": case('y = Einsum<equation="ab,bc->ac">(x, w)', {"w": floats(4, 2)}, "w"),
    "LSTM": recurrent("LSTM", 4),
    "GRU": recurrent("GRU", 3),
    "RNN": recurrent("RNN", 1),
    "PRelu": case("y = PRelu(x, a)", {"a": floats(1)}, "a"),
    "a table": case("i = Cast<to=7>(x); y = Gather(t, i)", {"t": floats(9, 2)}, "t"),
    "BatchNormalization": case(
        "y = BatchNormalization(x, g, b, m, v)",
        {"g": floats(4), "b": floats(4), "m": floats(4), "v": np.ones(4, np.float32)},
        "g b",
        "m v",
    ),
    "InstanceNormalization": case(
        "y = InstanceNormalization(x, g, b)",
        {"g": floats(4), "b": floats(4)},
        "g b",
        x=("N", 4, 5),
    ),
    "LayerNormalization": case("y = LayerNormalization(x, g, b)", {"g": floats(4), "b": floats(4)}, "g b"),
    "GroupNormalization": case(
        "y = GroupNormalization<num_groups=2>(x, g, b)",
        {"g": floats(4), "b": floats(4)},
        "g b",
        x=("N", 4, 5),
    ),
    "half precision": case(
        "h = Cast<to=10>(x); y = MatMul(h, w)", {"w": floats(4, 2, dtype=np.float16)}, "w"
    ),
    "double precision": case(
        "h = Cast<to=11>(x); y = MatMul(h, w)", {"w": floats(4, 2, dtype=np.float64)}, "w"
    ),
    # vectors of arithmetic
    "bias": case("p = MatMul(x, w); y = Add(p, b)", {"w": floats(4, 3), "b": floats(3)}, "w b"),
    "bias of zeros": case("y = Add(x, b)", {"b": np.zeros(4, np.float32)}, "b"),
    "bias of one element": case(
        "p = MatMul(x, w); y = Add(b, p)", {"w": floats(4, 1), "b": floats(1)}, "w b"
    ),
    "bias behind a reshape": case(
        "p = MatMul(x, w); q = Reshape(p, s); y = Add(q, b)",
        {"w": floats(4, 1), "b": floats(1), "s": I([-1, 1])},
        "w b",
    ),
    "LayerNormalization in pieces": case(
        "m = ReduceMean(x, axis); d = Sub(x, m); sq = Pow(d, two); v = ReduceMean(sq, axis); ve = "
        "Add(v, eps); s = Sqrt(ve); n = Div(d, s); ng = Mul(n, g); y = Add(ng, b)",
        {
            "axis": I([-1]),
            "two": np.float32(2),
            "eps": np.float32(1e-5),
            "g": np.ones(4, np.float32),
            "b": np.zeros(4, np.float32),
        },
        "g b",
    ),
    "embedding of positions": case(
        "s = Shape<start=1>(x); p = Slice(t, zero, s, zero); u = Unsqueeze(x, two); y = Add(u, p)",
        {"t": floats(9, 3), "zero": I([0]), "two": I([2])},
        "t",
    ),
    "token of the class": case(
        "s = Shape<end=1, start=0>(x); shape = Concat<axis=0>(s, rest); e = Expand(t, shape); c = "
        "Concat<axis=1>(e, x); y = Mul(c, g)",
        {"t": floats(1, 2), "rest": I([2]), "g": floats(6)},
        "t g",
    ),
    "token under a mask": case(
        "m = Greater(x, zero); y = Where(m, t, x)",
        {"zero": np.float32(0), "t": floats(4)},
        "t",
    ),
    "moved on its way": case(
        "t = Transpose<perm=[1, 0]>(w); u = Identity(t); y = MatMul(x, u)",
        {"w": floats(3, 4)},
        "w",
    ),
    "norm of a weight": case(
        "n = ReduceL2(v, axis); u = Div(v, n); w = Mul(u, g); y = MatMul(x, w)",
        {"v": floats(4, 3), "axis": I([0]), "g": floats(1, 3)},
        "v g",
    ),
    "function of a weight": case("e = Exp(a); n = Neg(e); y = Mul(x, n)", {"a": floats(4)}, "a"),
    "fake quantization": case(
        "q = QuantizeLinear(w, s); d = DequantizeLinear(q, s); y = MatMul(x, d)",
        {"w": floats(4, 3), "s": np.float32(0.1)},
        "w",
    ),
    # what does not
    "scalars": case(
        "a = Mul(x, half); b = Add(a, eps); c = Div(b, root); d = Sub(one, c); y = Pow(d, two)",
        {
            "half": np.float32(0.5),
            "eps": np.full((1,), 1e-10, np.float32),
            "root": np.full((1, 1), 8, np.float32),
            "one": np.float32(1),
            "two": np.float32(2),
        },
    ),
    "bounds": case(
        "a = Clip(x, low, high); b = Max(a, m); y = Min(b, m)",
        {"low": np.float32(-1), "high": np.float32(1), "m": floats(4)},
    ),
    "exponents": case("a = Abs(x); y = Pow(a, p)", {"p": floats(4)}),
    "comparisons": case("g = Greater(x, t); y = Cast<to=1>(g)", {"t": floats(4)}),
    "causal mask": case("s = Add(x, m); y = Softmax(s)", {"m": MASK}, x=(4, 4)),
    "causal mask of numbers": case("s = Add(x, m); y = Softmax(s)", {"m": np.maximum(MASK, -1e9)}, x=(4, 4)),
    "mask of windows": case("s = Add(x, m); y = Softmax(s)", {"m": WINDOWS}, x=(4, 4)),
    "mask of zeros and ones": case("y = Mul(x, m)", {"m": np.eye(4, dtype=np.float32)}, x=(4, 4)),
    "scales of Resize": case(
        'y = Resize<mode="nearest">(x, "", s)', {"s": I([1, 1, 2, 2], dtype=np.float32)}, x=("N", 3, 4, 4)
    ),
    "scales of Resize in parts": case(
        's = Concat<axis=0>(a, b); y = Resize<mode="nearest">(x, "", s)',
        {"a": np.ones(2, np.float32), "b": np.full(2, 2, np.float32)},
        x=("N", 3, 4, 4),
    ),
    "sizes": case(
        "s = Shape<start=2>(x); f = Cast<to=1>(s); g = Mul(f, k); h = Floor(g); i = "
        "Cast<to=7>(h); t = Concat<axis=0>(first, i); y = Expand(x, t)",
        {"k": I([1.0, 1.0], np.float32), "first": I([1, 1])},
        x=("N", 3, 4, 4),
    ),
    "angles": case(
        "s = Shape<start=1>(x); f = Cast<to=1>(s); a = Mul(f, k); b = Sin(a); y = Mul(x, b)",
        {"k": floats(4)},
    ),
    "angles of positions": case(
        "s = Shape<start=1>(x); z = Squeeze(s); p = Range(zero, z, one); f = Cast<to=1>(p); "
        "c = Unsqueeze(f, axis); m = MatMul(c, k); a = Cos(m); u = Unsqueeze(x, axis); y = Mul(u, a)",
        {"zero": I(0), "one": I(1), "axis": I([1]), "k": floats(1, 4)},
    ),
    "product of weights": case(
        "w = MatMul(a, b); y = MatMul(x, w)", {"a": floats(4, 2), "b": floats(2, 3)}, "a b"
    ),
    "a schedule": case("i = Cast<to=7>(x); g = Gather(t, i); y = Mul(x, g)", {"t": floats(9)}),
    "bools and integers": case("y = Where(m, x, z)", {"m": I([True, False, True, True]), "z": np.float32(0)}),
    # operators that only onnxruntime has
    "inside of another domain": case(
        "y = com.microsoft.FusedMatMul<alpha=0.5>(x, w)", {"w": floats(4, 3)}, kept="w"
    ),
    "read by both": case(
        "f = com.microsoft.FusedMatMul(x, w); g = MatMul(x, w); y = Add(f, g)",
        {"w": floats(4, 3)},
        "w",
    ),
}


def model(nodes, tensors, inputs, as_constants):
    made = {name: numpy_helper.from_array(np.asarray(array), name) for name, array in tensors.items()}
    if as_constants:
        nodes = [N("Constant", [], [name], value=tensor) for name, tensor in made.items()] + nodes
    graph = helper.make_graph(nodes, "g", inputs, [info("y")], [] if as_constants else list(made.values()))
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


@pytest.mark.parametrize("as_constants", [False, True], ids=["initializers", "constants"])
@pytest.mark.parametrize("name", CASES)
def test_what_reads_a_tensor_says_whether_it_is_trained(name, as_constants):
    nodes, tensors, trained, kept, inputs = CASES[name]
    theirs = model(nodes, tensors, inputs, as_constants)
    weights = split(theirs).weights
    assert {w.name for w in weights if w.trainable} == trained
    assert {w.name for w in weights if not w.trainable} == kept
    for weight in weights:
        np.testing.assert_array_equal(weight.array, tensors[weight.name])


def body(kind):
    """w and k in the body of an operator: k is a scalar, w a vector."""
    tensors = [
        N("Constant", [], [n], value=numpy_helper.from_array(a))
        for n, a in (("w", floats(4)), ("k", np.float32(2)))
    ]
    inner = [*tensors, N("Mul", ["s", "w"], ["a"]), N("Add", ["a", "k"], ["next"])]
    if kind == "If":
        inner[2] = N("Mul", ["x", "w"], ["a"])
        graph = helper.make_graph(inner, "b", [], [info("next")])
        return [N("If", ["yes"], ["y"], then_branch=graph, else_branch=graph)], {"yes": np.array(True)}, 2
    if kind == "Loop":
        inner.append(N("Identity", ["go"], ["on"]))
        formal = [info("i", [], INT64), info("go", [], BOOL), info("s")]
        graph = helper.make_graph(inner, "b", formal, [info("on", [], BOOL), info("next")])
        # what a loop starts from is no weight
        return (
            [N("Loop", ["n", "", "h"], ["z"], body=graph), N("Mul", ["x", "z"], ["y"])],
            {"n": np.array(2), "h": floats(4)},
            1,
        )
    inner.append(N("MatMul", ["step", "next"], ["seen"]))
    graph = helper.make_graph(inner, "b", [info("s"), info("step")], [info("next"), info("seen")])
    # what it scans is: here every step is a matrix
    return [N("Scan", ["x", "m"], ["y", "all"], body=graph, num_scan_inputs=1)], {"m": floats(3, 4, 4)}, 2


@pytest.mark.parametrize("kind", ["If", "Loop", "Scan"])
def test_bodies_have_weights(kind):
    nodes, tensors, count = body(kind)
    theirs = model(nodes, tensors, [info("x", (4,))], False)
    weights = split(theirs).weights
    assert len(weights) == count
    assert all(w.trainable and w.array.size > 1 for w in weights)


def test_a_graph_has_the_same_weights_as_a_template():
    nodes, tensors, *_ = CASES["LayerNormalization in pieces"]
    theirs = model(nodes, tensors, [info("x", ("N", 4))], True)
    graph = read_graph(theirs)
    assert [p.name for p in graph.parameters] == [w.name for w in split(theirs).weights]
    exponent = next(node for node in graph.nodes if node.op_type == "Pow").inputs[1]
    assert isinstance(exponent, Constant)


def test_names_say_nothing():
    nodes, tensors, trained, *_ = CASES["bias"]
    theirs = model(nodes, tensors, [info("x", ("N", 4))], False)
    renamed = onnx.load_model_from_string(theirs.SerializeToString())
    swapped = {"w": "eps", "b": "mask"}
    for tensor in renamed.graph.initializer:
        tensor.name = swapped[tensor.name]
    for node in renamed.graph.node:
        node.input[:] = [swapped.get(name, name) for name in node.input]
    assert {w.name for w in split(renamed).weights} == {swapped[name] for name in trained}
