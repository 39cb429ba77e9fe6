"""Rates that adapt to the size of the gradients: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import Parameter, Value
from .. import backend as K
from .. import registry
from ..declaration import Argument, configured, converted
from .rule import BuiltIn, variable
from .slots import Slot


class _Divided(BuiltIn):
    """What divides by the root of a magnitude.

    Keras 2 and the first optimizers of tf.keras add epsilon to the root, later versions to what is under it.
    """

    _derived = ("epsilon_inside",)
    _omitted = "iterations"

    @property
    def epsilon_inside(self) -> bool:
        """Whether epsilon is added under the root."""
        return self._computes_as_keras_3

    def _root(self, x: Value) -> Value:
        return K.sqrt(x + self.epsilon) if self.epsilon_inside else K.sqrt(x) + self.epsilon


class RMSprop(_Divided):
    """Divides the gradient by a running average of its magnitude (Tieleman and Hinton, lecture 6e).

    Args:
        learning_rate: 0.001.
        rho: decay of the average, 0.9.
        **kwargs: ``epsilon`` (K.epsilon()), ``decay``, those of Optimizer; ``lr`` for learning_rate; of
            tf.keras and Keras 3: ``momentum`` (0: steps are not accumulated) and ``centered`` (False: divide
            by the magnitude; True: by the deviation from a running average of the gradient).
    """

    _hyperparameters = ("learning_rate", "rho", "decay", "epsilon", "momentum", "centered")
    _optional = ("momentum", "centered")

    @configured(
        rho=variable,
        momentum=Argument(converted(lambda momentum: momentum or 0.0), written="changed", default=0.0),
        centered=Argument(converted(bool), written="changed", default=False),
    )
    def __init__(self, learning_rate: float = 0.001, rho: float = 0.9, **kwargs: Any) -> None: ...

    @property
    def _slots(self) -> tuple[Slot, ...]:  # type: ignore[override]
        kept = {
            Slot("accumulator", "velocity", "velocity", "rms"): True,
            Slot("moment", "momentum", "momentum", "momentum"): bool(self.momentum),
            Slot("mean", "average_gradient", "average_gradient", "mg"): self.centered,
        }
        return tuple(slot for slot, is_kept in kept.items() if is_kept)

    @property
    def epsilon_inside(self) -> bool:
        """Whether epsilon is added under the root, as all versions do with momentum."""
        return self._computes_as_keras_3 or bool(self.momentum)

    def _change(self, lr: Value, p: Value, g: Value, accumulator: Value, *more: Value) -> tuple[Value, ...]:
        average = self.rho * accumulator + (1.0 - self.rho) * K.square(g)
        state = {slot.name: value for slot, value in zip(self._slots[1:], more, strict=True)}
        spread = average
        if self.centered:
            state["mean"] = self.rho * state["mean"] + (1.0 - self.rho) * g
            spread = average - K.square(state["mean"])
        step = lr * g / self._root(spread)
        if self.momentum:
            step = state["moment"] = self.momentum * state["moment"] + step
        return p - step, average, *state.values()


class Adagrad(_Divided):
    """Divides the gradient by the root of the sum of all its squares (Duchi et al. 2011).

    Args:
        learning_rate: 0.01.
        **kwargs: ``epsilon`` (K.epsilon()), ``decay``, those of Optimizer; ``lr`` for learning_rate;
            ``initial_accumulator_value`` of tf.keras, 0 by default as in Keras 2.3.
    """

    _hyperparameters = ("learning_rate", "decay", "epsilon", "initial_accumulator_value")
    _optional = ("initial_accumulator_value",)
    _slots = (Slot.alike("accumulator"),)

    @configured(initial_accumulator_value=Argument(written="changed", default=0.0))
    def __init__(self, learning_rate: float = 0.01, **kwargs: Any) -> None: ...

    def _initial_slot(self, name: str, p: Parameter) -> tuple[np.ndarray, tuple[int, ...] | None]:
        return np.full_like(p.storage.array, self.initial_accumulator_value), p.storage.order

    def _change(self, lr: Value, p: Value, g: Value, accumulator: Value) -> tuple[Value, ...]:
        total = accumulator + K.square(g)
        return p - lr * g / self._root(total), total


class Adadelta(BuiltIn):
    """Adagrad over a moving window, with steps in units of the weights (Zeiler 2012).

    Args:
        learning_rate: 1.0.
        rho: decay of both averages, 0.95.
        **kwargs: ``epsilon`` (K.epsilon()), ``decay``, those of Optimizer; ``lr`` for learning_rate.
    """

    _hyperparameters = ("learning_rate", "rho", "decay", "epsilon")
    _slots = (
        Slot("accumulator", "accumulated_grad", "accumulated_grad", "accum_grad"),
        Slot("delta_accumulator", "accumulated_delta_var", "accumulated_delta_var", "accum_var", beside=True),
    )
    _omitted = "iterations"

    @configured
    def __init__(self, learning_rate: float = 1.0, rho: float = 0.95, **kwargs: Any) -> None: ...

    def _change(
        self, lr: Value, p: Value, g: Value, accumulator: Value, delta_accumulator: Value
    ) -> tuple[Value, ...]:
        average = self.rho * accumulator + (1.0 - self.rho) * K.square(g)
        step = g * K.sqrt(delta_accumulator + self.epsilon) / K.sqrt(average + self.epsilon)
        return p - lr * step, average, self.rho * delta_accumulator + (1.0 - self.rho) * K.square(step)


registry.register(globals())
