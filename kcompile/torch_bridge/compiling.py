"""What a training step computes before it asks for gradients, compiled by ``torch.compile``."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.utils.fuser_utils import fuse_by_partitions

from .gradients import differentiable, gradients
from .own_step import OwnStep

BACKEND = "inductor"
"""Of ``torch.compile``; it needs a compiler of C++."""


def compile_step(step: OwnStep) -> None:
    """Has a step compiled when it first runs; what needs no gradient is left as it is.

    Compiling takes from seconds to minutes. Where it fails a warning says why, once, and the step runs as it
    would without.
    """
    module = step.module
    nodes = _before_gradients(module.graph)
    if not nodes:
        return
    known = {name for name, _ in module.named_children()}
    fuse_by_partitions(module, [dict.fromkeys(nodes)])
    module.recompile()
    for name, part in list(module.named_children()):
        if name not in known and isinstance(part, fx.GraphModule):
            setattr(module, name, _Compiled(part))


def _before_gradients(graph: fx.Graph) -> list[fx.Node]:
    """What computes the target of the only gradients that are asked for; the leaves are made outside."""
    asked = [node for node in graph.nodes if node.target is gradients]
    if len(asked) != 1:
        return []
    wanted, found = {asked[0].args[0]}, []
    for node in reversed(graph.nodes):
        if node in wanted and node.op.startswith("call") and node.target is not differentiable:
            wanted.update(node.all_input_nodes)
            found.append(node)
    return found[::-1]


class _Compiled(nn.Module):
    """A module compiled at its first call, or as it was where that does not work."""

    def __init__(self, plain: fx.GraphModule) -> None:
        super().__init__()
        self.plain = plain
        self._run: Any = torch.compile(plain, backend=BACKEND)

    def forward(self, *args: Any) -> Any:
        """What the module gives."""
        if self._run is self.plain:
            return self.plain(*args)
        try:
            return self._run(*args)
        except Exception as error:  # of which there are as many kinds as there are compilers
            self._run = self.plain
            why = " ".join(str(error).split())[:200]
            warnings.warn(
                "jit_compile=True has no effect: torch.compile, which needs a compiler of C++, fails with "
                f"{type(error).__name__}: {why}",
                stacklevel=2,
            )
            return self.plain(*args)
