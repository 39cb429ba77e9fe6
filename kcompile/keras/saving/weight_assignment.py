"""Stored weights into the weights of a model: matched in order or by name, checked, then copied.

Nothing is changed unless everything fits.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...ir import Names, Parameter, changing
from ...progress import report
from ..utils.messages import harmless
from .versions.keras1 import WeightUpgrade

if TYPE_CHECKING:
    from ...formats import LayerWeights
    from ..core.layer import Layer
    from ..core.network import Network


def assign_in_order(
    layers: Sequence[Layer],
    model: str,
    stored: Sequence[LayerWeights],
    source: str,
    reshape: bool = False,
    upgrade: WeightUpgrade | None = None,
) -> None:
    """Layers with weights in the file, matched to layers with weights among those given, in order.

    Args:
        layers: those of a model.
        model: its name, for messages.

    Raises:
        ValueError: if their number, or the number or shape of a layer's weights differs; nothing is changed.
    """
    layers = [layer for layer in layers if layer.weights]
    stored = [entry for entry in stored if entry.weights]
    if len(layers) != len(stored):
        raise ValueError(
            f"{source}: the file has weights of {len(stored)} layers ({_some(e.name for e in stored)}), the "
            f"model {model} has {len(layers)} layers with weights ({_some(layer.name for layer in layers)})."
        )
    plan: list[tuple[Parameter, Any]] = []
    for layer, entry in zip(layers, stored, strict=True):
        plan += _match(layer, entry, source, reshape, upgrade)
    assign(plan)


def assign_by_name(
    layers: Sequence[Layer],
    stored: Sequence[LayerWeights],
    source: str,
    skip_mismatch: bool = False,
    reshape: bool = False,
    upgrade: WeightUpgrade | None = None,
) -> None:
    """Layers of the file matched to the given ones of the same name; others on either side are left
    alone.

    Raises:
        ValueError: if the number or shape of a layer's weights differs (unless skip_mismatch); nothing is
            changed.
    """
    by_name: dict[str, list[Layer]] = {}
    for layer in layers:
        by_name.setdefault(layer.name, []).append(layer)
    plan: list[tuple[Parameter, Any]] = []
    for entry in stored:
        for layer in by_name.get(entry.name, []):
            try:
                plan += _match(layer, entry, source, reshape, upgrade)
            except ValueError as error:
                if not skip_mismatch:
                    raise
                warnings.warn(
                    f"Skipping loading of weights for layer {layer.name} due to mismatch in {error}",
                    stacklevel=4,
                )
    assign(plan)


def assign_by_weight_name(
    model: Network,
    stored: Sequence[tuple[str, Any]],
    source: str,
    partial: bool = False,
    skip_mismatch: bool = False,
) -> None:
    """Weights by their own names, as ``.safetensors`` files have them.

    Args:
        partial: whether names on one side alone are left as they are.
        skip_mismatch: whether weights of another shape are left as they are.

    Raises:
        ValueError: if names or shapes differ; nothing is changed.
    """
    own = dict(zip(unique_names(model.weights), model.weights, strict=True))
    found = dict(stored)
    missing, unknown = [n for n in own if n not in found], [n for n in found if n not in own]
    if (missing or unknown) and not partial:
        raise ValueError(
            f"{source}: the names of its {len(found)} weights are not those of the model {model.name}: "
            f"missing are {_some(missing) or 'none'}; unknown are {_some(unknown) or 'none'}. by_name=True "
            "takes what agrees."
        )
    plan: list[tuple[Parameter, Any]] = []
    for name, parameter in own.items():
        if name not in found:
            continue
        if tuple(found[name].shape) == parameter.shape:
            plan.append((parameter, found[name]))
        elif not skip_mismatch:
            raise ValueError(
                f"{source}: the weight {name} has shape {parameter.shape}, but the saved weight has shape "
                f"{tuple(found[name].shape)}."
            )
    assign(plan)


def unique_names(parameters: Sequence[Parameter]) -> list[str]:
    """The names with a number where they repeat: layers of one class in nested models may share them."""
    names = Names()
    return [names.unique(parameter.name) for parameter in parameters]


def _match(
    layer: Layer, entry: LayerWeights, source: str, reshape: bool, upgrade: WeightUpgrade | None = None
) -> list[tuple[Parameter, Any]]:
    """Pairs of parameter and array for one layer.

    Raises:
        ValueError: naming the layer and what does not fit.
    """
    parameters = layer.weights
    weights = entry.weights if upgrade is None else upgrade.convert(layer, entry.weights)
    arrays = layer.convert_stored_weights(_in_order_of(parameters, weights) if layer._layers else weights)
    if len(parameters) != len(arrays):
        raise ValueError(
            f"{source}: the layer {layer.name!r} expects {len(parameters)} weights "
            f"({_some(p.name for p in parameters)}), but the saved weights of {entry.name!r} have "
            f"{len(arrays)} arrays."
        )
    pairs: list[tuple[Parameter, Any]] = []
    for parameter, array in zip(parameters, arrays, strict=True):
        if tuple(array.shape) != parameter.shape:
            if not (reshape and array.size == parameter.size):
                raise ValueError(
                    f"{source}: the weight {parameter.name} of layer {layer.name!r} has shape "
                    f"{parameter.shape}, but the saved weight has shape {tuple(array.shape)}."
                )
            array = np.asarray(array).reshape(parameter.shape)
        pairs.append((parameter, array))
    return pairs


def _in_order_of(
    parameters: Sequence[Parameter], stored: Sequence[tuple[str, Any]]
) -> Sequence[tuple[str, Any]]:
    """Weights of a nested model by name, where the names agree.

    A model lists its trainable weights first, so the order in the file is that of what was frozen then.
    """
    by_name = {name.removesuffix(":0"): (name, array) for name, array in stored}
    names = [parameter.name for parameter in parameters]
    if len(by_name) == len(stored) == len(names) and by_name.keys() == set(names):
        return [by_name[name] for name in names]
    return stored


def assign(plan: list[tuple[Parameter, Any]]) -> None:
    """Copies each array into its weight; shapes were all checked before, so only the disk can fail now."""
    with changing():
        for i, (parameter, array) in enumerate(plan):
            report("reading weights", i / len(plan))
            target = parameter.storage.array
            if hasattr(array, "read") and target.flags.carray and array.dtype == target.dtype:
                array.read(out=target)
                parameter.storage.written()
            else:
                parameter.assign(np.asarray(array))


def _some(names: Any) -> str:
    names = list(names)
    return harmless(", ".join(names[:6])) + (", ..." if len(names) > 6 else "")
