"""Metric: state that batches update and a result read from it; means over batches."""

from __future__ import annotations

import functools
import math
from collections import ChainMap
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...ir import (
    Constant,
    Graph,
    GraphError,
    Interpreter,
    Parameter,
    Trace,
    Value,
    claim_steps,
    current_readings,
    eagerly,
    interpreter,
    op,
    reading_as,
)
from .. import backend as K
from .. import registry, rules
from ..core.call_frames import CallFrame, call_frame, current_frame
from ..core.eager_calls import at_rest, do_at_once, interpreter_for_all
from ..core.layer import Layer
from ..declaration import configuration
from ..utils.generic_utils import serialize_keras_object, to_list
from ..utils.losses_utils import broadcast_weights, squeeze_or_expand_dimensions, valid_entries

__all__ = ["Mean", "MeanMetricWrapper", "Metric", "Reduce", "Sum"]

Pairs = list[tuple[Parameter, Value]]


class Metric(Layer):
    """Base of stateful metrics.

    A subclass makes state with ``add_weight`` in ``__init__``, returns updates (pairs made by
    ``K.update_add`` and its like) from ``update_state``, and emits its value from that state in ``result``.

    ``update_state`` may also be called on plain arrays and on eager tensors: then the state is updated at
    once, and ``result`` of it is a number.

    Args:
        name: reported under this name.
        dtype: of the state (default ``K.floatx()``).
    """

    def __init__(self, name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        dtype = "int32" if dtype == "int" else dtype or K.floatx()  # "int" is Keras 3's default of the IoUs
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.stateful = True
        self.built = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__
        if "update_state" in own:
            setattr(cls, "update_state", _collecting(own["update_state"]))  # noqa: B010
        if "result" in own:
            setattr(cls, "result", _as_numbers(own["result"]))  # noqa: B010
        for name, other in (("reset_states", "reset_state"), ("reset_state", "reset_states")):
            if name in own and other not in own:  # the name of Keras 2.3, and the one since tf.keras 2.5
                setattr(cls, other, own[name])

    def __call__(self, *args: Any, **kwargs: Any) -> Value:
        """Updates the state and returns the result, which ``add_metric`` takes as this metric itself."""
        updates = self.update_state(*args, **kwargs)
        result = self.result()
        result = K.identity(result) if isinstance(result, Parameter) else result
        result.annotations["_metric"] = (self, updates)
        return result

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Takes one batch into account; returns the updates."""
        raise NotImplementedError(f"{type(self).__name__} must override update_state.")

    def result(self) -> Value:
        """The metric's value, from its state."""
        raise NotImplementedError(f"{type(self).__name__} must override result.")

    def reset_states(self) -> None:
        """Sets the state back to zeros."""
        for weight in self.weights:
            weight.assign(np.zeros(weight.shape))

    reset_state = reset_states

    def merge_state(self, metrics: Iterable[Metric]) -> list[Parameter]:
        """Adds the states of other metrics of the kind to this one's; returns the states.

        Raises:
            ValueError: if one has states of other shapes; nothing is changed then.
        """
        metrics = list(metrics)
        shapes = [tuple(weight.shape) for weight in self.weights]
        for metric in metrics:
            found = [tuple(weight.shape) for weight in metric.weights]
            if found != shapes:
                raise ValueError(
                    f"Metric {self.name!r} has states of the shapes {shapes} and cannot take over those of "
                    f"{metric.name!r}, which are {found}."
                )
        for metric in metrics:
            for weight, other in zip(self.weights, metric.weights, strict=True):
                weight.assign(np.asarray(weight) + np.asarray(other))
        return list(self.weights)

    def add_weight(  # type: ignore[override]
        self,
        name: Any = None,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        aggregation: Any = None,
        synchronization: Any = None,
    ) -> Parameter:
        """Makes a state variable, zeros unless an initializer says otherwise.

        By position the name comes first, as in Keras 2, or shape and initializer, as in Keras 3.

        Args:
            aggregation, synchronization: accepted; states are combined as their updates say.
        """
        if isinstance(name, tuple | list):
            name, shape, initializer = None, name, shape if shape != () else initializer
        claim_steps(math.prod(shape), f"a state of shape {tuple(shape)}")
        return super().add_weight(
            name=name or f"variable_{len(self.weights)}",
            shape=shape,
            dtype=dtype or self.dtype,
            initializer=initializer or "zeros",
            trainable=False,
        )

    def add_variable(
        self,
        shape: Any = (),
        initializer: Any = None,
        dtype: Any = None,
        aggregation: Any = None,
        name: str | None = None,
    ) -> Parameter:
        """``add_weight`` as Keras 3 has it."""
        return self.add_weight(name, shape, initializer, dtype)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {"name": self.name, "dtype": self.dtype, **configuration(self)}


def _collecting(update_state: Callable[..., Any]) -> Callable[..., Pairs]:
    """update_state that returns all its updates, and applies them at once where they depend on no input."""

    @functools.wraps(update_state)
    def wrapped(self: Metric, *args: Any, **kwargs: Any) -> Pairs:
        at_once = interpreter_for_all([*args, *kwargs.values()])
        if at_once is not None:
            return _done_at_once(at_once, update_state, self, args, kwargs)
        outer = current_frame()
        if self.__dict__.get("_is_updating") and outer is not None:  # by super(): the call around it has all
            pairs = _pairs(update_state(self, *args, **kwargs))
            outer.updates.extend(pairs)
            return pairs
        self.__dict__["_is_updating"] = True
        try:
            with call_frame(numbers=True) as frame:
                returned = update_state(self, *args, **kwargs)
        finally:
            self.__dict__["_is_updating"] = False
        own = [update for update in frame.updates if update[0] in self.weights]
        pairs = list({(id(p), id(v)): (p, v) for p, v in _pairs(returned) + own}.values())
        if outer is None:
            pairs += _of_others(frame, pairs)
            _apply_if_known(pairs)
        else:  # the metric's updates follow its own rules, not those of the layer around it
            outer.updates[:] = [update for update in outer.updates if not any(update is o for o in own)]
            outer.metrics.append((self, pairs))
        return pairs

    return wrapped


def _of_others(frame: CallFrame, pairs: Pairs) -> Pairs:
    """The updates of metrics that a function of this one calls, beside those that are known."""
    known = {id(parameter) for parameter, _ in pairs}
    theirs = [pair for _, pairs in frame.metrics for pair in _pairs(pairs)]
    return [pair for pair in theirs if id(pair[0]) not in known]


def _done_at_once(
    at_once: Interpreter, update_state: Callable[..., Any], self: Metric, args: Any, kwargs: Any
) -> Pairs:
    """update_state where operators compute at once: its updates have been done when it returns."""
    with eagerly(at_once):
        pairs = _pairs(update_state(self, *args, **kwargs))
        do_at_once(pairs)
    self.__dict__["_updated_by"] = at_once.computes if isinstance(at_once, Trace) else at_once
    return pairs


def _as_numbers(result: Callable[..., Any]) -> Callable[..., Any]:
    """result that is computed at once where the state has been, as of now."""

    @functools.wraps(result)
    def wrapped(self: Metric) -> Any:
        if interpreter() is not None:
            return result(self)
        if (frame := current_frame()) is not None:  # behind update_state in one call: the state after it
            updated = {p: v for metric, pairs in frame.metrics if metric is self for p, v in pairs}
            with reading_as(ChainMap(updated, dict(current_readings()))):
                return result(self)
        at_once = self.__dict__.get("_updated_by") or at_rest(self)
        with eagerly(at_once):
            return result(self)

    return wrapped


def _pairs(returned: Any) -> Pairs:
    if isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[0], Parameter):
        return [returned]
    return [pair for pair in to_list(returned) if isinstance(pair, tuple) and isinstance(pair[0], Parameter)]


def _apply_if_known(pairs: Pairs) -> None:
    try:
        Graph([new for _, new in pairs])
    except GraphError:
        return  # symbolic: whoever compiles them will
    values = [K.eval(new) for _, new in pairs]
    for (parameter, _), value in zip(pairs, values, strict=True):
        parameter.assign(value)


def as_tensor(x: Any, dtype: str) -> Value:
    """A value of a type, from a tensor, list or array."""
    if not K.is_tensor(x):
        x = Constant(np.asarray(x))
    return K.cast(x, dtype)


def ratio(numerator: Value, denominator: Value) -> Value:
    """numerator / denominator, 0 where the denominator is not positive."""
    positive = K.greater(denominator, 0.0)
    safe = op.Where(positive, denominator, K.ones_like(denominator))
    quotient = numerator / safe
    return op.Where(positive, quotient, K.zeros_like(quotient))


class Reduce(Metric):
    """A weighted sum of values, or their weighted mean.

    Args:
        reduction: "sum", "sum_over_batch_size" (mean over elements) or "weighted_mean" (over the weights).

    Values: any shape, weights: one that broadcasts; the result: a scalar.

    Raises:
        ValueError: for another reduction.
    """

    def __init__(self, reduction: str, name: str, dtype: str | None = None) -> None:
        if reduction not in ("sum", "sum_over_batch_size", "weighted_mean"):
            raise ValueError(
                f"reduction {reduction!r} not understood; expected sum, sum_over_batch_size or weighted_mean."
            )
        super().__init__(name=name, dtype=dtype)
        self.reduction = reduction
        self.total = self.add_weight("total")
        self.count = self.add_weight("count") if reduction != "sum" else None

    def update_state(self, values: Any, sample_weight: Any = None) -> Pairs:
        """Adds a batch of values of any shape, weighted by scalar or leading axes."""
        values = as_tensor(values, self.dtype)
        if sample_weight is not None:
            sample_weight = as_tensor(sample_weight, self.dtype)
            values, _, sample_weight = squeeze_or_expand_dimensions(values, sample_weight=sample_weight)
            sample_weight = K.ones_like(values) * broadcast_weights(values, sample_weight)
            values = values * sample_weight
        updates = [K.update_add(self.total, K.sum(values))]
        if self.count is None:
            return updates
        if self.reduction == "weighted_mean" and sample_weight is not None:
            updates.append(K.update_add(self.count, K.sum(sample_weight)))
        else:
            updates.append(K.update_add(self.count, K.cast(K.size(values), self.dtype)))
        return updates

    def result(self) -> Value:
        if self.count is None:
            return K.identity(self.total)
        # 0 / 0 before the first batch, and where all weights are zero, reads as 0
        return self.total / K.switch(K.equal(self.count, 0.0), K.ones_like(self.count), self.count)


class Sum(Reduce):
    """The (weighted) sum of values.

    Values and weights: any shapes that broadcast; the result: a scalar.
    """

    def __init__(self, name: str = "sum", dtype: str | None = None) -> None:
        super().__init__("sum", name, dtype)


class Mean(Reduce):
    """The (weighted) mean of values.

    Values and weights: any shapes that broadcast; the result: a scalar.
    """

    def __init__(self, name: str = "mean", dtype: str | None = None) -> None:
        super().__init__("weighted_mean", name, dtype)


class MeanMetricWrapper(Mean):
    """The mean of a function (y_true, y_pred, **kwargs) over samples.

    Args:
        fn: gives one value per sample.
        **kwargs: passed to it.

    Labels and predictions: (batch, ...); the result: a scalar.
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: str | None = None, **kwargs: Any
    ) -> None:
        of_function: str = getattr(fn, "__name__", "metric")
        super().__init__(name=name or of_function, dtype=dtype)
        self._fn = fn
        self._given = kwargs
        self._counts_ignored = rules.in_force().counts_ignored

    @property
    def _fn_kwargs(self) -> dict[str, Any]:
        """What else the function is given: the arguments that a subclass declares."""
        return {**configuration(self), **self._given}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Pairs:  # type: ignore[override]
        """Adds a batch of labels and predictions."""
        y_true, y_pred = as_tensor(y_true, self.dtype), as_tensor(y_pred, self.dtype)
        y_pred, y_true = squeeze_or_expand_dimensions(y_pred, y_true)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        return super().update_state(values, self._counting(values, sample_weight))

    def _counting(self, values: Any, sample_weight: Any) -> Any:
        """Weights without the entries that ``values`` says not to count; without weights, Keras 3 counts
        them."""
        valid = valid_entries(values, None)
        if valid is None or (sample_weight is None and self._counts_ignored):
            return sample_weight
        valid = K.cast(valid, self.dtype)
        if sample_weight is None:
            return valid
        weight = as_tensor(sample_weight, self.dtype)
        valid, _, weight = squeeze_or_expand_dimensions(valid, sample_weight=weight)
        return valid * weight

    def get_config(self) -> dict[str, Any]:
        settings = {k: K.eval(v) if K.is_tensor(v) else v for k, v in self._fn_kwargs.items()}
        if type(self) is MeanMetricWrapper:  # a subclass says by its name which function it has
            settings["fn"] = serialize_keras_object(self._fn)
        return {**super().get_config(), **settings}


registry.register(globals())
