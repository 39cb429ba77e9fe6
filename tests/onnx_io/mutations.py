"""Structured mutations of ONNX models: what an attacker writes with a library, not with a hex editor."""

from __future__ import annotations

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, defs, helper, numpy_helper

from .model_parts import (
    ELEMENT_TYPES,
    FLOATS,
    INTEGERS,
    OPERATORS,
    TEXTS,
    Mutation,
    Rng,
    attribute_of,
    graph_of,
    infos_of,
    names_of,
    node_of,
    tensors_of,
)
from .mutations_of_wholes import (
    change_body,
    doubling_functions,
    envelope,
    function,
    growing_constants,
    nested,
    opset,
    renamed,
)


def mutate(model: ModelProto, rng: Rng) -> list[str]:
    """Changes the model in place one to four times; gives the names of what was done."""
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        mutation = rng.choice(MUTATIONS)
        try:
            mutation(model, rng)
        except (
            IndexError,
            ValueError,
            TypeError,
            DecodeError,
            defs.SchemaError,
        ):  # nothing there to change, or too deep
            continue
        done.append(mutation.__name__)
    return done


# --- attributes ---


def _change_value(attribute: AttributeProto, rng: Rng) -> None:
    kind = attribute.type
    if kind == AttributeProto.INT:
        attribute.i = rng.choice(INTEGERS)
    elif kind == AttributeProto.INTS:
        change = rng.choice(("set", "all", "append", "remove", "clear", "many"))
        if change == "set" and attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(INTEGERS)
        elif change == "all":
            attribute.ints[:] = [rng.choice(INTEGERS)] * max(1, len(attribute.ints))
        elif change == "append":
            attribute.ints.append(rng.choice(INTEGERS))
        elif change == "many":
            attribute.ints.extend([rng.choice(INTEGERS)] * 2000)
        else:
            del attribute.ints[0 if change == "clear" else -1 :]
    elif kind == AttributeProto.FLOAT:
        attribute.f = rng.choice(FLOATS)
    elif kind == AttributeProto.FLOATS:
        attribute.floats[:] = [rng.choice(FLOATS) for _ in range(rng.choice((0, 1, 5, 2000)))]
    elif kind == AttributeProto.STRING:
        attribute.s = rng.choice((*(text.encode() for text in TEXTS), b"\xff\xfe", attribute.s * 100))
    elif kind == AttributeProto.STRINGS:
        attribute.strings[:] = [rng.choice(TEXTS).encode() for _ in range(rng.choice((0, 1, 3, 50)))]
    elif kind == AttributeProto.TENSOR:
        _change_tensor(attribute.t, rng)
    elif kind == AttributeProto.GRAPH:
        change_body(attribute.g, rng)


def attribute_value(model: ModelProto, rng: Rng) -> None:
    _change_value(attribute_of(model, rng), rng)


def attribute_kind(model: ModelProto, rng: Rng) -> None:
    """The type that it claims, the name, or where its value is."""
    attribute = attribute_of(model, rng)
    change = rng.randrange(5)
    if change == 0:
        attribute.type = rng.choice(AttributeProto.AttributeType.values())
    elif change == 1:
        attribute.name = rng.choice(("axis", "axes", "to", "value", "body", "", *TEXTS))
    elif change == 2:
        attribute.ref_attr_name = rng.choice(("axis", "x", ""))
    elif change == 3:
        attribute.CopyFrom(
            helper.make_attribute(attribute.name, rng.choice((1, 1.5, "s", [1, 2], [0.5], ["a"])))
        )
    else:
        name = attribute.name
        attribute.Clear()
        attribute.name = name


def attribute_count(model: ModelProto, rng: Rng) -> None:
    """One left out, twice there, that the operator lacks, or that it has and this node had not."""
    node = node_of(model, rng)
    change = rng.randrange(4)
    if change == 0:
        del node.attribute[rng.randrange(len(node.attribute))]
    elif change == 1:
        node.attribute.append(rng.choice(node.attribute))
    elif change == 2:
        name = rng.choice(("axis", "axes", "perm", "shape", "starts", "bogus"))
        node.attribute.append(helper.make_attribute(name, rng.choice((1, 10**12, [3], "s"))))
    else:
        schema = defs.get_schema(node.op_type)
        name = rng.choice(sorted(schema.attributes))
        kind = int(schema.attributes[name].type.value)
        attribute = AttributeProto(name=name, type=kind)
        if kind == AttributeProto.TENSOR:
            attribute.t.CopyFrom(numpy_helper.from_array(np.ones(3, np.float32)))
        _change_value(attribute, rng)
        node.attribute.append(attribute)


def attribute_moved(model: ModelProto, rng: Rng) -> None:
    node_of(model, rng).attribute.append(attribute_of(model, rng))


# --- nodes and edges ---


def operator(model: ModelProto, rng: Rng) -> None:
    node = node_of(model, rng)
    change = rng.randrange(8)
    if change == 0:
        node.domain = rng.choice(("ai.onnx", "com.microsoft", "ai.onnx.ml", "kcompile", "f", "\x1b[2J"))
    elif change == 1:
        node.op_type = rng.choice(("", "Bogus", "Phase", "Gradient", "a" * 500))
    elif change == 2:
        node.name = rng.choice(("", *TEXTS))
    else:
        node.op_type = rng.choice(OPERATORS)


def edge(model: ModelProto, rng: Rng) -> None:
    """An input of a node: another value, none, one less or more."""
    node = node_of(model, rng)
    change = rng.randrange(6)
    if change < 2:
        node.input[rng.randrange(len(node.input))] = rng.choice(names_of(model))
    elif change == 2:
        node.input[rng.randrange(len(node.input))] = rng.choice([*node.output, ""])
    elif change == 3:
        del node.input[rng.randrange(len(node.input)) :]
    elif change == 4:
        node.input.extend([rng.choice(names_of(model))] * rng.choice((1, 2, 300)))
    else:
        node.input.insert(rng.randrange(len(node.input) + 1), rng.choice(names_of(model)))


def result(model: ModelProto, rng: Rng) -> None:
    """An output of a node: named as another value, not at all, one less or more."""
    node = node_of(model, rng)
    change = rng.randrange(4)
    if change == 0:
        node.output[rng.randrange(len(node.output))] = rng.choice(names_of(model))
    elif change == 1:
        del node.output[rng.randrange(len(node.output)) :]
    elif change == 2:
        node.output.extend(f"more{i}" for i in range(rng.choice((1, 2, 300))))
    else:
        node.output[rng.randrange(len(node.output))] = ""


def node_order(model: ModelProto, rng: Rng) -> None:
    graph = graph_of(model, rng)
    change = rng.randrange(4)
    if change == 0:
        del graph.node[rng.randrange(len(graph.node))]
    elif change == 1:
        graph.node.append(rng.choice(graph.node))
    elif change == 2:
        nodes = list(graph.node)
        rng.shuffle(nodes)
        copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies)
    else:
        del graph.node[:]


def longer(model: ModelProto, rng: Rng) -> None:
    """A chain of nodes behind an output."""
    info = rng.choice(model.graph.output)
    operator_ = rng.choice(("Relu", "Identity", "Neg", "Cast", "Shape"))
    count = rng.choice((3, 3, 30, 30, 1500))
    name = info.name
    for i in range(count):
        extra = {"to": 1} if operator_ == "Cast" else {}
        model.graph.node.append(helper.make_node(operator_, [name], [f"longer{i}"], **extra))
        name = f"longer{i}"
    info.CopyFrom(onnx.ValueInfoProto(name=name))


# --- types and shapes ---


def value_type(model: ModelProto, rng: Rng) -> None:
    info = rng.choice(infos_of(model))
    tensor = info.type.tensor_type
    change = rng.randrange(8)
    if change == 0:
        tensor.elem_type = rng.choice(ELEMENT_TYPES)
    elif change == 1:
        dim = rng.choice(tensor.shape.dim)
        dim.dim_value = rng.choice(INTEGERS)
    elif change == 2:
        dim = rng.choice(tensor.shape.dim)
        dim.dim_param = rng.choice((*TEXTS, "N", "batch"))
    elif change == 3:
        tensor.ClearField("shape")
    elif change == 4:
        del tensor.shape.dim[rng.randrange(len(tensor.shape.dim)) :]
    elif change == 5:
        for _ in range(rng.choice((1, 2, 70, 500))):
            tensor.shape.dim.add(dim_value=rng.choice((1, 2, 2**40)))
    elif change == 6:
        info.ClearField("type")
    else:
        other = onnx.TypeProto()
        kind = rng.choice(("sequence_type", "optional_type", "map_type", "sparse_tensor_type"))
        target = getattr(other, kind)
        if kind in ("sequence_type", "optional_type"):
            target.elem_type.CopyFrom(info.type)
        elif kind == "map_type":
            target.key_type = rng.choice(ELEMENT_TYPES[:20])
            target.value_type.CopyFrom(info.type)
        else:
            target.elem_type = 1
        info.type.CopyFrom(other)


def interface(model: ModelProto, rng: Rng) -> None:
    """Inputs and outputs of a graph: gone, twice, renamed, in another order."""
    graph = graph_of(model, rng)
    infos = rng.choice((graph.input, graph.output))
    change = rng.randrange(6)
    if change == 0:
        del infos[rng.randrange(len(infos))]
    elif change == 1:
        del infos[:]
    elif change == 2:
        infos.append(rng.choice(infos))
    elif change == 3:
        rng.choice(infos).name = rng.choice(names_of(model))
    elif change == 4:
        rng.choice(infos).name = rng.choice(TEXTS)
    else:
        infos.add(name=rng.choice(names_of(model)))


def declared(model: ModelProto, rng: Rng) -> None:
    """Declarations of values between that are not so."""
    graph = graph_of(model, rng)
    info = helper.make_tensor_value_info(
        rng.choice(names_of(model)),
        rng.choice((1, 7, 9, 16)),
        [rng.choice(INTEGERS) for _ in range(rng.randrange(5))],
    )
    graph.value_info.append(info)


# --- tensors ---


def _change_tensor(tensor: TensorProto, rng: Rng) -> None:
    change = rng.randrange(9)
    if change == 0:
        tensor.data_type = rng.choice(ELEMENT_TYPES)
    elif change == 1:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(INTEGERS)
    elif change == 2:
        tensor.dims.append(rng.choice((1, 2, 2**40, -1)))
    elif change == 3:
        tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
    elif change == 4:
        tensor.raw_data += b"\xff" * rng.choice((1, 7, 1000))
    elif change == 5:
        rng.choice((tensor.int64_data, tensor.int32_data)).extend([rng.choice(INTEGERS[:10])] * 3)
    elif change == 6:
        tensor.data_location = TensorProto.EXTERNAL
        keys = rng.sample(("location", "offset", "length", "checksum", "x"), rng.randrange(5))
        for key in keys:
            value = rng.choice(("m.onnx", "/etc/passwd", "../x", "", "-1", "99999999999999", "x\0y"))
            tensor.external_data.add(key=key, value=value)
    elif change == 7:
        values = [rng.choice(INTEGERS) for _ in range(max(1, int(np.prod(tensor.dims[:4] or [1])) % 100))]
        name = tensor.name
        tensor.CopyFrom(helper.make_tensor(name, TensorProto.INT64, [len(values)], values))
    else:
        tensor.ClearField(rng.choice(("dims", "data_type", "raw_data", "name", "float_data", "int64_data")))


def tensor(model: ModelProto, rng: Rng) -> None:
    _change_tensor(rng.choice(tensors_of(model)), rng)


def initializer(model: ModelProto, rng: Rng) -> None:
    """One more: for an input, for what a node computes, twice, sparse; or one less."""
    graph = graph_of(model, rng)
    change = rng.randrange(6)
    array = np.asarray(
        rng.choice(([1.0], [[1.0, 2.0], [3.0, 4.0]], 2, [10**12], [True], [], [-(2**63)], [0, 1, 2]))
    )
    array = array.astype(np.float32) if array.dtype == np.float64 else array
    if change <= 2:
        graph.initializer.append(numpy_helper.from_array(array, rng.choice(names_of(model))))
    elif change == 3:
        graph.initializer.append(rng.choice(graph.initializer))
    elif change == 4:
        del graph.initializer[rng.randrange(len(graph.initializer))]
    else:
        sparse = graph.sparse_initializer.add()
        sparse.values.CopyFrom(numpy_helper.from_array(np.ones(2, np.float32), rng.choice(names_of(model))))
        sparse.indices.CopyFrom(numpy_helper.from_array(np.array([rng.choice(INTEGERS), 5])))
        sparse.dims.extend([rng.choice(INTEGERS), 3])


def constant_input(model: ModelProto, rng: Rng) -> None:
    """An input of the graph becomes a constant: shapes, axes, repeats, sizes."""
    graph = model.graph
    info = rng.choice(graph.input)
    kind = info.type.tensor_type.elem_type
    shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
    count = int(np.prod(shape)) if shape else 1
    if kind not in (TensorProto.INT64, TensorProto.INT32, TensorProto.FLOAT) or not 0 <= count < 1000:
        return
    dtype = {TensorProto.INT64: np.int64, TensorProto.INT32: np.int32}.get(kind, np.float32)
    numbers = INTEGERS[:15] if dtype is not np.int64 else INTEGERS
    values = [rng.choice(numbers if dtype is not np.float32 else FLOATS) for _ in range(count)]
    if dtype is np.int32:
        values = [max(-(2**31), min(2**31 - 1, value)) for value in values]
    graph.initializer.append(numpy_helper.from_array(np.array(values, dtype).reshape(shape), info.name))
    if rng.random() < 0.7:
        graph.input.remove(info)


MUTATIONS: list[Mutation] = [
    attribute_value,
    attribute_value,
    attribute_value,
    attribute_kind,
    attribute_count,
    attribute_count,
    attribute_moved,
    operator,
    operator,
    edge,
    edge,
    result,
    node_order,
    longer,
    value_type,
    value_type,
    interface,
    declared,
    tensor,
    tensor,
    initializer,
    constant_input,
    nested,
    function,
    doubling_functions,
    growing_constants,
    opset,
    opset,
    envelope,
    renamed,
]
