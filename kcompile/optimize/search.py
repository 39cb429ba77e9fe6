"""Layers are put back to float32, the most sensitive first, until a metric holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import onnx

from ..progress import report
from .scoring import Judge
from .sensitivity import Sensitivity

_ROUNDING = 1e-9  # of differences of scores


@dataclass
class Search:
    """What came of it.

    Attributes:
        model: the best model found: of those that hold the drop the one with most layers quantized, else the
            one of the smallest drop.
        float_layers: the layers that it has in float32.
        score: its metric.
        held: whether its drop is no larger than allowed.
        tried: (number of layers put back, score) in the order of trying.
    """

    model: onnx.ModelProto
    float_layers: list[str]
    score: float
    held: bool
    tried: list[tuple[int, float]] = field(default_factory=list)


def hold(
    make: Callable[[Sequence[str]], onnx.ModelProto],
    judge: Judge,
    order: Callable[[], Sequence[Sensitivity]],
    max_drop: float,
) -> Search:
    """The model with the fewest layers in float32 whose metric drops by no more than ``max_drop``.

    The number of layers that are put back doubles until the drop holds; then the numbers between are halved.
    One layer at least stays quantized.

    Args:
        make: the model with these layers in float32.
        order: asked for where not all layers can be quantized; the most sensitive first.
    """
    best = _tried(make, judge, [], max_drop)
    if best.held:
        return best
    layers = [one.layer for one in order()]
    tried = list(best.tried)
    low, high, count = 0, len(layers), 1
    while count < high:
        report("searching")
        found = _tried(make, judge, layers[:count], max_drop)
        tried += found.tried
        if found.held or not best.held and judge.drop(found.score) < judge.drop(best.score):
            best = found
        if found.held:
            high = count
        else:
            low = count
        count = (low + high) // 2 if best.held else min(2 * count, len(layers) - 1)
        if count <= low:
            break
    best.tried = tried
    return best


def _tried(
    make: Callable[[Sequence[str]], onnx.ModelProto], judge: Judge, layers: Sequence[str], max_drop: float
) -> Search:
    model = make(layers)
    score = judge.score(model)
    return Search(
        model, list(layers), score, judge.drop(score) <= max_drop + _ROUNDING, [(len(layers), score)]
    )
