"""How sparse weights are to be at each step of training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from .. import registry


class PruningSchedule(ABC):
    """Which share of the weights is 0 at a step; made to be subclassed.

    A call with the number of a step, from 0, returns whether weights are pruned anew in it, and the share.
    """

    @abstractmethod
    def __call__(self, step: int) -> tuple[bool, float]: ...

    @abstractmethod
    def get_config(self) -> dict[str, Any]:
        """``{"class_name": ..., "config": constructor arguments}``."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PruningSchedule:
        """A schedule from the constructor arguments, or from all that ``get_config`` returned."""
        return cls(**config.get("config", config))

    def _is_due(self, step: int, begin_step: int, end_step: int, frequency: int) -> bool:
        """Whether a step lies in the range, at the frequency; an end of -1 is none."""
        return (
            step >= begin_step and (end_step < 0 or step <= end_step) and (step - begin_step) % frequency == 0
        )


class ConstantSparsity(PruningSchedule):
    """The same share from one step on.

    Args:
        target_sparsity: share of zeros, in [0, 1).
        begin_step: first step in which weights are pruned.
        end_step: last one; -1 for no end.
        frequency: steps from one pruning to the next.

    Raises:
        ValueError: for a share, a step or a frequency out of these bounds.
    """

    def __init__(
        self, target_sparsity: float, begin_step: int, end_step: int = -1, frequency: int = 100
    ) -> None:
        _check_steps(begin_step, end_step, frequency, ends=True)
        self.target_sparsity = _share(target_sparsity, "target_sparsity")
        self.begin_step, self.end_step, self.frequency = begin_step, end_step, frequency

    def __call__(self, step: int) -> tuple[bool, float]:
        return self._is_due(step, self.begin_step, self.end_step, self.frequency), self.target_sparsity

    def get_config(self) -> dict[str, Any]:
        names = ("target_sparsity", "begin_step", "end_step", "frequency")
        return {"class_name": type(self).__name__, "config": {name: getattr(self, name) for name in names}}


class PolynomialDecay(PruningSchedule):
    """A share that grows quickly at first, then slower, to the last.

    ``final + (initial - final) * (1 - (step - begin) / (end - begin)) ** power`` (Zhu and Gupta 2017).

    Args:
        initial_sparsity, final_sparsity: shares of zeros, in [0, 1).
        begin_step, end_step: first and last step in which weights are pruned.
        power: 3 by default; 1 for a straight line.
        frequency: steps from one pruning to the next.

    Raises:
        ValueError: for a share, a step or a frequency out of these bounds.
    """

    def __init__(
        self,
        initial_sparsity: float,
        final_sparsity: float,
        begin_step: int,
        end_step: int,
        power: float = 3,
        frequency: int = 100,
    ) -> None:
        _check_steps(begin_step, end_step, frequency, ends=False)
        self.initial_sparsity = _share(initial_sparsity, "initial_sparsity")
        self.final_sparsity = _share(final_sparsity, "final_sparsity")
        self.begin_step, self.end_step = begin_step, end_step
        self.power, self.frequency = power, frequency

    def __call__(self, step: int) -> tuple[bool, float]:
        length = max(self.end_step - self.begin_step, 1)
        left = 1 - min(1.0, max(0.0, (step - self.begin_step) / length))
        share = self.final_sparsity + (self.initial_sparsity - self.final_sparsity) * left**self.power
        return self._is_due(step, self.begin_step, self.end_step, self.frequency), share

    def get_config(self) -> dict[str, Any]:
        names = ("initial_sparsity", "final_sparsity", "begin_step", "end_step", "power", "frequency")
        return {"class_name": type(self).__name__, "config": {name: getattr(self, name) for name in names}}


SCHEDULES = {cls.__name__: cls for cls in (ConstantSparsity, PolynomialDecay)}


def _share(value: float, name: str) -> float:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be in the range [0, 1); found {value!r}.")
    return float(value)


def _check_steps(begin_step: int, end_step: int, frequency: int, ends: bool) -> None:
    if begin_step < 0:
        raise ValueError(f"begin_step should be >= 0; found {begin_step!r}.")
    if end_step < begin_step and not (ends and end_step == -1):
        or_none = ", or -1 for no end" if ends else ""
        raise ValueError(f"end_step must be at least begin_step, {begin_step}{or_none}; found {end_step!r}.")
    if frequency <= 0:
        raise ValueError(f"frequency must be > 0; found {frequency!r}.")


registry.register(globals())
