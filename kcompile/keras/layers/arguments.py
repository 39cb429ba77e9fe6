"""What constructors share: how arguments are kept, checks of sizes, channels first or last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec

from .. import backend as K
from ..core.layer import Layer
from ..declaration import Convert, like
from ..utils import conv_utils

Arguments = ParamSpec("Arguments")


def of_rank(
    constructor: Callable[Concatenate[Any, int, Arguments], None], /, *without: str, **defaults: Any
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, Arguments], None]]:
    """``like`` a constructor whose first argument is ``rank``, without that: the class has one of its own."""
    return like(constructor, without=("rank", *without), **defaults)  # type: ignore[arg-type]


def weight_arguments(layer: Layer, weight: str) -> dict[str, Any]:
    """``<weight>_initializer``, ``_regularizer`` and ``_constraint`` of the layer, for ``add_weight``."""
    return {kind: getattr(layer, f"{weight}_{kind}") for kind in ("initializer", "regularizer", "constraint")}


def positive_int(layer: Layer, name: str, value: Any) -> int:
    """``value`` as an int.

    Raises:
        ValueError: if it is not a whole number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, int) and not _is_whole(value) or value < 1:
        raise ValueError(f"{type(layer).__name__}: `{name}` must be a positive integer, found {value!r}.")
    return int(value)


def unit_interval(layer: Layer, name: str, rate: float) -> float:
    """A dropout rate limited to [0, 1]."""
    return min(1.0, max(0.0, rate))


def one_or_more(value: Any) -> tuple[Any, ...]:
    """A tuple of what is one value, or a list of them."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _is_whole(value: Any) -> bool:
    try:
        return int(value) == value
    except (TypeError, ValueError):
        return False


def optional(convert: Convert) -> Convert:
    """How an argument is kept that may be None as well."""
    return lambda layer, name, value: None if value is None else convert(layer, name, value)


def per_axis(layer: Any, name: str, value: Any) -> tuple[int, ...]:
    """``value``, an int or one for each of the layer's ``rank`` spatial axes, as a tuple.

    Raises:
        ValueError: if there are more or fewer, or one is not positive.
    """
    sizes = conv_utils.normalize_tuple(value, layer.rank, name)
    for size in sizes:
        positive_int(layer, name, size)
    return sizes


def padding(layer: Any, name: str, value: Any) -> str:
    """The padding mode in lower case; ValueError for an unknown one."""
    return conv_utils.normalize_padding(value)


def data_format(layer: Any, name: str, value: str | None) -> str:
    """ "channels_first" or "channels_last"; None stands for ``K.image_data_format()``."""
    return K.normalize_data_format(value)


def channel_axis(data_format: str) -> int:
    """The axis of the channels: 1 or -1."""
    return 1 if data_format == "channels_first" else -1


def spatial_sizes(shape: Sequence[Any], data_format: str) -> list[Any]:
    """The sizes between batch and channels."""
    return list(shape[2:] if data_format == "channels_first" else shape[1:-1])


def with_spatial_sizes(
    shape: Sequence[Any], sizes: Sequence[Any], channels: Any, data_format: str
) -> tuple[Any, ...]:
    """A shape of these spatial sizes and channels, with the batch axis of ``shape``."""
    return (shape[0], channels, *sizes) if data_format == "channels_first" else (shape[0], *sizes, channels)


def window_sizes(
    layer: Any, sizes: Sequence[Any], window: Sequence[int], dilations: Sequence[int] | None = None
) -> list[Any]:
    """What is left of each spatial size by the windows of a convolution or pooling layer, None where unknown.

    Raises:
        ValueError: where the window does not fit.
    """
    if len(sizes) != len(window):
        raise ValueError(
            f"Layer {layer.name}: a window of {tuple(window)} needs an input of {len(window) + 2} axes "
            f"(batch, {len(window)} spatial axes, channels); found {len(sizes) + 2} axes, spatial ones of "
            f"sizes {tuple(sizes)} (data_format={layer.data_format!r})."
        )
    dilations = dilations or (1,) * len(window)
    steps = zip(sizes, window, layer.strides, dilations, strict=True)
    left = [conv_utils.conv_output_length(n, k, layer.padding, s, d) for n, k, s, d in steps]
    if any(size is not None and size < 1 for size in left):
        dilated = f", dilated by {tuple(dilations)}," if any(d > 1 for d in dilations) else ""
        raise ValueError(
            f"Layer {layer.name}: a window of {tuple(window)}{dilated} does not fit into the spatial size "
            f"{tuple(sizes)} of the input with padding={layer.padding!r} (data_format={layer.data_format!r})."
        )
    return left
