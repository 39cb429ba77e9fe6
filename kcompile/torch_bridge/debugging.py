"""Looking into a computation: the operator Print, and which operator it was that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx


def print_tensor(x: Tensor, message: str, summarize: int) -> Tensor:
    """``x``, after printing it; of a long axis ``summarize`` elements at each end, for -1 all."""
    array = x.detach().cpu().numpy()
    text = np.array2string(array, threshold=array.size if summarize < 0 else 0, edgeitems=summarize)
    print(message, text, flush=True)
    return x


def failing_node(step: Any, arrays: Sequence[Any], error: Exception) -> str | None:
    """The path of the operator at which a step fails, found by running it once more, node by node.

    Args:
        step: a TrainStep or EvalStep; of a step in several processes nothing is found.
        arrays: what the step was called with.
        error: what it failed with; after an error inside a GPU nothing runs there any more, and is found.

    Returns:
        the path, with the shapes of what the operator reads; None where the second run does not fail, or for
        lack of memory.
    """
    if not hasattr(step, "module") or "CUDA error" in str(error) or isinstance(error, torch.OutOfMemoryError):
        return None
    watching = _Watching(step.module)
    try:
        with torch.no_grad():
            watching.run(*step._place(arrays))
    except Exception:  # the same again, or another on the way to it
        return watching.failed
    return None


class _Watching(fx.Interpreter):
    """Runs a lowered module and remembers the node that fails.

    Attributes:
        failed: its path and the shapes of what it reads.
    """

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.failed: str | None = None

    def run_node(self, n: fx.Node) -> Any:
        """The node's result."""
        try:
            return super().run_node(n)
        except (IndexError, RuntimeError) as error:
            if "node" in n.meta and not isinstance(error, torch.OutOfMemoryError):
                read = [self.env.get(node) for node in n.all_input_nodes]
                shapes = ", ".join(str(tuple(x.shape)) for x in read if isinstance(x, Tensor))
                self.failed = f"{n.meta['node']} on shapes {shapes}"
            raise
