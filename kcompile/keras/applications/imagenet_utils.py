"""What the ImageNet models share: preprocessing of images, names of classes, checking of input shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ...ir import Value
from .. import backend as K
from ..backend.tensors import static_sizes
from ..legacy.old_names import answer_old_names
from ._arguments import refusing_unknown
from ._weights import published_file

CLASS_INDEX_PATH = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
CLASS_INDEX_HASH = "c2c37ea517e94d9795004a39431a14cb"
CLASSES = 1000

# Statistics of the images of ImageNet by channel, red first.
_MEAN_OF_255 = (123.68, 116.779, 103.939)
_MEAN = (0.485, 0.456, 0.406)
_STANDARD_DEVIATION = (0.229, 0.224, 0.225)

_class_index: dict[str, list[str]] | None = None


@refusing_unknown
def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe", **kwargs: Any) -> Any:
    """Images as a network was trained on them.

    Args:
        x: numpy array or symbolic value, RGB from 0 to 255, (height, width, 3) or (batch, height, width, 3),
            with the channels first for channels_first.
        data_format: "channels_last", "channels_first" or None, the one of ``keras.json``.
        mode: "caffe" (BGR, less the mean of each channel), "tf" (-1 to 1), or "torch" (0 to 1, then
            normalized by mean and standard deviation of each channel).

    Returns:
        A new array (floats of ``x``'s precision, ``K.floatx()`` for integers), or a value. Keras writes
        into an array of floats instead.

    Raises:
        ValueError: for another mode or data_format, or where there are not three channels.
    """
    if mode not in ("caffe", "tf", "torch"):
        raise ValueError(f"preprocess_input: mode must be 'caffe', 'tf' or 'torch'; found {mode!r}.")
    data_format = data_format or K.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            "preprocess_input: data_format must be 'channels_last' or 'channels_first'; "
            f"found {data_format!r}."
        )
    symbolic = isinstance(x, Value)
    if not symbolic:
        x = np.asarray(x)
        if not np.issubdtype(x.dtype, np.floating):
            x = x.astype(K.floatx())
    elif not K.dtype(x).startswith(("float", "bfloat")):
        x = K.cast(x, K.floatx())
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = _channel_axis(x, data_format)
    if mode == "torch":
        normalized = x / 255.0 - _along(_MEAN, axis, x)
        return normalized / _along(_STANDARD_DEVIATION, axis, x)
    reversed_channels = K.reverse(x, axis) if symbolic else np.flip(x, axis)
    return reversed_channels - _along(_MEAN_OF_255[::-1], axis, x)


class Preprocessing(Protocol):
    """How a network's module gives ``preprocess_input``: without the mode."""

    def __call__(self, x: Any, data_format: str | None = None, **kwargs: Any) -> Any: ...


def preprocessing(module: str, mode: str | None) -> Preprocessing:
    """The ``preprocess_input`` of a module whose networks take images in this mode; None: as they are."""
    home = preprocess_input

    def function(x: Any, data_format: str | None = None, **kwargs: Any) -> Any:
        return x if mode is None else home(x, data_format, mode)

    if mode is None:
        function.__doc__ = "``x`` as it is: the model itself normalizes images of 0 to 255."
    else:
        function.__doc__ = f'``imagenet_utils.preprocess_input`` in the mode "{mode}".'
    function.__name__ = function.__qualname__ = home.__name__
    function.__module__ = module
    return refusing_unknown(function)


def _channel_axis(x: Any, data_format: str) -> int:
    shape = K.int_shape(x) if isinstance(x, Value) else x.shape
    axis = -1 if data_format == "channels_last" else -3
    if shape is None or len(shape) not in (3, 4) or shape[axis] not in (3, None):
        raise ValueError(
            f"preprocess_input: expected images with 3 channels, {data_format}, of 3 or 4 axes; "
            f"found the shape {shape}."
        )
    return len(shape) + axis


def _along(numbers: Sequence[float], axis: int, x: Any) -> Any:
    """Three numbers in the type of ``x``, shaped to be broadcast along its channel axis."""
    rank = len(static_sizes(x))
    dtype = K.dtype(x) if isinstance(x, Value) else x.dtype
    shaped = np.asarray(numbers, dtype).reshape([3 if i == axis else 1 for i in range(rank)])
    return K.constant(shaped, dtype=dtype) if isinstance(x, Value) else shaped


def decode_predictions(preds: Any, top: int = 5, **kwargs: Any) -> list[list[tuple[str, str, float]]]:
    """The likeliest classes of ImageNet for each prediction.

    Args:
        preds: (batch, 1000), probabilities.
        top: how many.

    Returns:
        For each sample a list of (WordNet id, name, score), likeliest first. The file of names is
        downloaded once to ``models/imagenet_class_index.json`` in the cache.

    Raises:
        ValueError: for another shape. OSError: the file of names is not there and cannot be downloaded.
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != CLASSES:
        raise ValueError(
            "`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape (samples, 1000)). "
            f"Found array with shape: {preds.shape}"
        )
    names = _classes()
    best = np.argsort(preds, axis=1)[:, : -top - 1 : -1]
    return [[(*names[str(i)], row[i]) for i in order] for row, order in zip(preds, best, strict=True)]


def _classes() -> dict[str, list[str]]:
    """[WordNet id, name] by index, read once."""
    global _class_index
    if _class_index is None:
        path = published_file("imagenet_class_index.json", CLASS_INDEX_PATH, CLASS_INDEX_HASH)
        with open(path, encoding="utf-8") as file:
            _class_index = json.load(file)
    return _class_index


def _obtain_input_shape(
    input_shape: Sequence[int | None] | None,
    default_size: int,
    min_size: int,
    data_format: str | None,
    require_flatten: bool = True,
    weights: Any = None,
    include_top: bool | None = None,
) -> tuple[int | None, ...]:
    """The shape of one image for a network, checked.

    Args:
        input_shape: as the user gave it, or None.
        default_size: height and width that the network was trained on.
        min_size: least height and width.
        data_format: of the shapes.
        require_flatten: whether the network has its top, so that the size must be known.
        include_top: the older name of require_flatten.
        weights: "imagenet" takes three channels, and with the top the default size.

    Raises:
        ValueError: saying what was expected and what was found.
    """
    require_flatten = require_flatten if include_top is None else include_top
    first = (data_format or K.image_data_format()) == "channels_first"

    def image(size: int | None, channels: int) -> tuple[int | None, ...]:
        return (channels, size, size) if first else (size, size, channels)

    if input_shape is None:
        return image(default_size if require_flatten else None, 3)
    shape = tuple(input_shape)
    if len(shape) != 3:
        raise ValueError(f"`input_shape` must be a tuple of three integers; found {input_shape}.")
    channels = shape[0] if first else shape[-1]
    size = shape[1:] if first else shape[:-1]
    if weights == "imagenet" and require_flatten and shape != image(default_size, 3):
        raise ValueError(
            "When setting `include_top=True` and loading `imagenet` weights, `input_shape` should be "
            f"{image(default_size, 3)}; found {shape}."
        )
    if weights == "imagenet" and channels != 3:
        raise ValueError(
            f"The input must have 3 channels for the weights of ImageNet; found `input_shape={shape}`."
        )
    if any(side is not None and side < min_size for side in size):
        raise ValueError(
            f"Input size must be at least {min_size}x{min_size}; found `input_shape={input_shape}`."
        )
    if require_flatten and None in shape:
        raise ValueError(
            "If `include_top` is True, you should specify a static `input_shape`. "
            f"Found `input_shape={input_shape}`."
        )
    return shape


obtain_input_shape = _obtain_input_shape

answer_old_names(__name__)
