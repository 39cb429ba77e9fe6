"""Gradient descent with momentum."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import registry
from ..declaration import configured
from .rule import BuiltIn, variable
from .slots import Slot


class SGD(BuiltIn):
    """Stochastic gradient descent with momentum: v = momentum v - lr g; w += v.

    Args:
        learning_rate: 0.01.
        momentum: 0.
        nesterov: look ahead: w += momentum v - lr g.
        **kwargs: ``decay`` (lr / (1 + decay iterations), default 0), those of Optimizer; ``lr`` for
            learning_rate.
    """

    _hyperparameters = ("learning_rate", "momentum", "decay", "nesterov")
    _slots = (Slot("moment", "momentum", "m", "momentum"),)

    @configured(momentum=variable)
    def __init__(
        self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False, **kwargs: Any
    ) -> None: ...

    def _change(self, lr: Value, p: Value, g: Value, moment: Value) -> tuple[Value, ...]:
        velocity = self.momentum * moment - lr * g
        return (p + self.momentum * velocity - lr * g if self.nesterov else p + velocity), velocity


registry.register(globals())
