"""Layers called on eager tensors: outputs and losses are computed at once, and updates are done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ... import ir
from ...ir import EagerTensor, Interpreter, Parameter, StringTensor, Value


def interpreter_of(layer: Any, tensors: Sequence[Any], training: Any) -> Interpreter | None:
    """What computes a call on these tensors; None where it is to be emitted, or computes so already.

    Args:
        training: what the call says of its phase; None for that of the call around it, else inference.
    """
    around = ir.interpreter()
    found = around or next(
        (x.interpreter for x in tensors if isinstance(x, EagerTensor | StringTensor)), None
    )
    if found is None or not all(found.takes(x) for x in tensors if isinstance(x, Value)):
        return None
    asked = around.training if around is not None and training is None else bool(training)
    frozen = around is not None and around.frozen or not getattr(layer, "trainable", True)
    if around is not None and (around.training, around.frozen) == (asked, frozen):
        return None
    return found.behaving(asked, frozen)


def apply_updates(interpreter: Interpreter, updates: Iterable[tuple[Parameter, Value]]) -> None:
    """Does what a call asked for, all at once; of several updates of one weight the last counts."""
    latest = {parameter: new for parameter, new in updates if new is not parameter}
    interpreter.assign(list(latest.items()))


def is_frozen_at_once(layer: Any) -> bool:
    """Whether the layer, or a model around it, is not trainable in a call that computes at once."""
    around = ir.interpreter()
    return around is not None and (around.frozen or not layer.trainable)
