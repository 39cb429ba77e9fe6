"""Keras's optimizers over tensors that belong to no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from kcompile.ir import Parameter, Storage
from kcompile.keras.optimizers import Optimizer
from kcompile.torch_bridge.optimizers import KerasOptimizer, make_optimizer


def torch_optimizer(optimizer: Optimizer, tensors: Sequence[torch.Tensor]) -> KerasOptimizer:
    """The torch optimizer that carries out the rule of one of Keras's on these tensors."""
    rule = optimizer.update_rule([_parameter_like(tensor, i) for i, tensor in enumerate(tensors)])
    assert rule is not None
    return make_optimizer(rule, tensors)


def _parameter_like(tensor: torch.Tensor, i: int) -> Parameter:
    order = sorted(range(tensor.dim()), key=lambda axis: -tensor.stride()[axis])
    array = np.zeros(tuple(tensor.shape), np.float32)
    return Parameter(Storage(array, None if order == list(range(tensor.dim())) else tuple(order)), f"w{i}")
