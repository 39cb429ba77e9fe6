"""Keras's update rules as ``torch.optim`` optimizers: torch's kernels, Keras's arithmetic and state."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ...ir import UpdateRule
from .gradient_descent import SGD
from .kernels import KERNELS
from .optimizer import KerasOptimizer

__all__ = ["KERNELS", "KerasOptimizer", "make_optimizer"]


def make_optimizer(rule: UpdateRule, params: Sequence[Tensor]) -> KerasOptimizer:
    """The torch optimizer that carries out an update rule on these tensors.

    Raises:
        TypeError: for a tensor that is not floating point.
        ValueError: for a rule that has no kernel.
    """
    if rule.name not in KERNELS:
        raise ValueError(f"There is no update rule {rule.name!r}; there are {', '.join(KERNELS)}.")
    return (SGD if rule.name == "SGD" else KerasOptimizer)(params, rule)
