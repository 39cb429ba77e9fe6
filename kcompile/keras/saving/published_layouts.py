"""Published weights that come in two layouts under one name."""

from __future__ import annotations

from typing import Any

from ... import formats

# a layer of each of the two ResNet50 that Keras has published, and the network that it belongs to
_LAYOUTS = {
    "res2a_branch2a": "keras.applications.resnet50.ResNet50, the one of Keras 2.3",
    "conv2_block1_1_conv": "keras.applications.resnet.ResNet50, the one of later Keras",
}


def other_layout(model: Any, filepath: Any) -> str:
    """What to say of an HDF5 file with weights of the other ResNet50 than the model; else nothing."""
    try:
        with formats.read(filepath, lazy=True) as archive:
            stored = {entry.name for entry in archive.layer_weights}
    except (OSError, ValueError):
        return ""
    names = {layer.name for layer in model.layers}
    for mark, place in _LAYOUTS.items():
        if mark in stored and mark not in names and any(other in names for other in _LAYOUTS):
            return (
                f"It is a file of the other ResNet50 layout: its layers are those of {place}, which has "
                "other names, another order and another epsilon. Build that one to load it."
            )
    return ""
