"""``tensor.numpy()`` as programs for TensorFlow ask for it: whatever the tensor knows of gradients."""

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
