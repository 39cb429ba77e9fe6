"""Graphs as SSA text: one line a node, with types, shapes and the layer that emitted it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from .text import shown
from .values import Constant, Node, Parameter, Value, format_type

if TYPE_CHECKING:
    from .graph import Graph


def format_graph(
    graph: Graph,
    indent: str = "",
    names: dict[Value, str] | None = None,
    numbers: Iterator[int] | None = None,
) -> str:
    """The text behind ``print(graph)``.

    ``%x`` is a value, ``@dense_1/kernel`` a parameter; short constants are written out. A line reads
    ``%3 = Add(%2, @dense_1/bias) : float32[batch, 10]  # dense_1``.
    """
    names = {} if names is None else dict(names)
    numbers = count() if numbers is None else numbers
    for i, value in enumerate(graph.inputs):
        names[value] = f"%{shown(value._name or f'in{i}')}"
    arguments = ", ".join(f"{names[v]}: {format_type(v, named=True)}" for v in graph.inputs)
    lines = [f"{indent}graph({arguments}) for {graph.phase} {{"]
    for parameter in graph.parameters:
        frozen = "" if parameter.trainable else "  # not trainable"
        lines.append(f"{indent}  @{shown(parameter.name)} : {format_type(parameter, named=True)}{frozen}")
    for node in graph.nodes:
        lines.extend(_format_node(graph, node, names, numbers, indent + "  "))
    returned = ", ".join(_reference(graph.resolve(v), names) for v in graph.outputs)
    lines.append(f"{indent}  return {returned}")
    for parameter, new in graph.updates:
        lines.append(f"{indent}  @{shown(parameter.name)} <- {_reference(graph.resolve(new), names)}")
    lines.append(f"{indent}}}")
    return "\n".join(lines)


def _format_node(
    graph: Graph, node: Node, names: dict[Value, str], numbers: Iterator[int], indent: str
) -> list[str]:
    arguments = ["-" if v is None else _reference(v, names) for v in graph.operands(node)]
    bodies = graph.bodies(node)
    arguments += [f"{k}={_short(a)}" for k, a in node.attributes.items() if k not in bodies]
    for output in node.outputs:
        names[output] = f"%{next(numbers)}"
    results = ", ".join(names[output] for output in node.outputs)
    types = ", ".join(format_type(output, named=True) for output in node.outputs)
    comment = f"  # {shown(node.scope)}" if node.scope else ""
    lines = [f"{indent}{results} = {shown(node.op_type)}({', '.join(arguments)}) : {types}{comment}"]
    for name, body in bodies.items():
        text = format_graph(body, indent + "  ", names, numbers)
        lines.append(f"{indent}  {name} = {text.lstrip()}")
    return lines


def _reference(value: Value, names: dict[Value, str]) -> str:
    if isinstance(value, Parameter):
        return f"@{shown(value.name)}"
    if isinstance(value, Constant):
        return _short(value.array)
    return names.get(value, f"%{shown(value.name)}")


def _short(attribute: Any) -> str:
    if isinstance(attribute, onnx.AttributeProto):  # of a ForeignNode
        value = onnx.helper.get_attribute_value(attribute)
        return repr(value) if not hasattr(value, "ListFields") else f"<{type(value).__name__}>"
    if isinstance(attribute, np.ndarray):
        if attribute.size <= 8:
            return str(attribute.tolist())
        return f"<{attribute.dtype.name}{list(attribute.shape)}>"
    return repr(attribute)
