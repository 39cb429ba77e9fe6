"""Steps of the sign of the gradient."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import backend as K
from .. import registry
from ..declaration import configured
from .rule import BuiltIn, variable
from .slots import Slot


class Lion(BuiltIn):
    """Steps of the sign of an average of the gradient (Chen et al. 2023).

    Args:
        learning_rate: 0.001.
        beta_1: what the average has in the step, 0.9.
        beta_2: what it keeps after the step, 0.99.
        **kwargs: those of Optimizer; ``lr`` for learning_rate.
    """

    _only_in_keras_3 = True
    _hyperparameters = ("learning_rate", "beta_1", "beta_2")
    _slots = (Slot("m", "momentum", "m", "m"),)

    @configured(beta_1=variable, beta_2=variable)
    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **kwargs: Any
    ) -> None: ...

    def _change(self, lr: Value, p: Value, g: Value, m: Value) -> tuple[Value, ...]:
        step = K.sign(self.beta_1 * m + (1.0 - self.beta_1) * g)
        return p - lr * step, self.beta_2 * m + (1.0 - self.beta_2) * g


registry.register(globals())
