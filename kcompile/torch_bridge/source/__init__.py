"""Graphs as PyTorch source that needs nothing but torch.

- ``printer``: a lowered graph as statements.
- ``tracing``: an operator function run on stand-ins for its tensors: torch's calls remain.
- ``functions``: the text of the functions that cannot be traced, with everything they read.
- ``expressions``: values as Python expressions.
"""

from __future__ import annotations

from .expressions import NotKnown, literal
from .functions import FunctionSources, NoSource
from .printer import GraphPrinter

__all__ = ["FunctionSources", "GraphPrinter", "NoSource", "NotKnown", "literal"]
