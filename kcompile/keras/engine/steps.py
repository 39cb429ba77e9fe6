"""The functions that a compiled model runs batch by batch, made when first asked for, on PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import Graph
from .launch import launched

if TYPE_CHECKING:
    from .compilation import Compiled

StepFunction = Callable[[Sequence[Any]], Any]


class Steps:
    """Train, test and result functions of one compile().

    Args:
        compiled: loss, metrics and their graphs.
        optimizer: a Keras optimizer.
        devices: torch's names of the devices that share each batch; empty for the one that there is.
    """

    def __init__(self, compiled: Compiled, optimizer: Any, devices: Sequence[str] = ()) -> None:
        self.compiled = compiled
        self.optimizer = optimizer
        self.devices = tuple(devices)
        self._made: dict[Any, Any] = {}

    def train(self, weighted: bool) -> StepFunction:
        """One update: arrays in, the loss before the update out, still on the device."""
        return self._get(("train", weighted), self._make_train)

    def test(self, weighted: bool) -> StepFunction:
        """One batch in test mode: arrays in, the loss out, still on the device; metrics go on."""
        return self._get(("test", weighted), self._make_test)

    def results(self) -> list[Any]:
        """The present values of the metrics, in the order of ``metrics_names[1:]``. Waits for the device."""
        if not self.compiled.metrics:
            return []
        step = self._get("results", self._make_results)
        # a copy: a result that is an accumulator itself goes on changing
        return [float(value) if value.ndim == 0 else np.array(value.cpu().numpy()) for value in step()]

    def _get(self, key: Any, make: Callable[..., Any]) -> Any:
        if key not in self._made:
            self._made[key] = make(key[1]) if isinstance(key, tuple) else make()
        return self._made[key]

    def _make_train(self, weighted: bool) -> StepFunction:
        compiled = self.compiled
        rule = self.optimizer.update_rule(compiled.trainable)
        constraints = compiled.constraints_graph()
        if rule is not None:
            return self._step(compiled.train_graph(weighted), compiled.trainable, rule, constraints)
        # only its own updates describe the optimizer, for the loss with these weights
        (loss,) = compiled.train_graph(weighted).outputs
        updates = self.optimizer.get_updates(loss=loss, params=compiled.trainable)
        if self.devices or launched():
            return self._step(compiled.train_graph(weighted), (), None, constraints, updates)
        return self._step(compiled.train_graph(weighted, updates), compiled.trainable, None, constraints)

    def _make_test(self, weighted: bool) -> StepFunction:
        return self._step(self.compiled.test_graph(weighted))

    def _step(self, graph: Graph, *training: Any) -> StepFunction:
        """A step that evaluates, or that trains if told the weights, the optimizer's rule, the constraints
        and, in several processes, the optimizer's own updates.
        """
        from ...torch_bridge.training import EvalStep, TrainStep

        launch = launched()
        if self.devices or launch:
            from ...torch_bridge import parallel

            _check_divisible(graph)
            if self.devices:
                step: Any = parallel.PoolStep(graph, self.devices, *training)
            else:
                step = parallel.LaunchedStep(graph, launch.rank, launch.world, *training)
        else:
            step = TrainStep(graph, *training) if training else EvalStep(graph)
        return lambda arrays: step(*arrays)[0]

    def _make_results(self) -> Callable[[], Any]:
        from ...torch_bridge.training import EvalStep

        return EvalStep(self.compiled.results_graph())


def _check_divisible(graph: Graph) -> None:
    fixed = [value for value in graph.inputs if value.shape and isinstance(value.shape[0], int)]
    if fixed:
        raise ValueError(
            f"The input {fixed[0].name!r} fixes the batch size at {fixed[0].shape[0]}; batches of a model "
            "that trains in several processes are divided among them, so leave it open (batch_size=None)."
        )
