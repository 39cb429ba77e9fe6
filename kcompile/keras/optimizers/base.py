"""What all optimizers share: hyperparameters as live variables, clipping, state, configuration."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ...ir import LossScale, Parameter, Storage, UpdateRule, Value, assign_all
from .. import backend as K
from .. import registry, rules
from ..backend.assignments import Variable
from ..utils.generic_utils import CustomObjectScope, did_you_mean
from . import schedules
from .schedules import LearningRateSchedule
from .slots import ACCUMULATOR, AVERAGE, Slot
from .stepping import Stepping

Slots = dict[str, list[Parameter]]


def clip_norm(g: Value, c: float, n: Value) -> Value:
    """``g`` scaled by ``c / n`` where the norm ``n`` is at least ``c``; ``g`` itself if c <= 0."""
    if c <= 0:
        return g
    return K.switch(n >= c, g * (c / n), g)


_CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")
#: Arguments that all optimizers of tf.keras 2.11 and later and of Keras 3 have, with their defaults.
_KERAS_3_ARGUMENTS: dict[str, Any] = {
    "weight_decay": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}
#: What a file may say besides, without a meaning here.
_IGNORED = frozenset({"name", "jit_compile", "is_legacy_optimizer"})


class Optimizer(Stepping):
    """Base of the optimizers.

    A user's optimizer overrides ``get_updates`` and returns pairs (variable, new value) as ``K.update`` does,
    or is written as tf.keras has them (``stepping``).

    Args:
        clipnorm: gradients are scaled down together if the norm of all of them exceeds this, as in Keras 2.3.
            With an argument of later versions (below), and in optimizers that only they have, each gradient
            is scaled by its own norm, as they do it.
        global_clipnorm: gradients are scaled down together if the norm of all of them exceeds this.
        clipvalue: every element of the gradients is cut off to [-clipvalue, clipvalue].
        weight_decay: before each update the weights lose this part of themselves times the learning rate.
        use_ema: whether to keep a moving average of the weights, which they are replaced by after fit().
        ema_momentum: how much of the average a step leaves, 0.99.
        ema_overwrite_frequency: after every so many steps the weights are replaced by their average, too.
        gradient_accumulation_steps: the weights change every so many batches, by the mean of the gradients.
        loss_scale_factor: kept for files; all is computed in float32 or float64, where it has no effect.
        name: in its configuration, and ``optimizer.name``.

    Attributes:
        weights: the state as variables: iterations, then what the rule keeps; empty before training begins.
        updates: what ``get_updates`` returned last.

    Raises:
        TypeError: for an unknown argument.
        ValueError: for an argument out of its range.
    """

    #: What is kept of each weight, and variables of the state that there are once.
    _slots: ClassVar[tuple[Slot, ...]] = ()
    _scalars: ClassVar[tuple[str, ...]] = ()
    #: The part of the state that Keras before 2.3 did not write.
    _omitted: ClassVar[str | None] = None
    #: Whether Keras 2.3 has no such optimizer: where versions compute otherwise, it computes as Keras 3.
    _only_in_keras_3: ClassVar[bool] = False
    # whether by the arithmetic of tf.keras 2.11 and Keras 3; for subclasses that do not call __init__
    _computes_as_keras_3 = _clip_each = _as_in_tf_keras = use_ema = False
    gradient_accumulation_steps: int | None = None
    # set by ``loss_scale.scale_loss``
    _scaling: LossScale | None = None
    loss_scale: Any = None
    dynamic_counter: Any = None
    initial_scale: float | None = None
    dynamic: bool | None = None
    dynamic_growth_steps: int | None = None

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        if self._writes_steps() and not isinstance(getattr(type(self), "_initial_decay", None), property):
            kwargs.pop("lr", None)  # which the class has looked at itself
            self._initial_decay = kwargs.pop("decay", 0.0)
        _check_arguments(type(self).__name__, kwargs)
        for limit in _CLIPPING:
            if kwargs.get(limit) is not None:
                setattr(self, limit, kwargs[limit])
        its = rules.in_force()
        # an argument of later versions says whose arithmetic is wanted where they differ
        said = bool({*_KERAS_3_ARGUMENTS, "jit_compile"} & kwargs.keys())
        self._computes_as_keras_3 = self._only_in_keras_3 or said or its.later_optimizers
        self._clip_each = self._computes_as_keras_3 or its.clips_each
        self._as_in_tf_keras = its.later_optimizers
        for argument, default in _KERAS_3_ARGUMENTS.items():
            setattr(self, argument, kwargs.get(argument, default))
        if self.gradient_accumulation_steps == 1:
            self.gradient_accumulation_steps = None
        self._name = name
        self._not_decayed: list[Any] = []
        self.updates: list[Any] = []
        self.weights: list[Parameter] = []
        self._kinds: list[str] = []  # what each of the weights is
        self._made: dict[tuple[weakref.ref[Parameter], ...], Slots] = {}
        if self._computes_as_keras_3 or self._writes_steps():
            self.iterations = self._variable(0, "iterations", "int64")

    # --- hyperparameters ----------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        """A number written to a variable (``optimizer.lr = 0.01``) becomes its value, at the next step."""
        name = _ALIASES.get(name, name)
        held = self.__dict__.get(name)
        if isinstance(value, LearningRateSchedule):
            if isinstance(held, Parameter):
                raise TypeError(
                    f"The {name} of this {type(self).__name__} is a number and cannot become a "
                    f"{type(value).__name__}; make an optimizer with the schedule and compile with it."
                )
            value.followed_by(self)
        if isinstance(held, Parameter) and not isinstance(value, Value):
            held.assign(value)
        elif isinstance(held, LearningRateSchedule) and not isinstance(value, LearningRateSchedule):
            raise TypeError(
                f"The learning rate of this {type(self).__name__} follows {type(held).__name__} and cannot "
                "be set; give the optimizer a number to set it later."
            )
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        other = _ALIASES.get(name)
        if other is not None and other in self.__dict__:
            return self.__dict__[other]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _variable(self, value: Any, name: str, dtype: str | None = None) -> Parameter:
        if isinstance(value, Parameter):
            return value
        if isinstance(value, Mapping) or callable(value):
            raise ValueError(
                f"{type(self).__name__}: {name} must be a number, found {value!r}. For a rate that changes, "
                "pass decay, a schedule of keras.optimizers.schedules, or use the callback "
                "LearningRateScheduler or ReduceLROnPlateau."
            )
        if not np.isscalar(value) and np.ndim(value) != 0:
            raise ValueError(f"{type(self).__name__}: {name} must be a number, found {value!r}.")
        array = np.asarray(value, dtype=dtype or K.floatx())
        return Variable(array, f"{type(self).__name__}/{name}", trainable=False)

    @property
    def name(self) -> str:
        """As given, else that of the class."""
        return self._name or type(self).__name__

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def inner_optimizer(self) -> Optimizer:
        """The optimizer whose loss is scaled: it is itself that does so.

        Raises:
            AttributeError: if the loss is not scaled.
        """
        if self._scaling is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'inner_optimizer'")
        return self

    def get_scaled_loss(self, loss: Any) -> Any:
        """A loss times the present scale, for loops of one's own; the loss where none is scaled."""
        return loss if self._scaling is None else loss * self.loss_scale

    scale_loss = get_scaled_loss

    def get_unscaled_gradients(self, grads: Sequence[Any]) -> list[Any]:
        """Gradients of a scaled loss as those of the loss."""
        if self._scaling is None:
            return list(grads)
        return [None if g is None else g / self.loss_scale for g in grads]

    # --- gradients and updates ----------------------------------------------------------------------------

    def get_gradients(self, loss: Value, params: Sequence[Parameter]) -> list[Value]:
        """The gradients of the loss with respect to the parameters, clipped.

        With ``gradient_accumulation_steps`` they are not clipped yet: their mean will be.
        """
        grads = K.gradients(loss, params)
        return grads if self.gradient_accumulation_steps else self._clipped(grads)

    def _clipped(self, grads: list[Value]) -> list[Value]:
        each, together, value = (self._limits()[name] or 0 for name in _CLIPPING)
        if each > 0:
            grads = [clip_norm(g, each, K.sqrt(K.sum(K.square(g)))) for g in grads]
        if together > 0 and grads:
            squares = [K.sum(K.square(g)) for g in grads]
            norm = K.sqrt(sum(squares[1:], squares[0]))
            grads = [clip_norm(g, together, norm) for g in grads]
        if value > 0:
            grads = [K.clip(g, -value, value) for g in grads]
        return grads

    def _limits(self) -> dict[str, float | None]:
        """What gradients are clipped to: ``clipnorm`` each by itself, ``global_clipnorm`` together."""
        given = {name: getattr(self, name, None) for name in _CLIPPING}
        if self._clip_each or given["clipnorm"] is None:
            return given
        return {**given, "clipnorm": None, "global_clipnorm": given["clipnorm"]}

    def get_updates(self, loss: Value, params: Sequence[Parameter]) -> list[Any]:
        """The updates of one step, as pairs (variable, new value).

        Args:
            loss: scalar to minimise.
            params: the weights to train.

        Raises:
            NotImplementedError: in the base class.
        """
        if self._writes_steps():
            return self._updates_by_steps(self.get_gradients(loss, params), params)
        raise NotImplementedError(
            f"{type(self).__name__} must override get_updates(loss, params) or "
            "update_step(gradient, variable)."
        )

    def _updates_of(self, grads: Sequence[Any], params: Sequence[Parameter]) -> list[Any]:
        """The updates for gradients that are known: what ``get_updates`` makes of them."""
        own = self.__dict__.get("get_gradients")
        self.__dict__["get_gradients"] = lambda loss, params: list(grads)
        try:
            return self.get_updates(loss=K.constant(0.0), params=list(params))
        finally:
            del self.__dict__["get_gradients"]
            if own is not None:
                self.__dict__["get_gradients"] = own

    def update_rule(self, params: Sequence[Parameter]) -> UpdateRule | None:
        """The built-in rule by which these weights are trained; None if only ``get_updates`` can say."""
        return None

    def has_own_updates(self) -> bool:
        """Whether a user's ``get_updates`` or ``get_gradients`` says how to train."""
        return True

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Weights that ``weight_decay`` leaves alone; call it before training begins.

        Args:
            var_list: weights.
            var_names: parts of names, such as ["bias"].
        """
        self._not_decayed += [*(var_list or ()), *(var_names or ())]

    def _is_decayed(self, p: Parameter) -> bool:
        return not any(
            entry in p.name if isinstance(entry, str) else entry is p for entry in self._not_decayed
        )

    def _decay_of(self, p: Parameter) -> float:
        """The part that a weight loses at each update, times the learning rate."""
        return (self.weight_decay or 0.0) if self._is_decayed(p) else 0.0

    def finalize_variable_values(self, var_list: Sequence[Parameter]) -> None:
        """Replaces weights by their moving average where ``use_ema`` keeps one; fit() ends with it."""
        averages = self.averages_of(var_list)
        assign_all((p, average.numpy()) for p, average in zip(var_list, averages, strict=False))

    def averages_of(self, var_list: Sequence[Parameter]) -> list[Parameter]:
        """The moving averages of these weights; none without ``use_ema`` or before training."""
        slots = self._made.get(tuple(weakref.ref(p) for p in var_list), {}) if self.use_ema else {}
        return slots.get(AVERAGE.name, [])

    # --- state --------------------------------------------------------------------------------------------

    def _all_slots(self) -> tuple[Slot, ...]:
        """The slots of the rule, and what arguments add."""
        added = {AVERAGE: self.use_ema, ACCUMULATOR: self.gradient_accumulation_steps}
        return (*self._slots, *(slot for slot, is_kept in added.items() if is_kept))

    def _state_of(self, params: Sequence[Parameter]) -> Slots:
        """The state for these weights, made when first asked for."""
        for key in [key for key in self._made if any(ref() is None for ref in key)]:
            del self._made[key]
        key = tuple(weakref.ref(p) for p in params)
        if key not in self._made:
            self._made[key] = {slot.name: self._make_slot(slot.name, params) for slot in self._all_slots()}
        return self._made[key]

    def _build(self, params: Sequence[Parameter]) -> Slots:
        """The state for these weights; from now on ``weights`` shows it."""
        slots = self._state_of(params)
        self._built_refs = [weakref.ref(p) for p in params]
        scalars = [getattr(self, name) for name in self._scalars]
        own = self.__dict__.get("_own_variables", [])
        self.weights = [self.iterations, *scalars, *(slot for each in slots.values() for slot in each), *own]
        self._kinds = ["iterations", *self._scalars, *(name for name in slots for _ in params)]
        self._kinds += ["added" for _ in own]
        return slots

    def _make_slot(self, name: str, params: Sequence[Parameter]) -> list[Parameter]:
        prefix = f"training/{type(self).__name__}/{name}"
        return [
            Variable(self._slot_storage(name, p), f"{prefix}_{i}", trainable=False)
            for i, p in enumerate(params)
        ]

    def _slot_storage(self, name: str, p: Parameter) -> Storage:
        if not self._keeps(name, p):
            return Storage(np.zeros(1, p.dtype))  # as Keras 2.3 has it for Adam's vhat
        if name == AVERAGE.name:
            return Storage(p.storage.array, p.storage.order)
        if name == ACCUMULATOR.name:
            return Storage(np.zeros_like(p.storage.array), p.storage.order)
        return Storage(*self._initial_slot(name, p))

    def _initial_slot(self, name: str, p: Parameter) -> tuple[np.ndarray, tuple[int, ...] | None]:
        """A slot's first value, and its order in memory."""
        return np.zeros_like(p.storage.array), p.storage.order

    def _keeps(self, name: str, p: Parameter) -> bool:
        """Whether the rule uses this slot of this weight; if not, one zero stands for it."""
        return True

    def get_weights(self) -> list[np.ndarray]:
        """The state as arrays, in the order in which Keras 2.3 writes it, in tf.keras's dialect in that of
        ``variables``; empty before training begins."""
        return [w.numpy() for w in self._ordered()]

    def _ordered(self) -> list[Parameter]:
        """``weights`` in the order of ``get_weights``."""
        return self._in_order() if self._as_in_tf_keras else self.weights

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets the state.

        Args:
            weights: what ``get_weights`` returned; also lists of older Keras 2 versions, which lack entries.

        Raises:
            ValueError: if number or shapes do not fit; nothing is changed then.
        """
        arrays = [np.asarray(w) for w in weights]
        order = self._ordered()
        if self._as_in_tf_keras and len(arrays) == len(order):
            by_weight = {id(w): array for w, array in zip(order, arrays, strict=True)}
            arrays = [by_weight[id(w)] if id(w) in by_weight else w.numpy() for w in self.weights]
        self._set_state(arrays)

    def _set_state(self, given: list[np.ndarray]) -> None:
        """Sets the state from arrays in the order of ``weights``, of older versions too."""
        arrays = self._completed(given)
        if len(arrays) != len(self.weights):
            hint = "" if self.weights else " Its state is made when a model is first trained with it."
            raise ValueError(
                f"Length of the specified weight list ({len(arrays)}) does not match the number of weights "
                f"of the optimizer ({len(self.weights)}).{hint}"
            )
        for own, array in zip(self.weights, arrays, strict=True):
            if own.shape != array.shape:
                raise ValueError(
                    f"Optimizer weight {own.name} has shape {own.shape}, not compatible with the provided "
                    f"shape {array.shape}."
                )
        assign_all(zip(self.weights, arrays, strict=True))

    def _completed(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """The list with what older versions of Keras did not write, as it is at first."""
        if not arrays or self._omitted is None:
            return arrays
        if len(arrays) != len(self._kinds) - self._kinds.count(self._omitted):
            return arrays
        first, rest = float(self._omitted in self._scalars), iter(arrays)
        return [
            np.full(w.shape, first) if kind == self._omitted else next(rest)
            for w, kind in zip(self.weights, self._kinds, strict=True)
        ]

    def restore(self, names: Sequence[str], arrays: Sequence[Any], params: Sequence[Parameter]) -> None:
        """Sets the state for these weights from a file of any Keras.

        Args:
            names: names of the arrays in the file; they tell whose layout it is (see ``layouts``).
            arrays: values.
            params: the weights that are trained.

        Raises:
            ValueError: if the state does not fit; nothing is changed then.
        """
        self._set_state([np.asarray(array) for array in arrays])

    # --- configuration ------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain data."""
        config = {name: getattr(self, name) for name in _CLIPPING if hasattr(self, name)}
        if self._computes_as_keras_3:
            return {
                "name": self._name or type(self).__name__,
                **dict.fromkeys(_CLIPPING),
                **config,
                **{name: getattr(self, name) for name in _KERAS_3_ARGUMENTS},
            }
        return {**config, "name": type(self).__name__} if self._clip_each else config

    def _numbers(self, *names: str) -> dict[str, Any]:
        """Settings with variables read."""
        values = {name: getattr(self, name) for name in names}
        return {
            k: float(v.numpy())
            if isinstance(v, Parameter)
            else schedules.serialize(v)
            if isinstance(v, LearningRateSchedule)
            else v
            for k, v in values.items()
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Optimizer:
        """The optimizer that a configuration of any Keras version describes.

        tf.keras writes a ``name`` and clips each gradient by itself; its files are taken at their word. What
        a configuration leaves out is as in Keras 2.3, where it says anything.
        """
        with (
            rules.following(rules.KERAS_2 if config else rules.in_force()),
            CustomObjectScope(custom_objects),
        ):
            optimizer = cls._from_config(dict(config))
        optimizer._as_in_tf_keras = rules.in_force().later_optimizers  # the order of its state, in code
        return optimizer

    @classmethod
    def _from_config(cls, config: dict[str, Any]) -> Optimizer:
        if not isinstance(config.get("name"), str) or _takes(cls, "name"):
            return cls(**config)
        optimizer = cls(**config)
        optimizer._clip_each = optimizer._computes_as_keras_3 or config.get("clipnorm") is not None
        return optimizer


_ALIASES = {"lr": "learning_rate", "_learning_rate": "learning_rate"}


def _takes(cls: type, argument: str) -> bool:
    code = getattr(vars(cls).get("__init__"), "__code__", None)
    return code is not None and argument in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _check_arguments(class_name: str, kwargs: Mapping[str, Any]) -> None:
    known = {*_CLIPPING, *_KERAS_3_ARGUMENTS, *_IGNORED}
    for name in kwargs:
        if name not in known:
            hint = did_you_mean(name, {"lr", "learning_rate", "decay", *known})
            raise TypeError(f"Unexpected keyword argument passed to optimizer: {name} ({class_name}).{hint}")
    momentum = kwargs.get("ema_momentum", 0.99)
    if kwargs.get("use_ema") and not 0 <= momentum <= 1:
        raise ValueError(f"{class_name}: ema_momentum must be between 0 and 1, found {momentum!r}.")
    for name, least in (("ema_overwrite_frequency", 1), ("gradient_accumulation_steps", 1)):
        value = kwargs.get(name)
        if value is not None and (not isinstance(value, int) or value < least):
            raise ValueError(
                f"{class_name}: {name} must be None or a whole number from {least}, found {value!r}."
            )


registry.register(globals())
