"""Pruning: weights of least magnitude become 0 while a model trains (Zhu and Gupta 2017).

Names and behaviour are those of ``tensorflow_model_optimization.sparsity.keras``.
"""

from .pruning import PruningPolicy, prune_low_magnitude, prune_scope, strip_pruning
from .pruning_callbacks import PruningSummaries, UpdatePruningStep
from .pruning_schedules import ConstantSparsity, PolynomialDecay, PruningSchedule
from .pruning_wrapper import PrunableLayer, PruneLowMagnitude

__all__ = [
    "ConstantSparsity",
    "PolynomialDecay",
    "PrunableLayer",
    "PruneLowMagnitude",
    "PruningPolicy",
    "PruningSchedule",
    "PruningSummaries",
    "UpdatePruningStep",
    "prune_low_magnitude",
    "prune_scope",
    "strip_pruning",
]
