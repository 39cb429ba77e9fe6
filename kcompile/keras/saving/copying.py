"""Copies of models: deepcopy, which shares functions and classes, and pickle, which carries them by name.

Nothing of it is a file's: configurations hold functions themselves, so what a pickle may hold is pickle's own
business, and no door of the files' readers is opened for it.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...formats import Archive, LayerWeights
from ...ir import unchanging
from ..optimizers import layouts
from ..utils.generic_utils import CustomObjectScope, get_custom_objects
from ..utils.living import Living, carried_by_name, living
from ..utils.nested import each
from .archives import layer_weights, model_config, model_from_archive
from .compile_configs import training_config

if TYPE_CHECKING:
    from ..training.model import Model


def copied(model: Model) -> Any:
    """A model of its own weights and optimizer state, compiled as this one, with the same functions.

    Raises:
        NotImplementedError: for a subclassed model, whose structure is code.
    """
    with unchanging():
        return model_from_state(_state(model)[0])


def picklable_state(model: Model) -> dict[str, Any]:
    """What ``model_from_state`` makes the model of, for pickle.

    Raises:
        NotImplementedError: for a subclassed model, whose structure is code.
        pickle.PicklingError: if it needs a function without a name, which pickle cannot carry.
    """
    with unchanging():
        state, scope = _state(model)
        for function in _functions_in([state["config"], state["training_config"]]):
            scope.add(function)
        named = carried_by_name(scope, lambda known: _place(model, known))
        for part in ("config", "training_config", "classes"):
            state[part] = _with_names(state[part], named)
        state["weights"] = [(name, [(n, np.array(a)) for n, a in pairs]) for name, pairs in state["weights"]]
        return state


def _state(model: Model) -> tuple[dict[str, Any], Living]:
    with living() as scope:
        config = _as_read(model_config(model))
        training = _as_read(training_config(model)) if model._is_compiled else None
    optimizer_weights = None
    if model._compiled_steps is not None and model.optimizer.weights:
        optimizer_weights = layouts.h5_state(model.optimizer, model._trained_weights)
    stored = layer_weights(model.layers) if model.built else []
    return {
        "config": config,
        "weights": [(entry.name, list(entry.weights)) for entry in stored],
        "training_config": training,
        "optimizer_weights": optimizer_weights,
        "classes": scope.of_users(),
    }, scope


def _as_read(config: Any) -> Any:
    """A configuration with lists for tuples, as readers of files give it."""
    if isinstance(config, list | tuple):
        return [_as_read(entry) for entry in config]
    return {key: _as_read(entry) for key, entry in config.items()} if type(config) is dict else config


def _functions_in(config: Any) -> Iterator[Any]:
    """The functions in a configuration, those included that a user's ``get_config`` put there."""
    if isinstance(config, dict | list):
        for entry in config.values() if isinstance(config, dict) else config:
            yield from _functions_in(entry)
    elif isinstance(config, types.FunctionType):
        yield config


class _ByName:
    """In a pickle, the name of a function or class that the one who loads it gives in custom_objects."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> Any:
        return _custom_object, (self.name,)


def _custom_object(name: str) -> Any:
    found = get_custom_objects().get(name)
    if found is None:
        raise ValueError(
            f"A pickled model needs {name!r}, which is carried by its name alone: load the pickle within "
            f"custom_object_scope({{{name!r}: ...}})."
        )
    return found


def _with_names(config: Any, named: list[Any]) -> Any:
    """A configuration in which these functions and classes stand as names."""
    if any(config is known for known in named):
        return _ByName(config.__name__)
    return each(config, lambda entry: _with_names(entry, named))


def model_from_state(state: dict[str, Any]) -> Any:
    """The model that a state describes."""
    archive = Archive(
        config=state["config"],
        layer_weights=[LayerWeights(name, pairs) for name, pairs in state["weights"]],
        training_config=state["training_config"],
        optimizer_weights=state["optimizer_weights"],
    )
    with CustomObjectScope(state["classes"]):
        return model_from_archive(archive, "a copy of a model")


def _place(model: Model, known: Any) -> str:
    """Which layer has a function or is of a class, or that compile() was given it."""
    for layer in model._flat_layers:
        if type(layer) is known or any(
            known is value or type(value) is known for value in vars(layer).values()
        ):
            return f"the layer {layer.name!r} of {model.name} needs"
    return f"{model.name} needs"
