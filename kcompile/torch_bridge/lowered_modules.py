"""What a lowered graph takes and returns, and how it is run: weights refreshed, updates applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, fx

from kcompile.ir import Parameter

from . import weights
from .arrays import as_array, as_tensor


@dataclass(frozen=True)
class Signature:
    """What a lowered module takes and returns.

    Attributes:
        inputs: names of the graph's inputs, in order.
        outputs: how many of the returned values are outputs; the others are updates.
        updates: the parameter that each further returned value is for.
        parameters: attribute of the module -> the parameter it shows.
        device: where it computes, where its outputs come from and inputs are expected.
        parameter_devices: where the parameters lie that device scopes have put elsewhere.
    """

    inputs: tuple[str, ...]
    outputs: int
    updates: tuple[Parameter, ...]
    parameters: dict[str, Parameter] = field(default_factory=dict)
    device: torch.device = torch.device("cpu")  # noqa: RUF009
    parameter_devices: dict[Parameter, torch.device] = field(default_factory=dict)

    def device_of(self, parameter: Parameter) -> torch.device:
        """The device on which torch reads and writes a parameter."""
        return self.parameter_devices.get(parameter, self.device)


def signature(module: fx.GraphModule) -> Signature:
    """What a lowered module takes and returns."""
    return module.meta["signature"]


def refresh(module: fx.GraphModule) -> None:
    """Brings a module's weights up to what was written on the host; call it before running on a device."""
    described = signature(module)
    if not described.parameter_devices:
        weights.refresh(described.parameters.values(), described.device)
        return
    for parameter in described.parameters.values():
        weights.refresh([parameter], described.device_of(parameter))


def apply_updates(module: fx.GraphModule, values: Sequence[Tensor]) -> None:
    """Writes the new values of ``signature(module).updates``, in that order, into the parameters.

    In place: call it after backward, which may still need the old values.
    """
    described = signature(module)
    if not described.updates:
        return
    with torch.no_grad():
        targets = [
            weights.tensor_of(parameter, described.device_of(parameter)) for parameter in described.updates
        ]
        torch._foreach_copy_(targets, [value.detach() for value in values])
    written(module, described.updates)


def written(module: fx.GraphModule, parameters: Iterable[Parameter]) -> None:
    """Says that torch wrote to these parameters where the module reads them."""
    described = signature(module)
    if not described.parameter_devices:
        weights.written(parameters, described.device)
        return
    for parameter in parameters:
        weights.written([parameter], described.device_of(parameter))


def run(module: fx.GraphModule, *arrays: np.ndarray, update: bool = False) -> tuple[np.ndarray, ...]:
    """Runs a lowered module on numpy arrays, without gradients.

    Args:
        arrays: one per input.
        update: apply the updates afterwards.

    Returns:
        the outputs, without the updates.
    """
    described = signature(module)
    if len(arrays) != len(described.inputs):
        names = ", ".join(described.inputs) or "none"
        raise ValueError(
            f"the graph has {len(described.inputs)} inputs ({names}); {len(arrays)} arrays were given"
        )
    refresh(module)
    with torch.no_grad():
        results = module(*(as_tensor(np.asarray(array)).to(described.device) for array in arrays))
        if update:
            apply_updates(module, results[described.outputs :])
    return tuple(as_array(result) for result in results[: described.outputs])
