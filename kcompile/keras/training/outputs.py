"""What compile() knows of one output: its loss, target, sample weights and metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from ...ir import Value
from .. import backend as K
from .. import losses, rules
from ..core.node import static_shape
from . import data_errors
from .arrays import ArraySpec

#: Losses whose labels are numbers of classes in place of the last axis of predictions.
_OF_CLASS_NUMBERS = (
    losses.sparse_categorical_crossentropy,
    losses.categorical_generalized_cross_entropy,
    losses.circle,
)


#: Losses that compare rows of numbers by class, which have to be as long.
_OF_ONE_HOT_ROWS = (losses.categorical_crossentropy, losses.categorical_focal_crossentropy)

#: Sizes of weights behind the batch axis: 1, or None for any.
WeightForm = tuple[int | None, ...]
#: Whether a step takes sample weights: none, those of each output's mode, or of forms by output; None is that
#: of the mode.
Weighting = bool | tuple[WeightForm | None, ...]


@dataclass
class Output:
    """One model output that has a loss.

    Attributes:
        name: name of the output.
        value: the prediction.
        mask: its mask, or None.
        loss: function (y_true, y_pred, sample_weight) -> scalar.
        loss_weight: factor of its loss in the total, perhaps a variable that changes while training.
        target: placeholder of the labels, or the tensor given as target.
        is_fed: whether the target is a placeholder that data is fed to.
        sample_weight: placeholder of the weights.
        mode: None, or "temporal" for one weight per timestep.
        metrics, weighted_metrics: Metric objects without and with sample weights.
        loss_metric: mean of the loss, reported where the model has several outputs.
        targets_broadcast: whether axes of labels may have the size 1 where the prediction has more.
    """

    name: str
    value: Value
    mask: Value | None
    loss: Callable[..., Value]
    loss_weight: float | Value
    target: Value
    is_fed: bool
    sample_weight: Value
    mode: str | None
    metrics: list[Any] = field(default_factory=list)
    weighted_metrics: list[Any] = field(default_factory=list)
    loss_metric: Any = None
    targets_broadcast: bool = False

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """Shape of the prediction, None for open axes."""
        return static_shape(self.value)

    @property
    def target_shape(self) -> tuple[int | None, ...] | None:
        """Shape that labels must have; None where the loss does not say."""
        shape = self.shape
        function = getattr(self.loss, "fn", self.loss)
        if shape is None:
            return None
        if self.is_sparse:
            if K.image_data_format() == "channels_first" and len(shape) in (4, 5):
                return (shape[0], 1, *shape[2:])
            return (*shape[:-1], 1)
        if function is losses.ctc:
            return (shape[0], None)
        return shape if self._has_keras_loss else None

    @property
    def weights_shape(self) -> tuple[int | None, ...] | None:
        """Shape that weights fit: that of the losses, which Keras's own take over the last axis."""
        shape = self.shape
        return (*shape[:-1], 1) if shape is not None and len(shape) > 1 and self._has_keras_loss else shape

    @property
    def _has_keras_loss(self) -> bool:
        return getattr(losses, self.loss_name, None) is getattr(self.loss, "fn", self.loss)

    @cached_property
    def target_spec(self) -> ArraySpec:
        """What the array of labels must be."""
        advice = partial(data_errors.target_advice, self)
        return ArraySpec(self.name, self.target_shape, self.target.dtype, advice, self.targets_broadcast)

    def weights(self, form: WeightForm | None) -> Value:
        """The placeholder of sample weights of a form; None: that of the mode."""
        if form is None:
            return self.sample_weight
        return K.placeholder(shape=(None, *form), name=self.sample_weight.name)

    def form_of(self, weights: Any) -> WeightForm | None:
        """The form of an array of weights, None for that of the mode."""
        form = tuple(1 if size == 1 else None for size in weights.shape[1:])
        usual = (None,) if self.mode == "temporal" else ()
        return None if form == usual else form

    @property
    def loss_name(self) -> str:
        """The name of the loss's function, "" if it has none."""
        return getattr(getattr(self.loss, "fn", self.loss), "__name__", "")

    @property
    def is_sparse(self) -> bool:
        """Whether labels are numbers of classes."""
        function = getattr(self.loss, "fn", self.loss)
        return any(function is known for known in _OF_CLASS_NUMBERS)

    @cached_property
    def classes(self) -> int | None:
        """How many classes labels number; None where they do not, or the shape does not say."""
        shape = self.shape
        if not self.is_sparse or not shape or is_loss(self.loss, "circle"):  # whose outputs are no classes
            return None
        return shape[getattr(self.loss, "_fn_kwargs", {}).get("axis", -1)]

    @cached_property
    def ignored_class(self) -> int | None:
        """A label that the loss leaves out."""
        return getattr(self.loss, "_fn_kwargs", {}).get("ignore_class")


def make_output(
    name: str, value: Value, mask: Value | None, loss: Callable, weight: Any, target: Any, mode: str | None
) -> Output:
    is_fed = target is None or K.is_placeholder(target)
    if target is None:
        rank = 2 if getattr(loss, "fn", loss) is losses.ctc else value.rank
        target = K.placeholder(ndim=rank, name=f"{name}_target", dtype=K.dtype(value))
    sample_weight = K.placeholder(ndim=2 if mode == "temporal" else 1, name=f"{name}_sample_weights")
    weight = weight if isinstance(weight, Value) else float(weight)
    broadcast = rules.in_force().weights_broadcast and not is_loss_of(loss, _OF_ONE_HOT_ROWS)
    return Output(
        name, value, mask, loss, weight, target, is_fed, sample_weight, mode, targets_broadcast=broadcast
    )


def is_loss_of(loss: Any, functions: Sequence[Any]) -> bool:
    return any(getattr(loss, "fn", loss) is function for function in functions)


def is_loss(loss: Any, name: str) -> bool:
    return getattr(loss, "fn", loss) is getattr(losses, name)
