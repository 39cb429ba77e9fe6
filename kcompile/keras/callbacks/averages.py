"""The callback that evaluates and saves a model with the moving averages of its weights."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ...ir import assign_all
from .. import registry
from .base import Callback


class SwapEMAWeights(Callback):
    """Puts the moving averages in the place of the weights while the model is evaluated or predicts.

    Args:
        swap_on_epoch: also from the end of an epoch to the beginning of the next, so that a ModelCheckpoint
            behind it saves the averages.

    The optimizer keeps them with ``use_ema=True``. As in Keras 3.

    Raises:
        ValueError: when training or evaluation begins, without ``use_ema``.
    """

    _kept: ClassVar[tuple[str, ...]] = ("_trained",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._trained: list[np.ndarray] | None = None  # what the averages stand in the place of

    def _to_averages(self) -> None:
        optimizer = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights needs an optimizer that keeps moving averages of the weights: give "
                f"{type(optimizer).__name__} use_ema=True."
            )
        if self._trained is None:
            weights = self.model._trained_weights
            self._trained = [weight.numpy() for weight in weights]
            averages = optimizer.averages_of(weights)  # none before the first step
            assign_all((w, average.numpy()) for w, average in zip(weights, averages, strict=False))

    def _back(self) -> None:
        if self._trained is not None:
            assign_all(zip(self.model._trained_weights, self._trained, strict=True))
            self._trained = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._back()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.swap_on_epoch:
            self._to_averages()

    def on_train_end(self, logs: Any = None) -> None:
        self._trained = None  # the weights are the averages from now on

    def on_test_begin(self, logs: Any = None) -> None:
        self._to_averages()

    def on_test_end(self, logs: Any = None) -> None:
        self._back()

    def on_predict_begin(self, logs: Any = None) -> None:
        self._to_averages()

    def on_predict_end(self, logs: Any = None) -> None:
        self._back()


registry.register(globals())
