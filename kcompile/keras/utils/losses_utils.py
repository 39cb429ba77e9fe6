"""How losses of single samples become one number: weights, broadcasting, reduction."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import backend as K
from .. import registry
from ..backend.tensors import static_sizes


class Reduction:
    """How weighted losses are reduced: not at all, by their sum, by their sum over their number ("mean" in
    Keras 3 means the same), or over the sum of the weights."""

    AUTO = "auto"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    MEAN = "mean"
    MEAN_WITH_SAMPLE_WEIGHT = "mean_with_sample_weight"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """The allowed values."""
        return (cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE, cls.MEAN, cls.MEAN_WITH_SAMPLE_WEIGHT)

    @classmethod
    def validate(cls, key: str) -> None:
        """Raises ValueError for anything else."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key!r}; expected one of {', '.join(cls.all())}.")

    @classmethod
    def named(cls, key: str | None) -> str:
        """The key for what a constructor takes: "auto" is "sum_over_batch_size", None is "none".

        Raises:
            ValueError: for anything else.
        """
        found = cls.NONE if key is None else cls.SUM_OVER_BATCH_SIZE if key == "auto" else key
        cls.validate(found)
        return found


def mark_valid(losses: Value, valid: Value) -> Value:
    """Losses of which only some count, as ``valid`` (of their shape, booleans) says."""
    losses.annotations["_valid"] = valid
    return losses


def valid_entries(losses: Any, mask: Value | None) -> Value | None:
    """What of the losses counts: by the mask of the predictions, and by what ``mark_valid`` said."""
    valid = losses.annotations.get("_valid") if isinstance(losses, Value) else None
    if mask is None or valid is None:
        return valid if mask is None else mask
    return K.cast(K.cast(mask, "float32") * K.cast(valid, "float32"), "bool")


def squeeze_or_expand_dimensions(
    y_pred: Any, y_true: Any = None, sample_weight: Any = None
) -> tuple[Any, ...]:
    """Makes ranks meet that differ by one.

    A last axis of size 1 is dropped from whichever of y_pred and y_true has one axis more; sample_weight
    loses or gains a last axis to fit y_pred.

    Returns:
        (y_pred, y_true), with sample_weight as third if it was given.
    """
    if y_true is not None:
        difference = len(static_sizes(y_pred)) - len(static_sizes(y_true))
        if difference == 1 and static_sizes(y_pred)[-1] == 1:
            y_pred = K.squeeze(y_pred, -1)
        elif difference == -1 and static_sizes(y_true)[-1] == 1:
            y_true = K.squeeze(y_true, -1)
    if sample_weight is None:
        return y_pred, y_true
    rank, weights_rank = len(static_sizes(y_pred)), len(static_sizes(sample_weight))
    if weights_rank == 0:
        return y_pred, y_true, sample_weight
    if rank == 0 and weights_rank == 1:
        y_pred = K.expand_dims(y_pred, -1)
    elif weights_rank - rank == 1:
        sample_weight = K.squeeze(sample_weight, -1)
    elif rank - weights_rank == 1:
        sample_weight = K.expand_dims(sample_weight, -1)
    return y_pred, y_true, sample_weight


def reduce_weighted_loss(
    weighted_losses: Value, reduction: str = Reduction.SUM_OVER_BATCH_SIZE, sample_weight: Any = None
) -> Value:
    """One number from weighted losses; the losses themselves for Reduction.NONE."""
    if reduction == Reduction.NONE:
        return weighted_losses
    if reduction == Reduction.SUM:
        return K.sum(weighted_losses)
    if reduction == Reduction.MEAN_WITH_SAMPLE_WEIGHT and sample_weight is not None:
        return _safe_ratio(K.sum(weighted_losses), K.sum(sample_weight))
    return K.mean(weighted_losses)


def _safe_ratio(numerator: Value, denominator: Value) -> Value:
    """numerator / denominator, 0 where the denominator is 0."""
    is_zero = K.equal(denominator, 0.0)
    ratio = numerator / K.switch(is_zero, K.ones_like(denominator), denominator)
    return K.switch(is_zero, K.zeros_like(ratio), ratio)


def broadcast_weights(values: Any, sample_weight: Any) -> Any:
    """sample_weight with axes of size 1 behind, so that it multiplies values sample by sample.

    Raises:
        ValueError: if it has more axes than values, or a size that is neither 1 nor the same.
    """
    shape, weights_shape = static_sizes(values), static_sizes(sample_weight)
    fits = len(weights_shape) <= len(shape) and all(
        weight in (1, None) or size is None or weight == size
        for weight, size in zip(weights_shape, shape, strict=False)
    )
    if not fits:
        raise ValueError(f"Incompatible shapes: `values` {shape} vs `sample_weight` {weights_shape}")
    for _ in range(len(shape) - len(weights_shape)):
        sample_weight = K.expand_dims(sample_weight, -1)
    return sample_weight


def compute_weighted_loss(
    losses: Any,
    sample_weight: Any = None,
    reduction: str = Reduction.SUM_OVER_BATCH_SIZE,
    name: str | None = None,
    mask: Any = None,
) -> Value:
    """Losses of single samples, weighted and reduced.

    Args:
        losses: (batch, ...).
        sample_weight: scalar, or a tensor of the leading axes of losses; None for all ones.
        reduction: one of Reduction.
        mask: which losses count, in the shape of their leading axes; a mean is taken over these.

    Raises:
        ValueError: for an unknown reduction or weights that do not fit.
    """
    Reduction.validate(reduction)
    if not K.is_tensor(losses):
        losses = K.constant(losses)
    dtype = K.dtype(losses)
    if sample_weight is not None:
        sample_weight = K.cast(sample_weight, dtype)
    if mask is not None:
        sample_weight = _masked(sample_weight, K.cast(mask, dtype), reduction)
    if sample_weight is None:
        return reduce_weighted_loss(losses, reduction)
    if K.ndim(losses):  # a loss of the whole batch is weighted as it is
        losses, _, sample_weight = squeeze_or_expand_dimensions(losses, None, sample_weight)
        sample_weight = broadcast_weights(losses, sample_weight)
    return reduce_weighted_loss(losses * sample_weight, reduction, sample_weight)


def _masked(sample_weight: Any, mask: Value, reduction: str) -> Value:
    """Weights without what the mask leaves out; the others are larger where a mean will divide by all."""
    if reduction in (Reduction.SUM_OVER_BATCH_SIZE, Reduction.MEAN):
        mask = mask * _safe_ratio(K.cast(K.size(mask), K.dtype(mask)), K.sum(mask))
    if sample_weight is None:
        return mask
    mask, _, sample_weight = squeeze_or_expand_dimensions(mask, None, sample_weight)
    return sample_weight * mask


registry.register(globals())
