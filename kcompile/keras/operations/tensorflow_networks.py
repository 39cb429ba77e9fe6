"""TensorFlow's functions for neural networks and images in files of tf.keras 2; see ``tf_operations``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Value, op
from .. import backend as K
from ..backend.convolution import conv, conv_transpose, depthwise_conv, pool
from ..backend.tensors import known_shape, refine, shape_vector
from .colors import hsv_of, rgb_of
from .resizing import ImageSize, interpolation_mode
from .slices import sliced
from .table import OPERATIONS, _alike, _float, _rank, _size, _tensor, _unit
from .tensorflow import as_list, of_tensorflow, type_name

# --- neural networks ----------------------------------------------------------------------------------------


def _layout(data_format: Any) -> str:
    """Keras's name of a data format of TensorFlow: None, "NHWC", "NCW" ..."""
    return "channels_first" if str(data_format or "").upper().startswith("NC") else "channels_last"


def _spatial(value: Any, rank: int, data_format: Any, default: int = 1) -> list[int]:
    """Sizes of the spatial axes, from a number, one each, or one for every axis."""
    if value is None:
        return [default] * rank
    sizes = as_list(value)
    if len(sizes) == 1:
        return sizes * rank
    if len(sizes) == rank + 2:
        return sizes[2:] if _layout(data_format) == "channels_first" else sizes[1:-1]
    return sizes


def _padding(padding: Any) -> str:
    if not isinstance(padding, str) or padding.upper() not in ("SAME", "VALID"):
        raise ValueError(f"A function pads {padding!r}, which is not here; SAME and VALID are.")
    return padding.lower()


@of_tensorflow("nn.bias_add")
def bias_add(value: Any, bias: Any, data_format: Any = None) -> Value:
    x = _tensor(value)
    bias = _tensor(bias, x)
    if _layout(data_format) == "channels_first" and _rank(x) > 2:
        bias = op.Reshape(bias, [-1, *[1] * (_rank(x) - 2)])
    return op.Add(x, bias)


@of_tensorflow("nn.silu", "nn.swish")
def silu(features: Any, beta: Any = 1.0) -> Value:
    x = _float(features)
    return x * K.sigmoid(x * beta)


@of_tensorflow("nn.crelu")
def crelu(features: Any, axis: int = -1) -> Value:
    x = _tensor(features)
    return op.Relu(K.concatenate([x, -x], axis))


@of_tensorflow("nn.local_response_normalization", "nn.lrn")
def local_response_normalization(
    input: Value, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5
) -> Value:
    size = 2 * int(depth_radius) + 1
    x = op.Transpose(_tensor(input), perm=[0, 3, 1, 2])
    y = op.LRN(x, alpha=float(alpha) * size, beta=float(beta), bias=float(bias), size=size)
    return op.Transpose(y, perm=[0, 2, 3, 1])


@of_tensorflow("nn.l2_loss")
def l2_loss(t: Any) -> Value:
    return K.sum(_tensor(t) * t) / 2.0


@of_tensorflow("nn.xw_plus_b")
def xw_plus_b(x: Any, weights: Any, biases: Any) -> Value:
    product = op.MatMul(*_alike(x, weights))
    return product + _tensor(biases, product)


@of_tensorflow("nn.embedding_lookup")
def embedding_lookup(
    params: Any, ids: Any, partition_strategy: Any = None, validate_indices: Any = None, max_norm: Any = None
) -> Value:
    if max_norm is not None:
        raise ValueError("An `embedding_lookup` has a max_norm, which is not here.")
    return op.Gather(_tensor(params), K.cast(_tensor(ids), "int64"), axis=0)


@of_tensorflow("nn.batch_normalization")
def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: float
) -> Value:
    x = _float(x)
    factor = 1.0 / K.sqrt(_tensor(variance, x) + variance_epsilon)
    factor = factor if scale is None else factor * scale
    y = (x - mean) * factor
    return y if offset is None else y + offset


@of_tensorflow("nn.moments")
def moments(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, keep_dims: Any = None
) -> list[Value]:
    return OPERATIONS["Moments"].emit(_float(x), axes=axes, keepdims=bool(keepdims or keep_dims))


@of_tensorflow("nn.weighted_moments")
def weighted_moments(
    x: Any, axes: Any, frequency_weights: Any, keep_dims: Any = None, keepdims: Any = False
) -> list[Value]:
    x = _float(x)
    weights = op.Expand(_tensor(frequency_weights, x), op.Shape(x))
    total = K.sum(weights, axis=axes, keepdims=True)
    mean = K.sum(weights * x, axis=axes, keepdims=True) / total
    variance = K.sum(weights * K.square(x - mean), axis=axes, keepdims=True) / total
    if keep_dims or keepdims:
        return [mean, variance]
    axes = [a % _rank(x) for a in as_list(axes)]
    return [op.Squeeze(mean, axes), op.Squeeze(variance, axes)]


def _cross_entropy(labels: Value, logits: Value, axis: int) -> Value:
    return -K.sum(labels * OPERATIONS["LogSoftmax"].emit(logits, axis=axis), axis=axis)


@of_tensorflow("nn.softmax_cross_entropy_with_logits", "nn.softmax_cross_entropy_with_logits_v2")
def softmax_cross_entropy(labels: Any = None, logits: Any = None, axis: Any = None, dim: Any = None) -> Value:
    labels, logits = _alike(labels, logits)
    return _cross_entropy(labels, logits, axis if axis is not None else -1 if dim is None else dim)


@of_tensorflow("nn.sparse_softmax_cross_entropy_with_logits")
def sparse_softmax_cross_entropy(labels: Any = None, logits: Any = None) -> Value:
    logits = _float(logits)
    encoded = K.cast(K.one_hot(_tensor(labels), _size(logits, -1)), logits.dtype.name)
    return _cross_entropy(encoded, logits, -1)


@of_tensorflow("nn.sigmoid_cross_entropy_with_logits")
def sigmoid_cross_entropy(labels: Any = None, logits: Any = None) -> Value:
    labels, logits = _alike(labels, logits)
    return op.Relu(logits) - logits * labels + K.softplus(-K.abs(logits))


def _pooled(x: Any, size: Any, strides: Any, padding: Any, data_format: Any, mode: str) -> Value:
    x = _tensor(x)
    rank = _rank(x) - 2
    window, steps = (_spatial(value, rank, data_format) for value in (size, strides))
    return pool(x, tuple(window), tuple(steps), _padding(padding), _layout(data_format), mode)


@of_tensorflow("nn.max_pool", "nn.max_pool1d", "nn.max_pool2d", "nn.max_pool3d")
def max_pool(
    input: Any = None, ksize: Any = None, strides: Any = None, padding: Any = None, data_format: Any = None,
    value: Any = None,
) -> Value:  # fmt: skip
    return _pooled(value if input is None else input, ksize, strides, padding, data_format, "max")


@of_tensorflow("nn.avg_pool", "nn.avg_pool1d", "nn.avg_pool2d", "nn.avg_pool3d")
def avg_pool(
    input: Any = None, ksize: Any = None, strides: Any = None, padding: Any = None, data_format: Any = None,
    value: Any = None,
) -> Value:  # fmt: skip
    return _pooled(value if input is None else input, ksize, strides, padding, data_format, "avg")


@of_tensorflow("nn.pool")
def pool_(
    input: Any, window_shape: Any, pooling_type: str, padding: Any = "VALID", dilation_rate: Any = None,
    strides: Any = None, data_format: Any = None, dilations: Any = None,
) -> Value:  # fmt: skip
    if any(d != 1 for d in as_list(dilation_rate or dilations or 1)):
        raise ValueError("A pooling is dilated, which is not here.")
    return _pooled(input, window_shape, strides, padding, data_format, pooling_type.lower())


@of_tensorflow("nn.conv1d", "nn.conv2d", "nn.conv3d", "nn.convolution")
def convolution(
    input: Any = None, filters: Any = None, strides: Any = None, padding: Any = "VALID",
    data_format: Any = None, dilations: Any = None, filter: Any = None, value: Any = None,
    stride: Any = None, use_cudnn_on_gpu: Any = None, dilation_rate: Any = None,
) -> Value:  # fmt: skip
    x = _tensor(value if input is None else input)
    kernel = _tensor(filter if filters is None else filters, x)
    rank = _rank(kernel) - 2
    steps = _spatial(stride if strides is None else strides, rank, data_format)
    rates = _spatial(dilation_rate if dilations is None else dilations, rank, data_format)
    channels = _size(x, 1 if _layout(data_format) == "channels_first" else -1)
    groups = channels // _size(kernel, -2)
    return conv(x, kernel, steps, _padding(padding), _layout(data_format), rates, groups=groups)


@of_tensorflow("nn.depthwise_conv2d", "nn.depthwise_conv2d_native")
def depthwise_conv2d(
    input: Any, filter: Any = None, strides: Any = None, padding: Any = "VALID", data_format: Any = None,
    dilations: Any = None, rate: Any = None,
) -> Value:  # fmt: skip
    x = _tensor(input)
    steps = tuple(_spatial(strides, 2, data_format))
    rates = tuple(_spatial(rate if dilations is None else dilations, 2, data_format))
    return depthwise_conv(x, _tensor(filter, x), steps, _padding(padding), _layout(data_format), rates)


@of_tensorflow("nn.conv1d_transpose", "nn.conv2d_transpose", "nn.conv3d_transpose", "nn.conv_transpose")
def convolution_transpose(
    input: Any = None, filters: Any = None, output_shape: Any = None, strides: Any = None,
    padding: Any = "SAME", data_format: Any = None, dilations: Any = None, filter: Any = None,
    value: Any = None,
) -> Value:  # fmt: skip
    x = _tensor(value if input is None else input)
    kernel = _tensor(filter if filters is None else filters, x)
    rank = _rank(kernel) - 2
    rates = _spatial(dilations, rank, data_format)
    steps = _spatial(strides, rank, data_format)
    shape = as_list(output_shape)
    return conv_transpose(x, kernel, tuple(shape), steps, _padding(padding), _layout(data_format), rates)


@of_tensorflow("nn.space_to_depth", "space_to_depth")
def space_to_depth(input: Any, block_size: int, data_format: str = "NHWC") -> Value:
    """Blocks come before the channels, as in ONNX."""
    return _blocks(input, data_format, lambda x: op.SpaceToDepth(x, blocksize=int(block_size)))


@of_tensorflow("nn.depth_to_space", "depth_to_space")
def depth_to_space(input: Any, block_size: int, data_format: str = "NHWC") -> Value:
    return _blocks(input, data_format, lambda x: op.DepthToSpace(x, blocksize=int(block_size), mode="DCR"))


def _blocks(x: Any, data_format: str, function: Any) -> Value:
    x = _tensor(x)
    if _layout(data_format) == "channels_first":
        return function(x)
    return op.Transpose(function(op.Transpose(x, perm=[0, 3, 1, 2])), perm=[0, 2, 3, 1])


# --- images -------------------------------------------------------------------------------------------------


def _as_images(images: Any) -> tuple[Value, bool]:
    """With an axis for the batch, and whether that is new."""
    x = _tensor(images)
    return (op.Unsqueeze(x, [0]), True) if _rank(x) == 3 else (x, False)


def _scaled(x: Value, size: Any, mode: str, coordinates: str, nearest: str = "floor") -> Value:
    """ONNX's Resize of (batch, rows, cols, channels) to a size that may be known at run time alone."""
    channels = op.Transpose(x, perm=[0, 3, 1, 2])
    if isinstance(size, Value):
        wanted: list[Any] = [None, None]
        rest = shape_vector(size)
    else:
        wanted = [n if isinstance(n, int) else None for n in size]
        rest = shape_vector(list(size))
    sizes = op.Concat(op.Shape(channels, start=0, end=2), rest, axis=0)
    y = op.Resize(
        channels,
        None,
        None,
        sizes,
        mode=mode,
        coordinate_transformation_mode=coordinates,
        nearest_mode=nearest,
    )
    shape = known_shape(x)
    y = refine(y, [shape[0], shape[3], *wanted])
    return op.Transpose(y, perm=[0, 2, 3, 1])


def _method(method: Any) -> str:
    """The method by its name; TensorFlow 1 counts them."""
    return ("bilinear", "nearest", "bicubic", "area")[method] if isinstance(method, int) else str(method)


@of_tensorflow("image.resize")
def resize(
    images: Any, size: Any, method: Any = "bilinear", preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> Value:  # fmt: skip
    method = _method(method)
    x, single = _as_images(images)
    if preserve_aspect_ratio:
        rows, columns = (float(n) for n in as_list(size))
        scale = min(rows / _size(x, 1), columns / _size(x, 2))
        size = [round(_size(x, 1) * scale), round(_size(x, 2) * scale)]
    if method == "nearest":
        y = _scaled(x, size, "nearest", "half_pixel", "round_prefer_ceil")
    elif method == "bilinear" and not antialias:
        y = _scaled(_float(x), size, "linear", "half_pixel")
    else:
        if isinstance(size, Value) or any(isinstance(n, Value) for n in size):
            raise ValueError(f"A resizing by {method!r} is to a size that is not a number.")
        wanted = ImageSize(int(size[0]), int(size[1]), "channels_last", "image.resize")
        y = wanted.resized(_float(x), interpolation_mode(method), antialias)
    return op.Squeeze(y, [0]) if single else y


@of_tensorflow("image.resize_bilinear")
def resize_v1(
    images: Any, size: Any, align_corners: bool = False, half_pixel_centers: bool = False,
    method: Any = "bilinear",
) -> Value:  # fmt: skip
    mode = {"bilinear": "linear", "nearest": "nearest"}.get(_method(method))
    if mode is None:
        raise ValueError(f"A resizing is TensorFlow 1's {method!r}, which is not here.")
    x = _tensor(images) if mode == "nearest" else _float(images)
    where = "align_corners" if align_corners else "half_pixel" if half_pixel_centers else "asymmetric"
    return _scaled(x, size, mode, where, "floor" if where == "asymmetric" else "round_prefer_ceil")


@of_tensorflow("image.resize_images")
def resize_images(
    images: Any, size: Any, method: Any = 0, align_corners: bool = False, preserve_aspect_ratio: bool = False
) -> Value:
    if preserve_aspect_ratio:
        raise ValueError("A `resize_images` keeps the aspect ratio, which is not here.")
    return resize_v1(images, size, align_corners, method=method)


@of_tensorflow("image.resize_nearest_neighbor")
def resize_nearest(
    images: Any, size: Any, align_corners: bool = False, half_pixel_centers: bool = False
) -> Value:
    return resize_v1(images, size, align_corners, half_pixel_centers, "nearest")


@of_tensorflow("image.flip_left_right")
def flip_left_right(image: Any) -> Value:
    return K.reverse(_tensor(image), -2)


@of_tensorflow("image.flip_up_down")
def flip_up_down(image: Any) -> Value:
    return K.reverse(_tensor(image), -3)


@of_tensorflow("image.transpose", "image.transpose_image")
def transpose_image(image: Any) -> Value:
    x = _tensor(image)
    return op.Transpose(x, perm=[0, 2, 1, 3] if _rank(x) == 4 else [1, 0, 2])


@of_tensorflow("image.rot90")
def rot90(image: Any, k: int = 1) -> Value:
    x = _tensor(image)
    turns = int(k) % 4
    if turns == 2:
        return K.reverse(K.reverse(x, -2), -3)
    if turns == 0:
        return x
    return K.reverse(transpose_image(x), -3 if turns == 1 else -2)


@of_tensorflow("image.rgb_to_grayscale")
def rgb_to_grayscale(images: Any) -> Value:
    x = _tensor(images)
    fractions = x if x.dtype.kind == "f" else convert_image_dtype(x, "float32")
    gray = K.sum(fractions * np.array([0.2989, 0.5870, 0.1140], fractions.dtype), axis=-1, keepdims=True)
    return gray if gray.dtype == x.dtype else convert_image_dtype(gray, x.dtype.name)


@of_tensorflow("image.grayscale_to_rgb")
def grayscale_to_rgb(images: Any) -> Value:
    x = _tensor(images)
    return K.concatenate([x, x, x], -1)


_YUV = np.array(
    [[0.299, -0.14714119, 0.61497538], [0.587, -0.28886916, -0.51496512], [0.114, 0.43601035, -0.10001026]]
)


@of_tensorflow("image.rgb_to_yuv")
def rgb_to_yuv(images: Any) -> Value:
    x = _float(images)
    return op.MatMul(x, _tensor(_YUV, x))


@of_tensorflow("image.yuv_to_rgb")
def yuv_to_rgb(images: Any) -> Value:
    x = _float(images)
    return op.MatMul(x, _tensor([[1, 1, 1], [0, -0.394642334, 2.03206185], [1.13988303, -0.58062185, 0]], x))


@of_tensorflow("image.rgb_to_hsv")
def rgb_to_hsv(images: Any) -> Value:
    return K.concatenate(list(hsv_of(_float(images), -1)), -1)


@of_tensorflow("image.hsv_to_rgb")
def hsv_to_rgb(images: Any) -> Value:
    x = _float(images)
    hue, saturation, value = (sliced(x, [Ellipsis, slice(i, i + 1)]) for i in range(3))
    return rgb_of(hue, saturation, value, -1)


@of_tensorflow("image.per_image_standardization")
def per_image_standardization(image: Any) -> Value:
    x = _float(image)
    pixels = math.prod(_size(x, axis) for axis in (-3, -2, -1))
    mean = K.mean(x, axis=[-3, -2, -1], keepdims=True)
    deviation = K.std(x, axis=[-3, -2, -1], keepdims=True)
    return (x - mean) / K.maximum(deviation, 1.0 / math.sqrt(pixels))


def _cropped(x: Value, top: int, left: int, height: int, width: int) -> Value:
    return sliced(x, [Ellipsis, slice(top, top + height), slice(left, left + width), slice(None)])


@of_tensorflow("image.crop_to_bounding_box")
def crop_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Value:
    return _cropped(_tensor(image), offset_height, offset_width, target_height, target_width)


@of_tensorflow("image.pad_to_bounding_box")
def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Value:
    x = _tensor(image)
    below = target_height - offset_height - _size(x, -3)
    right = target_width - offset_width - _size(x, -2)
    front = [0] * (_rank(x) - 3)
    return op.Pad(x, [*front, offset_height, offset_width, 0, *front, below, right, 0])


@of_tensorflow("image.central_crop")
def central_crop(image: Any, central_fraction: float) -> Value:
    x = _tensor(image)
    starts = [int((_size(x, a) - _size(x, a) * central_fraction) / 2) for a in (-3, -2)]
    return _cropped(x, *starts, *(_size(x, a) - 2 * s for a, s in zip((-3, -2), starts, strict=True)))


@of_tensorflow("image.resize_with_crop_or_pad", "image.resize_image_with_crop_or_pad")
def resize_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Value:
    x = _tensor(image)
    for axis, target in ((-3, target_height), (-2, target_width)):
        size = _size(x, axis)
        if size > target:
            start = (size - target) // 2
            x = sliced(x, [Ellipsis, slice(start, start + target), *[slice(None)] * (-axis - 1)])
        elif size < target:
            pads = np.zeros((2, _rank(x)), int)
            before = (target - size) // 2
            pads[:, axis] = before, target - size - before
            x = op.Pad(x, pads.reshape(-1))
    return x


@of_tensorflow("image.resize_with_pad")
def resize_with_pad(
    image: Any, target_height: int, target_width: int, method: Any = "bilinear", antialias: bool = False
) -> Value:
    x = _tensor(image)
    rows, columns = _size(x, -3), _size(x, -2)
    ratio = max(rows / target_height, columns / target_width)
    size = [math.floor(rows / ratio), math.floor(columns / ratio)]
    places = [max(0, math.floor((t - n / ratio) / 2))
              for t, n in ((target_height, rows), (target_width, columns))]  # fmt: skip
    return pad_to_bounding_box(
        resize(x, size, method, antialias=antialias), *places, target_height, target_width
    )


@of_tensorflow("image.total_variation")
def total_variation(images: Any) -> Value:
    x = _float(images)
    steps = [sliced(x, [Ellipsis, *after]) - sliced(x, [Ellipsis, *before]) for after, before in (
        ([slice(1, None), slice(None), slice(None)], [slice(0, -1), slice(None), slice(None)]),
        ([slice(1, None), slice(None)], [slice(0, -1), slice(None)]),
    )]  # fmt: skip
    return K.sum(K.abs(steps[0]), axis=[-3, -2, -1]) + K.sum(K.abs(steps[1]), axis=[-3, -2, -1])


@of_tensorflow("image.psnr")
def psnr(a: Any, b: Any, max_val: Any) -> Value:
    a, b = _alike(a, b)
    error = K.mean(K.square(a - b), axis=[-3, -2, -1])
    return (2.0 * math.log(float(max_val)) - K.log(error)) * (10.0 / math.log(10.0))


def _patches(
    x: Value, sizes: Sequence[int], strides: Sequence[int], rates: Sequence[int], padding: str
) -> Value:
    """(batch, rows, cols, sizes * channels), the channels innermost: a convolution with the unit kernels."""
    channels = _size(x, -1)
    count = sizes[0] * sizes[1] * channels
    kernel = _tensor(_unit(count, count).reshape(sizes[0], sizes[1], channels, count), x)
    return conv(x, kernel, list(strides), padding, "channels_last", list(rates))


@of_tensorflow("image.extract_patches", "extract_image_patches", "image.extract_image_patches")
def extract_patches(
    images: Any, sizes: Any = None, strides: Any = None, rates: Any = None, padding: Any = "VALID",
    ksizes: Any = None,
) -> Value:  # fmt: skip
    windows, steps, gaps = (_spatial(value, 2, None) for value in (sizes or ksizes, strides, rates))
    return _patches(_float(images), windows, steps, gaps, _padding(padding))


@of_tensorflow("image.convert_image_dtype")
def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False) -> Value:
    x, kind = _tensor(image), type_name(dtype)
    if x.dtype.name == kind:
        return op.Identity(x)
    whole, wanted = x.dtype.kind in "iu", np.dtype(kind).kind in "iu"
    if whole and not wanted:
        return K.cast(x, kind) * (1.0 / float(np.iinfo(x.dtype).max))
    if wanted and not whole:
        scaled = x * (float(np.iinfo(kind).max) + 0.5)
        return K.cast(K.clip(scaled, 0.0, float(np.iinfo(kind).max)) if saturate else scaled, kind)
    if not whole:
        return K.cast(x, kind)
    given, most = (int(np.iinfo(t).max) for t in (x.dtype, kind))
    if given > most:
        return K.cast(op.Div(x, np.array((given + 1) // (most + 1), x.dtype)), kind)
    return op.Mul(K.cast(x, kind), np.array((most + 1) // (given + 1), kind))
