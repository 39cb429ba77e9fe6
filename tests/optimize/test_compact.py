"""Quantised files say nothing twice, and onnxruntime runs the same kernels on them as before."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from kcompile import keras
from kcompile.keras import layers as L
from kcompile.optimize import quantize
from kcompile.optimize.compact import compact
from kcompile.optimize.quantizing import layer_of, prepare, static, with_older_operators
from kcompile.optimize.ranges import Ranges
from kcompile.optimize.samples import Samples
from tests.optimize.networks import exported

PREPARED = "mean/ReduceMean"  # of which preparing made two nodes
IMAGES = np.random.default_rng(0).normal(size=(16, 8, 8, 3)).astype(np.float32)
WORDS = np.random.default_rng(0).integers(0, 50, (16, 6)).astype(np.int32)


def convolutions(bias: str) -> Any:
    """By channel and not, a sum, a Dense layer; biases of ``bias``."""
    x = keras.Input((8, 8, 3))
    y = L.Conv2D(32, 3, padding="same", use_bias=False, name="first")(x)
    y = L.ReLU()(L.BatchNormalization(beta_initializer=bias, name="norm")(y))
    z = L.DepthwiseConv2D(3, padding="same", activation="relu", bias_initializer=bias, name="depthwise")(y)
    y = L.add([y, L.Conv2D(32, 1, bias_initializer=bias, name="second")(z)])
    y = L.Conv2DTranspose(20, 2, strides=2, bias_initializer=bias, name="larger")(y)
    return keras.Model(
        x, L.Dense(40, bias_initializer=bias, name="dense")(L.GlobalAveragePooling2D(name="mean")(y))
    )


def attention() -> Any:
    """A block of a transformer."""
    words = keras.Input((6,), dtype="int32")
    x = L.Embedding(50, 32, name="words")(words)
    x = L.LayerNormalization()(L.add([x, L.MultiHeadAttention(2, 16)(x, x)]))
    x = L.LayerNormalization()(L.add([x, L.Dense(32)(L.Dense(64, activation="gelu")(x))]))
    return keras.Model(words, L.Dense(30, bias_initializer="ones")(L.GlobalAveragePooling1D()(x)))


def recurrent() -> Any:
    """Static, and by batch."""
    words = keras.Input((6,), dtype="int32")
    x = L.LSTM(32, name="lstm")(L.Embedding(50, 32, name="words")(words))
    return keras.Model(words, L.Dense(30, bias_initializer="ones", name="dense")(x))


NETWORKS: dict[str, tuple[Any, np.ndarray]] = {
    "convolutions": (lambda: convolutions("normal"), IMAGES),
    "convolutions without bias": (lambda: convolutions("zeros"), IMAGES),
    "attention": (attention, WORDS),
    "recurrent": (recurrent, WORDS),
}


@pytest.fixture(params=sorted(NETWORKS))
def forms(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[onnx.ModelProto, onnx.ModelProto, np.ndarray]:
    """A quantised model as the tools write it, the same made compact, and samples."""
    make, x = NETWORKS[request.param]
    keras.utils.set_random_seed(0)
    base = prepare(exported(make(), tmp_path))
    made = static(base, Ranges(base, Samples(base, x)))
    small = onnx.ModelProto()
    small.CopyFrom(made)
    compact(small)
    return made, small, x


def kernels(model: onnx.ModelProto, folder: Path) -> Counter[str]:
    """How many of each onnxruntime runs."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


def outputs(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {session.get_inputs()[0].name: x})[0]
    return found


def test_the_same_kernels_give_the_same_numbers(forms: Any, tmp_path: Path) -> None:
    made, small, x = forms
    onnx.checker.check_model(small, full_check=True)
    found, before = kernels(small, tmp_path), kernels(made, tmp_path)
    assert not found - before  # a bias of zeros that no kernel of integers takes vanishes with its reader
    assert not before - found - Counter({"DequantizeLinear": 1})
    np.testing.assert_array_equal(outputs(small, x), outputs(made, x))


def test_the_operators_are_as_old_as_they_can_be(tmp_path: Path) -> None:
    """Of MatMul of opset 21 onnxruntime 1.18 and 1.19 make a product of integers that they cannot run."""
    made = quantize(exported(attention(), tmp_path), calibrate=WORDS).model
    assert [entry.version for entry in made.opset_import] == [20]
    onnx.checker.check_model(made, full_check=True)


@pytest.mark.parametrize(
    ("opset", "node", "left"),
    [
        (21, ("Relu", "x", {}), 20),
        (21, ("GroupNormalization", "xss", {"num_groups": 2}), 21),  # scales by groups in 20
        (21, ("QuantizeLinear", "xss", {"block_size": 2}), 21),
        (22, ("Relu", "x", {}), 22),
        (17, ("Relu", "x", {}), 17),
    ],
)
def test_what_an_opset_brought_keeps_it(opset: int, node: Any, left: int) -> None:
    op_type, inputs, attributes = node
    made = onnx.helper.make_node(op_type, list(inputs), ["y"], **attributes)
    model = onnx.helper.make_model(onnx.helper.make_graph([made], "g", [], []))
    model.opset_import[0].version = opset
    assert with_older_operators(model).opset_import[0].version == left


def test_nothing_is_said_twice(forms: Any) -> None:
    made, small, _ = forms
    assert small.ByteSize() < made.ByteSize()
    stored = {tensor.name: tensor for tensor in small.graph.initializer}
    rounding = [n for n in small.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    scalars = [
        stored[name] for name in {name for node in rounding for name in node.input[1:]} if name in stored
    ]
    values = [(t.data_type, tuple(t.dims), numpy_helper.to_array(t).tobytes()) for t in scalars]
    assert len(set(values)) == len(values)
    assert len(stored) == len({name for node in small.graph.node for name in node.input} & stored.keys())


@pytest.mark.parametrize("bias", ["zeros", "normal"])
def test_a_channel_has_its_integers_a_scale_and_a_bias(bias: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    source = exported(convolutions(bias), tmp_path)
    graph = quantize(source, calibrate=IMAGES).model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    read = {
        node.name: [makers[name] for name in node.input[1:]] for node in graph.node if "/Conv" in node.name
    }
    assert len(read) == 4
    for weight, *biases in read.values():
        assert weight.op_type == "DequantizeLinear" and len(weight.input) == 2  # no zeros
        assert len(biases) == (bias == "normal")
    tensors = Counter(tensor.data_type for tensor in stored.values() if tensor.dims and tensor.dims[0] >= 20)
    assert tensors[onnx.TensorProto.FLOAT] == 5  # scales of weights, as many as there are weights
    assert tensors[onnx.TensorProto.INT32] == (5 if bias == "normal" else 0)
    assert {"first/kernel", "second/kernel", "dense/kernel"} <= stored.keys()
    layers = {layer_of(node.name) for node in source.graph.node}
    assert {layer_of(node.name) for node in graph.node if "/" in node.name} - layers <= {"norm", PREPARED}
