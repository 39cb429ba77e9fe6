"""The devices that torch can compute on here, under the names that device scopes use."""

from __future__ import annotations

import os

import torch

from ..ir import DeviceNotFoundError, device_name


def default_device() -> torch.device:
    """Where to compute unless told: a GPU if CUDA_VISIBLE_DEVICES leaves one, else the CPU.

    Under torchrun each process has the GPU of its local rank.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    rank = os.environ.get("LOCAL_RANK", "") if os.environ.get("WORLD_SIZE", "1") != "1" else ""
    if rank.isdigit() and int(rank) < torch.cuda.device_count():
        return torch.device("cuda", int(rank))
    return torch.device("cuda", torch.cuda.current_device())


def available() -> list[str]:
    """Names of the devices, GPUs first: ``["gpu:0", "gpu:1", "cpu:0"]``."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [*(f"gpu:{i}" for i in range(count)), "cpu:0"]


def check(name: str) -> str:
    """The canonical name of a device that is there.

    Raises:
        ValueError: if it is not the name of a device.
        DeviceNotFoundError: if there is no such device; the message lists those that there are.
    """
    name = device_name(name)
    there = available()
    if name not in there:
        listed = ", ".join(f"/{device}" for device in there)
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        hint = f" (CUDA_VISIBLE_DEVICES={hidden!r})" if hidden is not None and name.startswith("gpu") else ""
        raise DeviceNotFoundError(f"There is no device /{name} here; there are: {listed}{hint}.")
    return name


def torch_device(name: str) -> torch.device:
    """torch's device for a name: ``cuda:1`` for "gpu:1", ``cpu`` for any CPU."""
    kind, index = device_name(name).split(":")
    return torch.device("cpu") if kind == "cpu" else torch.device("cuda", int(index))


def name_of(device: torch.device) -> str:
    """The name of torch's device: "gpu:1" for ``cuda:1``."""
    return f"{'gpu' if device.type == 'cuda' else device.type}:{device.index or 0}"


def title(index: int) -> str:
    """What its maker calls a GPU."""
    return torch.cuda.get_device_name(index)


def compute_reproducibly() -> None:
    """From here on operators give the same numbers in every run; those that cannot refuse."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)


def use_threads(count: int) -> None:
    """One operator is computed by so many threads; 0 changes nothing."""
    if count:
        torch.set_num_threads(count)


def threads() -> int:
    """How many threads compute one operator."""
    return torch.get_num_threads()
