"""Layers called on eager tensors: outputs and losses are computed at once, and updates are done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import ir
from ...ir import EagerTensor, Interpreter, Parameter, StringTensor, Value
from .. import registry, rules


def interpreter_of(layer: Any, tensors: Sequence[Any], training: Any) -> Interpreter | None:
    """What computes a call on these tensors; None where it is to be emitted, or computes so already.

    Args:
        training: what the call says of its phase; None for that of the call around it, else inference.
    """
    around = ir.interpreter()
    found = around or next(
        (x.interpreter for x in tensors if isinstance(x, EagerTensor | StringTensor)), None
    )
    if found is None and all(isinstance(x, ir.Constant) for x in tensors):
        found = ir.recorder() or _for_state(layer, training)
    if found is None or not all(found.takes(x) for x in tensors if isinstance(x, Value)):
        return None
    asked = around.training if around is not None and training is None else bool(training)
    frozen = around is not None and around.frozen or not getattr(layer, "trainable", True)
    if around is not None and (around.training, around.frozen) == (asked, frozen):
        return None
    return found.behaving(asked, frozen)


def _for_state(layer: Any, training: Any) -> Interpreter | None:
    """What computes a call on arrays, by the rules of tf.keras, that may change states: one in training, or
    of a layer that users write; None where numbers are computed when they are asked for."""
    return at_rest(layer) if training is True or _is_of_user(layer) else None


def at_rest(layer: Any) -> Interpreter | None:
    """What computes of a layer's states at once, by the rules of tf.keras, where nothing else does; None
    where numbers are computed when they are asked for."""
    if not rules.of_layer(layer).tells_phase:
        return None
    try:
        from ...torch_bridge.own_step import interpreter
    except ImportError:
        return None
    return interpreter()


def _is_of_user(layer: Any) -> bool:
    """Whether a user wrote what the layer computes, or a layer in a model of states that predictions
    change."""
    if registry.is_built_in(type(layer)) or getattr(layer, "_is_graph_network", False):
        return any(node.inference_updates for node in getattr(layer, "_network_nodes", ()))
    return True


def interpreter_for_all(arguments: Sequence[Any]) -> Interpreter | None:
    """What computes a call on these arguments at once: that of the block around it, or of an eager tensor
    among them; None if one of them is symbolic, or none asks for it."""
    tensors = [x for x in arguments if isinstance(x, Value)]
    found = ir.interpreter() or next((x.interpreter for x in tensors if isinstance(x, EagerTensor)), None)
    return found if found is not None and all(found.takes(x) for x in tensors) else None


def do_at_once(updates: Sequence[tuple[Parameter, Value]]) -> bool:
    """Does updates where operators compute at once; whether it did.

    They are done one after the other: what is computed after one reads the new value.
    """
    at_once = ir.interpreter()
    if at_once is None or not all(at_once.takes(new) for _, new in updates):
        return False
    for parameter, new in updates:
        if new is not parameter:
            at_once.assign([(parameter, new)])
    return True


def is_frozen_at_once(layer: Any) -> bool:
    """Whether the layer, or a model around it, is not trainable in a call that computes at once."""
    around = ir.interpreter()
    return around is not None and (around.frozen or not layer.trainable)
