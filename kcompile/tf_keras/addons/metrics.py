"""``tfa.metrics``: those that Keras has by now, called as there."""

from __future__ import annotations

from typing import Any

from ...keras import metrics


class FBetaScore(metrics.FBetaScore):
    """Weighted harmonic mean of precision and recall.

    Args:
        num_classes: accepted; the labels say it.
        average, beta, threshold: as in Keras.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average=average, beta=beta, threshold=threshold, name=name, dtype=dtype)


class F1Score(FBetaScore):
    """FBetaScore of beta 1."""

    def __init__(
        self,
        num_classes: int | None = None,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(num_classes, average, 1.0, threshold, name, dtype)


__all__ = ["F1Score", "FBetaScore"]
