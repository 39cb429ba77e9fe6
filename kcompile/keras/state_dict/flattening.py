"""Dense layers behind a Flatten: Keras flattens (sizes..., channels), PyTorch (channels, sizes...)."""

from __future__ import annotations

import numpy as np

from ..engine.base_layer import Layer
from ..engine.network import Network


def flattened_inputs(model: Network) -> dict[Layer, list[int]]:
    """Dense layers that read flattened images -> (channels, sizes...) as PyTorch flattens them."""
    maker = {value: node for node in model._network_nodes for value in node.output_tensors}
    found: dict[Layer, list[int]] = {}
    for node in model._network_nodes:
        if type(node.outbound_layer).__name__ != "Dense":
            continue
        value = node.input_tensors[0]
        while (before := maker.get(value)) is not None and len(before.input_tensors) == 1:
            kind = type(before.outbound_layer).__name__
            shape = before.input_tensors[0].shape
            if kind == "Flatten" and before.outbound_layer.data_format == "channels_last":
                sizes = [size for size in shape[1:] if isinstance(size, int)]
                if len(sizes) == len(shape) - 1 > 1 and int(np.prod(sizes[:-1])) > 1:
                    found[node.outbound_layer] = [sizes[-1], *sizes[:-1]]
                break
            if kind not in ("Dropout", "Activation", "ReLU", "BatchNormalization"):
                break
            value = before.input_tensors[0]
    return found
