"""Sequences of tensors, as torch writes lists: gone when read, refused where a run decides them."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import helper, numpy_helper

from kcompile.ir import OperatorError
from kcompile.onnx_io import export, read_graph
from tests.onnx_io.running import run

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
CONSTANTS = {"zero": 0, "one": 1, "two": 2, "last": -1, "first": -3, "sizes": [1, 2]}


def model(text, outputs=("y",)):
    nodes = [onnx.parser.parse_node(line) for line in text.split(";")]
    tensors = [numpy_helper.from_array(np.array(value), name) for name, value in CONSTANTS.items()]
    inputs = [helper.make_tensor_value_info("x", 1, X.shape), helper.make_tensor_value_info("n", 7, [])]
    declared = [onnx.ValueInfoProto(name=name) for name in outputs]
    graph = helper.make_graph(nodes, "g", inputs, declared, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


THREE = "a = Neg(x); b = Abs(x); s = SequenceConstruct(x, a, b); "


@pytest.mark.parametrize(
    "text",
    [
        THREE + "y = SequenceAt(s, two)",
        THREE + "y = SequenceAt(s, last)",
        THREE + "t = SequenceErase(s, one); y = SequenceAt(t, one)",
        THREE + "t = SequenceErase(s); y = SequenceAt(t, last)",
        THREE + "c = Exp(x); t = SequenceInsert(s, c, first); y = SequenceAt(t, zero)",
        THREE + "c = Exp(x); t = SequenceInsert(s, c); y = SequenceAt(t, last)",
        THREE + "y = SequenceLength(s)",
        THREE + "y = ConcatFromSequence<axis=1>(s)",
        THREE + "y = ConcatFromSequence<axis=-1, new_axis=1>(s)",
        THREE + "t = Identity(s); y = SequenceAt(t, one)",
        "e = SequenceEmpty(); s = SequenceInsert(e, x); y = SequenceAt(s, zero)",
        "s = SplitToSequence<axis=2>(x); y = SequenceAt(s, one)",
        "s = SplitToSequence<axis=2, keepdims=0>(x); y = SequenceAt(s, one)",
        "s = SplitToSequence<axis=1>(x, two); y = SequenceAt(s, last)",
        "s = SplitToSequence<axis=1>(x, sizes); y = SequenceAt(s, one)",
        "s = SplitToSequence<axis=1>(x, sizes); y = SequenceLength(s)",
    ],
)
def test_a_sequence_is_gone_when_it_is_read(text):
    theirs = model(text)
    feeds = {"x": X, "n": np.array(1)}
    graph = read_graph(theirs)
    assert not any("Sequence" in node.op_type for node in graph.nodes)
    for written in (export(graph), export(graph, optimize=False)):
        np.testing.assert_array_equal(run(written, feeds)[0], run(theirs, feeds)[0])


def test_a_sequence_that_is_returned_is_several_outputs():
    graph = read_graph(model("s = SplitToSequence<axis=2>(x)", ["s"]))
    assert [value.shape for value in graph.outputs] == [(2, 3, 1)] * 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (THREE + "y = SequenceAt(s, n)", "position in a sequence that depends on the run"),
        ("s = SplitToSequence<axis=2>(x, n); y = SequenceAt(s, one)", "depends on the run"),
        (THREE + "y = Relu(s)", "Relu reads the sequence 's'"),
        (THREE + "t = SequenceErase(s); y = SequenceAt(t, two)", "position 2 of 2"),
        ("y = SequenceAt(x, one)", "the run decides"),
    ],
)
def test_what_a_run_decides_is_refused(text, message):
    with pytest.raises(OperatorError, match=message):
        read_graph(model(text))


def test_a_declared_size_does_not_make_a_billion_pieces():
    theirs = model("s = SplitToSequence<axis=1>(x); y = SequenceLength(s)")
    theirs.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 10**9
    with pytest.raises(OperatorError, match="1000000000 pieces are more"):
        read_graph(theirs)
