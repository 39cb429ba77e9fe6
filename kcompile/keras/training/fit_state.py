"""Where a fit is, with all that its next step depends on, so that another process can go on from there."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ...ir import Parameter, assign_all
from .. import optimizers
from ..callbacks import CallbackList
from .compiled_network import CompiledNetwork
from .data_adapters import DataAdapter, StepInputs
from .own_steps import LastLogs, OwnSteps

Arrays = dict[str, np.ndarray]
Writer = Callable[[Arrays], None]


class FitState:
    """The place of a fit among its epochs and batches; fit goes through both by it.

    Args:
        model: that is trained.
        callbacks: of this fit.
        initial_epoch: where it begins.

    Attributes:
        epoch: the epoch that goes on, from 0.
        batch: how many of its batches are done.
    """

    def __init__(self, model: CompiledNetwork, callbacks: CallbackList, initial_epoch: int) -> None:
        self.model = model
        self.callbacks = callbacks
        self.epoch = initial_epoch
        self.batch = 0
        self._weighted: Any = False
        self._means: Any = None  # of this epoch
        self._order: Arrays = {}  # the random numbers from which the order of this epoch was drawn
        self._writers: list[Writer] = []
        self._resumed: Arrays | None = None
        self._to_complete: Arrays | None = None  # what waits for variables that a step of one's own makes

    # --- going on -------------------------------------------------------------------------------------------

    def epochs(self, epochs: int) -> Iterator[int]:
        """The epochs to go through, until training is to stop."""
        if self._resumed is not None:
            self._restore(self._resumed)  # again: other callbacks have begun since
        while self.epoch < epochs and not self.model.stop_training:
            yield self.epoch
            self.epoch += 1
            self.batch = 0
            self._means = None
            self._write()

    def batches(self, source: DataAdapter, means: Any) -> Iterator[tuple[int, StepInputs]]:
        """The batches of an epoch by number, without those that were done before it was interrupted."""
        self._means = means
        resumed, self._resumed = self._resumed if self.batch else None, None
        done, is_own = self.batch, self._to_complete is not None
        if resumed is not None:
            _set_random_numbers(_part(resumed, "order"))
        self._order = _random_numbers()
        for index, batch in enumerate(source.epoch()):
            if is_own and not index:
                self._complete(batch)
            if index < done:
                continue
            if resumed is not None:
                self._restore(resumed)  # again: the epoch has begun since, for metrics and callbacks
                resumed = None
            self._weighted = batch.weighted
            yield index, batch
            self.batch = index + 1
            self._write()
        if resumed is not None:  # it was interrupted between its last batch and its end
            self._restore(resumed)

    # --- writing --------------------------------------------------------------------------------------------

    def write_next(self, writer: Writer) -> None:
        """Hands the state to ``writer`` when all callbacks have heard of this batch or epoch."""
        self._writers.append(writer)

    def _write(self) -> None:
        if self._writers:
            writers, self._writers = self._writers, []
            arrays = self._arrays()
            for writer in writers:
                writer(arrays)

    def _arrays(self) -> Arrays:
        position = [self.epoch, self.batch, self.model.stop_training]
        arrays: Arrays = {
            "position": np.array(position, np.int64),
            "weighted": np.frombuffer(_text_of(self._weighted).encode(), np.uint8),
            **_under("weights", {str(i): w.numpy() for i, w in enumerate(self._weights())}),
            **_under("random", _random_numbers()),
            **_under("generators", self._generators()),
            **_under("callbacks", self._kept()),
        }
        if isinstance(self.model._compiled_steps, OwnSteps) and self.model._compiled_steps.seed is not None:
            arrays["seed"] = np.array(self.model._compiled_steps.seed)
        if self.batch and self._means is not None:
            arrays |= _under("order", self._order)
            arrays["means"] = np.array([float(self._means.total), self._means.seen])
            if isinstance(self._means, LastLogs):
                logs = self._means.latest()
                arrays |= _under("logs", {name: np.asarray(value) for name, value in logs.items()})
        return arrays

    def snapshot(self) -> Arrays:
        """The state as it is now, for ``restore``."""
        if self.model._compiled_steps is not None:
            self.model._compiled_steps.train(self._weighted)  # makes the optimizer's state
        return self._arrays()

    # --- reading --------------------------------------------------------------------------------------------

    def resume(self, arrays: Arrays) -> None:
        """Goes on from what a writer was given, by the same program.

        Raises:
            ValueError: for the state of another model.
        """
        self.epoch, self.batch, stopped = map(int, arrays["position"])
        self._weighted = _weighting(arrays["weighted"].tobytes().decode())
        self.model.stop_training = bool(stopped)
        self._resumed = arrays
        if isinstance(self.model._compiled_steps, OwnSteps):
            self._to_complete = arrays
            if "seed" in arrays:
                self.model._compiled_steps.seed = int(arrays["seed"])
        self._restore(arrays)

    def restore(self, arrays: Arrays) -> None:
        """Puts back what ``snapshot`` gave."""
        self._restore(arrays)

    def _complete(self, batch: StepInputs) -> None:
        """Runs a step of one's own, which makes the variables of its optimizers, and takes it back."""
        arrays, self._to_complete = self._to_complete, None
        assert arrays is not None
        random_numbers = _random_numbers()
        self.model._compiled_steps.train(batch.weighted)(batch.arrays)
        self._restore(arrays)
        _set_random_numbers(random_numbers)

    def _restore(self, arrays: Arrays) -> None:
        if self._to_complete is not None:
            _set_random_numbers(_part(arrays, "random"))
            return
        if self.model._compiled_steps is not None:
            self.model._compiled_steps.train(self._weighted)  # makes the optimizer's state and the generators
        weights, found = self._weights(), _part(arrays, "weights")
        shapes = [found[str(i)].shape if str(i) in found else None for i in range(len(weights))]
        if len(found) != len(weights) or any(
            shape != w.storage.array.shape for shape, w in zip(shapes, weights, strict=True)
        ):
            raise ValueError(
                f"It is the state of another model: it has {len(found)} weights, with the optimizer's and "
                f"the metrics', and {self.model.name} has {len(weights)}, or their shapes differ."
            )
        assign_all((w, found[str(i)]) for i, w in enumerate(weights))
        self._set_generators(_part(arrays, "generators"))
        self._set_kept(_part(arrays, "callbacks"))
        if self._means is not None and "means" in arrays:
            total, seen = arrays["means"].tolist()
            self._means.total, self._means.seen = total, int(seen)
            if isinstance(self._means, LastLogs):
                logs = _part(arrays, "logs")
                self._means.last = {name: x.item() if x.ndim == 0 else x for name, x in logs.items()}
        _set_random_numbers(_part(arrays, "random"))

    # --- what there is --------------------------------------------------------------------------------------

    def _weights(self) -> list[Parameter]:
        """All that steps read and change: weights, states, metrics, what optimizers keep and are told."""
        model = self.model
        found = [*model.weights]
        for metric in model.metrics:
            found += metric.weights
        for each in _optimizers_in(list(vars(model).values())):
            found += [*each.weights, *(v for v in vars(each).values() if isinstance(v, Parameter))]
        if model._compiled_steps is not None:
            for step in model._compiled_steps.made().values():
                found += step.module.meta["signature"].parameters.values()
        return list(dict.fromkeys(found))

    def _generators(self) -> Arrays:
        """The states of the generators of operators with a seed, by the step that has them."""
        steps = {} if self.model._compiled_steps is None else self.model._compiled_steps.made()
        return {
            f"{mode}/{_text_of(weighted)}/{i}": state
            for (mode, weighted), step in steps.items()
            for i, state in enumerate(_of_torch().generator_states(step.module))
        }

    def _set_generators(self, states: Arrays) -> None:
        of_step: dict[tuple[str, Any], list[np.ndarray]] = {}
        for name, state in states.items():
            mode, text, _ = name.split("/")
            of_step.setdefault((mode, _weighting(text)), []).append(state)
        steps = self.model._compiled_steps
        for (mode, weighted), own in of_step.items():
            if isinstance(steps, OwnSteps):
                steps.restore_generators((mode, weighted), own)
                continue
            (steps.train if mode == "train" else steps.test)(weighted)
            _of_torch().set_generator_states(steps.made()[mode, weighted].module, own)

    def _kept(self) -> Arrays:
        """What callbacks go by: attributes that are a number or a list of arrays, by class and name."""
        found: Arrays = {}
        for key, callback in self._keeping():
            found[key] = np.zeros(0)  # it was there
            for name in callback._kept:
                value = getattr(callback, name)
                if isinstance(value, list):
                    found |= _under(f"{key}/{name}", {str(i): np.asarray(x) for i, x in enumerate(value)})
                elif value is not None:
                    found[f"{key}/{name}"] = np.asarray(value)
        return found

    def _set_kept(self, found: Arrays) -> None:
        for key, callback in self._keeping():
            for name in callback._kept if key in found else ():
                value: Any = None
                if f"{key}/{name}" in found:
                    value = found[f"{key}/{name}"].item()
                elif arrays := _part(found, f"{key}/{name}"):
                    value = [arrays[str(i)] for i in range(len(arrays))]
                setattr(callback, name, value)

    def _keeping(self) -> Iterator[tuple[str, Any]]:
        """The callbacks that go by something, by their class and their place among those of it."""
        names: list[str] = []
        for callback in self.callbacks:
            if getattr(callback, "_kept", ()):
                names.append(type(callback).__name__)
                yield f"{names[-1]}_{names.count(names[-1])}", callback


def _optimizers_in(values: list[Any]) -> Iterator[optimizers.Optimizer]:
    """The optimizers among values, and in lists and dicts of them."""
    for value in values:
        if isinstance(value, optimizers.Optimizer):
            yield value
        elif isinstance(value, list | tuple | dict):
            yield from _optimizers_in(list(value.values() if isinstance(value, dict) else value))


def _text_of(weighted: Any) -> str:
    """Whether a step takes weights, and of which forms, as text; of one's own its number."""
    return json.dumps(weighted if isinstance(weighted, bool | int | tuple) else False)


def _weighting(text: str) -> Any:
    """What ``_text_of`` wrote."""
    found = json.loads(text)
    return found if isinstance(found, bool | int) else tuple(x if x is None else tuple(x) for x in found)


def _under(head: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    return {f"{head}/{name}": array for name, array in arrays.items()}


def _part(arrays: Mapping[str, np.ndarray], head: str) -> Arrays:
    return {name[len(head) + 1 :]: array for name, array in arrays.items() if name.startswith(f"{head}/")}


def _of_torch() -> ModuleType:
    from ...torch_bridge import random_state

    return random_state


def _random_numbers() -> Arrays:
    """What Python's, numpy's and torch's random numbers go on from."""
    _, key, *rest = np.random.get_state()
    _, numbers, gauss = random.getstate()
    return {
        "numpy": np.asarray(key),
        "numpy_rest": np.array(rest, np.float64),
        "python": np.array(numbers, np.uint32),
        "python_rest": np.array(math.nan if gauss is None else gauss),
        **_of_torch().random_state(),
    }


def _set_random_numbers(found: Arrays) -> None:
    position, has_gauss, gauss = found["numpy_rest"].tolist()
    np.random.set_state(("MT19937", found["numpy"], int(position), int(has_gauss), gauss))
    rest = float(found["python_rest"])
    random.setstate((3, tuple(map(int, found["python"])), None if math.isnan(rest) else rest))
    _of_torch().set_random_state(found)
