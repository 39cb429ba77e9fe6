"""Parameters of a graph as torch sees them: the same memory on the CPU, a leading copy on another device.

A Parameter has one tensor a device, made when first asked for and kept as long as the Parameter lives. On the
CPU it is the host buffer itself, strides included. On another device it is a copy in the same memory order;
after torch wrote to it, it leads, and the host buffer follows when somebody reads it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from kcompile.ir import Parameter

from .arrays import as_array, as_tensor


@dataclass
class _Copy:
    """The tensor of one parameter on one device, and the nn.Parameters that show it."""

    tensor: torch.Tensor
    version: int
    shown: dict[bool, nn.Parameter]


_copies: WeakKeyDictionary[Parameter, dict[torch.device, _Copy]] = WeakKeyDictionary()


def canonical_device(device: torch.device | str) -> torch.device:
    """The device with its index, so that "cuda" and "cuda:0" are one."""
    device = torch.device(device)
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def _is_host(device: torch.device) -> bool:
    """Whether tensors there are the host buffers themselves."""
    return device.type == "cpu"


def tensor_of(parameter: Parameter, device: torch.device | str = "cpu") -> torch.Tensor:
    """The tensor that holds a parameter's value on a device, current; always the same object.

    Whoever writes to it says so by ``written``.
    """
    return _copy_of(parameter, canonical_device(device)).tensor


def parameter_of(
    parameter: Parameter, device: torch.device | str = "cpu", trainable: bool | None = None
) -> torch.Tensor:
    """The same memory as ``tensor_of``, as an nn.Parameter.

    One object for each answer to ``trainable``: a weight that one model trains and another one freezes (a
    GAN's discriminator) has two faces and one memory.

    Args:
        trainable: requires_grad; None for what the parameter says.

    Returns:
        an nn.Parameter where the element type is floating, else the tensor itself.
    """
    copy = _copy_of(parameter, canonical_device(device))
    if not copy.tensor.is_floating_point():
        return copy.tensor
    trainable = parameter.trainable if trainable is None else trainable
    if trainable not in copy.shown:
        copy.shown[trainable] = nn.Parameter(copy.tensor, requires_grad=trainable)
    return copy.shown[trainable]


def share(parameter: Parameter, tensor: nn.Parameter) -> bool:
    """Makes a tensor of somebody else's the one that a parameter shows, so that both are one weight.

    Args:
        parameter: of the same shape and element type, whose value is not needed any more.
        tensor: on the CPU, in C order.

    Returns:
        False where the tensor is not so; nothing has changed then.
    """
    device = canonical_device(tensor.device)
    own = tensor.detach()
    if not _is_host(device) or not parameter.storage.share(as_array(own), lambda: own._version):
        return False
    _copies[parameter] = {device: _Copy(own, parameter.storage.version, {tensor.requires_grad: tensor})}
    return True


def refresh(parameters: Iterable[Parameter], device: torch.device | str) -> None:
    """Brings the device copies up to what was written on the host since."""
    device = canonical_device(device)
    for parameter in parameters:
        if _is_host(device):
            parameter.storage.array  # noqa: B018 - reading fetches what another device leads with
        else:
            _copy_of(parameter, device)


def written(parameters: Iterable[Parameter], device: torch.device | str = "cpu") -> None:
    """Says that torch wrote to these parameters on this device (an optimizer step, an update)."""
    device = canonical_device(device)
    if _is_host(device):
        for parameter in parameters:
            parameter.storage.written()
        return
    for parameter in parameters:
        copy = _copies[parameter][device]
        parameter.storage.written(partial(_fetch, copy.tensor))
        copy.version = parameter.storage.version


def watch(parameter: Parameter, device: torch.device | str = "cpu") -> None:
    """Notices from now on what torch writes to a parameter's tensor without ``written``, as user code does.

    Torch counts the writes to a tensor, except those through ``tensor.data``.
    """
    device = canonical_device(device)
    tensor = tensor_of(parameter, device)
    owner = weakref.ref(parameter)
    known = tensor._version

    def look() -> None:
        nonlocal known
        parameter = owner()
        if tensor._version != known and parameter is not None:
            known = tensor._version
            written([parameter], device)

    parameter.storage.watch = look


def _copy_of(parameter: Parameter, device: torch.device) -> _Copy:
    copies = _copies.setdefault(parameter, {})
    copy = copies.get(device)
    storage = parameter.storage
    if copy is None:
        host = as_tensor(storage.array)
        if _is_host(device):
            tensor = host
        else:
            tensor = torch.empty_strided(host.shape, host.stride(), dtype=host.dtype, device=device)
            tensor.copy_(host)
        copy = copies[device] = _Copy(tensor, storage.version, {})
    elif _is_host(device):
        storage.array  # noqa: B018 - reading fetches what another device leads with
    elif copy.version != storage.version:
        with torch.no_grad():
            copy.tensor.copy_(as_tensor(storage.array))
        copy.version = storage.version
    return copy


def _fetch(tensor: torch.Tensor, host: np.ndarray) -> None:
    as_tensor(host).copy_(tensor)
