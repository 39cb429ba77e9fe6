"""What torch's random numbers go on from, as arrays, so that another process can go on from there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn


def random_state() -> dict[str, np.ndarray]:
    """The states of torch's global generators: of the CPU, and of each GPU where torch uses any."""
    states = {"torch": torch.get_rng_state().numpy()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        for index, state in enumerate(torch.cuda.get_rng_state_all()):
            states[f"torch_cuda_{index}"] = state.numpy()
    return states


def set_random_state(states: Mapping[str, np.ndarray]) -> None:
    """Goes on from what ``random_state`` gave; what is not there stays as it is."""
    torch.set_rng_state(_bytes(states["torch"]))
    for index in range(torch.cuda.device_count()):
        if f"torch_cuda_{index}" in states:
            torch.cuda.set_rng_state(_bytes(states[f"torch_cuda_{index}"]), index)


def generator_states(module: nn.Module) -> list[np.ndarray]:
    """The states of the generators that operators with a seed have in a lowered module, in its order."""
    return [generator.get_state().cpu().numpy() for generator in generators(module)]


def set_generator_states(module: nn.Module, states: list[np.ndarray]) -> None:
    """Goes on from what ``generator_states`` gave of the same module.

    Raises:
        ValueError: for another number of generators.
    """
    for generator, state in zip(generators(module), states, strict=True):
        generator.set_state(_bytes(state))


def generators(module: nn.Module) -> list[torch.Generator]:
    """Those that operators with a seed have in a lowered module."""
    found = (value for part in module.modules() for value in vars(part).values())
    return [value for value in found if isinstance(value, torch.Generator)]


def _bytes(state: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(state, np.uint8))
