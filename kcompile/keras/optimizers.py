"""Optimizers, with the arguments, defaults and state of Keras 2.3.

An optimizer holds its hyperparameters and its state as variables. While a model trains, its update rule is
carried out by torch's kernels on those same variables (``update_rule``); ``get_updates`` writes the rule as
values of the graph, for ``K.function`` and for users' own optimizers that build on it. A subclass that
overrides ``get_updates`` or ``get_gradients`` is trained by its own updates.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..ir import Parameter, Storage, Value
from . import backend as K
from . import learning_rate_schedules as schedules
from .learning_rate_schedules import LearningRateSchedule, ScheduledRate
from .legacy.interfaces import updates_in_either_order
from .utils.generic_utils import close_names, deserialize_keras_object, serialize_keras_object
from .utils.optimizer_layouts import to_keras_layout

Slots = dict[str, list[Parameter]]


@dataclass(frozen=True)
class UpdateRule:
    """What ``kcompile.torch_bridge.optimizers`` needs to carry out a built-in optimizer.

    Attributes:
        name: class name of the built-in optimizer.
        settings: hyperparameters; variables are read at every step.
        iterations: the step counter.
        slots: state by name, one variable per trained weight each.
        clipnorm, clipvalue: limits for gradients, None for no limit.
        clip_each: ``clipnorm`` limits the norm of each gradient by itself, as tf.keras does.
    """

    name: str
    settings: Mapping[str, Any]
    iterations: Parameter
    slots: Mapping[str, Sequence[Parameter]]
    clipnorm: float | None
    clipvalue: float | None
    clip_each: bool


def clip_norm(g: Value, c: float, n: Value) -> Value:
    """``g`` scaled by ``c / n`` where the norm ``n`` is at least ``c``; ``g`` itself if c <= 0."""
    if c <= 0:
        return g
    return K.switch(n >= c, g * (c / n), g)


# Arguments of later Keras versions that change nothing at these values, so that their files load.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "use_ema": (None, False),
    "loss_scale_factor": (None,),
    "gradient_accumulation_steps": (None, 1),
}
_IGNORED = frozenset({"jit_compile", "ema_momentum", "ema_overwrite_frequency", "is_legacy_optimizer"})


class Optimizer:
    """Base of the optimizers.

    A user's optimizer overrides ``get_updates`` and returns pairs (variable, new value) as ``K.update`` does.

    Args:
        clipnorm: gradients are scaled down together if the norm of all of them exceeds this;
            ``global_clipnorm`` is another name for it.
        clipvalue: every element of the gradients is cut off to [-clipvalue, clipvalue].
        weight_decay: before each update the weights lose this part of themselves times the learning rate.
        name: accepted, not used.

    Attributes:
        weights: the state as variables: iterations, then what the rule keeps; empty before training begins.
        updates: what ``get_updates`` returned last.

    Raises:
        TypeError: for an unknown argument.
        ValueError: for an argument of later Keras versions that would change the result.
    """

    _slots: ClassVar[tuple[str, ...]] = ()
    _scalars: ClassVar[tuple[str, ...]] = ()
    _settings: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **kwargs: Any) -> None:
        _check_later_arguments(type(self).__name__, kwargs)
        if kwargs.get("global_clipnorm") is not None:
            kwargs["clipnorm"] = kwargs["global_clipnorm"]
        for name in ("clipnorm", "clipvalue"):
            if kwargs.get(name) is not None:
                setattr(self, name, kwargs[name])
        self.weight_decay: float | None = kwargs.get("weight_decay") or None
        self._not_decayed: list[Any] = []
        self.updates: list[Any] = []
        self.weights: list[Parameter] = []
        self._clip_each = False
        self._made: dict[tuple[weakref.ref[Parameter], ...], Slots] = {}

    # --- hyperparameters ----------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        """A number written to a variable (``optimizer.lr = 0.01``) becomes its value, at the next step."""
        name = _ALIASES.get(name, name)
        held = self.__dict__.get(name)
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
        return Parameter(array, f"{type(self).__name__}/{name}", trainable=False)

    # --- gradients and updates ----------------------------------------------------------------------------

    def get_gradients(self, loss: Value, params: Sequence[Parameter]) -> list[Value]:
        """The gradients of the loss with respect to the parameters, clipped."""
        grads = K.gradients(loss, params)
        limit = getattr(self, "clipnorm", None) or 0
        if limit > 0 and grads:
            squares = [K.sum(K.square(g)) for g in grads]
            if self._clip_each:
                grads = [clip_norm(g, limit, K.sqrt(s)) for g, s in zip(grads, squares, strict=True)]
            else:
                norm = K.sqrt(sum(squares[1:], squares[0]))
                grads = [clip_norm(g, limit, norm) for g in grads]
        limit = getattr(self, "clipvalue", None) or 0
        if limit > 0:
            grads = [K.clip(g, -limit, limit) for g in grads]
        return grads

    def get_updates(self, loss: Value, params: Sequence[Parameter]) -> list[Any]:
        """The updates of one step, as pairs (variable, new value).

        Args:
            loss: scalar to minimise.
            params: the weights to train.

        Raises:
            NotImplementedError: in the base class.
        """
        raise NotImplementedError(f"{type(self).__name__} must override get_updates(loss, params).")

    def update_rule(self, params: Sequence[Parameter]) -> UpdateRule | None:
        """How torch can carry out this optimizer for these weights; None if only ``get_updates`` can say."""
        rule = self._rule_class()
        if rule is None:
            return None
        settings = {name: getattr(self, name) for name in rule._settings}
        if isinstance(settings["learning_rate"], LearningRateSchedule):
            settings["learning_rate"] = ScheduledRate(settings["learning_rate"])
        if self.weight_decay:
            settings["weight_decay"] = self.weight_decay
            settings["decayed"] = [self._is_decayed(p) for p in params]
        if hasattr(self, "initial_decay"):
            settings["initial_decay"] = self.initial_decay
        return UpdateRule(
            name=rule.__name__,
            settings=settings,
            iterations=self.iterations,
            slots=self._build(params),
            clipnorm=getattr(self, "clipnorm", None),
            clipvalue=getattr(self, "clipvalue", None),
            clip_each=self._clip_each,
        )

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

    @classmethod
    def _rule_class(cls) -> type[_BuiltIn] | None:
        """The built-in optimizer that this class is, or changes in nothing but arguments and attributes."""
        for base in cls.__mro__:
            if base in _BUILT_IN:
                return base
            if {"get_updates", "get_gradients", "_change"} & set(vars(base)):
                return None
        return None

    # --- state --------------------------------------------------------------------------------------------

    def _build(self, params: Sequence[Parameter]) -> Slots:
        """The state for these weights, made when first asked for; from now on ``weights`` shows it."""
        for key in [key for key in self._made if any(ref() is None for ref in key)]:
            del self._made[key]
        key = tuple(weakref.ref(p) for p in params)
        if key not in self._made:
            self._made[key] = {name: self._make_slot(name, params) for name in self._slots}
        slots = self._made[key]
        scalars = [getattr(self, name) for name in self._scalars]
        self.weights = [self.iterations, *scalars, *(slot for name in self._slots for slot in slots[name])]
        return slots

    def _make_slot(self, name: str, params: Sequence[Parameter]) -> list[Parameter]:
        prefix = f"training/{type(self).__name__}/{name}"
        return [
            Parameter(Storage(self._initial_slot(name, p), p.storage.order), f"{prefix}_{i}", trainable=False)
            for i, p in enumerate(params)
        ]

    def _initial_slot(self, name: str, p: Parameter) -> np.ndarray:
        return np.zeros_like(p.storage.array)

    def get_weights(self) -> list[np.ndarray]:
        """The state as arrays, in the order in which Keras 2.3 writes it; empty before training begins."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets the state.

        Args:
            weights: what ``get_weights`` returned; also lists of older Keras 2 versions, which lack entries.

        Raises:
            ValueError: if number or shapes do not fit; nothing is changed then.
        """
        arrays = self._completed([np.asarray(w) for w in weights])
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
        for own, array in zip(self.weights, arrays, strict=True):
            own.assign(array)

    def _completed(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """The list with what older versions of Keras did not write."""
        return arrays

    def restore(self, names: Sequence[str], arrays: Sequence[Any], params: Sequence[Parameter]) -> None:
        """Sets the state for these weights from a file of Keras 2, tf.keras or Keras 3.

        Args:
            names: names of the arrays in the file; they tell whose layout it is.
            arrays: values.
            params: the weights that are trained.

        Raises:
            ValueError: if the state does not fit.
        """
        self._build(params)
        self.set_weights(to_keras_layout(self, names, arrays))

    # --- configuration ------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments as plain data."""
        config = {name: getattr(self, name) for name in ("clipnorm", "clipvalue") if hasattr(self, name)}
        if self.weight_decay:
            config["weight_decay"] = self.weight_decay
        if self._clip_each:
            config["name"] = type(self).__name__
        return config

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
    def from_config(cls, config: Mapping[str, Any]) -> Optimizer:
        """The optimizer that a configuration of any Keras version describes.

        tf.keras writes a ``name`` and clips each gradient by itself; its files are taken at their word.
        """
        config = dict(config)
        if isinstance(config.get("name"), str) and not _takes(cls, "name"):
            del config["name"]
            optimizer = cls(**config)
            optimizer._clip_each = (
                config.get("clipnorm") is not None and config.get("global_clipnorm") is None
            )
            return optimizer
        return cls(**config)


_ALIASES = {"lr": "learning_rate"}


def _takes(cls: type, argument: str) -> bool:
    code = getattr(vars(cls).get("__init__"), "__code__", None)
    return code is not None and argument in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _check_later_arguments(class_name: str, kwargs: Mapping[str, Any]) -> None:
    known = {"clipnorm", "clipvalue", "global_clipnorm", "name", "weight_decay", *_IGNORED, *_NEUTRAL}
    for name, value in kwargs.items():
        if name not in known:
            near = close_names(name, {"lr", "learning_rate", "decay", *known})
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise TypeError(f"Unexpected keyword argument passed to optimizer: {name} ({class_name}).{hint}")
        if name in _NEUTRAL and value not in _NEUTRAL[name]:
            raise ValueError(f"{class_name} does not support {name}={value!r}; leave it out.")


class _BuiltIn(Optimizer):
    """An optimizer whose rule is one function of a weight, its gradient and its slots."""

    def __init__(self, learning_rate: Any, kwargs: dict[str, Any]) -> None:
        learning_rate = kwargs.pop("lr", learning_rate)
        if isinstance(learning_rate, Mapping) and "config" in learning_rate:
            learning_rate = schedules.deserialize(learning_rate)
        if "epsilon" in self._settings:
            epsilon = kwargs.pop("epsilon", None)
            self.epsilon = K.epsilon() if epsilon is None else epsilon
        if "decay" in self._settings:
            self.initial_decay = kwargs.pop("decay", 0.0) or 0.0
        super().__init__(**kwargs)
        self.iterations = self._variable(0, "iterations", "int64")
        follows = isinstance(learning_rate, LearningRateSchedule)
        self.learning_rate = learning_rate if follows else self._variable(learning_rate, "learning_rate")
        if "decay" in self._settings:
            self.decay = self._variable(self.initial_decay, "decay")

    @updates_in_either_order
    def get_updates(self, loss: Value, params: Sequence[Parameter]) -> list[Any]:
        """The updates of one step; also from (params, constraints, loss), as in Keras 1."""
        grads = self.get_gradients(loss, params)
        slots = self._build(params)
        t = K.cast(self.iterations, K.floatx()) + 1.0
        self.updates = [K.update_add(self.iterations, 1), *self._scalar_updates(t)]
        factors = self._factors(t)
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            own = [slots[name][i] for name in self._slots]
            start = p * (1.0 - self.weight_decay * self._current()) if self._decays(p) else p
            new, *changed = self._change(factors, start, g, *own)
            constraint = getattr(p, "constraint", None)
            self.updates += [
                (slot, value) for slot, value in zip(own, changed, strict=True) if value is not slot
            ]
            self.updates.append((p, new if constraint is None else constraint(new)))
        return self.updates

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

    def _decays(self, p: Parameter) -> bool:
        return bool(self.weight_decay) and self._is_decayed(p)

    def _factors(self, t: Value) -> Any:
        """What the rule needs that is the same for all weights; t counts steps from 1."""
        return self._rate()

    def _scalar_updates(self, t: Value) -> list[tuple[Parameter, Value]]:
        return []

    def _change(self, *args: Any, **kwargs: Any) -> tuple[Value, ...]:
        """The new weight and the new slots, from the factors, the weight, its gradient and its slots."""
        raise NotImplementedError


class SGD(_BuiltIn):
    """Stochastic gradient descent with momentum: v = momentum v - lr g; w += v.

    Args:
        learning_rate: 0.01.
        momentum: 0.
        nesterov: look ahead: w += momentum v - lr g.
        **kwargs: ``decay`` (lr / (1 + decay iterations), default 0), ``clipnorm``, ``clipvalue``; ``lr`` for
            learning_rate.
    """

    _slots = ("moment",)
    _settings = ("learning_rate", "momentum", "decay", "nesterov")

    def __init__(
        self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate, kwargs)
        self.momentum = self._variable(momentum, "momentum")
        self.nesterov = nesterov

    def _change(self, lr: Value, p: Value, g: Value, moment: Value) -> tuple[Value, ...]:
        velocity = self.momentum * moment - lr * g
        return (p + self.momentum * velocity - lr * g if self.nesterov else p + velocity), velocity

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._numbers("learning_rate", "momentum", "decay", "nesterov")}


class RMSprop(_BuiltIn):
    """Divides the gradient by a running average of its magnitude (Tieleman and Hinton, lecture 6e).

    Args:
        learning_rate: 0.001.
        rho: decay of the average, 0.9.
        **kwargs: ``epsilon`` (K.epsilon()), ``decay``, ``clipnorm``, ``clipvalue``; ``lr`` for learning_rate.
            The ``momentum`` and ``centered`` of tf.keras are accepted where they are off.
    """

    _slots = ("accumulator",)
    _settings = ("learning_rate", "rho", "epsilon", "decay")

    def __init__(self, learning_rate: float = 0.001, rho: float = 0.9, **kwargs: Any) -> None:
        for name in ("momentum", "centered"):
            if kwargs.pop(name, None):
                raise ValueError(f"RMSprop does not support {name}; leave it out.")
        super().__init__(learning_rate, kwargs)
        self.rho = self._variable(rho, "rho")

    def _change(self, lr: Value, p: Value, g: Value, accumulator: Value) -> tuple[Value, ...]:
        average = self.rho * accumulator + (1.0 - self.rho) * K.square(g)
        return p - lr * g / (K.sqrt(average) + self.epsilon), average

    def _completed(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return _with_iterations(self, arrays)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._numbers("learning_rate", "rho", "decay", "epsilon")}


class Adagrad(_BuiltIn):
    """Divides the gradient by the root of the sum of all its squares (Duchi et al. 2011).

    Args:
        learning_rate: 0.01.
        **kwargs: ``epsilon`` (K.epsilon()), ``decay``, ``clipnorm``, ``clipvalue``; ``lr`` for learning_rate;
            ``initial_accumulator_value`` of tf.keras, 0 by default as in Keras 2.3.
    """

    _slots = ("accumulator",)
    _settings = ("learning_rate", "epsilon", "decay")

    def __init__(self, learning_rate: float = 0.01, **kwargs: Any) -> None:
        self.initial_accumulator_value = kwargs.pop("initial_accumulator_value", 0.0)
        super().__init__(learning_rate, kwargs)

    def _initial_slot(self, name: str, p: Parameter) -> np.ndarray:
        return np.full_like(p.storage.array, self.initial_accumulator_value)

    def _change(self, lr: Value, p: Value, g: Value, accumulator: Value) -> tuple[Value, ...]:
        total = accumulator + K.square(g)
        return p - lr * g / (K.sqrt(total) + self.epsilon), total

    def _completed(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return _with_iterations(self, arrays)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self._numbers("learning_rate", "decay", "epsilon")}
        if self.initial_accumulator_value:
            config["initial_accumulator_value"] = self.initial_accumulator_value
        return config


class Adadelta(_BuiltIn):
    """Adagrad over a moving window, with steps in units of the weights (Zeiler 2012).

    Args:
        learning_rate: 1.0.
        rho: decay of both averages, 0.95.
        **kwargs: ``epsilon`` (K.epsilon()), ``decay``, ``clipnorm``, ``clipvalue``; ``lr`` for learning_rate.
    """

    _slots = ("accumulator", "delta_accumulator")
    _settings = ("learning_rate", "rho", "epsilon", "decay")

    def __init__(self, learning_rate: float = 1.0, rho: float = 0.95, **kwargs: Any) -> None:
        super().__init__(learning_rate, kwargs)
        self.rho = rho

    def _change(
        self, lr: Value, p: Value, g: Value, accumulator: Value, delta_accumulator: Value
    ) -> tuple[Value, ...]:
        average = self.rho * accumulator + (1.0 - self.rho) * K.square(g)
        step = g * K.sqrt(delta_accumulator + self.epsilon) / K.sqrt(average + self.epsilon)
        return p - lr * step, average, self.rho * delta_accumulator + (1.0 - self.rho) * K.square(step)

    def _completed(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return _with_iterations(self, arrays)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._numbers("learning_rate", "rho", "decay", "epsilon")}


class _TwoMoments(_BuiltIn):
    """What Adam and its relatives share: two decay rates."""

    def __init__(self, learning_rate: Any, beta_1: Any, beta_2: Any, kwargs: dict[str, Any]) -> None:
        super().__init__(learning_rate, kwargs)
        self.beta_1 = self._variable(beta_1, "beta_1")
        self.beta_2 = self._variable(beta_2, "beta_2")

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
        **kwargs: ``epsilon`` (K.epsilon(), outside of the bias correction), ``decay``, ``clipnorm``,
            ``clipvalue``; ``lr`` for learning_rate.
    """

    _slots = ("m", "v", "vhat")
    _settings = ("learning_rate", "beta_1", "beta_2", "epsilon", "decay", "amsgrad")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, kwargs)
        self.amsgrad = amsgrad

    def _make_slot(self, name: str, params: Sequence[Parameter]) -> list[Parameter]:
        if name != "vhat" or self.amsgrad:
            return super()._make_slot(name, params)
        prefix = f"training/{type(self).__name__}/{name}"  # Keras keeps one zero each where they are not used
        return [
            Parameter(np.zeros(1, p.dtype), f"{prefix}_{i}", trainable=False) for i, p in enumerate(params)
        ]

    def _factors(self, t: Value) -> Value:
        return self._rate() * (K.sqrt(1.0 - K.pow(self.beta_2, t)) / (1.0 - K.pow(self.beta_1, t)))

    def _change(self, lr_t: Value, p: Value, g: Value, m: Value, v: Value, vhat: Value) -> tuple[Value, ...]:
        m_t, v_t = self._first(g, m), self._second(g, v)
        largest = K.maximum(vhat, v_t) if self.amsgrad else vhat
        root = K.sqrt(largest if self.amsgrad else v_t)
        return p - lr_t * m_t / (root + self.epsilon), m_t, v_t, largest

    def _completed(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        count = (len(self.weights) - 1) // 3
        if count and len(arrays) == 1 + 2 * count:  # before Keras 2.1.3 there was no vhat
            return arrays + [np.zeros_like(w.storage.array) for w in self.weights[1 + 2 * count :]]
        return arrays

    def get_config(self) -> dict[str, Any]:
        names = ("learning_rate", "beta_1", "beta_2", "decay", "epsilon", "amsgrad")
        return {**super().get_config(), **self._numbers(*names)}


class Adamax(_TwoMoments):
    """Adam with the infinity norm (Kingma and Ba 2015, section 7).

    Args:
        learning_rate: 0.002.
        beta_1, beta_2: decay of the first moment and of the norm, 0.9 and 0.999.
        **kwargs: ``epsilon`` (K.epsilon()), ``decay``, ``clipnorm``, ``clipvalue``; ``lr`` for learning_rate.
    """

    _slots = ("m", "u")
    _settings = ("learning_rate", "beta_1", "beta_2", "epsilon", "decay")

    def __init__(
        self, learning_rate: float = 0.002, beta_1: float = 0.9, beta_2: float = 0.999, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, kwargs)

    def _factors(self, t: Value) -> Value:
        return self._rate() / (1.0 - K.pow(self.beta_1, t))

    def _change(self, lr_t: Value, p: Value, g: Value, m: Value, u: Value) -> tuple[Value, ...]:
        m_t, u_t = self._first(g, m), K.maximum(self.beta_2 * u, K.abs(g))
        return p - lr_t * m_t / (u_t + self.epsilon), m_t, u_t

    def get_config(self) -> dict[str, Any]:
        names = ("learning_rate", "beta_1", "beta_2", "decay", "epsilon")
        return {**super().get_config(), **self._numbers(*names)}


class Nadam(_TwoMoments):
    """Adam with Nesterov momentum (Dozat 2015), scheduled as beta_1 (1 - 0.96^(t schedule_decay) / 2).

    Args:
        learning_rate: 0.002.
        beta_1, beta_2: decay of the first and second moment, 0.9 and 0.999.
        **kwargs: ``schedule_decay`` (0.004), ``epsilon`` (K.epsilon()), ``clipnorm``, ``clipvalue``; ``lr``
            for learning_rate.
    """

    _slots = ("m", "v")
    _scalars = ("m_schedule",)
    _settings = ("learning_rate", "beta_1", "beta_2", "epsilon", "schedule_decay", "m_schedule")

    def __init__(
        self, learning_rate: float = 0.002, beta_1: float = 0.9, beta_2: float = 0.999, **kwargs: Any
    ) -> None:
        self.schedule_decay = kwargs.pop(
            "schedule_decay", kwargs.pop("decay", 0.004)
        )  # decay: its name in tf.keras
        super().__init__(learning_rate, beta_1, beta_2, kwargs)
        self.m_schedule = self._variable(1.0, "m_schedule")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Optimizer:
        # tf.keras since 2.11 and Keras 3 write neither name of the decay: theirs is 0.96^t
        if "name" in config and not {"schedule_decay", "decay"} & set(config):
            config = {**config, "schedule_decay": 1.0}
        return super().from_config(config)

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

    def _completed(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        if arrays and len(arrays) == len(self.weights) - 1:  # Keras 2.2 did not write m_schedule
            return [arrays[0], np.ones(()), *arrays[1:]]
        return arrays

    def get_config(self) -> dict[str, Any]:
        names = ("learning_rate", "beta_1", "beta_2", "epsilon", "schedule_decay")
        return {**super().get_config(), **self._numbers(*names)}


class AdamW(Adam):
    """Adam with weight decay that is not part of the gradient (Loshchilov, Hutter 2019).

    Args:
        learning_rate: 0.001.
        weight_decay: 0.004.
        beta_1, beta_2, amsgrad, **kwargs: those of Adam.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        amsgrad: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, amsgrad, weight_decay=weight_decay, **kwargs)


class Lion(_BuiltIn):
    """Steps of the sign of an average of the gradient (Chen et al. 2023).

    Args:
        learning_rate: 0.001.
        beta_1: what the average has in the step, 0.9.
        beta_2: what it keeps after the step, 0.99.
        **kwargs: ``weight_decay``, ``clipnorm``, ``clipvalue``; ``lr`` for learning_rate.
    """

    _slots = ("m",)
    _settings = ("learning_rate", "beta_1", "beta_2")

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate, kwargs)
        self.beta_1 = self._variable(beta_1, "beta_1")
        self.beta_2 = self._variable(beta_2, "beta_2")

    def _change(self, lr: Value, p: Value, g: Value, m: Value) -> tuple[Value, ...]:
        step = K.sign(self.beta_1 * m + (1.0 - self.beta_1) * g)
        return p - lr * step, self.beta_2 * m + (1.0 - self.beta_2) * g

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._numbers("learning_rate", "beta_1", "beta_2")}


class Ftrl(_BuiltIn):
    """Follow the regularized leader (McMahan et al. 2013), with shrinkage and beta.

    Args:
        learning_rate: 0.001.
        learning_rate_power: -0.5, not positive.
        initial_accumulator_value: 0.1.
        l1_regularization_strength, l2_regularization_strength: 0.
        l2_shrinkage_regularization_strength: 0, added to the gradient.
        beta: 0.
        **kwargs: ``weight_decay``, ``clipnorm``, ``clipvalue``; ``lr`` for learning_rate.

    Raises:
        ValueError: for a positive learning_rate_power, or another negative number.
    """

    _slots = ("accumulator", "linear")
    _settings = (
        "learning_rate",
        "learning_rate_power",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, kwargs)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        if learning_rate_power > 0:
            raise ValueError(
                f"Ftrl: learning_rate_power must not be positive, found {learning_rate_power!r}."
            )
        for name in ("initial_accumulator_value", *self._settings[2:]):
            if getattr(self, name) < 0:
                raise ValueError(f"Ftrl: {name} must not be negative, found {getattr(self, name)!r}.")

    def _initial_slot(self, name: str, p: Parameter) -> np.ndarray:
        return np.full_like(p.storage.array, self.initial_accumulator_value if name == "accumulator" else 0.0)

    def _change(self, lr: Value, p: Value, g: Value, accumulator: Value, linear: Value) -> tuple[Value, ...]:
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        l2 = self.beta / (2.0 * lr) + self.l2_regularization_strength
        total = accumulator + K.square(g)
        grown = K.pow(total, power)
        shrunk = g + 2.0 * self.l2_shrinkage_regularization_strength * p
        line = linear + shrunk - (grown - K.pow(accumulator, power)) / lr * p
        return (K.clip(line, -l1, l1) - line) / (grown / lr + 2.0 * l2), total, line

    def get_config(self) -> dict[str, Any]:
        numbers = self._numbers(*self._settings, "initial_accumulator_value")
        return {**super().get_config(), **numbers}


def _with_iterations(optimizer: Optimizer, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Keras 2.2 did not write the iterations of some optimizers."""
    return [np.zeros(()), *arrays] if len(arrays) == len(optimizer.weights) - 1 else arrays


class TFOptimizer(Optimizer):
    """Wrapped an optimizer of TensorFlow in Keras 2; there is no TensorFlow here.

    Raises:
        NotImplementedError: always; it names what to use.
    """

    def __init__(self, optimizer: Any) -> None:
        raise NotImplementedError(
            f"TFOptimizer({optimizer!r}) wraps an optimizer of TensorFlow, which kcompile does not use; take "
            f"one of {', '.join(c.__name__ for c in _BUILT_IN)}, or write a subclass of Optimizer."
        )


_BUILT_IN: tuple[type[_BuiltIn], ...] = (
    SGD, RMSprop, Adagrad, Adadelta, Adam, Adamax, Nadam, Lion, Ftrl,
)  # fmt: skip

# importable as a module too: from kcompile.keras.optimizers.schedules import ExponentialDecay
sys.modules[f"{__name__}.schedules"] = schedules

sgd = SGD
rmsprop = RMSprop
adagrad = Adagrad
adadelta = Adadelta
adam = Adam
adamax = Adamax
nadam = Nadam

_CLASSES: dict[str, Any] = {c.__name__: c for c in (*_BUILT_IN, AdamW, TFOptimizer)}
_BY_LOWER_CASE = {name.lower(): name for name in _CLASSES}


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """``{"class_name": ..., "config": ...}`` of an optimizer."""
    return serialize_keras_object(optimizer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """The optimizer that a configuration describes; names of built-in classes in any case.

    Raises:
        ValueError: for an unknown name or a malformed configuration.
    """
    if isinstance(config, Mapping) and isinstance(config.get("class_name"), str):
        name = config["class_name"]
        config = {**config, "class_name": _BY_LOWER_CASE.get(name.lower(), name)}
    return deserialize_keras_object(config, _CLASSES, custom_objects, "optimizer")


def get(identifier: Any) -> Optimizer:
    """An optimizer from a name, a configuration, an Optimizer (returned as it is) or an Optimizer class.

    Raises:
        ValueError: for an unknown name, or anything else.
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return deserialize({"class_name": identifier, "config": {}})
    raise ValueError(
        f"Could not interpret optimizer identifier: {identifier!r}; expected a name, a configuration or an "
        f"Optimizer of kcompile.keras, found {type(identifier).__name__}."
    )
