"""Layout chains: folding and restoring are inverse, and a damaged chain is an error."""

from __future__ import annotations

import json
import math

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from kcompile.ir import Graph, Parameter, Value, op
from kcompile.onnx_io import FormatError, export, get_metadata, restore_weights, set_metadata
from tests.onnx_io import networks
from tests.onnx_io.running import feeds_for, run


def emit(draw, value):
    """One layout operator that keeps every element."""
    kind = draw(st.sampled_from(["Transpose", "Reshape", "Unsqueeze", "Gather", "Slice", "Pad", "Flatten"]))
    rank = value.rank
    axis = draw(st.integers(0, max(rank - 1, 0)))
    if kind == "Transpose":
        return op.Transpose(value, perm=draw(st.permutations(range(rank))))
    if kind == "Reshape":
        return op.Reshape(value, [-1, value.shape[axis]] if rank else [1])
    if kind == "Unsqueeze":
        return op.Unsqueeze(value, [axis]) if rank < 5 else op.Squeeze(op.Unsqueeze(value, [axis]), [axis])
    if kind == "Gather" and rank:
        indices = draw(st.permutations(range(value.shape[axis])))
        return op.Gather(value, [*indices, indices[0]], axis=axis)
    if kind == "Slice" and rank:
        return op.Slice(value, [-1], [-(2**60)], [axis], [-1])
    if kind == "Pad" and rank:
        return op.Pad(value, [1, 0], None, [axis])
    return op.Flatten(value, axis=axis)


@given(st.data())
def test_every_chain_restores_the_weight(data):
    shape = data.draw(st.lists(st.integers(1, 4), min_size=0, max_size=4))
    weight = Parameter(np.random.default_rng(0).normal(size=shape).astype(np.float32), "w")
    value = weight
    for _ in range(data.draw(st.integers(1, 4))):
        value = emit(data.draw, value)
    x = Value("float32", (), "x")
    graph = Graph([op.Mul(value, x)], [x])
    model = export(graph)
    restored = restore_weights(model)["w"]
    assert restored.shape == weight.shape
    assert restored.tobytes() == weight.numpy().tobytes()
    plain = export(graph, optimize=False)
    np.testing.assert_array_equal(*(run(m, feeds_for(graph))[0] for m in (model, plain)))


def test_the_chain_is_documented_metadata():
    model = export(networks.lstm(units=2, features=3))
    assert json.loads(get_metadata(model)["kcompile.weights"])["lstm_1/bias"] == {
        "shape": [8],
        "layout": [
            ["Gather", {"axis": 0, "indices": [0, 1, 6, 7, 2, 3, 4, 5]}],
            ["Pad", {"pads": [0, 8]}],
            ["Reshape", {"shape": [1, 16]}],
        ],
    }
    assert {node.op_type for node in model.graph.node} == {"Transpose", "LSTM", "Squeeze"}


def model_with(chains, array=None):
    array = np.arange(6, dtype=np.float32) if array is None else array
    graph = onnx.helper.make_graph([], "g", [], [], [numpy_helper.from_array(array, "w")])
    model = onnx.helper.make_model(graph)
    set_metadata(model, {"kcompile.weights": chains if isinstance(chains, str) else json.dumps(chains)})
    return model


def chain(*steps, shape=(2, 3)):
    return {"w": {"shape": list(shape), "layout": [list(step) for step in steps]}}


RESHAPE = ("Reshape", {"shape": [6]})


@pytest.mark.parametrize(
    ("chains", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "should be an object; found list"),
        ({"w": [1]}, "'w' .*has no shape"),
        ({"w": {"shape": [-6], "layout": []}}, "has no shape"),
        ({"w": {"shape": [6]}}, r"steps should be \[operator, attributes\]"),
        (chain(("Conv", {})), r"operators Transpose, Reshape"),
        (chain(("Transpose", [1, 0])), r"steps should be"),
        (chain(("Transpose", {"perm": [0, 0]}), RESHAPE), "damaged"),
        (chain(("Transpose", {"axes": [0, 1]}), RESHAPE), "damaged"),
        (chain(("Reshape", {"shape": [7]})), "damaged"),
        (chain(("Gather", {"axis": 0, "indices": [5]})), "damaged"),
        (chain(("Gather", {"axis": 0, "indices": [0, 0]}), RESHAPE), "3 elements of the weight are lost"),
        (chain(("Pad", {"pads": [0, 2**62]}), RESHAPE, shape=(6,)), "larger than the initializer"),
        (chain(("Pad", {"pads": [2**40, 2**40]}), shape=(6,)), "larger than the initializer"),
        (chain(("Pad", {"pads": "ab"}), shape=(6,)), "damaged"),
        (chain(RESHAPE, shape=(2**20, 2**40)), "does not fit into 6 elements"),
        (chain(RESHAPE, ("Transpose", {"perm": None})), None),
        (chain(), r"ends in shape \[2, 3\], the initializer has \[6\]"),
        (chain(("Gather", {"axis": 0, "indices": [0, 1] * 50})), "larger than the initializer"),
    ],
)
def test_a_damaged_chain_is_an_error(chains, message):
    if message is None:  # numpy reads perm=None as "reversed", which is a valid chain
        assert math.prod(restore_weights(model_with(chains))["w"].shape) == 6
        return
    with pytest.raises(FormatError, match=message):
        restore_weights(model_with(chains))


def test_a_chain_of_a_weight_that_was_renamed_is_passed_over():
    restored = restore_weights(model_with({"v": {"shape": [6], "layout": []}}))
    assert list(restored) == ["w"]


def test_weights_in_another_file_have_to_be_loaded_first(tmp_path):
    export(networks.cnn(), tmp_path / "m.onnx", external_data=True)
    with pytest.raises(FormatError, match="'conv2d_3/kernel' lies in an external file"):
        restore_weights(onnx.load(tmp_path / "m.onnx", load_external_data=False))
