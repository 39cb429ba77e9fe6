"""The built-in optimizers' frame: a rule is one function of a weight, its gradient and its slots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ...ir import Parameter, UpdateRule, Value, op
from .. import backend as K
from .. import registry
from ..legacy.interfaces import legacy_get_updates_support
from . import schedules
from .base import Optimizer
from .layouts import names_of_slots, read_state, variables_in_order
from .schedules import LearningRateSchedule, ScheduledRate
from .slots import ACCUMULATOR, AVERAGE
from .stepping import is_multiple

_OVERRIDES = {"get_updates", "get_gradients", "_change", "update_step"}
#: What the updates of the graph are written with. Wrappers of other people's packages put functions of their
#: own in place of these; then only the graph says how to train.
_ASKED = {name: getattr(K, name) for name in ("update", "update_add", "update_sub", "gradients")}


def variable(optimizer: Optimizer, name: str, value: Any) -> Parameter:
    """A hyperparameter that is kept as a variable, to be changed while a model trains."""
    return optimizer._variable(value, name)


class BuiltIn(Optimizer):
    """An optimizer that a subclass states: its hyperparameters, its slots, and the rule as ``_change``.

    Where torch has a kernel for the rule, that trains (``update_rule``); elsewhere the rule itself does.
    """

    #: The arguments that make the configuration, in its order; learning_rate, epsilon and decay are set here.
    _hyperparameters: ClassVar[tuple[str, ...]] = ()
    #: Those that are written only where one of them is given, or with arguments of later versions.
    _optional: ClassVar[tuple[str, ...]] = ()
    #: What kernels are told besides.
    _derived: ClassVar[tuple[str, ...]] = ()

    def __init__(self, learning_rate: Any, **kwargs: Any) -> None:
        learning_rate = kwargs.pop("lr", learning_rate)
        if isinstance(learning_rate, Mapping) and "config" in learning_rate:
            learning_rate = schedules.deserialize(learning_rate)
        if "epsilon" in self._hyperparameters:
            epsilon = kwargs.pop("epsilon", None)
            self.epsilon = K.epsilon() if epsilon is None else epsilon
        if "decay" in self._hyperparameters:
            self.initial_decay = kwargs.pop("decay", 0.0) or 0.0
        super().__init__(**kwargs)
        self.iterations = self._variable(0, "iterations", "int64")
        follows = isinstance(learning_rate, LearningRateSchedule)
        self.learning_rate = learning_rate if follows else self._variable(learning_rate, "learning_rate")
        if "decay" in self._hyperparameters:
            self.decay = self._variable(self.initial_decay, "decay")

    @property
    def _initial_decay(self) -> float:
        """``decay`` as it was given, by its name in tf.keras."""
        return float(getattr(self, "initial_decay", 0.0))

    # --- what a subclass says -----------------------------------------------------------------------------

    def _change(self, *args: Any, **kwargs: Any) -> tuple[Value, ...]:
        """The new weight and the new slots, from the factors, the weight, its gradient and its slots."""
        raise NotImplementedError

    def _change_of(self, p: Parameter) -> Callable[..., tuple[Value, ...]]:
        """The rule for one weight."""
        return self._change

    def _factors(self, t: Value) -> Any:
        """What the rule needs that is the same for all weights; t counts updates from 1."""
        return self._rate()

    def _scalar_updates(self, t: Value) -> list[tuple[Parameter, Value]]:
        return []

    # --- as values of the graph ---------------------------------------------------------------------------

    @legacy_get_updates_support
    def get_updates(self, loss: Value, params: Sequence[Parameter]) -> list[Any]:
        """The updates of one step; also from (params, constraints, loss), as in Keras 1."""
        if self._as_in_tf_keras and "get_gradients" not in self.__dict__:
            return self._updates_of(Optimizer.get_gradients(self, loss, params), params)
        return self._updates_of(self.get_gradients(loss, params), params)

    def _updates_of(self, grads: Sequence[Any], params: Sequence[Parameter]) -> list[Any]:
        if self._writes_steps():
            return self._updates_by_steps(grads, params)
        grads = list(grads)
        slots = self._build(params)
        made = _Accumulated(self, grads, slots) if self.gradient_accumulation_steps else _Every(self, grads)
        t = K.cast(made.count, K.floatx()) + 1.0
        factors = self._factors(t)
        self.updates = [K.update_add(self.iterations, 1), *made.updates]
        self.updates += [
            K.update(scalar, made.chosen(new, scalar)) for scalar, new in self._scalar_updates(t)
        ]
        for i, (p, g) in enumerate(zip(params, made.grads, strict=True)):
            if g is None:
                continue
            part = self._decay_of(p)
            start = p * (1.0 - part * self._current()) if part else p
            new, changed = self._changed(i, p, start, g, slots, factors)
            self.updates += [K.update(slot, made.chosen(value, slot)) for slot, value in changed]
            new = made.chosen(new, p)
            if self.use_ema:
                held = slots[AVERAGE.name][i]
                new, average = self._averaged(new, held, made.count)
                self.updates.append(K.update(held, average))
            constraint = getattr(p, "constraint", None)
            self.updates.append(K.update(p, new if constraint is None else constraint(new)))
        return self.updates

    def _changed(
        self, i: int, p: Parameter, start: Value, g: Value, slots: Mapping[str, list[Parameter]], factors: Any
    ) -> tuple[Value, list[tuple[Parameter, Value]]]:
        """What the i-th weight becomes, and what is kept of it, by the rule."""
        own = [slots[slot.name][i] for slot in self._slots]
        new, *changed = self._change_of(p)(factors, start, g, *own)
        return new, [(slot, value) for slot, value in zip(own, changed, strict=True) if value is not slot]

    def update_step(self, gradient: Any, variable: Parameter) -> None:
        """Changes one of the weights that ``build`` was told, by the rule alone."""
        slots = self._state_of(self._built_for)
        i = self._index_dict[self._var_key(variable)]
        factors = self._factors(K.cast(self.iterations, K.floatx()) + 1.0)
        new, changed = self._changed(i, variable, variable, gradient, slots, factors)
        for target, value in [*changed, (variable, new)]:
            target.assign(value)

    def _do_for_all(self) -> None:
        t = K.cast(self.iterations, K.floatx()) + 1.0
        for scalar, new in self._scalar_updates(t):
            scalar.assign(new)

    def _in_order(self) -> list[Parameter]:
        if not self._built_for or not self.weights:
            return list(self.weights)
        return [*variables_in_order(self, self._built_for), *self.__dict__.get("_own_variables", [])]

    def get_slot_names(self) -> list[str]:
        """Names that ``get_slot`` knows: none before training begins."""
        own = super().get_slot_names()
        return [*(names_of_slots(self, self._built_for) if self._built_for else []), *own]

    def _built_slot(self, var: Parameter, name: str) -> Parameter | None:
        i = self._index_dict.get(self._var_key(var))
        slots = {slot.legacy: slot for slot in self._all_slots()}
        if i is None or name not in slots:
            return None
        return self._state_of(self._built_for)[slots[name].name][i]

    def _rate(self) -> Value:
        """The learning rate after time decay."""
        rate = self._current()
        if getattr(self, "initial_decay", 0.0) > 0:
            return rate * (1.0 / (1.0 + self.decay * K.cast(self.iterations, K.floatx())))
        return rate

    def _current(self) -> Value:
        """The learning rate as its variable or schedule says."""
        if isinstance(self.learning_rate, LearningRateSchedule):
            return self.learning_rate(self.iterations)
        return self.learning_rate

    # --- for torch ----------------------------------------------------------------------------------------

    def update_rule(self, params: Sequence[Parameter]) -> UpdateRule | None:
        """The built-in rule by which these weights are trained; None if only ``get_updates`` can say."""
        rule = self._rule_class()
        if rule is None or self._is_patched():
            return None
        names = (*self._hyperparameters, *self._scalars, *self._derived)
        settings = {name: getattr(self, name) for name in names}
        if isinstance(self.learning_rate, LearningRateSchedule):
            settings["learning_rate"] = ScheduledRate(self.learning_rate)
        if hasattr(self, "initial_decay"):
            settings["initial_decay"] = self.initial_decay
        settings |= {name: limit for name, limit in self._limits().items() if limit is not None}
        if self.weight_decay:
            settings["weight_decay"] = [self._decay_of(p) for p in params]
        if self.use_ema:
            settings["ema_momentum"] = self.ema_momentum
            settings["ema_overwrite_frequency"] = self.ema_overwrite_frequency
        if self.gradient_accumulation_steps:
            settings["gradient_accumulation_steps"] = self.gradient_accumulation_steps
        slots = {
            name: slot
            for name, slot in self._build(params).items()
            if any(self._keeps(name, p) for p in params) or not params
        }
        return UpdateRule(rule.__name__, settings, self.iterations, slots)

    def _is_patched(self) -> bool:
        """Whether somebody has replaced a method of this instance, or a function of K that it asks."""
        return bool(_OVERRIDES & vars(self).keys()) or any(getattr(K, n) is not f for n, f in _ASKED.items())

    # --- state and configuration --------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain data."""
        given = self._computes_as_keras_3 or any(getattr(self, name) for name in self._optional)
        names = [name for name in self._hyperparameters if given or name not in self._optional]
        return {**super().get_config(), **self._numbers(*names)}

    def restore(self, names: Sequence[str], arrays: Sequence[Any], params: Sequence[Parameter]) -> None:
        if self.has_own_updates() and self.weights:
            super().restore(names, arrays, params)
            return
        self._build(params)
        self._set_state(read_state(self, names, arrays, params))

    def has_own_updates(self) -> bool:
        """Whether a user's ``get_updates`` or ``get_gradients`` says how to train."""
        return self._rule_class() is None

    def _rule_class(self) -> type[BuiltIn] | None:
        """The built-in optimizer that this one is, or changes in nothing but arguments and attributes."""
        asked = _OVERRIDES - {"get_gradients"} if self._as_in_tf_keras else _OVERRIDES  # which asks for none
        for base in type(self).__mro__:
            if registry.is_built_in(base) and "_change" in vars(base):
                return base  # type: ignore[return-value]
            if asked & set(vars(base)):
                return None
        return None


class _Every:
    """Gradients that are used at once."""

    def __init__(self, optimizer: BuiltIn, grads: list[Value]) -> None:
        self.grads = grads
        self.count: Value = optimizer.iterations
        self.updates: list[Any] = []

    def chosen(self, new: Value, old: Value) -> Value:
        return new


class _Accumulated:
    """Gradients whose mean over some batches makes one update; in the other steps all stays as it is."""

    def __init__(self, optimizer: BuiltIn, grads: list[Value], slots: Mapping[str, list[Parameter]]) -> None:
        steps = optimizer.gradient_accumulation_steps
        assert steps is not None
        sums = [
            held if g is None else g + held for g, held in zip(grads, slots[ACCUMULATOR.name], strict=True)
        ]
        self.is_due = is_multiple(optimizer.iterations + 1, steps)
        self.grads = optimizer._clipped([total / float(steps) for total in sums])
        self.count = op.Div(optimizer.iterations, K.constant(steps, "int64"))
        self.updates = [
            K.update(held, self.chosen(K.zeros_like(total), total))
            for held, total in zip(slots[ACCUMULATOR.name], sums, strict=True)
        ]

    def chosen(self, new: Value, old: Value) -> Value:
        return op.Where(self.is_due, new, old)


registry.register(globals())
