"""Arithmetic on sizes, as PyTorch's, TensorFlow's and Paddle's exporters write it, in PyTorch source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import parser

from kcompile.convert import write_module
from kcompile.keras.models import load_model
from kcompile.torch_bridge.module_file import load_module_file
from kcompile.torch_bridge.ops import host

CONSTANTS = """
 int64 zero = {0}, int64 one = {1}, int64 two = {2}, int64 three = {3}, int64[1] c0 = {0}, int64[1] c1 = {1},
 int64[1] c2 = {2}, int64[1] c3 = {3}, int64[1] m1 = {-1}, int64[1] end = {9223372036854775807},
 int64[2] c01 = {0, 1}, int64[2] c12 = {1, 2}, int64[2] c10 = {1, 0}, int64[3] c122 = {1, 2, 2},
 int64[3] flags = {1, -1, 1}, float half = {0.5}, float[1] ones = {1.0}, float[3] scales = {1.0, 2.0, 2.0}
"""
GRAPHS = {
    # what the exporters write for reshapes of open axes
    "flatten of the two exporters of torch": "s = Shape(x) b = Gather<axis=0>(s, zero) u = Unsqueeze(b, c0) "
    "t = Concat<axis=0>(u, m1) y = Reshape(x, t)",
    "dynamo": "b = Shape<start=0, end=1>(x) n = Shape<start=1, end=2>(x) k = Mul(n, c3) t = "
    "Concat<axis=0>(b, k) "
    "y = Reshape(x, t)",
    "tf2onnx": "s = Shape(x) s32 = Cast<to=6>(s) b = Slice(s32, c0, c1, c0) b64 = Cast<to=7>(b) "
    "t = Concat<axis=0>(b64, m1, c3) y = Reshape(x, t)",
    "paddle": "s = Shape(x) s32 = Cast<to=6>(s) b = Slice(s32, c0, c1) n = Slice(s32, c1, c2) k = Mul(b, n) "
    "k64 = Cast<to=7>(k) t = Concat<axis=0>(k64, m1) y = Reshape(x, t)",
    "halves": "s = Shape(x) n = Gather(s, one) h = Div(n, two) u = Unsqueeze(h, c0) t = "
    "Concat<axis=0>(c0, u, c2, c3) "
    "y = Reshape(x, t)",
    "split at the middle": "s = Shape(x) n = Gather(s, one) h = Div(n, two) u = Unsqueeze(h, c0) "
    "a = Slice(x, c0, u, c1) b = Slice(x, u, end, c1) y = Concat<axis=1>(b, a)",
    "all elements": "s = Shape(x) n = ReduceProd<keepdims=0>(s) u = Unsqueeze(n, c0) y = Reshape(x, u)",
    "size": "n = Size(x) u = Unsqueeze(n, c0) y = Reshape(x, u)",
    "reversed": "s = Shape(x) r = Slice(s, m1, m1, c0, m1) g = Gather(s, c10) y0 = Transpose<perm=[1, 0, "
    "2]>(x) "
    "t = Concat<axis=0>(g, c3) y = Reshape(y0, t)",
    # arithmetic, number by number and shape by shape
    "add": "s = Shape<start=1, end=2>(x) a = Add(s, c1) b = Sub(a, c1) t = Concat<axis=0>(c0, b, m1) y = "
    "Reshape(x, t)",
    "sub from": "s = Shape(x) d = Sub(s, s) e = Add(d, s) y = Reshape(x, e)",
    "times flags": "s = Shape(x) k = Mul(s, flags) a = Abs(k) y = Reshape(x, a)",
    "div of shapes": "s = Shape(x) k = Div(s, c122) m = Mul(k, c122) e = Sub(s, m) o = Add(m, e) y = "
    "Reshape(x, o)",
    "min and max": "s = Shape(x) b = Gather(s, zero) n = Gather(s, one) k = Min(b, n) m = Max(b, n) "
    "p = Mul(k, m) u = Unsqueeze(p, c0) t = Concat<axis=0>(u, m1) y = Reshape(x, t)",
    "min and max of tuples": "s = Shape(x) k = Min(s, c3) m = Max(k, s) y = Reshape(x, m)",
    "mod": "s = Shape(x) n = Gather(s, one) o = Mod(n, two) e = Sub(n, o) u = Unsqueeze(e, c0) y = "
    "Slice(x, c0, u, c1)",
    "negative": "s = Shape(x) n = Gather(s, one) o = Neg(n) e = Neg(o) u = Unsqueeze(e, c0) y = Slice(x, "
    "c0, u, c1)",
    "floats": "s = Shape(x) n = Gather(s, one) f = Cast<to=1>(n) h = Mul(f, half) w = Floor(h) i = "
    "Cast<to=7>(w) "
    "u = Unsqueeze(i, c0) y = Slice(x, c0, u, c1)",
    "floats of a shape": "s = Shape<start=1>(x) f = Cast<to=1>(s) h = Mul(f, half) w = Ceil(h) i = "
    "Cast<to=7>(w) "
    "z = Sub(c12, c12) b = Slice(x, z, i, c12) y = Neg(b)",
    "mean by hand": "s = Shape(x) n = Gather(s, one) f = Cast<to=1>(n) k = ReduceSum<keepdims=0>(x, c1) y "
    "= Div(k, f)",
    "root": "s = Shape(x) n = Gather(s, two) f = Cast<to=1>(n) r = Sqrt(f) y = Div(x, r)",
    "squeezed": "s = Shape<start=1, end=2>(x) n = Squeeze(s) u = Unsqueeze(n, c0) t = Concat<axis=0>(m1, "
    "u, c3) "
    "y = Reshape(x, t)",
    "one size of two": "s = Shape<start=1>(x) n = Gather(s, c1) t = Concat<axis=0>(m1, n) y = Reshape(x, t)",
    "steps": "s = Shape(x) k = Slice(s, c0, end, c0, c2) b = Slice(k, c0, c1) t = Concat<axis=0>(b, m1) y "
    "= Reshape(x, t)",
    # tensors made from sizes
    "expand": "s = Shape(x) o = Expand(ones, s) y = Add(x, o)",
    "expand of torch's first exporter": "s = Shape(x) k = ConstantOfShape<value = int64[1] {1}>(c3) "
    "m = Mul(k, m1) e = Equal(s, m) w = Where(e, k, s) o = Expand(ones, w) y = Mul(x, o)",
    "constant of shape": "s = Shape(x) o = ConstantOfShape<value = float[1] {2.0}>(s) y = Mul(x, o)",
    "zeros of states": "b = Shape<start=0, end=1>(x) t = Concat<axis=0>(c1, b, c3) z = ConstantOfShape(t) "
    "p = Transpose<perm=[1, 0, 2]>(z) y = Add(x, p)",
    "range": "s = Shape(x) n = Gather(s, one) r = Range(zero, n, one) f = Cast<to=1>(r) u = Unsqueeze(f, "
    "c12) "
    "p = Transpose<perm=[1, 0, 2]>(u) y = Add(x, p)",
    "range of positions": "s = Shape(x) n = Gather(s, one) r = Range(zero, n, one) y = Gather<axis=1>(x, r)",
    "tile": "b = Shape<start=0, end=1>(x) t = Concat<axis=0>(b, c1, c1) k = Slice(x, c0, c1, c0) y = "
    "Tile(k, t)",
    "upsampling": "s = Shape(x) h = Slice(s, c1, c3) k = Mul(h, c2) b = Slice(s, c0, c1) t = "
    "Concat<axis=0>(b, k) "
    'y = Resize<mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor">(x, , , t)',
    "pads": "s = Shape(x) n = Gather(s, one) m = Mod(n, two) u = Unsqueeze(m, c0) "
    "p = Concat<axis=0>(c0, c0, c0, c0, u, c0) y = Pad(x, p)",
    "one hot": "s = Shape(x) n = Gather(s, two) a = ArgMax<axis=2, keepdims=0>(x) v = Cast<to=1>(c01) "
    "y = OneHot(a, n, v)",
    "top": "s = Shape(x) n = Gather(s, two) k = Sub(n, one) u = Unsqueeze(k, c0) y, i = TopK(x, u)",
    "a size as a number": "s = Shape(x) n = Gather(s, one) f = Cast<to=1>(n) y = Mul(x, f)",
    "sizes given out": "s = Shape(x) n = Gather(s, one) f = Cast<to=1>(s) g = Unsqueeze(f, c0) k = "
    "Slice(x, c0, c1, c1) "
    "q = Squeeze(k, c1) y = Add(q, g)",
    "names of functions of Python": "max = Shape(x) int = Gather(max, one) min = Gather(max, zero) len = "
    "Max(int, min) "
    "math = Min(len, int) torch = Unsqueeze(math, c0) y = Slice(x, c0, torch, c1)",
}  # fmt: skip


def model_of(body: str) -> onnx.ModelProto:
    text = body.replace(") ", ")\n")
    model = parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 18]> g (float[N, T, 3] x) => (y) <{CONSTANTS}> {{ {text} }}'
    )
    return onnx.shape_inference.infer_shapes(model)


@pytest.mark.parametrize("case", GRAPHS)
def test_source_computes_what_onnxruntime_does(case: str, tmp_path: Path) -> None:
    model = model_of(GRAPHS[case])
    onnx.save(model, tmp_path / "m.onnx")
    write_module(load_model(tmp_path / "m.onnx"), tmp_path / "net.py", verify=False)
    made, session = load_module_file(tmp_path / "net.py"), ort.InferenceSession(tmp_path / "m.onnx")
    for batch, steps in ((2, 4), (3, 5), (5, 2)):
        if case == "halves" and steps % 2:
            continue
        x = np.random.default_rng(0).standard_normal((batch, steps, 3)).astype(np.float32)
        (expected,) = session.run(None, {"x": x})
        (found,) = made.run([x])
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_every_operator_on_sizes_is_among_them() -> None:
    written = {node.op_type for body in GRAPHS.values() for node in model_of(body).graph.node}
    assert set(host.HOST) <= written


def test_no_tensor_is_made_where_sizes_alone_decide(tmp_path: Path) -> None:
    onnx.save(model_of(GRAPHS["tf2onnx"]), tmp_path / "m.onnx")
    write_module(load_model(tmp_path / "m.onnx"), tmp_path / "net.py")
    assert "torch.tensor(" not in (tmp_path / "net.py").read_text()
    with torch.no_grad():
        assert load_module_file(tmp_path / "net.py").module(torch.ones(2, 4, 3)).shape == (2, 4, 3)
