"""The scale of the loss by which gradients in float16 do not vanish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...ir import LossScale
from .. import registry
from ..backend.assignments import Variable
from .base import Optimizer

INITIAL = 2.0**15
GROWTH_STEPS = 2000


def scale_loss(
    optimizer: Optimizer, initial: float | None = None, growth_steps: int | None = None, dynamic: bool = True
) -> Optimizer:
    """The optimizer, which from now on trains with a scaled loss.

    Args:
        initial: the scale at first, 2**15; with ``dynamic=False`` at any time.
        growth_steps: after how many steps with finite gradients it doubles, 2000.
        dynamic: whether it follows the gradients.
    """
    initial, growth_steps = initial or INITIAL, growth_steps or GROWTH_STEPS
    value = Variable(np.asarray(initial, np.float32), "loss_scale", trainable=False)
    good_steps = Variable(np.zeros((), np.int64), "good_steps", trainable=False)
    optimizer.loss_scale, optimizer.dynamic_counter = value, good_steps
    optimizer.initial_scale, optimizer.dynamic = float(initial), dynamic
    optimizer.dynamic_growth_steps = growth_steps
    optimizer._scaling = LossScale(value, good_steps, growth_steps if dynamic else None)
    return optimizer


def keep_small_gradients(optimizer: Any) -> None:
    """Has an optimizer scale the loss if it does not do so yet."""
    if isinstance(optimizer, Optimizer) and optimizer._scaling is None:
        scale_loss(optimizer)


class _Scaled(type):
    """``isinstance(optimizer, LossScaleOptimizer)`` asks whether it scales the loss."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return getattr(instance, "_scaling", None) is not None


class LossScaleOptimizer(metaclass=_Scaled):
    """Has an optimizer multiply the loss, and divide the gradients, so that these do not vanish in float16.

    Training does it by itself where a layer has the policy "mixed_float16". What the call returns is the
    inner optimizer: all that it has it keeps, and it is what files say, as those of Keras 3.

    Args:
        inner_optimizer: an optimizer, its name or configuration.
        dynamic: whether the scale follows the gradients: it halves where they are not finite, in which case
            the step changes no weights, and doubles after ``dynamic_growth_steps`` steps in which they were.
        initial_scale: 2**15.
        dynamic_growth_steps: 2000.
        **kwargs: ``name`` and others of later versions, not used.
    """

    def __new__(
        cls,
        inner_optimizer: Any,
        dynamic: bool = True,
        initial_scale: float | None = None,
        dynamic_growth_steps: int | None = None,
        **kwargs: Any,
    ) -> Any:
        if not isinstance(inner_optimizer, Optimizer):
            inner_optimizer = registry.deserialize("optimizer", _as_config(inner_optimizer))
        return scale_loss(inner_optimizer, initial_scale, dynamic_growth_steps, dynamic)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Optimizer:
        """The inner optimizer of a configuration, which scales the loss as that says."""
        if "inner_optimizer" not in config:
            raise ValueError("LossScaleOptimizer: its configuration has no inner_optimizer.")
        made: Optimizer = cls(**config)
        return made


def _as_config(identifier: Any) -> Any:
    return {"class_name": identifier, "config": {}} if isinstance(identifier, str) else identifier


registry.register(globals())
