"""``tfa.optimizers``: those of tf.keras before 2.11 with decoupled weight decay, and LAMB.

The decay of TensorFlow Addons is not times the learning rate, as that of Keras's own AdamW is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ...ir import Parameter, Value, op
from ...keras import backend as K
from ...keras.optimizers import legacy
from ...keras.optimizers.schedules import LearningRateSchedule


class DecoupledWeightDecayExtension:
    """A base for optimizers of Keras whose weights lose a part of themselves before each update (Loshchilov,
    Hutter 2019).

    Args:
        weight_decay: the part: a number, a schedule, or a function that gives one of both.
        exclude_from_weight_decay: patterns of names of weights that keep all.
        **kwargs: those of the optimizer.
    """

    iterations: Any

    def __init__(
        self, weight_decay: Any, exclude_from_weight_decay: Sequence[str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._part = weight_decay
        self._kept_whole = list(exclude_from_weight_decay or ())

    def _part_now(self) -> Any:
        part = (
            self._part()
            if callable(self._part) and not isinstance(self._part, LearningRateSchedule)
            else self._part
        )
        return part(self.iterations) if isinstance(part, LearningRateSchedule) else part

    def _change(self, *args: Any, **kwargs: Any) -> tuple[Value, ...]:
        return super()._change(*args, **kwargs)  # type: ignore[misc]  # of the optimizer

    def _change_of(self, p: Parameter) -> Callable[..., tuple[Value, ...]]:
        change = super()._change_of(p)  # type: ignore[misc]  # of the optimizer
        if _matches(p, self._kept_whole):
            return change  # type: ignore[no-any-return]
        return lambda factors, start, *rest: change(factors, start * (1.0 - self._part_now()), *rest)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain data."""
        return {**super().get_config(), "weight_decay": self._part}  # type: ignore[misc]  # of the optimizer


def extend_with_decoupled_weight_decay(base_optimizer: type) -> type:
    """A class of optimizers as ``base_optimizer``, whose constructor takes ``weight_decay`` first."""
    return type(
        f"OptimizerWithDecoupledWeightDecay{base_optimizer.__name__}",
        (DecoupledWeightDecayExtension, base_optimizer),
        {},
    )


class AdamW(DecoupledWeightDecayExtension, legacy.Adam):  # type: ignore[name-defined, misc]  # made of a table
    """Adam with weight decay.

    Args:
        weight_decay, exclude_from_weight_decay: see DecoupledWeightDecayExtension.
        learning_rate, beta_1, beta_2, epsilon, amsgrad, **kwargs: those of Adam.
    """

    def __init__(
        self,
        weight_decay: Any,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-07,
        amsgrad: bool = False,
        name: str = "AdamW",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            weight_decay,
            learning_rate=learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            amsgrad=amsgrad,
            name=name,
            **kwargs,
        )


class SGDW(DecoupledWeightDecayExtension, legacy.SGD):  # type: ignore[name-defined, misc]  # made of a table
    """SGD with weight decay.

    Args:
        weight_decay, exclude_from_weight_decay: see DecoupledWeightDecayExtension.
        learning_rate, momentum, nesterov, **kwargs: those of SGD.
    """

    def __init__(
        self,
        weight_decay: Any,
        learning_rate: Any = 0.001,
        momentum: float = 0.0,
        nesterov: bool = False,
        name: str = "SGDW",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            weight_decay,
            learning_rate=learning_rate,
            momentum=momentum,
            nesterov=nesterov,
            name=name,
            **kwargs,
        )


class LAMB(legacy.Adam):  # type: ignore[name-defined, misc]  # made of a table
    """Adam whose updates are as long as the weights are (You et al. 2020).

    Args:
        learning_rate: 0.001.
        beta_1, beta_2, epsilon: as in Adam; epsilon 1e-6, added to the root.
        weight_decay: part of the weights that is added to the update.
        exclude_from_weight_decay, exclude_from_layer_adaptation: patterns of names of weights for which this
            does not hold; the second are those of the first where nothing is said.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-6,
        weight_decay: float = 0.0,
        exclude_from_weight_decay: Sequence[str] | None = None,
        exclude_from_layer_adaptation: Sequence[str] | None = None,
        name: str = "LAMB",
        **kwargs: Any,
    ) -> None:
        weight_decay = kwargs.pop("weight_decay_rate", weight_decay)  # as it was called before
        super().__init__(
            learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, name=name, **kwargs
        )
        self._part = weight_decay
        self._not_added = list(exclude_from_weight_decay or ())
        self._not_adapted = list(
            self._not_added if exclude_from_layer_adaptation is None else exclude_from_layer_adaptation
        )

    def _factors(self, t: Value) -> tuple[Value, ...]:
        return self._rate(), 1.0 - K.pow(self.beta_1, t), 1.0 - K.pow(self.beta_2, t)

    def _change(self, *args: Any, **kwargs: Any) -> tuple[Value, ...]:
        raise NotImplementedError  # each weight has a rule of its own

    def _change_of(self, p: Parameter) -> Callable[..., tuple[Value, ...]]:
        def change(
            factors: Any, start: Value, g: Value, m: Value, v: Value, vhat: Value
        ) -> tuple[Value, ...]:
            rate, first, second = factors
            m_t, v_t = self._first(g, m), self._second(g, v)
            update = (m_t / first) / (K.sqrt(v_t / second) + self.epsilon)
            if not _matches(p, self._not_added):
                update = update + start * self._part
            if not _matches(p, self._not_adapted):
                update = update * _likened(start, update)
            return start - rate * update, m_t, v_t, vhat

        return change

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain data."""
        return {**super().get_config(), "weight_decay": self._part}


def _likened(weight: Value, update: Value) -> Value:
    """Length of the weight / length of the update; 1 where either is 0."""
    lengths = [K.sqrt(K.sum(K.square(x))) for x in (weight, update)]
    fits = op.And(*(op.Greater(x, K.constant(0.0)) for x in lengths))
    return op.Where(fits, lengths[0] / K.maximum(lengths[1], 1e-30), K.constant(1.0))


def _matches(p: Parameter, patterns: Sequence[str]) -> bool:
    return any(re.search(pattern, p.name) for pattern in patterns)


__all__ = ["LAMB", "SGDW", "AdamW", "DecoupledWeightDecayExtension", "extend_with_decoupled_weight_decay"]
