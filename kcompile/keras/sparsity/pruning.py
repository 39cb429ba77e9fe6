"""Pruning of layers and models."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from ..core.layer import Layer
from ..models import clone_model
from ..training.model import Model
from ..utils.generic_utils import CustomObjectScope
from .pruning_schedules import PruningSchedule
from .pruning_wrapper import PrunableLayer, PruneLowMagnitude, prunable_weights


def prune_low_magnitude(
    to_prune: Any,
    pruning_schedule: PruningSchedule | None = None,
    block_size: Sequence[int] = (1, 1),
    block_pooling_type: str = "AVG",
    sparsity_m_by_n: Sequence[int] | None = None,
    **kwargs: Any,
) -> Any:
    """A layer, a list of them, or a model whose layers become sparse while it trains.

    Train it with the callback ``UpdatePruningStep``, then take the layers out of their wrappers by
    ``strip_pruning``. Layers are taken as they are, with their weights; a model is a new one of them. Those
    without weights to prune stay as they are in a model.

    Args:
        to_prune: a layer, a list of layers, or a Sequential or functional model, perhaps of models.
        pruning_schedule, block_size, block_pooling_type, sparsity_m_by_n, kwargs: of ``PruneLowMagnitude``.

    Raises:
        ValueError: for anything else, a subclassed model, a layer without weights to prune, or a model in
            which no layer has any.
    """
    arguments = {
        "pruning_schedule": pruning_schedule,
        "block_size": block_size,
        "block_pooling_type": block_pooling_type,
        "sparsity_m_by_n": sparsity_m_by_n,
        **kwargs,
    }
    if isinstance(to_prune, list | tuple):
        return [_pruned(layer, arguments) for layer in to_prune]
    if not isinstance(to_prune, Layer):
        raise ValueError(
            "prune_low_magnitude takes a layer, a list of layers, or a Sequential or functional model; found "
            f"{to_prune!r}."
        )
    if not isinstance(to_prune, Model):
        return _pruned(to_prune, arguments)
    pruned = clone_model(to_prune, clone_function=lambda layer: _pruned(layer, arguments))
    if not any(isinstance(layer, PruneLowMagnitude) for layer in pruned._flat_layers):
        raise ValueError(f"The model {to_prune.name} has no weights to prune.")
    return pruned


def _pruned(layer: Layer, arguments: dict[str, Any]) -> Layer:
    if isinstance(layer, Model):
        return clone_model(layer, clone_function=lambda inner: _pruned(inner, arguments))
    if isinstance(layer, PruneLowMagnitude):
        return layer
    if layer.built and not isinstance(layer, PrunableLayer) and not prunable_weights(layer):
        return layer
    return PruneLowMagnitude(layer, **arguments)


def strip_pruning(model: Any) -> Any:
    """The model of the layers inside the wrappers, with their weights as they are: many of them 0.

    The wrappers are done with: nothing keeps zeros where they are if the model is trained on.
    It warns where nothing was pruned, as the model was trained without ``UpdatePruningStep``.

    Args:
        model: what ``prune_low_magnitude`` gave, or a model with such layers.

    Raises:
        ValueError: for what is no model.
    """
    if not isinstance(model, Model):
        raise ValueError(f"strip_pruning takes a Sequential or functional model; found {model!r}.")
    untouched = [x.name for x in model._flat_layers if isinstance(x, PruneLowMagnitude) and not x.has_begun]
    if untouched:
        warnings.warn(
            f"Nothing was pruned in {', '.join(untouched)}: fit with the callback UpdatePruningStep.",
            stacklevel=2,
        )
    return clone_model(model, clone_function=_stripped)


def _stripped(layer: Layer) -> Layer:
    if isinstance(layer, Model):
        return clone_model(layer, clone_function=_stripped)
    return layer.released() if isinstance(layer, PruneLowMagnitude) else layer


def prune_scope() -> AbstractContextManager[Any]:
    """As in tensorflow-model-optimization: the names of these layers, which files here may say anyhow."""
    return CustomObjectScope({"PruneLowMagnitude": PruneLowMagnitude})
