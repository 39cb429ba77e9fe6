"""Small models that ask for much, or for what there is not."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSETS = [helper.make_opsetid("", 21)]


def value(name, shape=(2, 3), kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, initializers=(), functions=(), opsets=OPSETS, inputs=None, outputs=("y",)):
    graph = helper.make_graph(
        list(nodes),
        "g",
        [value("x")] if inputs is None else list(inputs),
        [onnx.ValueInfoProto(name=name) for name in outputs],
        list(initializers),
    )
    return helper.make_model(graph, opset_imports=list(opsets), ir_version=10, functions=list(functions))


def calling(functions, name="F0"):
    """A model of one call, of functions given as {name: operators in a chain}."""
    opsets = [*OPSETS, helper.make_opsetid("f", 1)]
    made = []
    for key, operators in functions.items():
        names = ["a", *(f"t{i}" for i in range(len(operators) - 1)), "b"]
        nodes = [
            helper.make_node(
                operator, [names[i]], [names[i + 1]], domain="f" if operator in functions else ""
            )
            for i, operator in enumerate(operators)
        ]
        made.append(helper.make_function("f", key, ["a"], ["b"], nodes, opsets))
    return model([helper.make_node(name, ["x"], ["y"], domain="f")], (), made, opsets)


def doubling(count):
    """Functions that each call the next one twice: 2 ** count nodes."""
    chain = {f"F{i}": [f"F{i + 1}"] * 2 for i in range(count - 1)}
    return calling({**chain, f"F{count - 1}": ["Relu", "Relu"]})


def calls_deep(count):
    return calling({**{f"F{i}": [f"F{i + 1}"] for i in range(count - 1)}, f"F{count - 1}": ["Relu"]})


def ring(count):
    return calling({f"F{i}": [f"F{(i + 1) % count}"] for i in range(count)})


def int64(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def growing(operator, count=30):
    """Constants that double again and again, or are huge at once, and are added to the input."""
    one = numpy_helper.from_array(np.ones(1, np.float32), "v0")
    initializers = [one, int64("two", 2), int64("pads", 0, 2**26), int64("huge", 2**28)]
    step = {
        "Concat": lambda a, b: helper.make_node("Concat", [a, a], [b], axis=0),
        "Tile": lambda a, b: helper.make_node("Tile", [a, "two"], [b]),
        "Resize": lambda a, b: helper.make_node("Resize", [a, "", "scale"], [b]),
        "Pad": lambda a, b: helper.make_node("Pad", [a, "pads"], [b]),
        "Expand": lambda a, b: helper.make_node("Expand", [a, "huge"], [b]),
        "ConstantOfShape": lambda a, b: helper.make_node("ConstantOfShape", ["huge"], [b]),
    }[operator]
    initializers.append(numpy_helper.from_array(np.full(1, 2, np.float32), "scale"))
    nodes = [step(f"v{i}", f"v{i + 1}") for i in range(count)]
    total = helper.make_node("ReduceSum", [f"v{count}"], ["s"], keepdims=0)
    return model([*nodes, total, helper.make_node("Add", ["x", "s"], ["y"])], initializers)
