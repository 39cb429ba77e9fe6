"""Small weights, and an optimizer that has trained them."""

from __future__ import annotations

import numpy as np

from kcompile.ir import Parameter
from kcompile.keras import backend as K
from kcompile.torch_bridge.optimizers import make_optimizer
from tests.golden.load import load

GOLDEN = load("optimizers")


BUILT_IN = ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"]


def weights(*shapes: tuple[int, ...]) -> list[Parameter]:
    return [K.variable(np.full(s, 0.5), name=f"w{i}") for i, s in enumerate(shapes)]


def trained(optimizer, steps=1):
    """The optimizer after some steps of its update rule on two weights."""
    import torch

    params = weights((2, 3), (3,))
    tensors = [torch.from_numpy(p.storage.array) for p in params]
    step = make_optimizer(optimizer.update_rule(params), tensors)
    for i in range(steps):
        for j, t in enumerate(tensors):
            t.grad = torch.full(t.shape, 0.1 * (i + j + 1))
        step.step()
    return params
