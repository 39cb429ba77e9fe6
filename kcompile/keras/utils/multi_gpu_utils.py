"""Training on several devices at once, each on its part of every batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir import DeviceNotFoundError, device_name
from .. import registry
from ..legacy.old_names import answer_old_names
from ..training.model import Model
from .launch import launched


def _get_available_devices() -> list[str]:
    from ...torch_bridge import devices

    return [f"/{name}" for name in devices.available()]


def _normalize_device_name(name: str) -> str:
    """``"/gpu:0"`` for any spelling of a device."""
    return f"/{device_name(name)}"


def multi_gpu_model(
    model: Any,
    gpus: int | Sequence[int] | None = None,
    cpu_merge: bool = True,
    cpu_relocation: bool = False,
    devices: Sequence[str] | None = None,
) -> Any:
    """A model with the same layers and weights whose training and evaluation is divided over devices.

    Every batch is cut into one shard a device. Each shard's gradients are computed by a process of its own
    with torch's DistributedDataParallel, and averaged by the number of samples: losses, metrics and weights
    are those of the same batch on one device, up to rounding, also where the batch does not divide evenly or
    is smaller than the number of devices. Three things are as on replicas, not as on one device:
    BatchNormalization normalizes each shard by itself, and its moving averages are the mean over the shards;
    Dropout and noise draw other numbers on each device; and a loss or metric that is neither a mean nor a sum
    over samples is taken shard by shard.

    The processes are started by the first batch, go on from call to call, and end with the model or this
    process. Predictions are made in this process. Save either model: their weights are the same.

    Args:
        model: a model whose inputs are known, with an open batch size. Compile what this returns.
        gpus: how many GPUs, at least 2, or a list of their ids; None for all.
        cpu_merge: accepted; weights have one home in any case.
        cpu_relocation: accepted; the host always has the weights.
        devices: instead of ``gpus``: names such as ["cpu:0", "cpu:1"], at least 2, all CPUs or all GPUs. A
            CPU is a process, which shares the processor's cores with the others.

    Returns:
        a Model; ``compile`` and ``fit`` it.

    Raises:
        ValueError: for fewer than two devices, or a model that cannot be divided.
        DeviceNotFoundError: (a ValueError) if a device is not there; the message says which are.
    """
    names = _chosen(devices) if devices is not None else _chosen_gpus(gpus)
    _check_model(model)
    if launched():
        raise ValueError(
            "Under torchrun the model itself trains data-parallel, a process a device; "
            "use it without multi_gpu_model."
        )
    parallel = Model(model.inputs, model.outputs, name=f"{model.name}_on_{len(names)}")
    parallel.output_names = list(model.output_names)
    for name in (
        "_losses",
        "_losses_on",
        "_updates",
        "_updates_on",
        "_metrics",
        "_added_metrics",
    ):  # what add_loss and add_metric gave the model
        if name in vars(model):
            vars(parallel)[name] = vars(model)[name]
    parallel._step_devices = names
    return parallel


def _chosen_gpus(gpus: Any) -> list[str]:
    """torch's names for Keras's argument, with Keras's errors."""
    available = _get_available_devices()
    if not gpus:
        gpus = sum(name.startswith("/gpu:") for name in available)
    if isinstance(gpus, list | tuple):
        if len(gpus) <= 1:
            raise ValueError(
                "For multi-gpu usage to be effective, call `multi_gpu_model` with `len(gpus) >= 2`. "
                f"Received: `gpus={gpus}`"
            )
        ids = [int(i) for i in gpus]
    else:
        if gpus <= 1:
            raise ValueError(
                "For multi-gpu usage to be effective, call `multi_gpu_model` with `gpus >= 2`. "
                f"Received: `gpus={int(gpus)}`"
            )
        ids = list(range(int(gpus)))
    targets = ["/cpu:0", *(f"/gpu:{i}" for i in ids)]
    if not set(targets) <= set(available):
        raise DeviceNotFoundError(
            f"To call `multi_gpu_model` with `gpus={gpus}`, we expect the following devices to be available: "
            f"{targets}. However this machine only has: {available}. Try reducing `gpus`."
        )
    return _distinct([f"cuda:{i}" for i in ids])


def _chosen(devices: Sequence[str]) -> list[str]:
    if isinstance(devices, str) or len(devices) < 2:
        raise ValueError(f"`devices` must be a list of at least two names; found {devices!r}.")
    names = _distinct([device_name(name) for name in devices])
    kinds = {name.split(":")[0] for name in names}
    if len(kinds) > 1:
        raise ValueError(f"`devices` must be all CPUs or all GPUs; found {list(devices)!r}.")
    if kinds == {"cpu"}:
        return ["cpu"] * len(names)
    from ...torch_bridge import devices as there

    return [name.replace("gpu", "cuda") for name in map(there.check, names)]


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError(f"A device may be named once only; found {names}.")
    return names


def _check_model(model: Any) -> None:
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ValueError(
            f"The inputs of {getattr(model, 'name', model)} are not known yet: build it, or call it on data, "
            "before multi_gpu_model."
        )
    fixed = [value for value in model.inputs if value.shape and isinstance(value.shape[0], int)]
    if model.stateful or fixed:
        what = (
            "keeps states of its samples"
            if model.stateful
            else f"fixes the batch size at {fixed[0].shape[0]}"
        )
        raise ValueError(f"The model {model.name} {what}; its batches cannot be divided over devices.")


answer_old_names(__name__, ["layers"])

registry.register(globals())
