"""How losses of single samples become one number: weights, broadcasting, reduction."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import backend as K


class Reduction:
    """How weighted losses are reduced: not at all, by their sum, or by their sum over their number."""

    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """The allowed values."""
        return (cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key: str) -> None:
        """Raises ValueError for anything else."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key!r}; expected one of {', '.join(cls.all())}.")


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
        difference = K.ndim(y_pred) - K.ndim(y_true)
        if difference == 1 and K.int_shape(y_pred)[-1] == 1:
            y_pred = K.squeeze(y_pred, -1)
        elif difference == -1 and K.int_shape(y_true)[-1] == 1:
            y_true = K.squeeze(y_true, -1)
    if sample_weight is None:
        return y_pred, y_true
    rank, weights_rank = K.ndim(y_pred), K.ndim(sample_weight)
    if weights_rank == 0:
        return y_pred, y_true, sample_weight
    if rank == 0 and weights_rank == 1:
        y_pred = K.expand_dims(y_pred, -1)
    elif weights_rank - rank == 1:
        sample_weight = K.squeeze(sample_weight, -1)
    elif rank - weights_rank == 1:
        sample_weight = K.expand_dims(sample_weight, -1)
    return y_pred, y_true, sample_weight


def reduce_weighted_loss(weighted_losses: Value, reduction: str = Reduction.SUM_OVER_BATCH_SIZE) -> Value:
    """One number from weighted losses; the losses themselves for Reduction.NONE."""
    if reduction == Reduction.NONE:
        return weighted_losses
    if reduction == Reduction.SUM_OVER_BATCH_SIZE:
        return K.mean(weighted_losses)
    return K.sum(weighted_losses)


def broadcast_weights(values: Any, sample_weight: Any) -> Any:
    """sample_weight with axes of size 1 behind, so that it multiplies values sample by sample.

    Raises:
        ValueError: if it has more axes than values, or a size that is neither 1 nor the same.
    """
    rank, weights_rank = K.ndim(values), K.ndim(sample_weight)
    shape, weights_shape = K.int_shape(values), K.int_shape(sample_weight)
    fits = weights_rank <= rank and all(
        weight in (1, None) or size is None or weight == size
        for weight, size in zip(weights_shape, shape, strict=False)
    )
    if not fits:
        raise ValueError(f"Incompatible shapes: `values` {shape} vs `sample_weight` {weights_shape}")
    for _ in range(rank - weights_rank):
        sample_weight = K.expand_dims(sample_weight, -1)
    return sample_weight


def compute_weighted_loss(
    losses: Any,
    sample_weight: Any = None,
    reduction: str = Reduction.SUM_OVER_BATCH_SIZE,
    name: str | None = None,
) -> Value:
    """Losses of single samples, weighted and reduced.

    Args:
        losses: (batch, ...).
        sample_weight: scalar, or a tensor of the leading axes of losses; None for all ones.
        reduction: one of Reduction.

    Raises:
        ValueError: for an unknown reduction or weights that do not fit.
    """
    Reduction.validate(reduction)
    if not K.is_tensor(losses):
        losses = K.constant(losses)
    if sample_weight is not None:
        if not K.is_tensor(sample_weight):
            sample_weight = K.constant(sample_weight, dtype=K.dtype(losses))
        sample_weight = K.cast(sample_weight, K.dtype(losses))
        losses, _, sample_weight = squeeze_or_expand_dimensions(losses, None, sample_weight)
        losses = losses * broadcast_weights(losses, sample_weight)
    return reduce_weighted_loss(losses, reduction)
