"""Layers of models put into wrappers, and taken out of them again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .core.layer import Layer
from .models import clone_model
from .training.model import Model

Change = Callable[[Layer], Layer]


def wrapped(given: Any, wrap: Change, wrapper: type[Layer], caller: str, purpose: str) -> Any:
    """A layer, each of a list, or a new model with each of its layers, in a wrapper.

    Args:
        given: a layer, a list of layers, or a Sequential or functional model, perhaps of models.
        wrap: gives the layer itself where it is not to be wrapped.
        wrapper: the class of what it gives otherwise.
        caller: the function that was called, in messages.
        purpose: what the weights are wrapped for: "prune".

    Raises:
        ValueError: for anything else, or a model of which no layer was wrapped.
    """
    if isinstance(given, list | tuple):
        return [_changed(layer, wrap) for layer in given]
    if not isinstance(given, Layer):
        raise ValueError(
            f"{caller} takes a layer, a list of layers, or a Sequential or functional model; found {given!r}."
        )
    found = _changed(given, wrap)
    if isinstance(found, Model) and not any(isinstance(layer, wrapper) for layer in found._flat_layers):
        raise ValueError(f"The model {given.name} has no weights to {purpose}.")
    return found


def unwrapped(model: Any, unwrap: Change, caller: str) -> Model:
    """A new model of the layers that ``unwrap`` gives for those of a model, perhaps of models.

    Raises:
        ValueError: for what is no model.
    """
    if not isinstance(model, Model):
        raise ValueError(f"{caller} takes a Sequential or functional model; found {model!r}.")
    changed: Model = _changed(model, unwrap)
    return changed


def _changed(layer: Layer, change: Change) -> Any:
    if isinstance(layer, Model):
        return clone_model(layer, clone_function=lambda inner: _changed(inner, change))
    return change(layer)
