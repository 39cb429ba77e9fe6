"""Structured mutations of ONNX models: what an attacker writes with a library, not with a hex editor."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, defs, helper, numpy_helper

Rng = random.Random
Mutation = Callable[[ModelProto, Rng], None]

INTEGERS = (0, 1, -1, 2, -2, 3, 7, 31, 64, -64, 1000, 2**31 - 1, 2**31, -(2**31), 10**12, 2**63 - 1, -(2**63))
FLOATS = (0.0, -1.0, 1e-40, 1e38, float("nan"), float("inf"), float("-inf"), 0.5)
TEXTS = (
    "",
    "x",
    "y",
    "NOTSET",
    "SAME_UPPER",
    "linear",
    "ii->i",
    "i,j->ij",
    "\x1b[31m",
    "\u202e",
    "../../x",
    "a" * 3000,
)
OPERATORS = sorted({schema.name for schema in defs.get_all_schemas() if not schema.domain})
ELEMENT_TYPES = (*TensorProto.DataType.values(), 99, -1, 2**31 - 1)


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


# --- what there is ---


def graphs(model: ModelProto) -> list[GraphProto]:
    """The graph and all bodies in it."""
    found = [model.graph]
    for graph in found:
        for node in graph.node:
            for attribute in node.attribute:
                found += [attribute.g] if attribute.HasField("g") else list(attribute.graphs)
    return found


def _graph(model: ModelProto, rng: Rng) -> GraphProto:
    return rng.choice(graphs(model))


def _nodes(model: ModelProto) -> list[NodeProto]:
    inside = [node for graph in graphs(model) for node in graph.node]
    return inside + [node for function in model.functions for node in function.node]


def _node(model: ModelProto, rng: Rng) -> NodeProto:
    return rng.choice(_nodes(model))


def _attribute(model: ModelProto, rng: Rng) -> AttributeProto:
    return rng.choice([a for node in _nodes(model) for a in node.attribute])


def _infos(model: ModelProto) -> list[onnx.ValueInfoProto]:
    return [info for g in graphs(model) for info in (*g.input, *g.output, *g.value_info)]


def _names(model: ModelProto) -> list[str]:
    names = [info.name for info in _infos(model)] + [t.name for g in graphs(model) for t in g.initializer]
    return names + [name for node in _nodes(model) for name in (*node.input, *node.output)] + ["", "nothing"]


def _tensors(model: ModelProto) -> list[TensorProto]:
    found = [t for g in graphs(model) for t in g.initializer]
    return found + [a.t for node in _nodes(model) for a in node.attribute if a.HasField("t")]


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
        _change_body(attribute.g, rng)


def attribute_value(model: ModelProto, rng: Rng) -> None:
    _change_value(_attribute(model, rng), rng)


def attribute_kind(model: ModelProto, rng: Rng) -> None:
    """The type that it claims, the name, or where its value is."""
    attribute = _attribute(model, rng)
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
    node = _node(model, rng)
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
    _node(model, rng).attribute.append(_attribute(model, rng))


# --- nodes and edges ---


def operator(model: ModelProto, rng: Rng) -> None:
    node = _node(model, rng)
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
    node = _node(model, rng)
    change = rng.randrange(6)
    if change < 2:
        node.input[rng.randrange(len(node.input))] = rng.choice(_names(model))
    elif change == 2:
        node.input[rng.randrange(len(node.input))] = rng.choice([*node.output, ""])
    elif change == 3:
        del node.input[rng.randrange(len(node.input)) :]
    elif change == 4:
        node.input.extend([rng.choice(_names(model))] * rng.choice((1, 2, 300)))
    else:
        node.input.insert(rng.randrange(len(node.input) + 1), rng.choice(_names(model)))


def result(model: ModelProto, rng: Rng) -> None:
    """An output of a node: named as another value, not at all, one less or more."""
    node = _node(model, rng)
    change = rng.randrange(4)
    if change == 0:
        node.output[rng.randrange(len(node.output))] = rng.choice(_names(model))
    elif change == 1:
        del node.output[rng.randrange(len(node.output)) :]
    elif change == 2:
        node.output.extend(f"more{i}" for i in range(rng.choice((1, 2, 300))))
    else:
        node.output[rng.randrange(len(node.output))] = ""


def node_order(model: ModelProto, rng: Rng) -> None:
    graph = _graph(model, rng)
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
    info = rng.choice(_infos(model))
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
    graph = _graph(model, rng)
    infos = rng.choice((graph.input, graph.output))
    change = rng.randrange(6)
    if change == 0:
        del infos[rng.randrange(len(infos))]
    elif change == 1:
        del infos[:]
    elif change == 2:
        infos.append(rng.choice(infos))
    elif change == 3:
        rng.choice(infos).name = rng.choice(_names(model))
    elif change == 4:
        rng.choice(infos).name = rng.choice(TEXTS)
    else:
        infos.add(name=rng.choice(_names(model)))


def declared(model: ModelProto, rng: Rng) -> None:
    """Declarations of values between that are not so."""
    graph = _graph(model, rng)
    info = helper.make_tensor_value_info(
        rng.choice(_names(model)),
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
    _change_tensor(rng.choice(_tensors(model)), rng)


def initializer(model: ModelProto, rng: Rng) -> None:
    """One more: for an input, for what a node computes, twice, sparse; or one less."""
    graph = _graph(model, rng)
    change = rng.randrange(6)
    array = np.asarray(
        rng.choice(([1.0], [[1.0, 2.0], [3.0, 4.0]], 2, [10**12], [True], [], [-(2**63)], [0, 1, 2]))
    )
    array = array.astype(np.float32) if array.dtype == np.float64 else array
    if change <= 2:
        graph.initializer.append(numpy_helper.from_array(array, rng.choice(_names(model))))
    elif change == 3:
        graph.initializer.append(rng.choice(graph.initializer))
    elif change == 4:
        del graph.initializer[rng.randrange(len(graph.initializer))]
    else:
        sparse = graph.sparse_initializer.add()
        sparse.values.CopyFrom(numpy_helper.from_array(np.ones(2, np.float32), rng.choice(_names(model))))
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


# --- bodies and functions ---


def _change_body(graph: GraphProto, rng: Rng) -> None:
    change = rng.randrange(4)
    if change == 0:
        del graph.output[rng.randrange(len(graph.output)) :]
    elif change == 1:
        del graph.input[rng.randrange(len(graph.input)) :]
    elif change == 2:
        graph.Clear()
    else:
        graph.output.append(rng.choice([*graph.input, *graph.output]))


def nested(model: ModelProto, rng: Rng) -> None:
    """All of the graph inside branches of If, Loop or Scan, perhaps many deep."""
    depth = rng.choice((1, 1, 2, 10, 28))  # protobuf reads 100 messages deep: 33 bodies
    kind = rng.choice(("If", "If", "Loop", "Scan"))
    inner = GraphProto(name="body")
    inner.node.extend(model.graph.node)
    inner.output.extend(model.graph.output)
    condition = numpy_helper.from_array(np.array(True), "condition")
    model.graph.initializer.append(condition)
    model.graph.initializer.append(numpy_helper.from_array(np.array(rng.choice(INTEGERS)), "trips"))
    for i in range(depth):
        names = [info.name for info in inner.output]
        outer = GraphProto(name=f"body{i}")
        if kind == "If":
            branches = {"then_branch": inner, "else_branch": inner} if depth < 3 else {"then_branch": inner}
            node = helper.make_node("If", ["condition"], names, **branches)
            if depth >= 3:
                node.attribute.append(helper.make_attribute("else_branch", GraphProto(name="e")))
        elif kind == "Loop":
            node = helper.make_node("Loop", ["trips", "condition"], names, body=inner)
        else:
            node = helper.make_node("Scan", [model.graph.input[0].name], names, body=inner, num_scan_inputs=1)
        outer.node.append(node)
        outer.output.extend(onnx.ValueInfoProto(name=name) for name in names)
        inner = outer
    del model.graph.node[:]
    model.graph.node.extend(inner.node)


def function(model: ModelProto, rng: Rng) -> None:
    """A node as a call of a function, sound or not: of itself, without a body, under a standard name."""
    node = rng.choice(model.graph.node)
    inner = NodeProto.FromString(node.SerializeToString())
    inputs, outputs = [n for n in dict.fromkeys(node.input) if n], [n for n in node.output if n]
    domain, name = rng.choice(("f", "f", "")), rng.choice(("F", "F", "Relu", node.op_type, ""))
    made = helper.make_function(domain, name, inputs, outputs, [inner], list(model.opset_import))
    made.opset_import.add(domain=domain, version=1)
    change = rng.randrange(9)
    if change == 0:
        made.node[0].domain, made.node[0].op_type = domain, name
    elif change == 1:
        del made.opset_import[:]
    elif change == 2:
        del made.input[:]
    elif change == 3:
        made.output.append("nothing")
    elif change == 4:
        made.attribute.append("axis")
        made.node[0].attribute.add(name="axis", ref_attr_name="axis", type=AttributeProto.INT)
    elif change == 5:
        model.functions.append(made)
    elif change == 6:
        del made.node[:]
    model.functions.append(made)
    model.opset_import.add(domain=domain, version=1) if domain else None
    del node.attribute[:]
    del node.input[:]
    node.input.extend(inputs)
    node.domain, node.op_type = domain, name


def doubling_functions(model: ModelProto, rng: Rng) -> None:
    count, domain = rng.choice((2, 6, 12, 30, 100)), "double"
    opsets = [*model.opset_import, helper.make_opsetid(domain, 1)]
    for i in range(count):
        inner, where = (f"F{i + 1}", domain) if i < count - 1 else ("Relu", "")
        nodes = [helper.make_node(inner, [a], [b], domain=where) for a, b in (("a", "t"), ("t", "b"))]
        model.functions.append(helper.make_function(domain, f"F{i}", ["a"], ["b"], nodes, opsets))
    model.opset_import.add(domain=domain, version=1)
    info = rng.choice(model.graph.output)
    model.graph.node.append(helper.make_node("F0", [info.name], ["doubled"], domain=domain))
    info.name = "doubled"


def growing_constants(model: ModelProto, rng: Rng) -> None:
    """A chain of constants that doubles, or one that is huge at once, added to an output."""
    count = rng.choice((5, 26, 33, 60))
    kind = rng.choice(
        ("Concat", "Tile", "Expand", "Pad", "ConstantOfShape", "Range", "MatMul", "Resize", "Mul")
    )
    graph, nodes = model.graph, []
    int64 = lambda name, *v: graph.initializer.append(numpy_helper.from_array(np.array(v, np.int64), name))  # noqa: E731
    graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), "grown0"))
    int64("two", 2), int64("pads", 1000, 1000), int64("huge", 2**count)
    last = "grown0"
    for i in range(count):
        name = f"grown{i + 1}"
        if kind == "Concat":
            nodes.append(helper.make_node("Concat", [last, last], [name], axis=0))
        elif kind == "Tile":
            nodes.append(helper.make_node("Tile", [last, "two"], [name]))
        elif kind == "Pad":
            nodes.append(helper.make_node("Pad", [last, "pads"], [name]))
        elif kind == "Resize":
            graph.initializer.append(numpy_helper.from_array(np.full(1, 2, np.float32), f"scale{i}"))
            nodes.append(helper.make_node("Resize", [last, "", f"scale{i}"], [name]))
        elif kind in ("MatMul", "Mul"):
            nodes.append(helper.make_node("Expand", ["grown0", "huge"], ["row"]))
            nodes.append(helper.make_node("Unsqueeze", ["row", "trips0"], ["column"]))
            nodes.append(helper.make_node("Unsqueeze", ["row", "trips1"], ["line"]))
            int64("trips0", 0), int64("trips1", 1)
            nodes.append(helper.make_node(kind, ["line", "column"], [name]))
        elif kind == "Range":
            graph.initializer.append(numpy_helper.from_array(np.array(0), "r0"))
            graph.initializer.append(numpy_helper.from_array(np.array(2**count), "r1"))
            graph.initializer.append(numpy_helper.from_array(np.array(1), "r2"))
            nodes.append(helper.make_node("Range", ["r0", "r1", "r2"], [name + "i"]))
            nodes.append(helper.make_node("Cast", [name + "i"], [name], to=1))
        elif kind == "ConstantOfShape":
            nodes.append(helper.make_node("ConstantOfShape", ["huge"], [name]))
        else:
            nodes.append(helper.make_node("Expand", [last, "huge"], [name]))
        last = name
        if kind not in ("Concat", "Tile", "Pad", "Resize"):
            break
    info = rng.choice(graph.output)
    axes = helper.make_node("ReduceSum", [last], ["grown_sum"], keepdims=0)
    graph.node.extend([*nodes, axes, helper.make_node("Add", [info.name, "grown_sum"], ["grown_result"])])
    info.CopyFrom(onnx.ValueInfoProto(name="grown_result"))


# --- the model ---


def opset(model: ModelProto, rng: Rng) -> None:
    change = rng.randrange(5)
    entry = rng.choice(model.opset_import)
    if change < 2:
        entry.version = rng.randrange(1, defs.onnx_opset_version() + 2)
    elif change == 2:
        entry.version = rng.choice(INTEGERS)
    elif change == 3:
        model.opset_import.add(
            domain=rng.choice(("", "ai.onnx", "com.microsoft")), version=rng.choice((1, 21, 99))
        )
    else:
        del model.opset_import[:]


def envelope(model: ModelProto, rng: Rng) -> None:
    """The model's own fields."""
    change = rng.randrange(8)
    if change == 0:
        model.ir_version = rng.choice(INTEGERS[:13])
    elif change == 1:
        keys = (
            "kcompile.config",
            "kcompile.format",
            "kcompile.states",
            "kcompile.weights",
            "kcompile.order",
            "x",
            "x",
        )
        value = rng.choice(
            ('{"a": 1}', "[]", "1", "null", "9" * 30, "[[[", '{"class_name": "Sequential"}', "\x1b")
        )
        model.metadata_props.add(key=rng.choice(keys), value=value)
    elif change == 2:
        training = model.training_info.add()
        training.algorithm.CopyFrom(model.graph)
        training.update_binding.add(key="a", value="b")
    elif change == 3:
        model.ClearField(rng.choice(("ir_version", "graph", "opset_import", "producer_name")))
    elif change == 4:
        model.graph.name = rng.choice(TEXTS)
    elif change == 5:
        quantized = model.graph.quantization_annotation.add()
        quantized.tensor_name = rng.choice(_names(model))
        quantized.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="nothing")
    elif change == 6:
        model.graph.doc_string = "x" * 10_000
    else:
        for node in model.graph.node:
            node.metadata_props.add(key="kcompile.layer", value=rng.choice(TEXTS))


def renamed(model: ModelProto, rng: Rng) -> None:
    """One name everywhere: sound, but no identifier; or two values under one name."""
    old, new = rng.choice(_names(model)), rng.choice((*TEXTS, *_names(model), "0.weight", "a/b:0", "ü"))
    if not old:
        return
    for node in _nodes(model):
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == old:
                    names[i] = new
    named: list[Any] = [*_infos(model), *(t for g in graphs(model) for t in g.initializer)]
    for thing in named:
        if thing.name == old:
            thing.name = new


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
