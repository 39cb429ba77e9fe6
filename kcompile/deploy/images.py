"""What a model expects of images: their size, channels, order of axes, and the range of pixels."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kcompile_runtime import TensorInfo

from ..keras import applications

#: Ranges of pixels by name: as image files have them, from 0 to 1, and the modes of Keras's preprocess_input.
PIXELS = ("0-255", "0-1", "tf", "torch", "caffe")
#: Layers that take the pixels of image files and do the rest in the model.
_SCALING = {"Rescaling", "Normalization"}
_CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class PixelRange:
    """``scale * pixel + offset``, channel by channel, of channels that may be reversed first."""

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    reverse: bool = False

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """float64 values of pixels (..., channels) from 0 to 255."""
        ordered = pixels[..., ::-1] if self.reverse else pixels
        return ordered * np.array(self.scale) + np.array(self.offset)


@dataclass(frozen=True)
class ImageInput:
    """An input that takes images.

    Attributes:
        height, width: None where any will do.
        channels: 1 (gray), 3 (red, green, blue) or 4 (with alpha).
        channels_first: (batch, channels, height, width) rather than (batch, height, width, channels).
        pixels: what the values are.
    """

    height: int | None
    width: int | None
    channels: int
    channels_first: bool
    pixels: PixelRange


def image_input(
    tensor: TensorInfo, metadata: Mapping[str, str], pixels: str | None = None
) -> ImageInput | None:
    """How an input takes images; None where its shape is none of images.

    Args:
        tensor: the input.
        metadata: the file's entries; its ``kcompile.config`` tells the layers.
        pixels: one of `PIXELS`. By default what the model is known for: an application's own range; pixels as
            they are for integers, and where the model scales them itself; else 0 to 1.

    Raises:
        ValueError: a range that is none, or does not fit the channels.
    """
    shape = tensor.shape
    if shape is None or len(shape) != 4 or not tensor.dtype.startswith(("float", "int", "uint")):
        return None
    config = _config(metadata)
    first = _channels_first(shape, config)
    channels = shape[1 if first else 3]
    if channels not in _CHANNELS:
        return None
    height, width = (size if isinstance(size, int) else None for size in (shape[2:] if first else shape[1:3]))
    made = _named(pixels, channels) if pixels else _known(tensor, config, channels)
    return ImageInput(height, width, channels, first, made)


def _config(metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        config = json.loads(metadata.get("kcompile.config", "{}"))
    except (ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _channels_first(shape: Sequence[Any], config: dict[str, Any]) -> bool:
    """By the axis that can be channels; where both can, as the first layer that says it."""
    last, first = shape[3] in _CHANNELS, shape[1] in _CHANNELS
    if last and first:
        said = (layer.get("data_format") for _, layer in _layers(config))
        return next((found for found in said if found), "channels_last") == "channels_first"
    return first


def _layers(config: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Class and config of each layer, those within models and wrappers too; a stranger's JSON of any form."""
    waiting = [config]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, dict):
            inner = entry.get("config")
            if isinstance(entry.get("class_name"), str) and isinstance(inner, dict):
                yield entry["class_name"], inner
            waiting.extend(reversed(entry.values()))
        elif isinstance(entry, list):
            waiting.extend(reversed(entry))


def _known(tensor: TensorInfo, config: dict[str, Any], channels: int) -> PixelRange:
    names = {str(layer.get("name", "")).lower() for kind, layer in _layers(config) if kind in _MODELS}
    networks = {network.lower(): module for network, module in applications.ARCHITECTURES.items()}
    for name in sorted(names & networks.keys()):
        if channels == 3:
            module = importlib.import_module(f"{applications.__name__}.{networks[name]}")
            return _range_of(module.preprocess_input)
    scaled = any(kind in _SCALING for kind, _ in _layers(config))
    return _named("0-255" if scaled or not tensor.dtype.startswith("float") else "0-1", channels)


_MODELS = {"Functional", "Model", "Sequential"}


def _named(pixels: str, channels: int) -> PixelRange:
    if pixels not in PIXELS:
        raise ValueError(f"pixels: expected one of {', '.join(PIXELS)}, found {pixels!r}")
    if pixels in ("0-255", "0-1"):
        return PixelRange((1.0 if pixels == "0-255" else 1 / 255,) * channels, (0.0,) * channels)
    if channels != 3:
        raise ValueError(f"pixels: {pixels!r} is of 3 channels, the model's images have {channels}")
    preprocess = importlib.import_module(f"{applications.__name__}.imagenet_utils").preprocess_input
    return _range_of(lambda x, data_format: preprocess(x, data_format=data_format, mode=pixels))


def _range_of(preprocess: Callable[..., np.ndarray]) -> PixelRange:
    """What a function of images does, which is linear in each channel."""
    black, white, red = (np.full((1, 1, 3), color, np.float64) for color in (0, 255, (255, 0, 0)))
    offset, most, probe = (preprocess(x, data_format="channels_last").ravel() for x in (black, white, red))
    reverse = bool(probe[0] == offset[0])
    scale = (most - offset) / 255
    return PixelRange(tuple(map(float, scale)), tuple(map(float, offset)), reverse)
