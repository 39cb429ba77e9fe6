"""A built-in optimizer as plain data: what the front end hands to whatever carries it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .values import Parameter


@dataclass(frozen=True)
class LossScale:
    """By what the loss is multiplied, and gradients divided, so that they do not vanish in float16.

    Attributes:
        value: float32 scalar.
        good_steps: int64 scalar: steps since it changed last whose gradients were finite.
        growth_steps: after so many it doubles; where gradients are not finite it halves. None: it is fixed.
    """

    value: Parameter
    good_steps: Parameter
    growth_steps: int | None


@dataclass(frozen=True)
class UpdateRule:
    """One of the optimizers that ``kcompile.keras.optimizers`` states, for certain weights.

    Attributes:
        name: class name of the optimizer.
        settings: hyperparameters by Keras's names; a Parameter is read at every step, a function of the step
            (from 0) called, all else is fixed. Where the optimizer has them, also

            - ``initial_decay``: the time decay that it was made with; 0: its rate does not decay,
            - ``clipnorm``, ``global_clipnorm``, ``clipvalue``: limits of the gradients,
            - ``weight_decay``: for each weight the part that an update takes off, times the learning rate,
            - ``gradient_accumulation_steps``: how many gradients make an update, by their mean,
            - ``ema_momentum``, ``ema_overwrite_frequency``: for the moving average of the weights.
        iterations: int64 scalar that counts the steps.
        slots: state by name, one variable per weight each; those that the rule reads and writes.
    """

    name: str
    settings: Mapping[str, Any]
    iterations: Parameter
    slots: Mapping[str, Sequence[Parameter]]
