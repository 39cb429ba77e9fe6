"""AddingLayer: what a layer adds to training, which is losses, updates and metrics."""

from __future__ import annotations

from typing import Any

from ...ir import Parameter, Value, interpreter
from .. import registry
from ..utils.generic_utils import to_list
from .call_frames import CallFrame, Update, current_frame
from .eager_calls import do_at_once
from .later_methods import LaterMethods
from .node import Node, same_tensors
from .weighted_layer import unique


class AddingLayer(LaterMethods):
    """A layer by what it adds to training: in a call, for that call alone; outside of calls in any case."""

    stateful: bool

    def __init__(self) -> None:
        super().__init__()
        self._losses_on: list[tuple[list[Any], Any]] = []
        self._losses_at_once: list[Value] = []
        self._updates: list[Update] = []
        self._updates_on: list[tuple[list[Any], Update]] = []

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Adds terms to the training loss: values, or functions without arguments that emit them at compile.

        Inside ``call`` they belong to that call; elsewhere they always count, and ``inputs`` says which
        tensors they depend on, for ``get_losses_for``.
        """
        losses = [loss for loss in to_list(losses) if loss is not None]
        frame = current_frame()
        if frame is not None and not frame.is_inside(losses):
            frame.losses.extend(losses)
        elif interpreter() is not None:
            self._losses_at_once = [*self._losses_at_once, *losses]
        elif inputs is not None:
            self._losses_on.extend((to_list(inputs), loss) for loss in losses)
        else:
            self._losses.extend(losses)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Adds updates, pairs (weight, new value), done after each training step (states: after each call).

        Outside of ``call``, ``inputs`` says which tensors they depend on, for ``get_updates_for``.
        """
        if isinstance(updates, tuple) and len(updates) == 2 and isinstance(updates[0], Parameter):
            updates = [updates]
        # what assign() of a variable returned has been seen to
        given = [u for u in to_list(updates) if u is not None and not isinstance(u, Value)]
        pairs = [tuple(update) for update in given]
        if do_at_once(pairs):
            return
        frame = current_frame()
        if frame is not None and not frame.is_inside(new for _, new in pairs):
            frame.updates.extend(pairs)
        elif inputs is not None:
            self._updates_on.extend((to_list(inputs), pair) for pair in pairs)
        else:
            self._updates.extend(pairs)

    def add_metric(self, value: Value, name: str | None = None, aggregation: str | None = "mean") -> None:
        """Adds the mean of a value over batches to what training reports, under ``name``.

        What calling a Metric returned, ``add_metric(metrics.AUC()(y_true, y_pred))``, adds that metric under
        its own name.

        Raises:
            ValueError: for another aggregation than "mean" (the default) or None, which means the same here,
                or if several metrics have the name.
        """
        if aggregation not in (None, "mean"):
            raise ValueError(
                f'add_metric {name!r}: aggregation must be "mean" or None; found {aggregation!r}.'
            )
        named = self._get_existing_metric(name)
        called, updates = value.annotations.get("_metric", (None, value))
        metric = called or named or registry.names("metric")["Mean"](name=name or f"{self.name}_metric")
        if not any(metric is known for known in self._metrics):
            self._metrics.append(metric)
        frame = current_frame()
        entry = (metric, updates)
        if frame is not None and not frame.is_inside([value]):
            frame.metrics.append(entry)
        else:
            self.__dict__.setdefault("_added_metrics", []).append(entry)

    def _get_existing_metric(self, name: str | None = None) -> Any:
        """The metric that was added under a name; None if there is none.

        Raises:
            ValueError: if there are several.
        """
        named = [metric for metric in self._metrics if metric.name == name]
        if len(named) > 1:
            raise ValueError(
                "Please provide different names for the metrics you have added. "
                f"We found {len(named)} metrics with the name {name!r} in {self.name}."
            )
        return named[0] if named else None

    @property
    def losses(self) -> list[Any]:
        """All terms that the layer and its sub-layers add to the training loss."""
        own = self._own_losses() + [loss for call in self._calls_that_count() for loss in call.losses]
        return unique(own, self._losses_at_once, *(layer.losses for layer in self._layers))

    @property
    def updates(self) -> list[Update]:
        """All updates of the layer and its sub-layers; none where neither trainable nor stateful."""
        if not self.trainable and not self.stateful:
            return []
        own = self._own_updates() + [update for call in self._calls_that_count() for update in call.updates]
        return unique(own, *(layer.updates for layer in self._layers))

    @property
    def metrics(self) -> list[Any]:
        """Metric objects of the layer and its sub-layers."""
        return unique(self._metrics, *(layer.metrics for layer in self._layers))

    def get_losses_for(self, inputs: Any = None) -> list[Any]:
        """Losses that depend on these inputs, sub-layers included; with None, those that depend on none."""
        given = None if inputs is None else to_list(inputs)
        own = self._losses if given is None else _on(given, self._losses_on)
        called = [call.losses for call in self._calls_that_count(given)]
        return unique(own, *called, *(layer.get_losses_for(inputs) for layer in self._layers))

    def get_updates_for(self, inputs: Any = None) -> list[Update]:
        """Updates that depend on these inputs, sub-layers included; with None, those that depend on none."""
        given = None if inputs is None else to_list(inputs)
        own = self._updates if given is None else _on(given, self._updates_on)
        called = [call.updates for call in self._calls_that_count(given)]
        return unique(own, *called, *(layer.get_updates_for(inputs) for layer in self._layers))

    def _calls_that_count(self, *on: list[Any] | None) -> list[Node | CallFrame]:
        """What all calls said, or only those on these inputs; calls on values that no layer made come
        last."""
        calls: list[tuple[list[Value], Node | CallFrame]] = [
            *((node.input_tensors, node) for node in self._inbound_nodes),
            *((call.inputs, call.frame) for call in self._unrecorded_calls),
        ]
        return [call for inputs, call in calls if not on or on[0] and same_tensors(inputs, on[0])]

    def _forget_losses_at_once(self) -> None:
        """Drops what the last call that computed at once added to the loss, at any depth."""
        layers: list[Any] = [self]
        for layer in layers:
            layer._losses_at_once = []
            layers.extend(inner for inner in layer._layers if not any(inner is known for known in layers))

    def _own_losses(self) -> list[Any]:
        """What add_loss was given outside of calls."""
        return self._losses + [loss for _, loss in self._losses_on]

    def _own_updates(self) -> list[Update]:
        """What add_update was given outside of calls."""
        return self._updates + [update for _, update in self._updates_on]


def _on(inputs: list[Any], added: list[tuple[list[Any], Any]]) -> list[Any]:
    """What was said to depend on these very tensors."""
    return [term for on, term in added if same_tensors(on, inputs)]


registry.register(globals())
