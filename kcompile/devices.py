"""Device scopes: which device the layers that are called inside compute on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import ir
from .ir import DeviceNotFoundError

__all__ = ["DeviceNotFoundError", "device_scope"]


@contextmanager
def device_scope(name: str | None) -> Iterator[str | None]:
    """What layers compute when called inside is placed on this device, in training and in prediction.

    A layer that is called in two scopes computes on both devices with one set of weights; tensors and weights
    travel where they are needed. ``"/cpu:0"`` is there on every machine.

    Args:
        name: "/cpu:0", "/gpu:0", "/gpu:1"; also "cuda:1", "GPU:0" or TensorFlow's "/device:GPU:0". None lifts
            an outer scope.

    Raises:
        ValueError: if it is not the name of a device.
        DeviceNotFoundError: if there is no such device; the message lists those that there are.
    """
    if name is not None and ir.device_name(name) != "cpu:0":
        from .torch_bridge import devices

        devices.check(name)
    with ir.device_scope(name) as device:
        yield device
