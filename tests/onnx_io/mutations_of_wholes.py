"""Ways to damage bodies, functions, and a model as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, defs, helper, numpy_helper

from .model_parts import (
    INTEGERS,
    TEXTS,
    Rng,
    graphs,
    infos_of,
    names_of,
    nodes_of,
)


def change_body(graph: GraphProto, rng: Rng) -> None:
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
        quantized.tensor_name = rng.choice(names_of(model))
        quantized.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="nothing")
    elif change == 6:
        model.graph.doc_string = "x" * 10_000
    else:
        for node in model.graph.node:
            node.metadata_props.add(key="kcompile.layer", value=rng.choice(TEXTS))


def renamed(model: ModelProto, rng: Rng) -> None:
    """One name everywhere: sound, but no identifier; or two values under one name."""
    old, new = rng.choice(names_of(model)), rng.choice((*TEXTS, *names_of(model), "0.weight", "a/b:0", "ü"))
    if not old:
        return
    for node in nodes_of(model):
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == old:
                    names[i] = new
    named: list[Any] = [*infos_of(model), *(t for g in graphs(model) for t in g.initializer)]
    for thing in named:
        if thing.name == old:
            thing.name = new
