"""Weights from a model to a file of PyTorch's."""

from __future__ import annotations

from pathlib import Path

from ..keras.core.network import Network
from ..keras.state_dict import module_specs, state_dict, write_tensors
from ..keras.state_dict.flattening import left_layers


def write_state_dict(model: Network, path: Path) -> list[str]:
    """Writes a model's weights under PyTorch's names (.pt, .pth, .safetensors).

    Returns:
        a sentence for each layer whose tensors are not just those of a PyTorch module.
    """
    write_tensors(state_dict(model), path)
    notes = [f"{spec.name or spec.layer.name}: {spec.note}" for spec in module_specs(model) if spec.note]
    return notes + [
        f"{layer.name}: reads a flattened image among other features, in Keras's order, channels last; "
        "PyTorch flattens channels first"
        for layer in left_layers(model)
    ]
