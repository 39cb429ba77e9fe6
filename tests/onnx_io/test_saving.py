"""Bytes written weight after weight are the model's; a file is replaced as a whole or not at all."""

from __future__ import annotations

import os

import numpy as np
import onnx
import onnx_ir as oir
import pytest
from onnx import helper

from kcompile import onnx_io
from kcompile.onnx_io.streaming import model_pieces
from kcompile_runtime.wire import varint_bytes


def skeleton() -> onnx.ModelProto:
    image = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 3])
    result = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", 2])
    small = helper.make_tensor("small", onnx.TensorProto.FLOAT, [1], [2.0])
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [image], [result], [small]
    )
    model = helper.make_model(graph, producer_name="somebody", opset_imports=[helper.make_opsetid("", 21)])
    helper.set_model_props(model, {"key": "value"})
    return model


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(3, 2),
        np.asfortranarray(np.arange(60_000, dtype=np.float64).reshape(300, 200)),
        np.arange(40_000, dtype=np.int64)[::2],
        np.array([True, False]),
        np.array(3, np.float16),
        np.zeros((0, 4), np.float32),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_pieces_are_the_bytes_of_the_whole_model(array):
    written = b"".join(model_pieces(skeleton(), {"w": oir.Tensor(array, name="w"), "v": oir.Tensor(array)}))
    whole = onnx.ModelProto.FromString(written)
    w, v, small = whole.graph.initializer
    assert (w.name, v.name, small.name) == ("w", "v", "small")
    for tensor in (w, v):
        found = onnx.numpy_helper.to_array(tensor)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
    del whole.graph.initializer[:2]
    assert whole == skeleton()


def test_texts_are_written_too():
    tensor = oir.StringTensor(np.array([b"one", b"two"], object), name="w", shape=oir.Shape([2]))
    whole = onnx.ModelProto.FromString(b"".join(model_pieces(skeleton(), {"w": tensor})))
    assert list(whole.graph.initializer[0].string_data) == [b"one", b"two"]


@pytest.mark.parametrize(
    ("value", "coded"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**31 - 1, "ffffffff07")]
)
def test_numbers_are_coded_as_protobuf_does(value, coded):
    assert varint_bytes(value).hex() == coded


def test_what_fails_while_it_is_looked_at_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="bad"), onnx_io.saved_on_success(path) as trial:
        onnx_io.save(skeleton(), trial)
        raise RuntimeError("bad")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.onnx"]


def test_what_was_looked_at_takes_the_place_with_its_data_and_keeps_permissions(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    path.chmod(0o640)
    obsolete = tmp_path / "model.onnx.0123456789abcdef.data"
    obsolete.write_bytes(b"old data")
    with onnx_io.saved_on_success(path) as trial:
        model = oir.from_proto(skeleton())
        array = np.ones((3000, 2), np.float32)
        model.graph.register_initializer(oir.Value(name="w", const_value=oir.Tensor(array, name="w")))
        onnx_io.save_with_data(model, trial)
    files = sorted(os.listdir(tmp_path))
    assert len(files) == 2 and obsolete.name not in files
    assert path.stat().st_mode & 0o777 == 0o640
    loaded = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    np.testing.assert_array_equal(loaded["w"], array)


@pytest.mark.parametrize("place", ["nowhere/model.onnx", "."])
def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path, place):
    with pytest.raises(OSError), onnx_io.saved_on_success(tmp_path / place):
        pytest.fail("nothing can be saved there")
