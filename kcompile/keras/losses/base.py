"""Loss: a function of labels and predictions that is weighted and reduced to one number."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...ir import Value
from .. import backend as K
from .. import registry, rules
from ..declaration import configuration
from ..utils.generic_utils import serialize_keras_object
from ..utils.losses_utils import (
    Reduction,
    compute_weighted_loss,
    squeeze_or_expand_dimensions,
    valid_entries,
)

SUM_OVER_BATCH_SIZE = Reduction.SUM_OVER_BATCH_SIZE
#: What configurations may hold whether or not the constructor takes it: a user's need not take the first
#: three, and tf.keras names the function of a class, too.
_COMMON = frozenset({"reduction", "name", "dtype", "fn"})


class Loss:
    """Base of losses: ``loss(y_true, y_pred, sample_weight=None)`` is ``call`` weighted and reduced to a
    scalar.

    A loss read from a file of tf.keras 2 or Keras 3 takes means over the steps that the mask of ``y_pred``
    leaves, as these programs do; Keras 2.3 counts masked steps as zeros.

    Args:
        reduction: one of ``Reduction``; "auto" is "sum_over_batch_size", None is "none".
        name: for messages and files.
        dtype: type to compute in (default: that of the predictions).

    Raises:
        NotImplementedError: when called, if a subclass defines no ``call(y_true, y_pred)``.
    """

    dtype: str | None = None
    _sees_masks = False

    def __init__(
        self, reduction: str | None = SUM_OVER_BATCH_SIZE, name: str | None = None, dtype: Any = None
    ) -> None:
        self.reduction = Reduction.named(reduction)
        self.name = name
        self.dtype = dtype
        self._sees_masks = rules.in_force().masks_in_losses

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Value:
        scope = "lambda" if self.name == "<lambda>" else self.name or type(self).__name__
        with K.name_scope(scope):
            mask = getattr(y_pred, "_keras_mask", None) if self._sees_masks else None
            if self.dtype is not None:
                y_true, y_pred = (K.cast(y, self.dtype) for y in (y_true, y_pred))
            losses = self.call(y_true, y_pred)
            mask = valid_entries(losses, mask)
            return compute_weighted_loss(losses, sample_weight, reduction=self.reduction, mask=mask)

    def call(self, y_true: Any, y_pred: Any) -> Value:
        """One loss per sample, (batch, ...)."""
        raise NotImplementedError("A Loss must override call(y_true, y_pred).")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Loss:
        """A loss from what ``get_config`` returned.

        Raises:
            TypeError: for an argument that the constructor does not take.
        """
        accepted = inspect.signature(cls.__init__).parameters
        if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in accepted.values()):
            return cls(**config)
        return cls(**{key: value for key, value in config.items() if key in accepted or key not in _COMMON})

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config: dict[str, Any] = {"reduction": self.reduction, "name": self.name}
        return config if self.dtype is None else {**config, "dtype": self.dtype}


class LossFunctionWrapper(Loss):
    """A function (y_true, y_pred, **kwargs) as a Loss.

    Args:
        fn: the function.
        **kwargs: passed to it.

    Labels and predictions: (batch, ...); the function gives one value a sample, or one each element
    of all axes but the last.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = SUM_OVER_BATCH_SIZE,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(reduction=reduction, name=name, dtype=dtype)
        self.fn = fn
        self._arguments = kwargs
        self._drops_axis_of_one = rules.in_force().weights_broadcast

    @property
    def _fn_kwargs(self) -> dict[str, Any]:
        """What else the function is given: the arguments that a subclass declares."""
        return {**configuration(self), **self._arguments}

    def call(self, y_true: Any, y_pred: Any) -> Value:
        if registry.is_built_in(self.fn) and not np.issubdtype(K.dtype(y_pred), np.floating):
            y_true, y_pred = (
                K.cast(y, K.floatx()) for y in (y_true, y_pred)
            )  # labels, as an argmax has them
        if self._drops_axis_of_one and all(
            isinstance(y, Value) and y.rank is not None for y in (y_true, y_pred)
        ):
            y_pred, y_true = squeeze_or_expand_dimensions(y_pred, y_true)
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    def get_config(self) -> dict[str, Any]:
        settings = {k: K.eval(v) if K.is_tensor(v) else v for k, v in self._fn_kwargs.items()}
        if type(self) is LossFunctionWrapper:  # a subclass says by its name which function it has
            settings["fn"] = serialize_keras_object(self.fn)
        return {**super().get_config(), **settings}


registry.register(globals(), listed=True)
