"""The rest of ``keras.ops`` on shapes, networks and images; see ``keras_ops``."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import Value, op
from .. import backend as K
from ..backend.convolution import conv, depthwise_conv, pool, separable_conv
from ..backend.einsum import einsum
from . import tensorflow as arithmetic
from . import tensorflow_networks as network
from . import tensorflow_segments as segments
from . import tensorflow_shapes as shapes
from .keras_ops import _enter, of_keras
from .resizing import ImageSize, check_aspect, interpolation_mode
from .slices import sliced
from .table import OPERATIONS, _alike, _axis, _bool, _float, _move_axis, _rank, _size, _tensor, _up_to

# --- shapes and parts ---------------------------------------------------------------------------------------

_enter(
    Argsort=lambda x, axis=-1: _sorted_flat(x, axis, 1),
    Sort=lambda x, axis=-1: _sorted_flat(x, axis, 0),
    Dstack=lambda xs: K.concatenate(list(xs), 2),
    Hsplit=lambda x, indices_or_sections: OPERATIONS["Split"].emit(
        x, indices_or_sections=indices_or_sections, axis=1
    ),
    Vsplit=lambda x, indices_or_sections: OPERATIONS["Split"].emit(
        x, indices_or_sections=indices_or_sections, axis=0
    ),
    Dsplit=lambda x, indices_or_sections: OPERATIONS["Split"].emit(
        x, indices_or_sections=indices_or_sections, axis=2
    ),
)


def _sorted_flat(x: Value, axis: Any, which: int) -> Value:
    x, axis = (op.Reshape(x, [-1]), 0) if axis is None else (x, axis)
    return (shapes.sort, shapes.argsort)[which](x, axis)


@of_keras("ArraySplit")
def array_split(x: Value, indices_or_sections: Any, axis: int = 0) -> list[Value]:
    if isinstance(indices_or_sections, int):
        parts = np.array_split(_up_to(_size(x, axis)), indices_or_sections)
        indices_or_sections = [int(n) for n in np.cumsum([len(part) for part in parts])[:-1]]
    return OPERATIONS["Split"].emit(x, indices_or_sections=indices_or_sections, axis=axis)


@of_keras("Append", operands=2)
def append(x1: Any, x2: Any, axis: Any = None) -> Value:
    a, b = _alike(x1, x2)
    if axis is None:
        a, b, axis = op.Reshape(a, [-1]), op.Reshape(b, [-1]), 0
    return K.concatenate([a, b], axis)


@of_keras("Rot90")
def rot90(array: Value, k: int = 1, axes: Any = (0, 1)) -> Value:
    first, second = (_axis(array, a) for a in axes)
    for _ in range(int(k) % 4):
        array = K.reverse(OPERATIONS["Swapaxes"].emit(array, axis1=first, axis2=second), first)
    return array


@of_keras("Meshgrid")
def meshgrid(x: Sequence[Any], indexing: str = "xy") -> list[Value]:
    vectors = [op.Reshape(_tensor(v), [-1]) for v in x]
    order = list(range(len(vectors)))
    if indexing == "xy" and len(order) > 1:
        order[0], order[1] = 1, 0
    sizes = [op.Shape(vectors[order.index(i)]) for i in range(len(order))]
    shape = op.Concat(*sizes, axis=0) if len(sizes) > 1 else sizes[0]
    axes = [[a for a in range(len(order)) if a != at] for at in order]
    return [op.Expand(op.Unsqueeze(v, a) if a else v, shape) for v, a in zip(vectors, axes, strict=True)]


@of_keras("TakeAlongAxis", operands=2)
def take_along_axis(x: Value, indices: Any, axis: Any = None) -> Value:
    places = K.cast(_tensor(indices), "int64")
    if axis is None:
        return op.Gather(op.Reshape(x, [-1]), op.Reshape(places, [-1]), axis=0)
    return op.GatherElements(x, places, axis=_axis(x, axis))


@of_keras("SearchSorted", operands=2)
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Value:
    edges, values = _alike(sorted_sequence, values)
    if _rank(edges) != 1:
        raise ValueError("A `searchsorted` is in several sequences; one is taken.")
    compare = op.Less if side == "left" else op.LessOrEqual
    below = compare(edges, op.Unsqueeze(values, [-1]))
    return K.sum(K.cast(below, "int32"), axis=-1)


@of_keras("Digitize", operands=2)
def digitize(x: Any, bins: Any) -> Value:
    x, bins = _alike(x, bins)
    return K.sum(K.cast(op.LessOrEqual(bins, op.Unsqueeze(x, [-1])), "int32"), axis=-1)


@of_keras("IsIn", operands=2)
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Value:
    a, b = _alike(x1, x2)
    found = K.any(op.Equal(op.Unsqueeze(a, [-1]), op.Reshape(b, [-1])), axis=-1)
    return op.Not(found) if invert else found


def _between(start: Any, stop: Any, num: int, endpoint: bool, axis: int) -> Value:
    start, stop = _alike(_float(start), _float(stop))
    parts = _up_to(num) / builtins.max(num - 1 if endpoint else num, 1)
    steps = op.Unsqueeze(start, [-1]) + op.Unsqueeze(stop - start, [-1]) * _tensor(
        parts.astype("float32"), start
    )
    return _move_axis(steps, -1, axis)


@of_keras("Linspace", operands=2)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0,
) -> Value:  # fmt: skip
    if retstep:
        raise ValueError("A `linspace` returns its step, which is not here.")
    found = _between(start, stop, num, endpoint, axis)
    return K.cast(found, dtype) if dtype else found


@of_keras("Logspace", operands=2)
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Value:
    found = K.exp(_between(start, stop, num, endpoint, axis) * math.log(base))
    return K.cast(found, dtype) if dtype else found


@of_keras("Geomspace", operands=2)
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Value:
    found = K.exp(_between(K.log(_float(start)), K.log(_float(stop)), num, endpoint, axis))
    return K.cast(found, dtype) if dtype else found


@of_keras("Slice", operands=2, module="core")
def slice_(inputs: Value, start_indices: Any, shape: Any) -> Value:
    starts = arithmetic.as_list(start_indices)
    return sliced(inputs, [slice(a, a + n) for a, n in zip(starts, shape, strict=True)])


@of_keras("SliceUpdate", operands=3, module="core")
def slice_update(inputs: Value, start_indices: Any, updates: Value) -> Value:
    starts = arithmetic.as_list(start_indices)
    places = np.stack(
        np.meshgrid(
            *(np.arange(_size(updates, i)) + s for i, s in list(enumerate(starts))[1:]), indexing="ij"
        ),
        -1,
    )
    moved = _move_axis(inputs, 0, -1)
    if starts[0] != 0:
        raise ValueError("A `slice_update` begins behind the first sample, which is not here.")
    return _move_axis(op.ScatterND(moved, places.astype(np.int64), _move_axis(updates, 0, -1)), -1, 0)


@of_keras("Scatter", operands=2, module="core")
def scatter(indices: Any, values: Any, shape: Any) -> Value:
    values = _tensor(values)
    zeros = op.Expand(_tensor(0, values), np.array(shape, np.int64))
    return op.ScatterND(zeros, K.cast(_tensor(indices), "int64"), values, reduction="add")


@of_keras("ScatterUpdate", operands=3, module="core")
def scatter_update(inputs: Value, indices: Any, updates: Any, reduction: Any = None) -> Value:
    kind = {None: "none", "add": "add", "max": "max", "min": "min", "mul": "mul"}[reduction]
    return op.ScatterND(inputs, K.cast(_tensor(indices), "int64"), _tensor(updates, inputs), reduction=kind)


@of_keras("SegmentSum", operands=2, module="math")
def segment_sum(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Value:
    return segments.of_segments(data, segment_ids, num_segments)


@of_keras("MultiHot", module="nn")
def multi_hot(
    inputs: Any,
    num_classes: Any = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    num_tokens: Any = None,
) -> Value:
    encoded = K.one_hot(inputs, int(num_tokens if num_classes is None else num_classes))
    return K.cast(K.max(encoded, axis=-2), str(dtype or "float32"))


@of_keras("ExtractSequences", module="math")
def extract_sequences(x: Value, sequence_length: int, sequence_stride: int) -> Value:
    return shapes.frame(x, int(sequence_length), int(sequence_stride))


# --- neural networks and images -----------------------------------------------------------------------------


def _layout(data_format: Any) -> str:
    return data_format or K.image_data_format()


@of_keras("Conv", operands=2, module="nn")
def conv_(
    inputs: Value, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None,
    dilation_rate: Any = 1,
) -> Value:  # fmt: skip
    kernel = _tensor(kernel, inputs)
    axis = 1 if _layout(data_format) == "channels_first" else -1
    groups = _size(inputs, axis) // _size(kernel, -2)
    return conv(inputs, kernel, strides, padding, _layout(data_format), dilation_rate, groups=groups)


@of_keras("DepthwiseConv", operands=2, module="nn")
def depthwise_conv_(
    inputs: Value, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None,
    dilation_rate: Any = 1,
) -> Value:  # fmt: skip
    kernel = _tensor(kernel, inputs)
    return depthwise_conv(inputs, kernel, strides, padding, _layout(data_format), dilation_rate)


@of_keras("SeparableConv", operands=3, module="nn")
def separable_conv_(
    inputs: Value, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = 1, padding: str = "valid",
    data_format: Any = None, dilation_rate: Any = 1,
) -> Value:  # fmt: skip
    deep, wide = (_tensor(kernel, inputs) for kernel in (depthwise_kernel, pointwise_kernel))
    return separable_conv(inputs, deep, wide, strides, padding, _layout(data_format), dilation_rate)


def _pooling(mode: str) -> Callable[..., Any]:
    def emit(
        inputs: Value, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None
    ) -> Value:
        return pool(inputs, pool_size, strides, padding, _layout(data_format), mode)

    return emit


_enter(module="nn", MaxPool=_pooling("max"), AveragePool=_pooling("avg"))


@of_keras("LayerNorm", operands=3, module="nn")
def layer_norm(
    x: Value,
    gamma: Any = None,
    beta: Any = None,
    axis: Any = -1,
    epsilon: Any = None,
    rms_scaling: bool = False,
) -> Value:
    axes = arithmetic.axes_of(x, axis)
    mean, variance = (f(x, axis=axes, keepdims=True) for f in (K.mean, K.var))
    y = (x - mean) / K.sqrt(variance + (K.epsilon() if epsilon is None else epsilon))
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


@of_keras("RMSNorm", operands=2, module="nn")
def rms_norm(x: Value, scale: Any = None, axis: Any = -1, epsilon: Any = None) -> Value:
    squares = K.mean(K.square(x), axis=arithmetic.axes_of(x, axis), keepdims=True)
    y = x / K.sqrt(squares + (K.epsilon() if epsilon is None else epsilon))
    return y if scale is None else y * scale


@of_keras("BatchNorm", operands=5, module="nn")
def batch_norm(
    x: Value,
    mean: Any,
    variance: Any,
    offset: Any = None,
    scale: Any = None,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> Value:
    shape = [-1 if i == _axis(x, axis) else 1 for i in range(_rank(x))]
    mean, variance, offset, scale = (
        None if v is None else op.Reshape(_tensor(v, x), shape) for v in (mean, variance, offset, scale)
    )
    return network.batch_normalization(x, mean, variance, offset, scale, epsilon)


@of_keras("InTopK", operands=2, module="math")
def in_top_k(targets: Any, predictions: Value, k: int) -> Value:
    return K.in_top_k(predictions, K.cast(_tensor(targets), "int32"), int(k))


@of_keras("BinaryCrossentropy", operands=2, module="nn")
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Value:
    target, output = _alike(target, output)
    if from_logits:
        return network.sigmoid_cross_entropy(target, output)
    output = K.clip(output, K.epsilon(), 1.0 - K.epsilon())
    return -(target * K.log(output) + (1.0 - target) * K.log(1.0 - output))


def _log_probabilities(output: Value, from_logits: bool, axis: int) -> Value:
    if from_logits:
        return OPERATIONS["LogSoftmax"].emit(output, axis=axis)
    output = output / K.sum(output, axis=axis, keepdims=True)
    return K.log(K.clip(output, K.epsilon(), 1.0 - K.epsilon()))


@of_keras("CategoricalCrossentropy", operands=2, module="nn")
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Value:
    target, output = _alike(target, output)
    return -K.sum(target * _log_probabilities(output, from_logits, axis), axis=axis)


@of_keras("SparseCategoricalCrossentropy", operands=2, module="nn")
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Value:
    output = _float(output)
    places = K.cast(_tensor(target), "int64")
    if _rank(places) == _rank(output):
        places = op.Squeeze(places, [_axis(output, axis)])
    if from_logits:
        logs = _log_probabilities(output, True, axis)
    else:
        logs = K.log(K.clip(output, K.epsilon(), 1.0 - K.epsilon()))
        logs = OPERATIONS["LogSoftmax"].emit(logs, axis=axis)
    found = op.GatherElements(logs, op.Unsqueeze(places, [_axis(output, axis)]), axis=_axis(output, axis))
    return -op.Squeeze(found, [_axis(output, axis)])


@of_keras("DotProductAttention", operands=6, module="nn")
def dot_product_attention(
    query: Value, key: Value, value: Value, bias: Any = None, mask: Any = None, scale: Any = None,
    is_causal: bool = False, flash_attention: Any = None, attn_logits_soft_cap: Any = None,
) -> Value:  # fmt: skip
    scale = 1.0 / math.sqrt(_size(query, -1)) if scale is None else float(scale)
    scores = einsum("btnh,bsnh->bnts", query, key) * scale
    if attn_logits_soft_cap is not None:
        scores = K.tanh(scores / float(attn_logits_soft_cap)) * float(attn_logits_soft_cap)
    scores = scores if bias is None else scores + bias
    smallest = _tensor(np.finfo("float32").min * 0.7, scores)
    if mask is not None:
        scores = op.Where(_bool(mask), scores, smallest)
    if is_causal:
        steps = np.tril(_up_to(_size(query, 1) * _size(key, 1)).reshape(_size(query, 1), -1) >= 0)
        scores = op.Where(K.constant(steps, dtype="bool"), scores, smallest)
    return einsum("bnts,bsnh->btnh", K.softmax(scores, -1), value)


@of_keras("PSNR", operands=2, module="nn")
def psnr(x1: Any, x2: Any, max_val: float) -> Value:
    a, b = _alike(x1, x2)
    error = K.mean(K.square(a - b))
    return 20.0 * math.log10(float(max_val)) - K.log(error) * (10.0 / math.log(10.0))


def _blocks(x: Value, data_format: Any, function: Callable[..., Value], size: int) -> Value:
    return function(x, size, "NCHW" if _layout(data_format) == "channels_first" else "NHWC")


_enter(
    module="nn",
    DepthToSpace=lambda x, block_size, data_format="channels_last": _blocks(
        x, data_format, network.depth_to_space, block_size
    ),
    SpaceToDepth=lambda x, block_size, data_format="channels_last": _blocks(
        x, data_format, network.space_to_depth, block_size
    ),
)


def _only_last(data_format: Any) -> None:
    if _layout(data_format) != "channels_last":
        raise ValueError("A function of images has its channels first, which is not here.")


@of_keras("Resize", module="image")
def resize(
    images: Any, size: Any, interpolation: str = "bilinear", antialias: bool = False,
    crop_to_aspect_ratio: bool = False, pad_to_aspect_ratio: bool = False, fill_mode: str = "constant",
    fill_value: float = 0.0, data_format: Any = None,
) -> Value:  # fmt: skip
    check_aspect(crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode)
    wanted, x = ImageSize(int(size[0]), int(size[1]), _layout(data_format), "Resize"), _float(images)
    if crop_to_aspect_ratio:
        x = wanted.cropped_to_aspect(x)
    elif pad_to_aspect_ratio:
        x = wanted.padded_to_aspect(x, fill_value)
    return wanted.resized(x, interpolation_mode(interpolation), antialias)


def _colors(function: Callable[[Any], Value]) -> Callable[..., Any]:
    def emit(images: Any, data_format: Any = None) -> Value:
        _only_last(data_format)
        return function(images)

    return emit


_enter(
    module="image",
    RGBToGrayscale=_colors(network.rgb_to_grayscale),
    RGBToHSV=_colors(network.rgb_to_hsv),
    HSVToRGB=_colors(network.hsv_to_rgb),
)


@of_keras("ExtractPatches", module="image")
def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
) -> Value:
    _only_last(data_format)
    size = [size, size] if isinstance(size, int) else list(size)
    return network.extract_patches(images, size, size if strides is None else strides, dilation_rate, padding)


@of_keras("PadImages", module="image")
def pad_images(
    images: Any, top_padding: Any = None, left_padding: Any = None, bottom_padding: Any = None,
    right_padding: Any = None, target_height: Any = None, target_width: Any = None, data_format: Any = None,
) -> Value:  # fmt: skip
    _only_last(data_format)
    x = _tensor(images)
    rows = _two_of_three(_size(x, -3), top_padding, bottom_padding, target_height)
    columns = _two_of_three(_size(x, -2), left_padding, right_padding, target_width)
    front = [0] * (_rank(x) - 3)
    return op.Pad(x, [*front, rows[0], columns[0], 0, *front, rows[1], columns[1], 0])


def _two_of_three(size: int, before: Any, after: Any, target: Any) -> tuple[int, int]:
    if before is None:
        return int(target - size - after), int(after)
    return int(before), int(target - size - before if after is None else after)


@of_keras("CropImages", module="image")
def crop_images(
    images: Any, top_cropping: Any = None, left_cropping: Any = None, bottom_cropping: Any = None,
    right_cropping: Any = None, target_height: Any = None, target_width: Any = None, data_format: Any = None,
) -> Value:  # fmt: skip
    _only_last(data_format)
    x = _tensor(images)
    key: list[Any] = [Ellipsis]
    for axis, before, after, target in (
        (-3, top_cropping, bottom_cropping, target_height), (-2, left_cropping, right_cropping, target_width),
    ):  # fmt: skip
        size = _size(x, axis)
        start = size - target - after if before is None else before
        key.append(slice(int(start), int(size - after if target is None else start + target)))
    return sliced(x, [*key, slice(None)])
