"""The graphs inside the nodes of a model in a file: bodies of If, Loop, Scan, and of others' operators."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import onnx


def graphs_of(attribute: onnx.AttributeProto) -> list[onnx.GraphProto]:
    """The graphs that an attribute holds."""
    return [attribute.g] if attribute.HasField("g") else list(attribute.graphs)


def bodies_of(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs that a node holds."""
    return [graph for attribute in node.attribute for graph in graphs_of(attribute)]


def all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Nodes and those of all bodies in them, outer ones first."""
    waiting = deque(nodes)
    while waiting:
        node = waiting.popleft()
        yield node
        for body in bodies_of(node):
            waiting.extend(body.node)


def all_bodies(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    """Every body inside a graph, outer ones first."""
    return [body for node in all_nodes(graph.node) for body in bodies_of(node)]
