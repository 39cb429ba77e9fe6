"""Finding a learning rate: a short training whose rate grows from step to step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import backend as K
from .. import registry
from ..utils.plots import plot_rates
from .base import Callback

_SMOOTHING = 0.9
_DIVERGED = 4.0


@dataclass
class LearningRates:
    """What a search found.

    Attributes:
        rates: the learning rates that were tried, growing.
        losses: the loss of the batch with each, smoothed over the last ones.
        suggestion: the rate where the loss fell fastest; None where it never fell.
    """

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    @property
    def suggestion(self) -> float | None:
        if len(self.losses) < 3:
            return None
        slopes = np.gradient(np.asarray(self.losses), np.log(self.rates))
        steepest = int(np.argmin(slopes))
        return self.rates[steepest] if slopes[steepest] < 0 else None

    def plot(self, to_file: Any = None) -> Any:
        """Losses over rates, by matplotlib; see ``keras.utils.plots.plot_rates``."""
        return plot_rates(self.rates, self.losses, self.suggestion, to_file)


class LearningRateFinder(Callback):
    """Trains with a rate that grows from batch to batch, and puts everything back as it was. (Smith 2017)

    Training ends after ``steps`` batches, or where the loss is four times the least one or is not finite.
    Weights, optimizer, metrics and random numbers are as before then.

    Args:
        lowest, highest: the first and the last rate.
        steps: how many rates, evenly apart on a logarithmic scale.

    Attributes:
        found: LearningRates.

    Raises:
        ValueError: for rates or steps that do not grow from above 0; when training begins, for an optimizer
            whose rate follows a schedule.
    """

    def __init__(self, lowest: float = 1e-7, highest: float = 1.0, steps: int = 100) -> None:
        super().__init__()
        if not 0 < lowest < highest or steps < 2:
            raise ValueError(
                "LearningRateFinder needs 0 < lowest < highest and at least 2 steps; found "
                f"{lowest}, {highest} and {steps}."
            )
        self.tried = [float(rate) for rate in np.geomspace(lowest, highest, steps)]
        self.found = LearningRates()
        self._state: Any = None
        self._before: Any = None
        self._mean = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        rate = self.model.optimizer.learning_rate
        if not hasattr(rate, "assign"):
            raise ValueError(
                f"LearningRateFinder sets the learning rate; that of {type(self.model.optimizer).__name__} "
                f"follows {type(rate).__name__}: compile with a number to search."
            )
        self.found, self._mean = LearningRates(), 0.0
        self._state = self.model._fit_state
        self._before = self._state.snapshot()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        K.set_value(self.model.optimizer.learning_rate, self.tried[len(self.found.rates)])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = float(logs["loss"])
        if np.isfinite(loss):
            self._mean = _SMOOTHING * self._mean + (1 - _SMOOTHING) * loss
            count = len(self.found.rates) + 1
            self.found.rates.append(self.tried[count - 1])
            self.found.losses.append(self._mean / (1 - _SMOOTHING**count))
        losses = self.found.losses
        diverged = not np.isfinite(loss) or losses[-1] > _DIVERGED * abs(min(losses)) + 1e-12
        if diverged or len(losses) == len(self.tried):
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        self._state.restore(self._before)
        self._state = self._before = None
        self.model.stop_training = False


def find_learning_rate(
    model: Any,
    x: Any,
    y: Any = None,
    lowest: float = 1e-7,
    highest: float = 1.0,
    steps: int = 100,
    batch_size: int | None = None,
    **kwargs: Any,
) -> LearningRates:
    """Searches a learning rate by a short training of a compiled model, which is then as it was before.

    Args:
        model: compiled, its optimizer with a number for a learning rate.
        x, y, batch_size, **kwargs: as for ``fit``.
        lowest, highest, steps: as for LearningRateFinder.

    Returns:
        LearningRates: ``rates``, ``losses``, ``suggestion`` and ``plot()``.

    Shapes of x and y are those that ``fit`` takes.

    Raises:
        ValueError: as LearningRateFinder.
    """
    finder = LearningRateFinder(lowest, highest, steps)
    history = model.history
    model.fit(x, y, batch_size=batch_size, epochs=steps, verbose=0, callbacks=[finder], **kwargs)
    model.history = history
    return finder.found


registry.register(globals())
