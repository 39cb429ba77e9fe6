"""What optimizers of tf.keras have besides ``get_updates``: steps of single weights that users write,
variables that they add, and state by name.

Two forms of optimizers of one's own are of tf.keras alone. Since 2.11 they make variables in ``build`` and
say in ``update_step(gradient, variable)`` what changes; before, in ``_create_slots`` and
``_resource_apply_dense(grad, var)``. Both assign. The assignments of a step become the updates of a graph, or
are done at once where operators compute so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import Parameter, Value, assign_all, current_readings, op, reading_as
from .. import backend as K
from .. import initializers, registry
from ..backend.assignments import Variable, recording
from . import schedules
from .applying import AppliesGradients
from .schedules import LearningRateSchedule


class CallableList(list[Any]):
    """A list that a call gives, too: ``optimizer.variables`` and ``optimizer.variables()``."""

    def __call__(self) -> CallableList:
        return self


class Stepping(AppliesGradients):
    """State and steps as code of tf.keras makes and asks for them."""

    weights: list[Parameter]
    _use_locking = True  # which optimizers before 2.11 hand on to assignments

    if TYPE_CHECKING:
        learning_rate: Any
        use_ema: bool
        ema_momentum: float
        ema_overwrite_frequency: int | None
        _kinds: list[str]

        def _decay_of(self, p: Parameter) -> float: ...
        def averages_of(self, var_list: Sequence[Parameter]) -> list[Parameter]: ...

    # --- steps of one's own -------------------------------------------------------------------------------

    def update_step(self, gradient: Any, variable: Parameter) -> None:
        """Changes one weight by its gradient, with assignments; ``iterations`` are counted elsewhere.

        Raises:
            NotImplementedError: in the base class.
        """
        self._resource_apply_dense(gradient, variable)

    def _resource_apply_dense(self, grad: Any, var: Parameter, apply_state: Any = None) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must override update_step(gradient, variable).")

    def _create_slots(self, var_list: Sequence[Parameter]) -> None:
        """Makes state; optimizers of tf.keras before 2.11 override it."""

    @classmethod
    def _writes_steps(cls) -> bool:
        """Whether a user's class says how one weight changes."""
        return any(
            not registry.is_built_in(base) and {"update_step", "_resource_apply_dense"} & vars(base).keys()
            for base in cls.__mro__[:-1]
        )

    def _updates_by_steps(self, grads: Sequence[Any], params: Sequence[Parameter]) -> list[Any]:
        """The updates that ``update_step`` makes of all weights."""
        self.build(params)
        self._create_slots(params)
        averages = self.averages_of(params) if self.use_ema else [None] * len(params)
        latest: dict[Parameter, Value] = {}
        others = {value: read for value, read in current_readings().items() if value not in set(params)}
        with reading_as(others), recording(latest.__setitem__), self._with_present_rate():
            for p, g, average in zip(params, grads, averages, strict=True):
                if g is not None:
                    self._do_step(p, g, average)
            self._do_for_all()
            iterations: Any = self.iterations
            iterations.assign_add(1)
        return list(latest.items())

    def _averaged(self, new: Value, average: Value, count: Value) -> tuple[Value, Value]:
        """The weight, and its moving average, which begins with the weight after the first update."""
        kept = K.cast(op.Not(op.Equal(count, K.constant(0, "int64"))), K.floatx()) * self.ema_momentum
        average = kept * average + (1.0 - kept) * new
        if self.ema_overwrite_frequency:
            new = op.Where(is_multiple(count + 1, self.ema_overwrite_frequency), average, new)
        return new, average

    def _do_for_all(self) -> None:
        """What a step changes that is not of one weight."""

    def _do_step(self, p: Any, g: Any, average: Any) -> None:
        part = self._decay_of(p)
        if part:
            p.assign_sub(p * part * self.learning_rate)
        self.update_step(g, p)
        if average is not None:
            new, mean = self._averaged(p, average, self.iterations)
            average.assign(mean)
            if new is not p:
                p.assign(new)
        constraint = getattr(p, "constraint", None)
        if constraint is not None:
            p.assign(constraint(p))

    @contextmanager
    def _with_present_rate(self) -> Iterator[None]:
        """Within, ``learning_rate`` is a number where it follows a schedule."""
        schedule = vars(self).get("learning_rate")
        if not isinstance(schedule, LearningRateSchedule):
            yield
            return
        self.__dict__["learning_rate"] = schedule(self.iterations)
        try:
            yield
        finally:
            self.__dict__["learning_rate"] = schedule

    # --- variables ----------------------------------------------------------------------------------------

    @property
    def variables(self) -> CallableList:
        """The state: iterations, then what is kept of the weights, in the order of tf.keras."""
        return CallableList(self._in_order() or [self.iterations])

    def _in_order(self) -> list[Parameter]:
        """``weights`` in the order of tf.keras."""
        return list(self.weights)

    def add_variable(
        self, shape: Sequence[int], dtype: Any = None, initializer: Any = "zeros", name: str | None = None
    ) -> Parameter:
        """Makes a variable of the optimizer's own state."""
        dtype = getattr(dtype, "name", dtype) or K.floatx()
        value = initializers.initial_value(initializers.get(initializer), tuple(shape), dtype)
        return self._added(value, name or "variable")

    def add_variable_from_reference(
        self,
        model_variable: Parameter,
        variable_name: str,
        shape: Sequence[int] | None = None,
        initial_value: Any = None,
    ) -> Parameter:
        """Makes a variable of the element type of a weight.

        Args:
            model_variable: the weight.
            variable_name: part of its name.
            shape: default that of the weight.
            initial_value: default zeros.
        """
        if initial_value is None:
            initial_value = np.zeros(model_variable.shape if shape is None else tuple(shape))
        value = np.array(initial_value, model_variable.dtype)
        return self._added(value, f"{variable_name}/{model_variable.name}")

    def _added(self, value: np.ndarray, name: str) -> Parameter:
        made = Variable(value, f"{type(self).__name__}/{name}", trainable=False)
        self.__dict__.setdefault("_own_variables", []).append(made)
        self.weights = [*(self.weights or [self.iterations]), made]
        self._kinds = [*(self._kinds or ["iterations"]), "added"]
        return made

    def _var_key(self, variable: Parameter) -> int:
        """What ``_index_dict`` knows a weight by."""
        return id(variable)

    @property
    def _index_dict(self) -> dict[int, int]:
        """The place of each weight among those that ``build`` was told."""
        return {self._var_key(p): i for i, p in enumerate(self._built_for)}

    def save_own_variables(self, store: Any) -> None:
        """Puts the arrays of ``variables`` into a dict, by number."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Sets ``variables`` from what ``save_own_variables`` put there.

        Raises:
            ValueError: if there are more or fewer, or shapes differ; nothing is changed then.
        """
        own = self.variables
        arrays = [np.asarray(store[str(i)]) for i in range(len(store))]
        if [p.shape for p in own] != [array.shape for array in arrays]:
            raise ValueError(
                f"{type(self).__name__} has {len(own)} variables of the shapes {[p.shape for p in own]}; "
                f"those that are given have {[array.shape for array in arrays]}. Call build(weights) first."
            )
        assign_all(zip(own, arrays, strict=True))

    # --- before tf.keras 2.11 -----------------------------------------------------------------------------

    def add_weight(
        self,
        name: str,
        shape: Sequence[int],
        dtype: Any = None,
        initializer: Any = "zeros",
        trainable: bool | None = None,
        synchronization: Any = None,
        aggregation: Any = None,
        **kwargs: Any,
    ) -> Parameter:
        """``add_variable`` with the name first.

        Args:
            trainable, synchronization, aggregation, **kwargs: of tf.keras, which change nothing.
        """
        return self.add_variable(shape, dtype, initializer, name)

    def add_slot(
        self, var: Parameter, slot_name: str, initializer: Any = "zeros", shape: Sequence[int] | None = None
    ) -> Parameter:
        """The variable of that name for a weight, made when first asked for."""
        own: dict[Any, Parameter] = self.__dict__.setdefault("_own_slots", {})
        key = (self._var_key(var), slot_name)
        if key not in own:
            sizes = tuple(var.shape if shape is None else shape)
            value = initializers.initial_value(initializers.get(initializer), sizes, var.dtype.name)
            own[key] = self._added(value, f"{var.name}/{slot_name}")
        return own[key]

    def get_slot(self, var: Parameter, slot_name: str) -> Parameter:
        """State of a weight by its name in tf.keras (``m``, ``momentum``).

        Raises:
            KeyError: if there is none; state is made when training begins, or by ``build``.
        """
        found = self.__dict__.get("_own_slots", {}).get((self._var_key(var), slot_name))
        found = self._built_slot(var, slot_name) if found is None else found
        if found is None:
            raise KeyError(
                f"{type(self).__name__} keeps no {slot_name!r} of {var.name}; known are "
                f"{self.get_slot_names()}. State is made when training begins, or by build(weights)."
            )
        return found

    def get_slot_names(self) -> list[str]:
        """Names that ``get_slot`` knows."""
        return sorted({name for _, name in self.__dict__.get("_own_slots", {})})

    def _built_slot(self, var: Parameter, name: str) -> Parameter | None:
        return None

    def _set_hyper(self, name: str, value: Any) -> None:
        """Sets a hyperparameter; a number becomes a variable."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        setattr(self, name, K.variable(value, name=name) if number else value)

    def _get_hyper(self, name: str, dtype: Any = None) -> Any:
        value = getattr(self, name)
        value = value() if callable(value) and not isinstance(value, Value | LearningRateSchedule) else value
        return value if dtype is None else K.cast(value, getattr(dtype, "name", dtype))

    def _decayed_lr(self, var_dtype: Any) -> Any:
        """The present learning rate."""
        with self._with_present_rate():
            rate = self._get_hyper("learning_rate", var_dtype)
        decay = getattr(self, "_initial_decay", getattr(self, "initial_decay", 0.0)) or 0.0
        return rate / (1.0 + decay * K.cast(self.iterations, K.dtype(rate))) if decay else rate

    def _fallback_apply_state(self, var_device: Any, var_dtype: Any) -> dict[str, Any]:
        state: dict[Any, dict[str, Any]] = {(var_device, var_dtype): {}}
        self._prepare_local(var_device, var_dtype, state)
        return state[(var_device, var_dtype)]

    def _prepare_local(self, var_device: Any, var_dtype: Any, apply_state: Any) -> None:
        apply_state[(var_device, var_dtype)]["lr_t"] = self._decayed_lr(var_dtype)

    def _build_learning_rate(self, learning_rate: Any) -> Any:
        """What ``_learning_rate`` is to be set to: a variable or a schedule."""
        if isinstance(learning_rate, Mapping):
            return schedules.deserialize(learning_rate)
        if isinstance(learning_rate, LearningRateSchedule):
            return learning_rate
        return K.variable(learning_rate, name="learning_rate")

    def _serialize_hyperparameter(self, value: Any) -> Any:
        """A hyperparameter, or one by name, as plain data."""
        value = getattr(self, value) if isinstance(value, str) else value
        if isinstance(value, LearningRateSchedule):
            return schedules.serialize(value)
        return value.numpy().item() if isinstance(value, Parameter) else value

    def aggregate_gradients(self, grads_and_vars: Iterable[Any]) -> list[Any]:
        """The pairs as they are: gradients of several devices are combined before they come here."""
        return list(grads_and_vars)


def is_multiple(count: Value, of: int) -> Value:
    return op.Equal(op.Mod(count, K.constant(of, "int64")), K.constant(0, "int64"))


registry.register(globals())
