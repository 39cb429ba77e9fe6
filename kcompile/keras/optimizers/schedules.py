"""Learning rates that follow the step: ``keras.optimizers.schedules``.

A schedule is called with a step counted from 0: with a number while torch trains, with a Value where an
optimizer's rule is written as a graph. Its formula is stated once, over the few functions that both have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from ...ir import Value, op
from .. import backend as K
from .. import registry
from ..declaration import Argument, configuration, configured, like
from ..utils.generic_utils import deserialize_keras_object
from ..utils.objects import serialized


class _OfValues:
    """The functions of numpy that the formulas use, for Values."""

    @staticmethod
    def minimum(x: Any, y: Any) -> Value:
        return K.minimum(x, y)

    @staticmethod
    def maximum(x: Any, y: Any) -> Value:
        return K.maximum(x, y)

    @staticmethod
    def power(x: Any, y: Any) -> Value:
        return op.Pow(x if isinstance(x, Value) else K.constant(x), y)

    @staticmethod
    def where(condition: Any, x: Any, y: Any) -> Value:
        as_value = [v if isinstance(v, Value) else K.constant(v) for v in (x, y)]
        return op.Where(condition, *as_value)

    floor = staticmethod(lambda x: op.Floor(x))
    ceil = staticmethod(lambda x: op.Ceil(x))
    log = staticmethod(lambda x: op.Log(x))
    cos = staticmethod(lambda x: op.Cos(x))


_FOLLOWERS: WeakKeyDictionary[LearningRateSchedule, WeakSet[Any]] = WeakKeyDictionary()


class LearningRateSchedule:
    """Base of the schedules: a subclass defines ``__call__(step)`` and ``get_config``.

    ``float(optimizer.learning_rate)`` is the rate of the step that the optimizer is at, as in Keras 3.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the arguments that a constructor declares

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step, counted from 0: a float for a number, a Value for a Value, and an
        array for an array of steps, of its shape."""
        if isinstance(step, Value):
            return self._at(K.cast(step, K.floatx()), _OfValues)
        rate = self._at(np.asarray(step, np.float64)[()], np)
        return rate.astype(K.floatx()) if np.ndim(rate) else float(rate)

    def followed_by(self, optimizer: Any) -> None:
        """Says that an optimizer has this learning rate, at the step of its ``iterations``."""
        _FOLLOWERS.setdefault(self, WeakSet()).add(optimizer)

    def __float__(self) -> float:
        """The rate of the step that the optimizer is at.

        Raises:
            TypeError: if no optimizer has this learning rate, or several at different steps.
        """
        steps = {int(optimizer.iterations.numpy()) for optimizer in _FOLLOWERS.get(self, ())}
        if len(steps) != 1:
            which = "several optimizers at different steps follow it" if steps else "no optimizer follows it"
            raise TypeError(f"{type(self).__name__} has no one rate: {which}; call it with a step.")
        return ScheduledRate(self)(steps.pop())

    def numpy(self) -> np.float32:
        """The same as numpy's number."""
        return np.float32(float(self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(float(self), dtype or np.float32)

    def _at(self, step: Any, m: Any) -> Any:
        """The formula, over the functions of ``m``."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step).")

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain data."""
        return configuration(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LearningRateSchedule:
        """The schedule that ``get_config`` described."""
        return cls(**config)


def _positive(schedule: LearningRateSchedule, name: str, value: Any) -> Any:
    if not value > 0:
        raise ValueError(f"{type(schedule).__name__}: {name} must be positive, found {value!r}.")
    return value


def _list(schedule: LearningRateSchedule, name: str, value: Any) -> list[Any]:
    return list(value)


class ExponentialDecay(LearningRateSchedule):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``.

    Args:
        staircase: whether the exponent is rounded down.
    """

    @configured(decay_steps=_positive)
    def __init__(
        self: Any,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str | None = "ExponentialDecay",
    ) -> None: ...

    def _at(self, step: Any, m: Any) -> Any:
        passed = step / float(self.decay_steps)
        passed = m.floor(passed) if self.staircase else passed
        return m.power(float(self.decay_rate), passed) * self.initial_learning_rate


class InverseTimeDecay(ExponentialDecay):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``.

    Args:
        staircase: whether step / decay_steps is rounded down.
    """

    @configured
    @like(ExponentialDecay.__init__, name="InverseTimeDecay")
    def __init__(self) -> None: ...

    def _at(self, step: Any, m: Any) -> Any:
        passed = step / float(self.decay_steps)
        passed = m.floor(passed) if self.staircase else passed
        return self.initial_learning_rate / (passed * self.decay_rate + 1.0)


class PolynomialDecay(LearningRateSchedule):
    """From initial_learning_rate to end_learning_rate as ``(1 - step / decay_steps) ** power``.

    Args:
        cycle: whether decay_steps is stretched to the next multiple that the step does not exceed; else the
            rate stays at its end.
    """

    @configured(decay_steps=_positive)
    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str | None = "PolynomialDecay",
    ) -> None: ...

    def _at(self, step: Any, m: Any) -> Any:
        length = float(self.decay_steps)
        if self.cycle:
            passed = step / (m.maximum(m.ceil(step / length), 1.0) * length)
        else:
            passed = m.minimum(step, length) / length
        span = self.initial_learning_rate - self.end_learning_rate
        return m.power(1.0 - passed, float(self.power)) * span + self.end_learning_rate


class PiecewiseConstantDecay(LearningRateSchedule):
    """``values[i]`` up to step ``boundaries[i]`` (included), the last value after all.

    Raises:
        ValueError: unless there is one more value than boundaries.
    """

    @configured(boundaries=_list, values=_list)
    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str | None = "PiecewiseConstant"
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "PiecewiseConstantDecay: there must be one more value than boundaries; found "
                f"{len(boundaries)} boundaries and {len(values)} values."
            )

    def _at(self, step: Any, m: Any) -> Any:
        rate = self.values[-1]
        for boundary, value in zip(reversed(self.boundaries), reversed(self.values[:-1]), strict=True):
            rate = m.where(step <= float(boundary), value, rate)
        return rate if self.boundaries else rate + step * 0.0


class CosineDecay(LearningRateSchedule):
    """Half a cosine from initial_learning_rate to ``alpha`` times it (Loshchilov, Hutter 2016).

    Args:
        alpha: the part that is left at the end.
        warmup_target: where given, the rate first rises to it over warmup_steps, and decays from it.
    """

    @configured(decay_steps=_positive, name=Argument(after="warmup_steps"))
    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str | None = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None: ...

    def _at(self, step: Any, m: Any) -> Any:
        if self.warmup_target is None:
            return self._decayed(step, self.initial_learning_rate, m)
        decayed = self._decayed(m.maximum(step - float(self.warmup_steps), 0.0), self.warmup_target, m)
        if not self.warmup_steps:
            return decayed
        rise = (self.warmup_target - self.initial_learning_rate) / self.warmup_steps
        return m.where(step < float(self.warmup_steps), step * rise + self.initial_learning_rate, decayed)

    def _decayed(self, step: Any, rate: float, m: Any) -> Any:
        passed = m.minimum(step, float(self.decay_steps)) / float(self.decay_steps)
        cosine = (m.cos(passed * math.pi) + 1.0) * 0.5
        return (cosine * (1.0 - self.alpha) + self.alpha) * rate


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that starts again, each time for t_mul times as long and from m_mul times the rate.

    (Loshchilov, Hutter 2016)

    Args:
        first_decay_steps: length of the first period.
        alpha: the part of initial_learning_rate that is the least.
    """

    @configured(first_decay_steps=_positive, t_mul=_positive)
    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str | None = "SGDRDecay",
    ) -> None: ...

    def _at(self, step: Any, m: Any) -> Any:
        passed, grow = step / float(self.first_decay_steps), float(self.t_mul)
        if grow == 1.0:
            restarts = m.floor(passed)
            passed = passed - restarts
        else:
            # the small number keeps a restart that falls on a step from being rounded off
            restarts = m.floor(m.log(passed * (grow - 1.0) + 1.0) / math.log(grow) + 1e-6)
            length = m.power(grow, restarts)
            passed = (passed - (length - 1.0) / (grow - 1.0)) / length
        cosine = m.power(float(self.m_mul), restarts) * (m.cos(passed * math.pi) + 1.0) * 0.5
        return (cosine * (1.0 - self.alpha) + self.alpha) * self.initial_learning_rate


_CLASSES: dict[str, Any] = {
    c.__name__: c
    for c in (
        ExponentialDecay,
        InverseTimeDecay,
        PolynomialDecay,
        PiecewiseConstantDecay,
        CosineDecay,
        CosineDecayRestarts,
    )
}


def serialize(learning_rate_schedule: LearningRateSchedule, use_legacy_format: bool = True) -> dict[str, Any]:
    """``{"class_name": ..., "config": ...}`` of a schedule.

    Args:
        use_legacy_format: False for the form of tf.keras 2.12 and later, with module and registered name.
    """
    return serialized(learning_rate_schedule, use_legacy_format)


def deserialize(
    config: Mapping[str, Any],
    custom_objects: Mapping[str, Any] | None = None,
    use_legacy_format: bool | None = None,
) -> Any:
    """The schedule that a configuration describes.

    Args:
        use_legacy_format: of tf.keras; both forms are read.

    Raises:
        ValueError: for an unknown name or a malformed configuration.
    """
    return deserialize_keras_object(
        config, registry.names("schedule"), custom_objects, "learning rate schedule"
    )


class ScheduledRate:
    """A schedule as what trains needs it: step (from 0) to float, whatever a user's schedule returns."""

    def __init__(self, schedule: LearningRateSchedule) -> None:
        self.schedule = schedule

    def __call__(self, step: int) -> float:
        rate = self.schedule(step)
        return float(K.eval(rate) if isinstance(rate, Value) else rate)


registry.register(globals())
registry.name("schedule", _CLASSES)
