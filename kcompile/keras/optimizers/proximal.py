"""Follow the regularized leader."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Parameter, Value
from .. import backend as K
from .. import registry
from ..declaration import configured
from .rule import BuiltIn
from .slots import Slot

_NUMBERS = (
    "learning_rate_power",
    "l1_regularization_strength",
    "l2_regularization_strength",
    "l2_shrinkage_regularization_strength",
    "beta",
)


class Ftrl(BuiltIn):
    """Follow the regularized leader (McMahan et al. 2013), with shrinkage and beta.

    Args:
        learning_rate: 0.001.
        learning_rate_power: -0.5, not positive.
        initial_accumulator_value: 0.1.
        l1_regularization_strength, l2_regularization_strength: 0.
        l2_shrinkage_regularization_strength: 0, added to the gradient.
        beta: 0.
        **kwargs: ``decay``, those of Optimizer; ``lr`` for learning_rate.

    Raises:
        ValueError: for a positive learning_rate_power, or another negative number.
    """

    _only_in_keras_3 = True
    _hyperparameters = ("learning_rate", *_NUMBERS, "initial_accumulator_value", "decay")
    _slots = Slot.alike("accumulator"), Slot.alike("linear", beside=True)

    @configured
    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Any,
    ) -> None:
        if learning_rate_power > 0:
            raise ValueError(
                f"Ftrl: learning_rate_power must not be positive, found {learning_rate_power!r}."
            )
        for name in ("initial_accumulator_value", *_NUMBERS[1:]):
            if getattr(self, name) < 0:
                raise ValueError(f"Ftrl: {name} must not be negative, found {getattr(self, name)!r}.")

    def _initial_slot(self, name: str, p: Parameter) -> tuple[np.ndarray, tuple[int, ...] | None]:
        first = self.initial_accumulator_value if name == "accumulator" else 0.0
        return np.full_like(p.storage.array, first), p.storage.order

    def _change(self, lr: Value, p: Value, g: Value, accumulator: Value, linear: Value) -> tuple[Value, ...]:
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        l2 = self.beta / (2.0 * lr) + self.l2_regularization_strength
        total = accumulator + K.square(g)
        grown = K.pow(total, power)
        shrunk = g + 2.0 * self.l2_shrinkage_regularization_strength * p
        line = linear + shrunk - (grown - K.pow(accumulator, power)) / lr * p
        return (K.clip(line, -l1, l1) - line) / (grown / lr + 2.0 * l2), total, line

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        decay = config.pop("decay")
        return {**config, "decay": decay} if decay else config


registry.register(globals())
