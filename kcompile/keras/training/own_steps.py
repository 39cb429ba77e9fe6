"""The steps of a model that writes them itself: ``train_step``, ``test_step``, ``predict_step``.

A step is traced once for data of a form into one graph of updates and runs as built-in steps do. What cannot
be traced, a Python ``if`` on a number for instance, runs operator by operator, and says so once, and where.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...ir import Constant
from ..utils.launch import launched
from .nests import Structure
from .steps import Alone
from .traced_calls import Run, TracedCall, bridge, types_of, why_eager


class OwnSteps(Alone):
    """Train, test and predict steps of a model that has its own.

    Args:
        model: whose steps they are.
        run_eagerly: whether they run operator by operator.
        devices: torch's names of those that share each batch in training and evaluation; empty for one.

    Attributes:
        reported: names of what the steps returned so far, for callbacks.
        seed: of the random numbers of traces, drawn when the first is made.
    """

    def __init__(self, model: Any, run_eagerly: bool = False, devices: Sequence[str] = ()) -> None:
        super().__init__()
        self.model = model
        self.run_eagerly = run_eagerly
        self.functions: dict[str, Any] = {}
        self.reported: list[str] = []
        self._devices = devices
        self._made: dict[Any, TracedCall] = {}
        self._told: set[str] = set()
        self._traces: dict[str, int] = {}
        self._lowered: dict[tuple[str, int], Any] = {}
        self._generators_of: dict[tuple[str, int], Sequence[np.ndarray]] = {}
        self.seed: int | None = None

    def train(self, weighted: Any) -> Run:
        """One training step: arrays in, the logs out, still on the device.

        Args: weighted: how the arrays are nested.
        """
        return partial(self.run, "train", weighted)

    def test(self, weighted: Any) -> Run:
        """One step of evaluation."""
        return partial(self.run, "test", weighted)

    def run(self, mode: str, structure: Structure, arrays: Sequence[Any]) -> Any:
        """What a step returns for a batch, with tensors of PyTorch in it."""
        batch = bridge().as_batch(arrays)
        types = types_of(batch)
        key = mode, structure, tuple([(dtype, len(shape)) for dtype, shape in types])
        call = self._made.get(key)
        if call is None:
            eager = self.run_eagerly or any(map(bridge().is_composite, batch))
            call = self._made[key] = self._call(mode, structure, eager)
        found = call(batch, types)
        if mode != "predict" and isinstance(found, Mapping):
            prefix = "" if mode == "train" else "val_"
            for name in found:
                if prefix + name not in self.reported:
                    self.reported.append(prefix + name)
        return found

    def replace(self, mode: str, function: Any) -> None:
        """What a program puts in the place of ``model.train_function``; None: it is made anew."""
        self.functions[mode] = function

    def made(self) -> dict[tuple[str, int], Any]:
        """The lowered steps there are, by what they do and their number."""
        return self._lowered

    def restore_generators(self, key: tuple[str, int], states: Sequence[np.ndarray]) -> None:
        """Puts back the states of a step's generators of random numbers, now or when it is made."""
        step = self._lowered.get(key)
        if step is None:
            self._generators_of[key] = states
        else:
            bridge().set_generator_states(step.module, states)

    def make(self, mode: str) -> None:
        """Nothing: a step is made when it is first run."""

    def results(self) -> list[Any]:
        """The present values of the metrics."""
        return [float(metric.result()) for metric in self.model.metrics]

    def function(self, mode: str) -> Callable[[Any], Any]:
        """What is to be done with the data of a batch, in the user's words."""
        model = self.model
        if not model._overrides_step(f"make_{mode}_function"):
            return getattr(model, f"{mode}_step")
        make = getattr(model, f"make_{mode}_function")

        def by_function(data: Any) -> Any:
            function = make() or self.functions[mode]
            return function(iter([data]))

        return by_function

    def _call(self, mode: str, structure: Structure, eager: bool) -> TracedCall:
        def function(tensors: Sequence[Any]) -> Any:
            returned = self.function(mode)(structure.pack(tensors))
            self.model._forget_losses_at_once()
            return returned

        phase: Any = "train" if mode == "train" else "inference"
        return TracedCall(
            function,
            phase,
            partial(self._tell, mode),
            eager,
            partial(self._seed, mode),
            partial(self._keep, mode),
            None if mode == "predict" else divided(self._devices),
        )

    def _keep(self, mode: str, step: Any) -> None:
        key = mode, sum(made == mode for made, _ in self._lowered)
        self._lowered[key] = step
        if key in self._generators_of:
            self.restore_generators(key, self._generators_of.pop(key))

    def _seed(self, mode: str) -> int:
        """What the next trace draws from, whenever it is made: a training that goes on traces again."""
        if self.seed is None:
            self.seed = int(np.random.randint(2**31))
        number = self._traces[mode] = self._traces.get(mode, -1) + 1
        drawn = np.random.SeedSequence([self.seed, *mode.encode(), number])
        return int(drawn.generate_state(1)[0])

    def _tell(self, mode: str, error: Exception) -> None:
        """Warns once that a step runs operator by operator."""
        if mode not in self._told:
            self._told.add(mode)
            warnings.warn(why_eager(f"{type(self.model).__name__}.{mode}_step", error), stacklevel=4)


def divided(devices: Sequence[str]) -> Callable[[Any], Any] | None:
    """What makes steps that share each batch: devices, or processes of torchrun; None where there is one."""
    launch = launched()
    if not devices and launch is None:
        return None
    from ...torch_bridge import parallel

    return parallel.divided_step(devices, launch)


class LastLogs:
    """What the steps of an epoch returned last, kept on the device until somebody reads it."""

    total, seen = 0.0, 0  # of a mean, which there is none

    def __init__(self) -> None:
        self.last: Any = None

    def add(self, logs: Any, samples: int) -> None:
        """One more batch."""
        self.last = logs

    def latest(self) -> dict[str, Any]:
        """Name -> number."""
        if self.last is None:
            return {}
        if not isinstance(self.last, Mapping):
            raise ValueError(
                f"train_step and test_step return a dict from names to numbers; found {self.last!r}."
            )
        return {name: as_number(value) for name, value in self.last.items()}

    means = latest


def as_number(value: Any) -> Any:
    """A number, or an array, of what a step returned. Waits for the device."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, Constant):
        value = value.array
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array
