"""``tensor.numpy()`` as programs for TensorFlow ask for it: whatever the tensor knows of gradients.

It is PyTorch's class that has it, for the whole process: what stock Keras computes here are plain tensors
of PyTorch, so that its functions, modules and optimizers take them. A class of our own would be lost by the
first ``x + y``, or cost each operator a detour, and what is said of one tensor does not pass to those made of
it. Only what raised before is different, and only where a program imports the small tensorflow.
"""

from __future__ import annotations

from typing import Any

import torch

_numpy = torch.Tensor.numpy


def numpy(self: torch.Tensor, *, force: bool = False) -> Any:
    """The numbers. PyTorch alone refuses them of a tensor that gradients flow through; what programs for
    TensorFlow draw and print are such tensors."""
    return _numpy(self.detach() if self.requires_grad else self, force=force)


def install() -> None:
    """From now on every tensor of the process has it."""
    torch.Tensor.numpy = numpy  # type: ignore[method-assign, assignment]
