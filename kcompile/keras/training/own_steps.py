"""The steps of a model that writes them itself: ``train_step``, ``test_step``, ``predict_step``.

A step is traced once for data of a form into one graph of updates and runs as built-in steps do. What cannot
be traced, a Python ``if`` on a number for instance, runs operator by operator, and says so once, and where.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...ir import Constant, Trace, Value, eagerly, tracing
from ...ir import Phase as GraphPhase
from ..utils.launch import launched
from .nests import Structure, flatten
from .steps import Alone

Types = tuple[tuple[Any, tuple[int, ...]], ...]
Run = Callable[[Sequence[Any]], Any]
_PACKAGE = str(Path(__file__).parents[2])


class OwnSteps(Alone):
    """Train, test and predict steps of a model that has its own.

    Args:
        model: whose steps they are.
        run_eagerly: whether they run operator by operator.
        devices: must be empty: the gradients are the step's own affair, nobody could add them up.

    Attributes:
        reported: names of what the steps returned so far, for callbacks.
    """

    def __init__(self, model: Any, run_eagerly: bool = False, devices: Sequence[str] = ()) -> None:
        super().__init__()
        self.model = model
        self.run_eagerly = run_eagerly
        self.functions: dict[str, Any] = {}
        self.reported: list[str] = []
        self._devices = devices
        self._made: dict[Any, _Form] = {}
        self._told: set[str] = set()

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
        if self._devices or launched():
            raise NotImplementedError(
                f"{type(self.model).__name__} has a {mode}_step of its own, which one device computes: what "
                "it does with gradients is its own affair, so nobody can add them up over several devices."
            )
        batch = _bridge().as_batch(arrays)
        types = tuple([(x.dtype, tuple(x.shape)) for x in batch])
        key = mode, structure, tuple([(dtype, len(shape)) for dtype, shape in types])
        form = self._made.get(key)
        if form is None:
            form = self._made[key] = _Form(self, mode, structure)
        found = form.step(types)(batch)
        if mode != "predict" and isinstance(found, Mapping):
            prefix = "" if mode == "train" else "val_"
            for name in found:
                if prefix + name not in self.reported:
                    self.reported.append(prefix + name)
        return found

    def replace(self, mode: str, function: Any) -> None:
        """What a program puts in the place of ``model.train_function``; None: it is made anew."""
        self.functions[mode] = function

    def made(self) -> dict[Any, Any]:
        """The steps that are there before the first batch: none."""
        return {}

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

    def say_where(self, mode: str, error: Exception) -> None:
        """Warns once that a step runs operator by operator."""
        if mode in self._told:
            return
        self._told.add(mode)
        warnings.warn(
            f"{type(self.model).__name__}.{mode}_step runs eagerly, operator by operator, which is slower: "
            f"it cannot be traced into a graph because of {_place(error)}: {error}",
            stacklevel=2,
        )


def _bridge() -> Any:
    from ...torch_bridge import own_step

    return own_step


class _Form:
    """A step for data of one nesting, of any sizes.

    The first batch is traced with its sizes. Where a later one differs in an axis, that axis is open from
    then on, if the step can be traced so; otherwise there is a trace for each size, up to a few.
    """

    _MOST = 8

    def __init__(self, steps: OwnSteps, mode: str, structure: Structure) -> None:
        self.steps, self.mode, self.structure = steps, mode, structure
        self._by_sizes: dict[Types, Run] = {}
        self._open: Run | None = None
        self._open_dims: list[list[Any]] = []
        self._eager: Run | None = self._run_eagerly if steps.run_eagerly else None

    def step(self, types: Types) -> Run:
        """What runs a batch of these types."""
        if self._eager is not None:
            return self._eager
        return self._by_sizes.get(types) or self._make(types)

    def _make(self, types: Types) -> Run:
        if self._open is not None and self._fits(types):
            return self._open
        error: Exception | None = None
        if self._by_sizes:
            dims = _opened([*self._by_sizes, types])
            try:
                self._open, self._open_dims = self._traced(types, dims), dims
                return self._open
            except Exception as found:
                error = found
        if len(self._by_sizes) < self._MOST:
            try:
                self._by_sizes[types] = made = self._traced(types, [list(shape) for _, shape in types])
                return made
            except Exception as found:
                error = found
        assert error is not None
        return partial(self._first_eagerly, error)

    def _fits(self, types: Types) -> bool:
        return all(
            all(not isinstance(d, int) or d == n for d, n in zip(dims, shape, strict=True))
            for dims, (_, shape) in zip(self._open_dims, types, strict=True)
        )

    def _traced(self, types: Types, dims: list[list[Any]]) -> Run:
        bridge = _bridge()
        placeholders = [
            Value(bridge.numpy_type(dtype), shape, f"data_{i}")
            for i, ((dtype, _), shape) in enumerate(zip(types, dims, strict=True))
        ]
        model = self.steps.model
        with tracing(Trace(placeholders)) as trace:
            returned = self.steps.function(self.mode)(self.structure.pack(placeholders))
            model._forget_losses_at_once()
        leaves, structure = flatten(returned)
        tensors = [leaf for leaf in leaves if isinstance(leaf, Value)]
        phase: GraphPhase = "train" if self.mode == "train" else "inference"
        step = bridge.OwnStep(trace.graph(tensors, phase))

        def run(batch: Sequence[Any]) -> Any:
            found = iter(step(*batch))
            return structure.pack([next(found) if isinstance(leaf, Value) else leaf for leaf in leaves])

        return run

    def _first_eagerly(self, error: Exception, batch: Sequence[Any]) -> Any:
        """A step that could not be traced: an error that is the program's own comes again here."""
        found = self._run_eagerly(batch)
        self._eager = self._run_eagerly
        self.steps.say_where(self.mode, error)
        return found

    def _run_eagerly(self, batch: Sequence[Any]) -> Any:
        bridge = _bridge()
        interpreter, tensors = bridge.eager_batch(batch)
        with eagerly(interpreter):
            returned = self.steps.function(self.mode)(self.structure.pack(tensors))
            leaves, structure = flatten(returned)
            return structure.pack(bridge.tensors_of(interpreter, leaves))


def _opened(seen: Sequence[Types]) -> list[list[Any]]:
    """The sizes that all batches agree in; the others by name, axes of samples by one name."""
    first: list[list[Any]] = [list(shape) for _, shape in seen[0]]
    lengths = {tuple([shape[0] for _, shape in types if shape]) for types in seen}
    common = all(len(set(each)) == 1 for each in lengths)
    for i, dims in enumerate(first):
        for axis in range(len(dims)):
            if len({types[i][1][axis] for types in seen}) > 1:
                dims[axis] = "batch" if axis == 0 and common else f"data_{i}_dim{axis}"
    return first


def _place(error: Exception) -> str:
    """The line of the program that could not be traced."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)]
    if not own:
        return "this"
    return f"{own[-1].filename}:{own[-1].lineno}"


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
