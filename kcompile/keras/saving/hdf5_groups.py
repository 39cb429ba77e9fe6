"""The functions of keras.engine.saving on open h5py groups, over kcompile.formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import formats
from .archives import layer_weights
from .versions.keras1 import WeightUpgrade
from .versions.writer import writer_of
from .weight_assignment import assign_by_name, assign_in_order

if TYPE_CHECKING:
    from ..core.layer import Layer

# HDF5 keeps an attribute in the header of its object, which has 64 KiB; Keras leaves a little of it free
_ATTRIBUTE_LIMIT = 64512


def save_attributes_to_hdf5_group(group: Any, name: str, data: Sequence[bytes]) -> None:
    """Writes a list of byte strings as an attribute, in parts ``name0``, ``name1``, ... where it is long.

    Raises:
        RuntimeError: if a single string is too long.
    """
    too_long = [text for text in data if len(text) > _ATTRIBUTE_LIMIT]
    if too_long:
        raise RuntimeError(
            f"The following attributes cannot be saved to the HDF5 file because they are larger than "
            f"{_ATTRIBUTE_LIMIT} bytes: {', '.join(repr(text[:60]) + '...' for text in too_long)}"
        )
    array = np.asarray(data)
    count = max(1, -(-array.nbytes // _ATTRIBUTE_LIMIT))
    if count == 1:
        group.attrs[name] = list(data)
        return
    for i, part in enumerate(np.array_split(array, count)):
        group.attrs[f"{name}{i}"] = part


def load_attributes_from_hdf5_group(group: Any, name: str) -> list[str]:
    """The list that ``save_attributes_to_hdf5_group`` wrote, as text; empty if there is none."""
    if name in group.attrs:
        parts = [group.attrs[name]]
    else:
        parts = []
        while f"{name}{len(parts)}" in group.attrs:
            parts.append(group.attrs[f"{name}{len(parts)}"])
    return [text.decode("utf8") if isinstance(text, bytes) else str(text) for part in parts for text in part]


def save_weights_to_hdf5_group(group: Any, layers: Sequence[Layer]) -> None:
    """Writes the weights of layers into an open and empty h5py.File or Group, as ``save_weights`` does."""
    archive = formats.Archive(layer_weights=layer_weights(layers))
    formats.write(archive, group, format="hdf5")


def load_weights_from_hdf5_group(f: Any, layers: Sequence[Layer], reshape: bool = False) -> None:
    """Sets the weights of layers from an h5py.File or Group, matched in order.

    Raises:
        ValueError: if the number of layers, or the number or shape of a layer's weights differs.
    """
    with formats.read(f, lazy=True) as archive:
        assign_in_order(layers, _owner(layers), archive.layer_weights, _name(f), reshape)


def load_weights_from_hdf5_group_by_name(
    f: Any, layers: Sequence[Layer], skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Sets the weights of layers from an h5py.File or Group, matched by the layers' names.

    Raises:
        ValueError: if the number or shape of a layer's weights differs, unless skip_mismatch.
    """
    with formats.read(f, lazy=True) as archive:
        assign_by_name(layers, archive.layer_weights, _name(f), skip_mismatch, reshape)


def preprocess_weights_for_loading(
    layer: Layer,
    weights: Sequence[Any],
    original_keras_version: str | None = None,
    original_backend: str | None = None,
    reshape: bool = False,
) -> list[Any]:
    """Arrays of a file in the order and layout of a layer's weights.

    Args:
        layer: a built layer.
        weights: the arrays in the file's order.
        original_keras_version, original_backend: who wrote them: Keras 1 and Theano have other layouts.
        reshape: whether arrays of the right size take the shape of the weight.
    """
    writer = writer_of({"keras_version": original_keras_version, "backend": original_backend})
    stored = WeightUpgrade(writer).convert(layer, [("", np.asarray(array)) for array in weights])
    arrays = list(layer.convert_stored_weights(stored))
    own = layer.weights
    if reshape and len(arrays) == len(own):
        arrays = [
            np.reshape(array, weight.shape) if array.size == np.prod(weight.storage.array.shape) else array
            for array, weight in zip(arrays, own, strict=True)
        ]
    return arrays


def _owner(layers: Sequence[Layer]) -> str:
    return f"of {len(layers)} layers"


def _name(group: Any) -> str:
    return f"{group.file.filename}:{group.name}"
