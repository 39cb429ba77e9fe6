"""``merge`` and ``Merge`` of Keras 1, which Keras 2 kept until 2.1, as the layers of today."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .. import layers as of_today

_LAYERS = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
    "cos": "Dot",
}


def Merge(
    layers: Sequence[Any] | None = None,
    mode: str | Callable[..., Any] = "sum",
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    output_mask: Any = None,
    arguments: dict[str, Any] | None = None,
    node_indices: Any = None,
    tensor_indices: Any = None,
    name: str | None = None,
) -> Any:
    """The layer of today that merges a list of tensors as ``mode`` says.

    Args:
        layers: must be None: call the layer on the branches' tensors instead.
        mode: "sum", "mul", "ave", "max", "concat", "dot", "cos", or a function of the list of tensors.
        concat_axis: for "concat".
        dot_axes: for "dot" and "cos".
        output_shape, output_mask, arguments: for a function, as ``Lambda`` takes them.
        node_indices, tensor_indices: not used without ``layers``.
        name: of the layer.

    Raises:
        ValueError: for an unknown mode. NotImplementedError: for ``layers``.
    """
    warnings.warn("The `Merge` layer is deprecated; use the layers from keras.layers.merge.", stacklevel=2)
    if layers is not None:
        raise NotImplementedError(
            "Merge(layers=...) took branches without inputs. Make a functional model: call keras.layers.add, "
            "concatenate or their like on the outputs of the branches."
        )
    if callable(mode):
        return of_today.Lambda(mode, output_shape, output_mask, arguments, name=name)
    if mode not in _LAYERS:
        raise ValueError(
            f"Invalid merge mode: {mode!r}; expected one of {', '.join(_LAYERS)}, or a function."
        )
    settings: dict[str, Any] = {"name": name}
    if mode == "concat":
        settings["axis"] = concat_axis
    elif _LAYERS[mode] == "Dot":
        settings |= {"axes": dot_axes, "normalize": mode == "cos"}
    return getattr(of_today, _LAYERS[mode])(**settings)


def merge(
    inputs: Sequence[Any],
    mode: str | Callable[..., Any] = "sum",
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    output_mask: Any = None,
    arguments: dict[str, Any] | None = None,
    name: str | None = None,
) -> Any:
    """``Merge(mode=...)`` called on tensors; the arguments are Merge's."""
    layer = Merge(None, mode, concat_axis, dot_axes, output_shape, output_mask, arguments, name=name)
    return layer(list(inputs))
