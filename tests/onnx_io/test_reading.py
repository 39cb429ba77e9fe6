"""Reading ONNX models of others: weights, types, names, versions, functions, subgraphs, untrusted files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kcompile.ir import Constant, Graph, OperatorError, Parameter
from kcompile.onnx_io.errors import FormatError
from kcompile.onnx_io.reading import read_graph

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def info(name: str, shape: list | None, dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def model(
    nodes: list[onnx.NodeProto],
    weights: dict[str, np.ndarray] | None = None,
    inputs: list | None = None,
    outputs: list | None = None,
    opset: int = 21,
    **more: object,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        inputs or [info("x", ["batch", 4])],
        outputs or [info("y", None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10, **more)


def dense() -> onnx.ModelProto:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"], name="/dense/MatMul"),
        helper.make_node("Add", ["xw", "b"], ["y"], name="/dense/Add"),
    ]
    return model(nodes, {"w": np.ones((4, 3), np.float32), "b": np.zeros(3, np.float32)})


def operators(graph: Graph) -> list[str]:
    return [node.op_type for node in graph.nodes]


# --- what is read ---


@pytest.mark.parametrize("kind", ["proto", "bytes", "path"])
def test_a_model_is_read_from_memory_and_from_disk(kind: str, tmp_path: Path) -> None:
    proto = dense()
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    graph = read_graph({"proto": proto, "bytes": proto.SerializeToString(), "path": path}[kind])
    assert operators(graph) == ["MatMul", "Add"]
    assert [value.name for value in graph.inputs] == ["x"]
    assert [value.name for value in graph.outputs] == ["y"]
    assert graph.outputs[0].dims == ("batch", 3)
    assert [node.scope for node in graph.nodes] == ["dense", "dense"]
    assert [(p.name, p.shape, p.trainable) for p in graph.parameters] == [
        ("w", (4, 3), True),
        ("b", (3,), True),
    ]


def test_the_model_given_is_left_as_it_is() -> None:
    proto = dense()
    before = proto.SerializeToString()
    read_graph(proto)
    assert proto.SerializeToString() == before


def test_a_weight_that_two_nodes_read_is_one_parameter() -> None:
    nodes = [helper.make_node("Mul", ["x", "w"], ["a"]), helper.make_node("Add", ["a", "w"], ["y"])]
    graph = read_graph(model(nodes, {"w": np.ones(4, np.float32)}))
    assert len(graph.parameters) == 1


def test_settings_and_integers_are_constants_and_averages_are_not_trained() -> None:
    nodes = [
        helper.make_node("Clip", ["x", "low", "high"], ["c"]),
        helper.make_node("Reshape", ["c", "shape"], ["r"]),
        helper.make_node("BatchNormalization", ["r", "scale", "bias", "mean", "var"], ["y"]),
    ]
    ones = np.ones(2, np.float32)
    weights = {"low": np.float32(-1), "high": np.float32(1), "shape": np.array([-1, 2, 2]), "scale": ones}
    weights |= {"bias": ones, "mean": ones, "var": ones}
    graph = read_graph(model(nodes, weights))
    assert {p.name: p.trainable for p in graph.parameters} == {
        "scale": True,
        "bias": True,
        "mean": False,
        "var": False,
    }
    assert all(isinstance(value, Constant) for value in graph.nodes[0].inputs[1:])
    assert graph.outputs[0].shape == (None, 2, 2) or graph.outputs[0].shape[1:] == (2, 2)


def test_inputs_that_have_an_initializer_are_weights() -> None:
    proto = dense()
    proto.graph.input.append(info("w", [4, 3]))
    assert [value.name for value in read_graph(proto).inputs] == ["x"]


def test_declared_shapes_say_what_inference_cannot() -> None:
    nodes = [helper.make_node("Reshape", ["x", "target"], ["y"])]
    proto = model(
        nodes, inputs=[info("x", [None, 4]), info("target", [2], INT64)], outputs=[info("y", ["n", 8])]
    )
    assert read_graph(proto).outputs[0].dims == ("n", 8)


def test_constants_of_every_spelling_are_read() -> None:
    nodes = [
        helper.make_node("Constant", [], ["two"], value_float=2.0),
        helper.make_node("Constant", [], ["many"], value_floats=[1.0, 2.0, 3.0, 4.0]),
        helper.make_node("Constant", [], ["axes"], value_ints=[1]),
        helper.make_node("Constant", [], ["more"], value=numpy_helper.from_array(np.ones(4, np.float32))),
        helper.make_node("Mul", ["x", "two"], ["a"]),
        helper.make_node("Add", ["a", "many"], ["b"]),
        helper.make_node("Sub", ["b", "more"], ["c"]),
        helper.make_node("ReduceSum", ["c", "axes"], ["y"]),
    ]
    graph = read_graph(model(nodes))
    assert graph.nodes[0].inputs[1].array == 2
    assert graph.outputs[0].dims == ("batch", 1)


def test_a_loop_body_reads_values_around_it() -> None:
    body = helper.make_graph(
        [
            helper.make_node("Add", ["total", "x"], ["next"]),
            helper.make_node("Identity", ["going"], ["still"]),
        ],
        "body",
        [
            info("i", [], INT64),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            onnx.ValueInfoProto(name="total"),
        ],
        [helper.make_tensor_value_info("still", TensorProto.BOOL, []), onnx.ValueInfoProto(name="next")],
    )
    nodes = [helper.make_node("Loop", ["count", "", "x"], ["y"], body=body)]
    graph = read_graph(model(nodes, {"count": np.int64(3)}, outputs=[info("y", ["batch", 4])]))
    (loop,) = graph.nodes
    (captured,) = graph.bodies(loop)["body"].captures
    assert captured is graph.inputs[0]


# --- versions and functions ---


def test_older_models_are_brought_to_the_irs_version() -> None:
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], axes=[1]),
        helper.make_node("Squeeze", ["s"], ["y"], axes=[1]),
    ]
    graph = read_graph(model(nodes, opset=11))
    assert operators(graph) == ["ReduceSum", "Squeeze"]
    assert graph.outputs[0].dims == ("batch",)


def test_newer_models_are_read_where_they_say_nothing_new() -> None:
    nodes = [helper.make_node("Sin", ["x"], ["a"]), helper.make_node("Swish", ["a"], ["y"])]
    graph = read_graph(model(nodes, opset=24))
    assert operators(graph)[0] == "Sin"
    assert "Sigmoid" in operators(graph)


def test_what_came_after_the_irs_version_is_refused_by_name() -> None:
    nodes = [helper.make_node("CumProd", ["x", "axis"], ["y"], name="prod")]
    with pytest.raises(OperatorError, match="'prod': CumProd of operator set 26"):
        read_graph(model(nodes, {"axis": np.int64(1)}, opset=26))


def test_functions_of_the_model_are_inlined() -> None:
    twice = helper.make_function(
        "local",
        "Twice",
        ["a"],
        ["b"],
        [helper.make_node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 21)],
    )
    nodes = [helper.make_node("Twice", ["x"], ["y"], domain="local")]
    assert operators(read_graph(model(nodes, functions=[twice]))) == ["Add"]


def test_an_operator_of_another_domain_is_refused_by_name_node_and_domain() -> None:
    proto = model([helper.make_node("FusedGelu", ["x"], ["y"], name="gelu_1", domain="com.vendor")])
    proto.opset_import.append(helper.make_opsetid("com.vendor", 1))
    with pytest.raises(OperatorError, match="'gelu_1': the operator FusedGelu of the domain 'com.vendor'"):
        read_graph(proto)


# --- files that are not to be trusted ---


@pytest.mark.parametrize(
    "data",
    [b"", b"\x89HDF\r\n\x1a\n" + bytes(64), b"{}", dense().SerializeToString()[:-40]],
    ids=["empty", "hdf5", "json", "cut"],
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises((FormatError, OperatorError)):
        read_graph(data)


def test_wrong_types_are_refused_where_they_are() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], name="/head/MatMul")]
    with pytest.raises(OperatorError, match="MatMul.*float32.*int64.*head"):
        read_graph(model(nodes, {"w": np.ones((4, 3), np.int64)}))


def test_a_name_that_nothing_computes_is_refused() -> None:
    with pytest.raises(FormatError, match="'nowhere', which nothing before it computes"):
        read_graph(model([helper.make_node("Add", ["x", "nowhere"], ["y"])]))


def test_an_initializer_with_less_data_than_its_shape_is_refused() -> None:
    proto = dense()
    proto.graph.initializer[0].dims[:] = [4_000_000, 3_000_000]
    with pytest.raises(FormatError, match="'w'"):
        read_graph(proto)


def external(folder: Path, location: str) -> Path:
    proto = dense()
    tensor = proto.graph.initializer[0]
    raw = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    (folder / "model").mkdir()
    (folder / "model" / "w.bin").write_bytes(raw)
    (folder / "secret.bin").write_bytes(raw)
    path = folder / "model" / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_other_files_are_read_only_if_allowed(tmp_path: Path) -> None:
    path = external(tmp_path, "w.bin")
    with pytest.raises(FormatError, match=r"'w' in another file \('w.bin'\)"):
        read_graph(path)
    weight = read_graph(path, external_data=True).parameters[0]
    assert isinstance(weight, Parameter)
    np.testing.assert_array_equal(weight.numpy(), np.ones((4, 3)))


@pytest.mark.parametrize("location", ["../secret.bin", "missing.bin", ".", ""])
def test_files_outside_of_the_models_folder_are_never_read(tmp_path: Path, location: str) -> None:
    with pytest.raises(FormatError, match="not a file in the model's folder"):
        read_graph(external(tmp_path, location), external_data=True)


def test_a_link_out_of_the_models_folder_is_not_followed(tmp_path: Path) -> None:
    path = external(tmp_path, "link.bin")
    (tmp_path / "model" / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(FormatError, match="not a file in the model's folder"):
        read_graph(path, external_data=True)


def test_bytes_have_no_folder_to_read_other_files_from(tmp_path: Path) -> None:
    data = external(tmp_path, "w.bin").read_bytes()
    with pytest.raises(FormatError, match="another file"):
        read_graph(data, external_data=True)
