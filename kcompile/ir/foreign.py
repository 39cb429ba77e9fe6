"""Operators of other domains than the standard's, as foreign files have them: onnxruntime computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from .graph import Graph
from .scope import current_device, current_scope
from .values import Node, Shape, Value

_LEFT_OUT: tuple[np.dtype, Shape] = (np.dtype(np.float32), None)


class ForeignNode(Node):
    """One operator of another domain applied: predicted with, exported again, never trained.

    Its ``op_type`` is written with the domain, ``com.microsoft.FusedMatMul``, so that whoever looks for an
    operator of the standard does not take it for one. Attributes are AttributeProtos, as the file has them.

    Attributes:
        operator: the name within the domain.
        version: of the domain's operator set.
        left_out: which of its outputs the file does not ask for.
    """

    __slots__ = ("left_out", "operator", "version")

    def __init__(
        self,
        operator: str,
        domain: str,
        version: int,
        inputs: Sequence[Value | None],
        attributes: Mapping[str, onnx.AttributeProto],
        output_types: Sequence[tuple[np.dtype, Shape] | None],
    ) -> None:
        """
        Args:
            output_types: None for an optional output that is left out.
        """
        super().__init__(
            f"{domain}.{operator}",
            inputs,
            attributes,
            [_LEFT_OUT if known is None else known for known in output_types],
            domain,
            current_scope(),
            current_device(),
        )
        self.operator = operator
        self.version = version
        self.left_out = frozenset(i for i, known in enumerate(output_types) if known is None)


def foreign_nodes(graph: Graph) -> list[ForeignNode]:
    """Those of a graph and of the bodies in it, in order."""
    found: list[ForeignNode] = []
    for node in graph.nodes:
        if isinstance(node, ForeignNode):
            found.append(node)
        for body in graph.bodies(node).values():
            found += foreign_nodes(body)
    return found


__all__ = ["ForeignNode", "foreign_nodes"]
