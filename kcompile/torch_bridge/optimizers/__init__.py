"""Keras's optimizers as ``torch.optim`` optimizers: torch's kernels, Keras 2.3's arithmetic and state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch

from ...ir import Parameter
from .base import KerasOptimizer
from .rules import SGD, Adadelta, Adagrad, Adam, Adamax, Ftrl, Lion, Nadam, RMSprop

RULES: dict[str, type[KerasOptimizer]] = {
    c.__name__: c for c in (SGD, RMSprop, Adagrad, Adadelta, Adam, Adamax, Nadam, Lion, Ftrl)
}
"""The optimizers by Keras's class names."""


class UpdateRule(Protocol):
    """A Keras optimizer as the front end hands it over: what to compute, and the Parameters of its state.

    Attributes:
        name: one of ``RULES``.
        settings, iterations, slots: as ``KerasOptimizer`` takes them.
    """

    name: str
    settings: Mapping[str, Any]
    iterations: Parameter
    slots: Mapping[str, Sequence[Parameter]]


def make_optimizer(rule: UpdateRule, params: Sequence[torch.Tensor]) -> KerasOptimizer:
    """The torch optimizer that carries out an update rule on these tensors.

    Raises:
        ValueError: for a rule of another name.
    """
    if rule.name not in RULES:
        raise ValueError(f"There is no update rule {rule.name!r}; there are {', '.join(RULES)}.")
    return RULES[rule.name](params, rule.settings, iterations=rule.iterations, slots=rule.slots)
