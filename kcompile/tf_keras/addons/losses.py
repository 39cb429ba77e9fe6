"""``tfa.losses``: one number for each sample, or for the batch where the docstring says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ir import Value, op
from ...keras import backend as K
from ...keras.losses import Loss


def sigmoid_focal_crossentropy(
    y_true: Any, y_pred: Any, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False
) -> Value:
    """Crossentropy in which what is easy counts less (Lin et al. 2017), summed over the last axis.

    Args:
        y_true: (batch, ..., classes), 0 or 1.
        y_pred: probabilities of that shape; with ``from_logits`` what a sigmoid makes them of.
        alpha: weight of what is 1; the rest has 1 - alpha.
        gamma: how much less.
    """
    true = K.cast(y_true, y_pred.dtype.name)
    entropy = K.binary_crossentropy(true, y_pred, from_logits=from_logits)
    chance = K.sigmoid(y_pred) if from_logits else y_pred
    hit = true * chance + (1.0 - true) * (1.0 - chance)
    weight = (true * alpha + (1.0 - true) * (1.0 - alpha)) * K.pow(1.0 - hit, gamma)
    return K.sum(weight * entropy, axis=-1)


def contrastive_loss(y_true: Any, y_pred: Any, margin: float = 1.0) -> Value:
    """Small distances for pairs that belong together, ``margin`` or more for others (Hadsell et al. 2006).

    Args:
        y_true: 1 for pairs that belong together, else 0.
        y_pred: distances of that shape.
    """
    true = K.cast(y_true, y_pred.dtype.name)
    apart = K.square(K.maximum(margin - y_pred, 0.0))
    return true * K.square(y_pred) + (1.0 - true) * apart


def npairs_loss(y_true: Any, y_pred: Any) -> Value:
    """N pairs (Sohn 2016), a single number: crossentropy of each anchor's likeness to each of the others.

    Args:
        y_true: (batch,) classes.
        y_pred: (batch, batch) likenesses of anchors and positives.
    """
    classes = K.reshape(y_true, (-1, 1))
    same = K.cast(K.equal(classes, K.transpose(classes)), y_pred.dtype.name)
    wanted = same / K.sum(same, axis=1, keepdims=True)
    return K.mean(-K.sum(wanted * op.LogSoftmax(y_pred, axis=-1), axis=-1))


class _Of(Loss):
    """A loss of a function and its settings."""

    function: Callable[..., Value]

    def __init__(self, reduction: str, name: str, **settings: Any) -> None:
        super().__init__(reduction=reduction, name=name)
        self._settings = settings

    def call(self, y_true: Any, y_pred: Any) -> Value:
        return type(self).function(y_true, y_pred, **self._settings)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._settings}


class SigmoidFocalCrossEntropy(_Of):
    """``sigmoid_focal_crossentropy`` as a Loss, by default one number for each sample."""

    function = staticmethod(sigmoid_focal_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        reduction: str = "none",
        name: str = "sigmoid_focal_crossentropy",
    ) -> None:
        super().__init__(reduction, name, from_logits=from_logits, alpha=alpha, gamma=gamma)


class ContrastiveLoss(_Of):
    """``contrastive_loss`` as a Loss."""

    function = staticmethod(contrastive_loss)

    def __init__(
        self, margin: float = 1.0, reduction: str = "sum_over_batch_size", name: str = "contrastive_loss"
    ) -> None:
        super().__init__(reduction, name, margin=margin)


class NpairsLoss(_Of):
    """``npairs_loss`` as a Loss."""

    function = staticmethod(npairs_loss)

    def __init__(self, name: str = "npairs_loss") -> None:
        super().__init__("none", name)


__all__ = [
    "ContrastiveLoss",
    "NpairsLoss",
    "SigmoidFocalCrossEntropy",
    "contrastive_loss",
    "npairs_loss",
    "sigmoid_focal_crossentropy",
]
