"""What an optimizer has of this backend: updates of all weights by one kernel, where there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from keras.src.optimizers.base_optimizer import BaseOptimizer

from kcompile.ir import Parameter, Storage, Trace, UpdateRule, eagerly, interpreter

from .tensors import as_value, computing
from .variables import Variable


class _Kernel(NamedTuple):
    """How an optimizer of Keras is called below.

    Attributes:
        rule: name of the update rule.
        slots: of the rule -> attribute of the optimizer with the variables.
        settings: of the rule, from the optimizer.
        fits: whether the kernel does what the optimizer is set to.
    """

    rule: str
    slots: dict[str, str]
    settings: Callable[[Any], dict[str, Any]]
    fits: Callable[[Any], bool] = lambda optimizer: True


_MOMENTS = {"m": "_momentums", "v": "_velocities", "vhat": "_velocity_hats"}


def _betas(optimizer: Any) -> dict[str, Any]:
    return {"beta_1": optimizer.beta_1, "beta_2": optimizer.beta_2, "epsilon": optimizer.epsilon}


def _rms(optimizer: Any) -> dict[str, Any]:
    return {"rho": optimizer.rho, "epsilon": optimizer.epsilon, "momentum": optimizer.momentum}


#: By the class of Keras: of a subclass nobody knows what it changes.
_KERNELS = {
    "SGD": _Kernel(
        "SGD",
        {"moment": "momentums"},
        lambda o: {"momentum": float(o.momentum), "nesterov": o.nesterov},
        lambda o: o.momentum != 0,
    ),
    "RMSprop": _Kernel(
        "RMSprop",
        {"accumulator": "_velocities", "moment": "_momentums", "mean": "_average_gradients"},
        lambda o: {**_rms(o), "epsilon_inside": True},
    ),
    "Adagrad": _Kernel(
        "Adagrad", {"accumulator": "_accumulators"}, lambda o: {"epsilon": o.epsilon, "epsilon_inside": True}
    ),
    "Adadelta": _Kernel(
        "Adadelta",
        {"accumulator": "_accumulated_grads", "delta_accumulator": "_accumulated_delta_vars"},
        lambda o: {"rho": o.rho, "epsilon": o.epsilon},
    ),
    "Adam": _Kernel("Adam", _MOMENTS, _betas),
    "AdamW": _Kernel("Adam", _MOMENTS, _betas),
    "Adamax": _Kernel("Adamax", {"m": "_m", "u": "_u"}, _betas),
    "Lion": _Kernel("Lion", {"m": "_momentums"}, lambda o: {"beta_1": o.beta_1, "beta_2": o.beta_2}),
}


class KCompileOptimizer(BaseOptimizer):
    """Mixed into ``keras.Optimizer``. Variables of the small tensorflow are updated as Keras's own are."""

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the state for these variables."""
        super().build([_of_keras(variable) for variable in variables])

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """One update by a gradient for each variable."""
        if trainable_variables is not None:
            trainable_variables = [_of_keras(variable) for variable in trainable_variables]
        super().apply(grads, trainable_variables)

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Any, learning_rate: Any
    ) -> None:
        kernel = _KERNELS.get(type(self).__name__) if _is_of_keras(type(self)) else None
        if kernel is None or not kernel.fits(self) or not _is_plain([*trainable_variables, *grads]):
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        rule = self._rule(kernel, trainable_variables)
        parameters = [variable.parameter for variable in trainable_variables]
        here = interpreter()
        done = False
        if isinstance(here, Trace):
            done = here.update(rule, parameters, [as_value(grad) for grad in grads])
        elif here is None:
            with eagerly(computing()):
                done = computing().update(rule, parameters, [as_value(grad) for grad in grads])
        if not done:
            super()._backend_update_step(grads, trainable_variables, learning_rate)

    def _rule(self, kernel: _Kernel, variables: Sequence[Any]) -> UpdateRule:
        places = [self._get_variable_index(variable) for variable in variables]
        slots = {}
        for name, attribute in kernel.slots.items():
            held = getattr(self, attribute, None) or []
            found = [held[i].parameter for i in places if i < len(held) and held[i] is not None]
            if len(found) == len(places):
                slots[name] = found
        settings = {**kernel.settings(self), "learning_rate": self._rate_by_step()}
        return UpdateRule(kernel.rule, settings, self._counter(), slots)

    def _rate_by_step(self) -> Any:
        """The learning rate as rules have it: a variable that is read at each step, or a function of it."""
        if hasattr(self._learning_rate, "parameter"):
            return self._learning_rate.parameter
        return lambda step: float(self._get_current_learning_rate())  # gradients that wait count as well

    def _counter(self) -> Parameter:
        """The number of updates before this one: Keras counts itself, after all weights have changed."""
        if "_seen_by_kernels" not in self.__dict__:
            counted = self._iterations.parameter
            every = self.gradient_accumulation_steps or 1
            seen = Parameter(_Seen(counted, every), f"{self._iterations.path}_seen", trainable=False)
            object.__setattr__(self, "_seen_by_kernels", seen)
        return self._seen_by_kernels  # type: ignore[no-any-return]


class _Seen(Storage):
    """The updates by a counter of steps, for those who may not change it: what is written to it is lost."""

    __slots__ = ("_counter", "_every")

    def __init__(self, counter: Parameter, every: int) -> None:
        self._counter, self._every = counter, every
        super().__init__(np.asarray(counter.storage.array, np.int64))

    @property
    def array(self) -> np.ndarray:
        """The number."""
        return np.array(self._counter.storage.array // self._every, np.int64)


def _of_keras(variable: Any) -> Any:
    return Variable.of(variable) if isinstance(variable, Parameter) else variable


def _is_of_keras(cls: type) -> bool:
    return cls.__module__.startswith("keras.src.optimizers.")


def _is_plain(values: Sequence[Any]) -> bool:
    """Whether all are float32 and none is sparse."""
    return all(str(x.dtype).removeprefix("torch.") == "float32" for x in values)
