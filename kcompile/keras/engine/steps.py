"""The functions that a compiled model runs batch by batch, made when first asked for, on PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

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

    def results(self) -> list[float]:
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
        from ...torch_bridge.training import TrainStep

        compiled = self.compiled
        rule = self.optimizer.update_rule(compiled.trainable)
        updates = ()
        if rule is None and self.devices:
            raise ValueError(
                f"{type(self.optimizer).__name__} defines its own updates (get_updates); on several devices only the "
                "built-in optimizers, and subclasses that change nothing but arguments, can train."
            )
        if rule is None:  # an optimizer that only its own updates describe; its loss is the one with these weights
            (loss,) = compiled.train_graph(weighted).outputs
            updates = self.optimizer.get_updates(loss, compiled.trainable)
        graph = compiled.train_graph(weighted, updates)
        constraints = compiled.constraints_graph()
        if self.devices:
            from ...torch_bridge.parallel import PoolStep

            step: Any = PoolStep(graph, self.devices, compiled.trainable, rule, constraints)
        else:
            step = TrainStep(graph, compiled.trainable, rule, constraints)
        return lambda arrays: step(*arrays)[0]

    def _make_test(self, weighted: bool) -> StepFunction:
        graph = self.compiled.test_graph(weighted)
        if self.devices:
            from ...torch_bridge.parallel import PoolStep

            step: Any = PoolStep(graph, self.devices)
        else:
            from ...torch_bridge.training import EvalStep

            step = EvalStep(graph)
        return lambda arrays: step(*arrays)[0]

    def _make_results(self) -> Callable[[], Any]:
        from ...torch_bridge.training import EvalStep

        return EvalStep(self.compiled.results_graph())
