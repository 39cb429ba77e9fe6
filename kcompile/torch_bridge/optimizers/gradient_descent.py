"""Gradient descent, whose velocity costs nothing where there is no momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .optimizer import KerasOptimizer


class SGD(KerasOptimizer):
    """Without momentum the velocity, -lr g, is not computed but left to whoever reads the state."""

    _last_rate = 0.0

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients; first writes the velocity that they imply if momentum was just switched on."""
        if self._last_rate and self.value("momentum"):
            self._settle()
        super().zero_grad(set_to_none)

    def _update(self, params: list[Tensor], grads: list[Tensor], slots: Any) -> None:
        if not self._is_lazy():
            super()._update(params, grads, slots)
            return
        torch._foreach_add_(params, grads, alpha=-self.lr)
        self._last_rate = self.lr

    def _settle(self) -> None:
        """Writes the velocity of a step that was taken without momentum: reading a storage fetches it."""
        for slot in self.slots["moment"]:
            slot.storage.array  # noqa: B018
        self._last_rate = 0.0

    def _is_lazy(self) -> bool:
        return self._every == 1 and not self.value("momentum")

    def _computed(self) -> Sequence[str]:
        return [name for name in self.slots if name != "moment" or not self._is_lazy()]

    def _refresh(self) -> None:
        if self._last_rate and not self._is_lazy():  # switched on after zero_grad()
            self._settle()
        super()._refresh()

    def _announce(self) -> None:
        super()._announce()
        if self._last_rate:
            for p, slot in zip(self._params, self.slots["moment"], strict=True):
                if p.grad is not None:
                    slot.storage.written(_LazyVelocity(p, self._last_rate))


class _LazyVelocity:
    """Writes -lr g into the host buffer; the gradient is alive until the next step begins."""

    __slots__ = ("p", "rate")

    def __init__(self, p: Tensor, rate: float) -> None:
        self.p, self.rate = p, rate

    def __call__(self, array: np.ndarray) -> None:
        if self.p.grad is not None:
            torch.mul(self.p.grad.cpu(), -self.rate, out=torch.from_numpy(array))
