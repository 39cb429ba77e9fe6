"""Graphs as PyTorch source that needs nothing but torch.

- ``printer``: a lowered graph as statements.
- ``specialization``: an operator function with what is known of a call worked in: torch's calls remain.
- ``functions``: the text of the functions that remain, with everything they read.
"""

from __future__ import annotations

from .functions import FunctionSources, NoSource
from .printer import GraphPrinter
from .specialization import literal

__all__ = ["FunctionSources", "GraphPrinter", "NoSource", "literal"]
