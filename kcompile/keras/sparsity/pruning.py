"""Pruning of layers and models."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from ..core.layer import Layer
from ..training.model import Model
from ..utils.generic_utils import CustomObjectScope
from ..wrapped_layers import unwrapped, wrapped
from .pruning_schedules import PruningSchedule
from .pruning_wrapper import PrunableLayer, PruneLowMagnitude, prunable_weights


def prune_low_magnitude(
    to_prune: Any,
    pruning_schedule: PruningSchedule | None = None,
    block_size: Sequence[int] = (1, 1),
    block_pooling_type: str = "AVG",
    pruning_policy: PruningPolicy | None = None,
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
        pruning_policy: says which layers of a model are pruned; by default all that can be.

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

    of_model = isinstance(to_prune, Model)
    if pruning_policy is not None and of_model:
        pruning_policy.ensure_model_supports_pruning(to_prune)

    def wrap(layer: Layer) -> Layer:
        if isinstance(layer, PruneLowMagnitude):
            return layer
        if layer.built and not isinstance(layer, PrunableLayer) and not prunable_weights(layer):
            return layer
        if pruning_policy is not None and of_model and not pruning_policy.allow_pruning(layer):
            return layer
        return PruneLowMagnitude(layer, **arguments)

    return wrapped(to_prune, wrap, PruneLowMagnitude, "prune_low_magnitude", "prune")


class PruningPolicy(ABC):
    """Which layers of a model are pruned; made to be subclassed."""

    @abstractmethod
    def allow_pruning(self, layer: Any) -> bool:
        """Whether a layer is pruned."""

    @abstractmethod
    def ensure_model_supports_pruning(self, model: Any) -> None:
        """Raises ValueError for a model that is not to be pruned so."""


def strip_pruning(model: Any) -> Any:
    """The model of the layers inside the wrappers, with their weights as they are: many of them 0.

    The wrappers are done with: nothing keeps zeros where they are if the model is trained on.
    It warns where nothing was pruned, as the model was trained without ``UpdatePruningStep``.

    Args:
        model: what ``prune_low_magnitude`` gave, or a model with such layers.

    Raises:
        ValueError: for what is no model.
    """
    stripped = unwrapped(model, _stripped, "strip_pruning")
    untouched = [x.name for x in model._flat_layers if isinstance(x, PruneLowMagnitude) and not x.has_begun]
    if untouched:
        warnings.warn(
            f"Nothing was pruned in {', '.join(untouched)}: fit with the callback UpdatePruningStep.",
            stacklevel=2,
        )
    return stripped


def _stripped(layer: Layer) -> Layer:
    return layer.released() if isinstance(layer, PruneLowMagnitude) else layer


def prune_scope() -> AbstractContextManager[Any]:
    """As in tensorflow-model-optimization: the names of these layers, which files here may say anyhow."""
    return CustomObjectScope({"PruneLowMagnitude": PruneLowMagnitude})
