"""A compiled model's training step on this machine, by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .report import Bars, Column, Fact, Facts, Flame, Frame, Notes, Report, Table
from .timing import about_load, seconds_of, typical

if TYPE_CHECKING:
    from ..torch_bridge.profiling import NodeTime

_OPTIMIZER, _LOSS = "(optimizer)", "(loss and metrics)"
_MOST_BARS = 40


def profile_training(model: Any, x: Any, y: Any, *, seconds: float = 2.0) -> Report:
    """Where the time of a training step goes: forward, backward and the optimizer, by layer.

    The model is trained by the steps that are measured; its weights are as before at the end.

    Args:
        model: a compiled Model.
        x, y: one batch, as ``train_on_batch`` takes them.
        seconds: for measuring, about.

    Raises:
        RuntimeError: the model is not compiled.
        ValueError: it is trained in a way that has no single graph (a ``train_step`` of its own, several
            devices).
    """
    from ..torch_bridge.profiling import profile_step
    from ..torch_bridge.training import TrainStep

    weights = model.get_weights()
    try:
        latency = seconds_of(lambda: model.train_on_batch(x, y), seconds / 2)
        steps = getattr(model, "_compiled_steps", None)
        made = {} if steps is None else steps.made()
        step = next((step for key, step in made.items() if key[0] == "train"), None)
        if not isinstance(step, TrainStep):
            raise ValueError(
                "only the training step of compile() is profiled by layer; this model's is its own, or runs "
                "on several devices."
            )
        repeats = max(3, min(100, int(seconds / 2 / latency)))
        times = profile_step(step, lambda: model.train_on_batch(x, y), repeats)
    finally:
        model.set_weights(weights)
    return training_report(model, times, latency, len(_first(x)))


def training_report(model: Any, times: Sequence[NodeTime], latency: float, samples: int) -> Report:
    """The report of what was measured."""
    names = sorted((layer.name for layer in model.layers), key=len, reverse=True)
    ordered = _by_layer(times, names)
    whole = sum(forward + backward for _, (forward, backward, _) in ordered) or 1.0
    rows = [
        (name, forward, backward, (forward + backward) / whole, int(kept))
        for name, (forward, backward, kept) in ordered
    ]
    drawn = ordered[:_MOST_BARS]
    return Report(
        f"Training of {model.name}",
        [
            _facts(rows, whole, latency, samples),
            Table("Layers", list(_COLUMNS), rows),
            Bars(
                "Time of each layer",
                [name for name, _ in drawn],
                {"forward": [t[0] for _, t in drawn], "backward": [t[1] for _, t in drawn]},
                "s",
            ),
            Flame("Flame graph", _flame(model.name, times, names)),
            *([Notes("Measured", [busy])] if (busy := about_load()) else []),
        ],
    )


_COLUMNS = (
    Column("layer"),
    Column("forward", "s"),
    Column("backward", "s"),
    Column("share", "%"),
    Column("kept for backward", "B"),
)


def _by_layer(times: Sequence[NodeTime], names: Sequence[str]) -> list[tuple[str, list[float]]]:
    """Seconds forward, seconds backward and bytes kept of each layer, the slowest first."""
    layers: dict[str, list[float]] = {}
    for time in times:
        entry = layers.setdefault(_layer(time.node, names), [0.0, 0.0, 0.0])
        entry[0] += typical(time.forward)
        entry[1] += typical(time.backward)
        entry[2] += time.kept
    return sorted(layers.items(), key=lambda item: -(item[1][0] + item[1][1]))


def _facts(
    rows: Sequence[tuple[str, float, float, float, int]], whole: float, latency: float, samples: int
) -> Facts:
    return Facts(
        "One step",
        [
            Fact("samples", samples),
            Fact("latency", latency, "s"),
            Fact("throughput", samples / latency, "samples/s"),
            Fact("in layers, loss and optimizer", whole, "s"),
            Fact("forward", sum(row[1] for row in rows if row[0] != _OPTIMIZER), "s"),
            Fact("backward", sum(row[2] for row in rows), "s"),
            Fact("optimizer", sum(row[1] for row in rows if row[0] == _OPTIMIZER), "s"),
        ],
    )


def _layer(node: str, names: Sequence[str]) -> str:
    """The layer of a node by its path."""
    if not node:
        return _OPTIMIZER
    if node.startswith("("):
        return node
    return next((name for name in names if node == name or node.startswith(f"{name}/")), _LOSS)


def _flame(title: str, times: Sequence[NodeTime], names: Sequence[str]) -> Frame:
    parts: dict[str, list[Frame]] = {}
    for time in times:
        layer = _layer(time.node, names)
        label = time.node.removeprefix(f"{layer}/") or "update"
        both = [Frame("forward", typical(time.forward)), Frame("backward", typical(time.backward))]
        frame = Frame(label, sum(f.value for f in both), [part for part in both if part.value])
        parts.setdefault(layer, []).append(frame)
    layers = [Frame(name, sum(f.value for f in frames), frames) for name, frames in parts.items()]
    return Frame(title, sum(layer.value for layer in layers), layers)


def drawn_targets(model: Any, predicted: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Targets to measure a step on: class 0 where the loss takes such, else numbers from 0 to 1.

    Args:
        model: a compiled Model.
        predicted: its outputs for the batch.
    """
    random = np.random.default_rng(0)
    targets = []
    for output, array in zip(model._compiled_steps.compiled.outputs, predicted, strict=True):
        wanted = output.target_shape or array.shape
        shape = [size or found for size, found in zip(wanted, array.shape, strict=False)]
        numbers = np.zeros(shape) if output.is_sparse else random.random(shape)
        targets.append(numbers.astype(output.target.dtype))
    return targets


def _first(x: Any) -> Any:
    if isinstance(x, dict):
        return next(iter(x.values()))
    return x[0] if isinstance(x, list | tuple) else x
