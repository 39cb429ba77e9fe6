"""Half precision: policies of types, and optimizers that scale the loss. Names of tf.keras 2 and Keras 3."""

from __future__ import annotations

from .dtype_policies import Policy, global_policy, set_global_policy
from .optimizers.loss_scale import LossScaleOptimizer

DTypePolicy = Policy
dtype_policy = global_policy
set_dtype_policy = set_global_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
