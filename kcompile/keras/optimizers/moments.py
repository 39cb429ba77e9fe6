"""Adam (Kingma and Ba 2015) and what was made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ...ir import Parameter, Value, op
from .. import backend as K
from .. import registry
from ..declaration import Argument, configured, converted
from .base import Optimizer
from .rule import BuiltIn, variable
from .slots import MOMENTS, Slot


class _TwoMoments(BuiltIn):
    """What Adam and its relatives share: two decay rates."""

    _hyperparameters: ClassVar[tuple[str, ...]] = ("learning_rate", "beta_1", "beta_2", "decay", "epsilon")
    _slots: ClassVar[tuple[Slot, ...]] = MOMENTS

    @configured(beta_1=variable, beta_2=variable)
    def __init__(self, learning_rate: Any, beta_1: Any, beta_2: Any, **kwargs: Any) -> None: ...

    def _first(self, g: Value, m: Value) -> Value:
        return self.beta_1 * m + (1.0 - self.beta_1) * g

    def _second(self, g: Value, v: Value) -> Value:
        return self.beta_2 * v + (1.0 - self.beta_2) * K.square(g)


class Adam(_TwoMoments):
    """Adam (Kingma and Ba 2015), or AMSGrad (Reddi et al. 2018).

    Args:
        learning_rate: 0.001.
        beta_1, beta_2: decay of the first and second moment, 0.9 and 0.999.
        amsgrad: divide by the largest second moment so far.
        **kwargs: ``epsilon`` (K.epsilon(), outside of the bias correction), ``decay``, those of Optimizer;
            ``lr`` for learning_rate.
    """

    _hyperparameters = (*_TwoMoments._hyperparameters, "amsgrad")
    _slots = (*MOMENTS, Slot("vhat", "velocity_hat", "vhat", "vhat"))
    _omitted = "vhat"

    @configured
    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None: ...

    def _keeps(self, name: str, p: Parameter) -> bool:
        return name != "vhat" or self.amsgrad

    def _factors(self, t: Value) -> Value:
        return self._rate() * (K.sqrt(1.0 - K.pow(self.beta_2, t)) / (1.0 - K.pow(self.beta_1, t)))

    def _change(self, lr_t: Value, p: Value, g: Value, m: Value, v: Value, vhat: Value) -> tuple[Value, ...]:
        m_t, v_t = self._first(g, m), self._second(g, v)
        largest = K.maximum(vhat, v_t) if self.amsgrad else vhat
        root = K.sqrt(largest if self.amsgrad else v_t)
        return p - lr_t * m_t / (root + self.epsilon), m_t, v_t, largest


class AdamW(Adam):
    """Adam with weight decay that is not part of the gradient (Loshchilov, Hutter 2019).

    Args:
        learning_rate: 0.001.
        weight_decay: 0.004.
        beta_1, beta_2, amsgrad, **kwargs: those of Adam.
    """

    _only_in_keras_3 = True

    @configured
    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None: ...


class Adamax(_TwoMoments):
    """Adam with the infinity norm (Kingma and Ba 2015, section 7).

    Args:
        learning_rate: 0.002.
        beta_1, beta_2: decay of the first moment and of the norm, 0.9 and 0.999.
        **kwargs: ``epsilon`` (K.epsilon()), ``decay``, those of Optimizer; ``lr`` for learning_rate.
    """

    _slots = (Slot("m", "momentum", "m", "m"), Slot("u", "norm", "u", "v", beside=True))

    @configured
    def __init__(
        self, learning_rate: float = 0.002, beta_1: float = 0.9, beta_2: float = 0.999, **kwargs: Any
    ) -> None: ...

    def _factors(self, t: Value) -> Value:
        return self._rate() / (1.0 - K.pow(self.beta_1, t))

    def _change(self, lr_t: Value, p: Value, g: Value, m: Value, u: Value) -> tuple[Value, ...]:
        m_t, u_t = self._first(g, m), K.maximum(self.beta_2 * u, K.abs(g))
        return p - lr_t * m_t / (u_t + self.epsilon), m_t, u_t


def _schedule_decay(optimizer: Optimizer, name: str, value: float | None) -> float:
    return (1.0 if optimizer._computes_as_keras_3 else 0.004) if value is None else value


class Nadam(_TwoMoments):
    """Adam with Nesterov momentum (Dozat 2015), scheduled as beta_1 (1 - 0.96^(t schedule_decay) / 2).

    Args:
        learning_rate: 0.002.
        beta_1, beta_2: decay of the first and second moment, 0.9 and 0.999.
        **kwargs: ``schedule_decay`` (0.004 as in Keras 2; with an argument of later versions 1 as there),
            ``epsilon`` (K.epsilon()), those of Optimizer; ``lr`` for learning_rate.
    """

    _hyperparameters = ("learning_rate", "beta_1", "beta_2", "epsilon", "schedule_decay")
    _scalars = ("m_schedule",)
    _omitted = "m_schedule"

    @configured(schedule_decay=Argument(_schedule_decay, default=None))
    def __init__(
        self, learning_rate: float = 0.002, beta_1: float = 0.9, beta_2: float = 0.999, **kwargs: Any
    ) -> None:
        self.m_schedule = self._variable(1.0, "m_schedule")

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        decay = arguments.pop("decay", None)  # its name in tf.keras
        if arguments["schedule_decay"] is None:
            arguments["schedule_decay"] = decay

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Optimizer:
        # tf.keras since 2.11 and Keras 3 write neither name of the decay: theirs is 0.96^t
        if "name" in config and not {"schedule_decay", "decay"} & set(config):
            config = {**config, "schedule_decay": 1.0}
        return super().from_config(config, custom_objects)

    def _momentum(self, t: Value) -> Value:
        return self.beta_1 * (1.0 - 0.5 * K.pow(K.constant(0.96), t * self.schedule_decay))

    def _scalar_updates(self, t: Value) -> list[tuple[Parameter, Value]]:
        return [(self.m_schedule, self.m_schedule * self._momentum(t))]

    def _factors(self, t: Value) -> tuple[Value, Value, Value]:
        """The factors of gradient and first moment in a step, and the correction of the second moment."""
        now, later = self._momentum(t), self._momentum(t + 1.0)
        product = self.m_schedule * now
        return (1.0 - now) / (1.0 - product), later / (1.0 - product * later), 1.0 - K.pow(self.beta_2, t)

    def _change(
        self, factors: tuple[Value, Value, Value], p: Value, g: Value, m: Value, v: Value
    ) -> tuple[Value, ...]:
        of_gradient, of_moment, correction = factors
        m_t, v_t = self._first(g, m), self._second(g, v)
        step = of_gradient * g + of_moment * m_t
        return p - self._current() * step / (K.sqrt(v_t / correction) + self.epsilon), m_t, v_t


class Lamb(_TwoMoments):
    """Adam whose steps are as long, by layer, as the weights are large (You et al. 2020).

    Args:
        learning_rate: 0.001.
        beta_1, beta_2: decay of the first and second moment, 0.9 and 0.999.
        **kwargs: ``epsilon`` (K.epsilon()), those of Optimizer; ``lr`` for learning_rate.
    """

    _only_in_keras_3 = True
    _hyperparameters = ("learning_rate", "beta_1", "beta_2", "epsilon")

    @configured
    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, **kwargs: Any
    ) -> None: ...

    def _factors(self, t: Value) -> tuple[Value, Value]:
        return 1.0 - K.pow(self.beta_1, t), 1.0 - K.pow(self.beta_2, t)

    def _change(
        self, factors: tuple[Value, Value], p: Value, g: Value, m: Value, v: Value
    ) -> tuple[Value, ...]:
        m_t, v_t = self._first(g, m), self._second(g, v)
        step = m_t / factors[0] / (K.sqrt(v_t / factors[1]) + self.epsilon)
        length, size = K.sqrt(K.sum(K.square(step))), K.sqrt(K.sum(K.square(p)))
        trusted = op.And(length > 0.0, size > 0.0)
        ratio = op.Where(trusted, size / length, K.ones_like(size))
        return p - ratio * self._rate() * step, m_t, v_t


class ScheduleFreeAdamW(_TwoMoments):
    """Adam that averages its weights in place of lowering its rate (Defazio et al. 2024).

    The weights of the model are y = (1 - beta_1) z + beta_1 x: z takes the steps (the slot ``m``), x is the
    mean of all z.

    Args:
        learning_rate: 0.0025.
        beta_1: the part of the mean in the weights, 0.9.
        beta_2: decay of the second moment, 0.999.
        warmup_steps: the rate rises from 0 over so many steps.
        **kwargs: ``epsilon`` (1e-8), those of Optimizer; ``lr`` for learning_rate.
    """

    _only_in_keras_3 = True
    _hyperparameters = ("learning_rate", "beta_1", "beta_2", "epsilon", "warmup_steps")

    @configured(epsilon=converted(lambda epsilon: K.epsilon() if epsilon is None else epsilon))
    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **kwargs: Any,
    ) -> None: ...

    def _initial_slot(self, name: str, p: Parameter) -> tuple[np.ndarray, tuple[int, ...] | None]:
        array, order = super()._initial_slot(name, p)
        return (np.array(p.numpy()) if name == "m" else array), order

    def _factors(self, t: Value) -> tuple[Value, Value, Value]:
        rate = self._rate()
        if self.warmup_steps > 0:
            rate = rate * K.minimum(t / float(self.warmup_steps), 1.0)
        return rate, 1.0 / t, 1.0 - K.pow(self.beta_2, t)

    def _change(
        self, factors: tuple[Value, Value, Value], p: Value, g: Value, z: Value, v: Value
    ) -> tuple[Value, ...]:
        rate, weight, correction = factors
        v_t = self._second(g, v)
        z_t = z - rate * g / (K.sqrt(v_t / correction) + self.epsilon)
        x = (p - (1.0 - self.beta_1) * z_t) / self.beta_1  # from the new z, as Keras on TensorFlow does
        x_t = (1.0 - weight) * x + weight * z_t
        return (1.0 - self.beta_1) * z_t + self.beta_1 * x_t, z_t, v_t


registry.register(globals())
