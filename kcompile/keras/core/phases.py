"""Calls of users' layers that are told their phase, as tf.keras tells it: a graph has both phases.

``call`` gets the symbolic learning phase where nothing is said. Layers of ours and functions of tensors go
on with it. Where Python asks for its truth, ``if training:``, the call is made once for each phase, and
``Phase`` chooses between what they return.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ... import ir
from ...ir import LEARNING_PHASE, Parameter, Value
from .. import backend as K
from .. import registry, rules
from ..utils.generic_utils import to_list
from ..utils.nested import packed
from .call_frames import CallFrame, call_frame, current_frame
from .node import flat_outputs


def is_told(layer: Any, arguments: dict[str, Any]) -> bool:
    """Whether the call of a layer is to be told its phase: one of the user's whose ``call`` has an argument
    ``training`` of which nothing was said, by the rules of tf.keras, while a graph is emitted."""
    if arguments.get("training") is not None or ir.interpreter() is not None:
        return False
    if registry.is_built_in(type(layer)) or not rules.of_layer(layer).tells_phase:
        return False
    return bool(layer._call_accepts("training"))


def in_its_phase(layer: Any, call: Callable[[Any], Any]) -> Any:
    """What a call returns, told its phase.

    Args:
        call: takes the phase: True, False, or the symbolic one.
    """
    phase = K.learning_phase()
    if phase is not LEARNING_PHASE:
        return call(bool(phase))
    with _until_python_asks(), call_frame():
        return call(phase)
    return _in_both(layer, call)


@contextmanager
def _until_python_asks() -> Iterator[None]:
    """Left early where Python asks for the truth of the phase."""
    try:
        yield
    except ir.NoTruthError as error:
        asked = error.value
        if not isinstance(asked, Value) or ir.depends(asked) is not ir.Depends.ON_THE_PHASE:
            raise


def _in_both(layer: Any, call: Callable[[Any], Any]) -> Any:
    """What a call returns in training and otherwise, one or the other by the phase; so with its losses and
    metrics. What it assigns in training is assigned then alone."""
    found, frames = [], []
    for training in (True, False):
        with K.learning_phase_scope(training), call_frame(kept=False) as frame:
            found.append(call(training))
        frames.append(frame)
    take_over(*frames)
    flat = [to_list(flat_outputs(outputs, layer)) for outputs in found]
    if len(flat[0]) != len(flat[1]):
        raise ValueError(
            f"{type(layer).__name__}.call of {layer.name!r} returned {len(flat[0])} tensors in training and "
            f"{len(flat[1])} otherwise; a layer has as many outputs in both."
        )
    return packed(found[0], iter([K.in_train_phase(a, b) for a, b in zip(*flat, strict=True)]))


def take_over(training: CallFrame, inference: CallFrame) -> None:
    """Hands on to the call around what was said in each phase."""
    around = current_frame()
    if around is None:
        return
    around.updates.extend(training.updates)
    around.inference_updates.extend(inference.updates)
    pairs = itertools.zip_longest(training.losses, inference.losses, fillvalue=0.0)
    around.losses.extend(K.in_train_phase(a, b) for a, b in pairs)
    around.metrics.extend(_metrics(training.metrics, inference.metrics))


def _metrics(training: Sequence[Any], inference: Sequence[Any]) -> list[Any]:
    """Metrics of both phases: those that are reported in both follow the phase, others are as they are."""
    if [metric for metric, _ in training] != [metric for metric, _ in inference]:
        return [*training, *inference]
    found: list[Any] = []
    for (metric, a), (_, b) in zip(training, inference, strict=True):
        if isinstance(a, Value) and isinstance(b, Value):
            found.append((metric, K.in_train_phase(a, b)))
        else:
            found.append((metric, _by_phase(a, b)))
    return found


def _by_phase(a: list[tuple[Parameter, Value]], b: list[tuple[Parameter, Value]]) -> Any:
    """Updates of a metric in both phases."""
    other = dict(b)
    return [(p, K.in_train_phase(new, other.get(p, p))) for p, new in a]
