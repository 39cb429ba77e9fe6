"""Weights as they were when they were read: what is differentiated later is not changed by what is assigned
meanwhile.

A weight that is read gives a leaf of torch's autograd with the numbers of that moment, the same one until the
weight changes. Its gradient is the sum over the leaves that are still part of something.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from kcompile.ir import Parameter

from . import weights


@dataclass
class _Readings:
    """The present reading of a weight on a device, and those before it that somebody still refers to."""

    seen: tuple[int, int]
    leaf: Tensor
    before: list[weakref.ref[Tensor]] = field(default_factory=list)


_readings: WeakKeyDictionary[Parameter, dict[torch.device, _Readings]] = WeakKeyDictionary()


def reading(parameter: Parameter, device: torch.device) -> Tensor:
    """The weight as it is now, on which gradients arrive."""
    tensor = weights.tensor_of(parameter, device)
    seen = parameter.storage.version, tensor._version
    of_device = _readings.setdefault(parameter, {})
    held = of_device.get(device)
    if held is not None and held.seen == seen:
        return held.leaf
    leaf = tensor.detach().clone().requires_grad_()
    before = [] if held is None else [r for r in held.before if r() is not None]
    if held is not None:
        before.append(weakref.ref(held.leaf))
    of_device[device] = _Readings(seen, leaf, before)
    return leaf


def readings(parameter: Parameter, device: torch.device) -> list[Tensor]:
    """All readings of the weight that something may have been computed from."""
    held = _readings.get(parameter, {}).get(device)
    if held is None:
        return []
    return [*(leaf for ref in held.before if (leaf := ref()) is not None), held.leaf]
