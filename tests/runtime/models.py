"""Small ONNX models for the runtime's tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT32, INT64, BOOL, STRING = (
    TensorProto.FLOAT,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.BOOL,
    TensorProto.STRING,
)
Tensor = tuple[str, int, Sequence[Any]]


def build(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    initializers: Mapping[str, np.ndarray] | None = None,
    metadata: Mapping[str, str] | None = None,
    opset: int = 21,
    ir_version: int = 10,
    external: str | None = None,
) -> bytes:
    """Bytes of a model; with `external`, its initializers are marked external at that location."""
    tensors = []
    for name, array in (initializers or {}).items():
        tensor = numpy_helper.from_array(np.asarray(array), name)
        if external is not None:
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", external
        tensors.append(tensor)
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(*tensor) for tensor in inputs],
        [helper.make_tensor_value_info(*tensor) for tensor in outputs],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)
    helper.set_model_props(model, dict(metadata or {}))
    return model.SerializeToString()


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    """Kernel (features=4, units=3) and bias (units=3)."""
    rng = np.random.default_rng(seed)
    return {
        "dense/kernel": rng.standard_normal((4, 3)).astype(np.float32),
        "dense/bias": rng.standard_normal(3).astype(np.float32),
    }


DENSE_NODES = [
    helper.make_node("MatMul", ["x", "dense/kernel"], ["product"]),
    helper.make_node("Add", ["product", "dense/bias"], ["y"]),
]


def dense(batch: Any = "batch", **options: Any) -> bytes:
    """y (batch, 3) = x (batch, 4) @ kernel + bias."""
    return build(DENSE_NODES, [("x", FLOAT, [batch, 4])], [("y", FLOAT, [batch, 3])], weights(), **options)


def dense_live() -> bytes:
    """The same with its weights as inputs."""
    inputs = [("x", FLOAT, ["batch", 4]), ("dense/kernel", FLOAT, [4, 3]), ("dense/bias", FLOAT, [3])]
    return build(DENSE_NODES, inputs, [("y", FLOAT, ["batch", 3])])


def dense_reference(x: np.ndarray) -> np.ndarray:
    """What `dense` answers."""
    w = weights()
    return x.astype(np.float32) @ w["dense/kernel"] + w["dense/bias"]


def two_inputs() -> bytes:
    """total (batch, 2) = a + b, difference = a - b, over (batch, 2) each."""
    nodes = [
        helper.make_node("Add", ["a", "b"], ["total"]),
        helper.make_node("Sub", ["a", "b"], ["difference"]),
    ]
    tensors = [(name, FLOAT, ["batch", 2]) for name in ("a", "b", "total", "difference")]
    return build(nodes, tensors[:2], tensors[2:])


def identity(dtype: int, shape: Sequence[Any] = ("batch", 2)) -> bytes:
    """y = x."""
    return build([helper.make_node("Identity", ["x"], ["y"])], [("x", dtype, shape)], [("y", dtype, shape)])


def accumulator(
    batch: Any = "batch", state_shape: Sequence[Any] = (None, 2), declared: Any = None, **entry: Any
) -> bytes:
    """y = state' = state + x over (batch, 2).

    `entry` adds to the state's metadata, `declared` replaces the whole metadata entry.
    """
    nodes = [
        helper.make_node("Add", ["x", "sum_in"], ["sum_out"]),
        helper.make_node("Identity", ["sum_out"], ["y"]),
    ]
    state = {"input": "sum_in", "output": "sum_out", "shape": list(state_shape), "dtype": "float32", **entry}
    text = json.dumps([state]) if declared is None else declared
    return build(
        nodes,
        [("x", FLOAT, [batch, 2]), ("sum_in", FLOAT, [batch, 2])],
        [("y", FLOAT, [batch, 2]), ("sum_out", FLOAT, [batch, 2])],
        metadata={"kcompile.states": text},
    )


def scalar_sum() -> bytes:
    """total () = the sum of x (batch, 2): an output without an axis for samples."""
    nodes = [helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0)]
    return build(nodes, [("x", FLOAT, ["batch", 2])], [("total", FLOAT, [])])


def lstm(units: int = 5, features: int = 3) -> tuple[bytes, dict[str, np.ndarray]]:
    """A stateful LSTM over (batch, time, features) that carries both states, (1, batch, units) each."""
    rng = np.random.default_rng(3)
    initializers = {
        "w": rng.standard_normal((1, 4 * units, features)).astype(np.float32),
        "r": rng.standard_normal((1, 4 * units, units)).astype(np.float32),
        "axis": np.array([0], np.int64),
    }
    nodes = [
        helper.make_node("Transpose", ["x"], ["time_major"], perm=[1, 0, 2]),
        helper.make_node(
            "LSTM",
            ["time_major", "w", "r", "", "", "h_in", "c_in"],
            ["", "h_out", "c_out"],
            hidden_size=units,
        ),
        helper.make_node("Squeeze", ["h_out", "axis"], ["y"]),
    ]
    shape = [1, "batch", units]
    states = [
        {"input": f"{name}_in", "output": f"{name}_out", "shape": shape, "dtype": "float32"} for name in "hc"
    ]
    model = build(
        nodes,
        [("x", FLOAT, ["batch", "time", features]), ("h_in", FLOAT, shape), ("c_in", FLOAT, shape)],
        [("y", FLOAT, ["batch", units]), ("h_out", FLOAT, shape), ("c_out", FLOAT, shape)],
        initializers,
        metadata={"kcompile.states": json.dumps(states)},
    )
    return model, initializers
