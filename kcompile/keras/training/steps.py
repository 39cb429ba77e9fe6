"""The functions that a compiled model runs batch by batch, made when first asked for, on PyTorch."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ...ir import Graph
from ..optimizers.loss_scale import keep_small_gradients
from ..utils.launch import launched
from .compilation import Compiled
from .index_checks import IndexRangeError
from .outputs import Weighting
from .step_inputs import StepInputs

StepFunction = Callable[[Sequence[Any]], Any]


class Alone(ABC):
    """Steps of a model, which one thread at a time may use."""

    def __init__(self) -> None:
        self._using = threading.RLock()
        self._fitting = False

    @contextmanager
    def alone(self, fitting: bool = False) -> Iterator[None]:
        """Keeps other threads from the optimizer's state and the metrics, which there are once.

        They wait, unless one of them is in ``fit``, which may take hours.

        Args:
            fitting: whether it is.

        Raises:
            RuntimeError: if another thread is in ``fit``.
        """
        if not self._using.acquire(blocking=False):
            if self._fitting:
                raise RuntimeError(
                    "The model is being trained by fit() in another thread. Its optimizer and metrics can "
                    "serve one fit, evaluate or train_on_batch at a time: wait until that one is done, or "
                    "use a model of its own for this thread (clone_model, then set_weights)."
                )
            self._using.acquire()
        before, self._fitting = self._fitting, self._fitting or fitting
        try:
            yield
        finally:
            self._fitting = before
            self._using.release()

    @abstractmethod
    def train(self, weighted: Any) -> StepFunction:
        """One training step: arrays in, what it tells out, still on the device."""

    def train_together(self, batches: Sequence[StepInputs]) -> list[Any]:
        """Training steps on one batch after the other; what each tells."""
        return [self.train(batch.weighted)(batch.arrays) for batch in batches]


class Steps(Alone):
    """Train, test and result functions of one compile().

    Args:
        compiled: loss, metrics and their graphs.
        optimizer: a Keras optimizer.
        devices: torch's names of the devices that share each batch; empty for the one that there is.
        together: how many training steps are executed together.
    """

    def __init__(
        self, compiled: Compiled, optimizer: Any, devices: Sequence[str] = (), together: int = 1
    ) -> None:
        super().__init__()
        self.together = together
        self.compiled = compiled
        self.optimizer = optimizer
        self.devices = tuple(devices)
        self._made: dict[Any, Any] = {}
        self.functions: dict[str, Any] = {}
        self._own: dict[str, _OwnFunction] = {}
        self._last: _OwnFunction | None = None

    def train(self, weighted: Weighting) -> StepFunction:
        """One update: arrays in, the loss before the update out, still on the device."""
        return self._step_of("train", weighted, self._make_train)

    def test(self, weighted: Weighting) -> StepFunction:
        """One batch in test mode: arrays in, the loss out, still on the device; metrics go on."""
        return self._step_of("test", weighted, self._make_test)

    def train_together(self, batches: Sequence[StepInputs]) -> list[Any]:
        """The losses before the updates by one batch after the other, which are one change of the weights."""
        if len(batches) > 1 and len({batch.weighted for batch in batches}) == 1:
            run: Any = self.train(batches[0].weighted)
            together = getattr(run.args[0], "together", None) if isinstance(run, partial) else None
            if together is not None:
                with together():
                    return [run(batch.arrays) for batch in batches]
        return super().train_together(batches)

    def results(self) -> list[Any]:
        """The present values of the metrics, in the order of ``metrics_names[1:]``. Waits for the device."""
        if self._last is not None:
            return self._last.results
        step = self._get("results", self._make_results)
        if step is None:
            return []
        # a copy: a result that is an accumulator itself goes on changing
        return [float(value) if value.ndim == 0 else np.array(value.cpu().numpy()) for value in step()]

    def make(self, mode: str) -> None:
        """Makes a step, and the function of its name in Keras, unless somebody has put one of his own there.

        Args:
            mode: "train" or "test".
        """
        if mode in self._own:
            return
        getattr(self, mode)(False)
        self.functions.setdefault(mode, lambda arrays: self._run(mode, list(arrays)))

    def made(self) -> dict[tuple[str, Weighting], Any]:
        """The lowered steps there are, by what they do and whether with sample weights."""
        return {
            key: function.args[0]
            for key, function in self._made.items()
            if isinstance(function, partial) and hasattr(function.args[0], "module")
        }

    def replace(self, mode: str, function: Any) -> None:
        """Puts a function of the user's in place of a step; None: makes it anew when it is needed next."""
        self.functions.pop(mode, None)
        self._own.pop(mode, None)
        for key in [key for key in self._made if isinstance(key, tuple) and key[0] == mode]:
            del self._made[key]
        if function is not None:
            self.functions[mode] = function
            self._own[mode] = _OwnFunction(self.compiled, function)

    def _step_of(self, mode: str, weighted: Weighting, make: Callable[..., Any]) -> StepFunction:
        self._last = self._own.get(mode)
        return self._last.step(weighted) if self._last else self._get((mode, weighted), make)

    def _run(self, mode: str, arrays: list[Any]) -> list[Any]:
        """Keras's train_function and test_function: arrays in, the loss and the metrics of this batch out."""
        count = len(self.compiled.step_inputs(weighted=True))
        with self.alone():
            for metric in self.compiled.metrics:
                metric.reset_states()
            loss = getattr(self, mode)(len(arrays) >= count)(arrays[:count])
            return [np.float32(loss), *map(np.float32, self.results())]

    def _get(self, key: Any, make: Callable[..., Any]) -> Any:
        if key not in self._made:
            self._made[key] = make(key[1]) if isinstance(key, tuple) else make()
        return self._made[key]

    def _make_train(self, weighted: Weighting) -> StepFunction:
        from ...torch_bridge.optimizers import KERNELS

        compiled = self.compiled
        graph = compiled.train_graph(weighted)
        if any(node.precision == "float16" for node in graph.nodes):
            keep_small_gradients(self.optimizer)
        rule = self.optimizer.update_rule(compiled.trainable)
        constraints = compiled.constraints_graph()
        if rule is not None and rule.name in KERNELS:
            return self._step(graph, compiled.trainable, rule, constraints)
        # the optimizer's updates as values, for the loss with these weights
        (loss,) = graph.outputs
        updates = self.optimizer.get_updates(loss=loss, params=compiled.trainable)
        if self.devices or launched():
            return self._step(graph, (), None, constraints, updates)
        return self._step(compiled.train_graph(weighted, updates), compiled.trainable, None, constraints)

    def _make_test(self, weighted: Weighting) -> StepFunction:
        return self._step(self.compiled.test_graph(weighted))

    def _step(self, graph: Graph, *training: Any) -> StepFunction:
        """A step that evaluates, or that trains if told the weights, the optimizer's rule, the constraints
        and, in several processes, the optimizer's own updates.
        """
        launch = launched()
        if self.devices or launch:
            from ...torch_bridge import parallel

            _check_divisible(graph)
            if self.devices:
                step: Any = parallel.PoolStep(graph, self.devices, *training)
            elif launch:
                step = parallel.LaunchedStep(graph, launch.rank, launch.world, *training)
        else:
            made = _torch()
            if training:
                scale, again = self.optimizer._scaling, self.together > 1
                step = made.TrainStep(graph, *training, loss_scale=scale, again=again)
            else:
                step = made.EvalStep(graph)
        return partial(_run_step, step)

    def _make_results(self) -> Callable[[], Any] | None:
        if not self.compiled.metrics:
            return None
        return _torch().EvalStep(self.compiled.results_graph())


def _torch() -> Any:
    from ...torch_bridge import training

    return training


def _run_step(step: Any, arrays: Sequence[Any]) -> Any:
    """The loss of a step. Where PyTorch fails, the error says at which operator of which layer."""
    try:
        return step(*arrays)[0]
    except (IndexError, RuntimeError) as error:
        from ...torch_bridge.debugging import failing_node

        where = failing_node(step, arrays, error)
        if where is None:
            raise
        kind = IndexRangeError if isinstance(error, IndexError) else RuntimeError
        raise kind(f"{where}: {error}") from error


class _OwnFunction:
    """A function that somebody put in place of ``model.train_function``, as a step.

    Attributes:
        results: the metrics that it returned for the last batch.
    """

    def __init__(self, compiled: Compiled, function: Any) -> None:
        self.compiled = compiled
        self.function = function
        self.results: list[Any] = [0.0] * len(compiled.metrics)

    def step(self, weighted: Weighting) -> StepFunction:
        """Arrays in, the loss out."""
        return lambda arrays: self._run([np.asarray(array) for array in arrays], weighted)

    def _run(self, arrays: list[Any], weighted: Weighting) -> Any:
        if not weighted:
            given = dict(zip(self.compiled.step_inputs(weighted=False), arrays, strict=True))
            samples = arrays[0].shape if arrays else (1,)
            shapes = [given[o.target].shape if o.is_fed else samples for o in self.compiled.outputs]
            ranks = [output.sample_weight.rank for output in self.compiled.outputs]
            arrays += [np.ones(s[:rank], np.float32) for s, rank in zip(shapes, ranks, strict=True)]
        if self.compiled.model._uses_dynamic_learning_phase():
            arrays.append(np.float32(1.0))
        found = self.function(arrays)
        loss, *self.results = found if isinstance(found, list | tuple) else [found]
        return loss


def _check_divisible(graph: Graph) -> None:
    fixed = [(x.name, x.shape[0]) for x in graph.inputs if x.shape and isinstance(x.shape[0], int)]
    if fixed:
        name, size = fixed[0]
        raise ValueError(
            f"The input {name!r} fixes the batch size at {size}; batches of a model "
            "that trains in several processes are divided among them, so leave it open (batch_size=None)."
        )
