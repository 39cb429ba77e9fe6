"""Training with a scaled loss: gradients that are too small for float16 are carried by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..ir import LossScale


class LossScaler:
    """Scales the loss before backward, and the gradients back after it.

    Args:
        scale: the scale, which changes with every step of training.
        params: the tensors that are trained.
    """

    def __init__(self, scale: LossScale, params: Sequence[Tensor]) -> None:
        self._scale = scale
        self._params = list(params)

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss times the scale."""
        return loss * self._scale.value.storage.array.item()

    def unscale(self) -> bool:
        """Divides the gradients by the scale; whether they are finite, so that an update may be made of them.

        The scale follows: it halves where they are not, and grows after enough steps in which they were.
        """
        grads = [p.grad for p in self._params if p.grad is not None]
        torch._foreach_mul_(grads, 1.0 / self._scale.value.storage.array.item())
        finite = all(torch.isfinite(norm).item() for norm in torch._foreach_norm(grads))
        if self._scale.growth_steps is not None:
            self._follow(finite, self._scale.growth_steps)
        return finite

    def _follow(self, finite: bool, growth_steps: int) -> None:
        value = self._scale.value.storage.array.item()
        steps = self._scale.good_steps.storage.array.item() + 1
        if not finite:
            value, steps = max(value / 2, 1.0), 0
        elif steps >= growth_steps:
            grown = np.float32(value * 2)
            value, steps = (float(grown) if np.isfinite(grown) else value), 0
        self._scale.value.storage.assign(np.asarray(value, np.float32))
        self._scale.good_steps.storage.assign(np.asarray(steps, np.int64))
