"""``tf.image``: colours, random changes, measures of likeness, boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Value, op
from .. import backend as K
from ..backend.convolution import depthwise_conv
from ..backend.tensors import as_int64, refine
from .colors import hsv_of, rgb_of
from .slices import sliced
from .table import _alike, _bool, _float, _rank, _size, _tensor
from .tensorflow import as_list, of_tensorflow
from .tensorflow_networks import convert_image_dtype

# --- colours ------------------------------------------------------------------------------------------------


def in_fractions(change: Callable[..., Value]) -> Callable[..., Value]:
    """A change of images that are fractions from 0 to 1, for images of whole numbers, too."""

    def changed(image: Any, *args: Any, **kwargs: Any) -> Value:
        x = _tensor(image)
        if x.dtype.kind == "f":
            return change(x, *args, **kwargs)
        made = change(convert_image_dtype(x, "float32"), *args, **kwargs)
        return convert_image_dtype(made, x.dtype.name, saturate=True)

    return changed


@in_fractions
def _saturated(x: Value, factor: Any) -> Value:
    hue, saturation, value = hsv_of(x, -1)
    return rgb_of(hue, K.clip(saturation * factor, 0.0, 1.0), value, -1)


@in_fractions
def _turned(x: Value, delta: Any) -> Value:
    hue, saturation, value = hsv_of(x, -1)
    moved = hue + delta
    return rgb_of(moved - op.Floor(moved), saturation, value, -1)


@in_fractions
def _brightened(x: Value, delta: Any) -> Value:
    return x + _factor(delta, x)


@in_fractions
def _contrasted(x: Value, factor: Any) -> Value:
    mean = K.mean(x, axis=[-3, -2], keepdims=True)
    return (x - mean) * _factor(factor, x) + mean


@in_fractions
def _with_gamma(x: Value, gamma: Any, gain: Any) -> Value:
    return K.pow(x, _factor(gamma, x)) * _factor(gain, x)


def _factor(number: Any, like: Value) -> Value:
    return K.cast(_tensor(number, like), like.dtype.name)


@of_tensorflow("image.adjust_saturation")
def adjust_saturation(image: Any, saturation_factor: Any) -> Value:
    return _saturated(image, saturation_factor)


@of_tensorflow("image.adjust_hue")
def adjust_hue(image: Any, delta: Any) -> Value:
    return _turned(image, delta)


@of_tensorflow("image.adjust_brightness")
def adjust_brightness(image: Any, delta: Any) -> Value:
    return _brightened(image, delta)


@of_tensorflow("image.adjust_contrast")
def adjust_contrast(images: Any, contrast_factor: Any) -> Value:
    return _contrasted(images, contrast_factor)


@of_tensorflow("image.adjust_gamma")
def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Value:
    return _with_gamma(image, gamma, gain)


_YIQ = np.array([[0.299, 0.59590059, 0.2115], [0.587, -0.27455667, -0.52273617],
                 [0.114, -0.32134392, 0.31119955]])  # fmt: skip


@of_tensorflow("image.rgb_to_yiq")
def rgb_to_yiq(images: Any) -> Value:
    x = _float(images)
    return op.MatMul(x, _tensor(_YIQ, x))


@of_tensorflow("image.yiq_to_rgb")
def yiq_to_rgb(images: Any) -> Value:
    x = _float(images)
    inverse = [[1, 1, 1], [0.95598634, -0.27201283, -1.10674021], [0.6208248, -0.64720424, 1.70423049]]
    return op.MatMul(x, _tensor(inverse, x))


# --- random changes -----------------------------------------------------------------------------------------


def _uniform(low: Any, high: Any, seed: Any, shape: Sequence[Any] = ()) -> Value:
    drawn = K.random_uniform([1, *shape], low, high, "float32", seed)
    return op.Squeeze(drawn, [0])


def _random_flip(image: Any, axis: int, seed: Any) -> Value:
    """Each image of a batch by itself."""
    x = _tensor(image)
    if _rank(x) == 4:
        drawn = K.random_uniform(op.Shape(x, end=1), 0.0, 1.0, "float32", seed)
        chosen = op.Reshape(drawn, [-1, 1, 1, 1])
    else:
        chosen = _uniform(0.0, 1.0, seed)
    return op.Where(op.Less(chosen, np.float32(0.5)), K.reverse(x, axis), x)


@of_tensorflow("image.random_flip_left_right")
def random_flip_left_right(image: Any, seed: Any = None) -> Value:
    return _random_flip(image, -2, seed)


@of_tensorflow("image.random_flip_up_down")
def random_flip_up_down(image: Any, seed: Any = None) -> Value:
    return _random_flip(image, -3, seed)


@of_tensorflow("image.random_crop", "random_crop")
def random_crop(value: Any, size: Any, seed: Any = None) -> Value:
    """A part of a size along every axis, from a place that is drawn."""
    x, sizes = _tensor(value), [n if isinstance(n, Value) else int(n) for n in as_list(size)]
    wanted = op.Concat(*(op.Reshape(as_int64(_tensor(n)), [1]) for n in sizes), axis=0)
    room = K.cast(op.Shape(x) - wanted + np.int64(1), "float32")
    drawn = K.random_uniform([len(sizes)], 0.0, 1.0, "float32", seed)
    start = K.minimum(K.cast(op.Floor(drawn * room), "int64"), op.Shape(x) - wanted)
    part = op.Slice(x, start, start + wanted)
    return refine(part, [n if isinstance(n, int) and n >= 0 else None for n in sizes])


@of_tensorflow("image.random_brightness")
def random_brightness(image: Any, max_delta: Any, seed: Any = None) -> Value:
    return _brightened(image, _uniform(-max_delta, max_delta, seed))


@of_tensorflow("image.random_contrast")
def random_contrast(image: Any, lower: Any, upper: Any, seed: Any = None) -> Value:
    return _contrasted(image, _uniform(lower, upper, seed))


@of_tensorflow("image.random_saturation")
def random_saturation(image: Any, lower: Any, upper: Any, seed: Any = None) -> Value:
    return _saturated(image, _uniform(lower, upper, seed))


@of_tensorflow("image.random_hue")
def random_hue(image: Any, max_delta: Any, seed: Any = None) -> Value:
    return _turned(image, _uniform(-max_delta, max_delta, seed))


# --- measures -----------------------------------------------------------------------------------------------


@of_tensorflow("image.sobel_edges")
def sobel_edges(image: Any) -> Value:
    """(..., rows, columns, channels, 2): how much brighter it becomes downwards and to the right."""
    x = _float(image)
    edges = op.Pad(x, [0, 1, 1, 0, 0, 1, 1, 0], mode="reflect")
    down = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], float)
    channels = _size(x, -1)
    kernel = np.stack([np.repeat(k[:, :, None], channels, 2) for k in (down, down.T)], -1)
    y = depthwise_conv(edges, _tensor(kernel, x), (1, 1), "valid", "channels_last", (1, 1))
    return op.Reshape(y, op.Concat(op.Shape(x), Constant(np.array([2])), axis=0))


@of_tensorflow("image.image_gradients")
def image_gradients(image: Any) -> list[Value]:
    """How much brighter it becomes by one row and by one column; 0 in the last ones."""
    x = _tensor(image)
    found = []
    for axis in (1, 2):
        after, before = ([*[slice(None)] * axis, part] for part in (slice(1, None), slice(0, -1)))
        ends = np.zeros((2, 4), int)
        ends[1, axis] = 1
        found.append(op.Pad(sliced(x, after) - sliced(x, before), ends.reshape(-1)))
    return found


def _gaussian(size: int, sigma: float) -> np.ndarray:
    steps = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    window = np.outer(weights, weights)
    return window / window.sum()


def _likeness(
    a: Value, b: Value, max_val: Any, filter_size: int, filter_sigma: float, k1: float, k2: float
) -> tuple[Value, Value]:
    """Of every place: likeness, and likeness of contrast and structure alone (Wang 2004)."""
    channels = _size(a, -1)
    window = np.repeat(_gaussian(filter_size, filter_sigma)[:, :, None, None], channels, 2)

    def mean_of(x: Value) -> Value:
        return depthwise_conv(x, _tensor(window, x), (1, 1), "valid", "channels_last", (1, 1))

    c1, c2 = (k1 * float(max_val)) ** 2, (k2 * float(max_val)) ** 2
    mean_a, mean_b = mean_of(a), mean_of(b)
    product, squares = 2.0 * mean_a * mean_b, K.square(mean_a) + K.square(mean_b)
    luminance = (product + c1) / (squares + c1)
    contrast = (2.0 * mean_of(a * b) - product + c2) / (mean_of(K.square(a) + K.square(b)) - squares + c2)
    return luminance * contrast, contrast


def _pair(img1: Any, img2: Any, max_val: Any) -> tuple[Value, Value, float]:
    """Both as fractions, with the largest number of them."""
    a, b = _alike(img1, img2)
    if a.dtype.kind == "f":
        return a, b, float(max_val)
    return (*(convert_image_dtype(x, "float32") for x in (a, b)), float(max_val) / np.iinfo(a.dtype).max)


@of_tensorflow("image.ssim")
def ssim(
    img1: Any, img2: Any, max_val: Any, filter_size: int = 11, filter_sigma: float = 1.5, k1: float = 0.01,
    k2: float = 0.03, return_index_map: bool = False,
) -> Value:  # fmt: skip
    a, b, most = _pair(img1, img2, max_val)
    found = _likeness(a, b, most, filter_size, filter_sigma, k1, k2)[0]
    return K.mean(found, axis=-1) if return_index_map else K.mean(found, axis=[-3, -2, -1])


@of_tensorflow("image.ssim_multiscale")
def ssim_multiscale(
    img1: Any, img2: Any, max_val: Any,
    power_factors: Sequence[float] = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
    filter_size: int = 11, filter_sigma: float = 1.5, k1: float = 0.01, k2: float = 0.03,
) -> Value:  # fmt: skip
    """Of images that are halved again and again (Wang 2003), whose sizes must allow it."""
    a, b, most = _pair(img1, img2, max_val)
    parts = []
    for i in range(len(power_factors)):
        a, b = (_halved(x) if i else x for x in (a, b))
        whole, contrast = _likeness(a, b, most, filter_size, filter_sigma, k1, k2)
        last = i == len(power_factors) - 1
        parts.append(op.Relu(K.mean(whole if last else contrast, axis=[-3, -2])))
    product = K.prod(K.stack([K.pow(p, f) for p, f in zip(parts, power_factors, strict=True)], -1), axis=-1)
    return K.mean(product, axis=-1)


def _halved(x: Value) -> Value:
    """By means of 2x2, of odd sizes with the last row and column twice."""
    odd = [_size(x, axis) % 2 for axis in (1, 2)]
    if any(odd):
        x = op.Pad(x, [0, 0, 0, 0, 0, *odd, 0], mode="edge")
    return K.pool2d(x, (2, 2), (2, 2), "valid", "channels_last", "avg")


# --- boxes --------------------------------------------------------------------------------------------------


@of_tensorflow("image.non_max_suppression")
def non_max_suppression(
    boxes: Any, scores: Any, max_output_size: Any, iou_threshold: Any = 0.5, score_threshold: Any = -math.inf
) -> Value:
    """Places of the boxes (boxes, 4) that are kept, those of the highest scores first: int32."""
    x, given = _float(boxes), _float(scores)
    least = None if score_threshold == -math.inf else _tensor(score_threshold, given)
    count = op.Reshape(as_int64(_tensor(max_output_size)), [1])
    found = op.NonMaxSuppression(
        op.Unsqueeze(x, [0]), op.Unsqueeze(given, [0, 1]), count,
        op.Reshape(_tensor(float(iou_threshold)), [1]), None if least is None else op.Reshape(least, [1]),
    )  # fmt: skip
    return K.cast(op.Gather(found, np.int64(2), axis=1), "int32")


@of_tensorflow("image.combined_non_max_suppression")
def combined_non_max_suppression(
    boxes: Any, scores: Any, max_output_size_per_class: Any, max_total_size: int, iou_threshold: float = 0.5,
    score_threshold: float = -math.inf, pad_per_class: bool = False, clip_boxes: bool = True,
) -> list[Value]:  # fmt: skip
    """The best boxes of each image, filled up with zeros.

    Args:
        boxes: (batch, boxes, 1, 4); those of each class apart are not computed.
        scores: (batch, boxes, classes).

    Returns:
        boxes (batch, max_total_size, 4), their scores and classes, and how many there are.
    """
    x = _float(boxes)
    if _size(x, 2) != 1:
        raise ValueError("combined_non_max_suppression takes boxes of shape (batch, boxes, 1, 4) alone.")
    x, by_class = op.Squeeze(x, [2]), op.Transpose(_float(scores), perm=[0, 2, 1])
    count, classes = _size(x, 1), _size(by_class, 1)
    least = [] if score_threshold == -math.inf else [op.Reshape(_tensor(float(score_threshold)), [1])]
    chosen = op.NonMaxSuppression(
        x, by_class, op.Reshape(as_int64(_tensor(max_output_size_per_class)), [1]),
        op.Reshape(_tensor(float(iou_threshold)), [1]), *least,
    )  # fmt: skip
    nothing = op.Expand(_tensor(-math.inf, x), op.Shape(by_class))
    kept = op.Reshape(op.ScatterND(nothing, chosen, op.GatherND(by_class, chosen)), [0, -1])
    total = min(int(max_total_size), count * classes)
    values, places = op.TopK(kept, [total], axis=-1, outputs=2)
    valid = op.Greater(values, _tensor(-math.inf, x))
    best = op.GatherND(x, op.Unsqueeze(op.Mod(places, np.int64(count)), [-1]), batch_dims=1)
    best = K.clip(best, 0.0, 1.0) if clip_boxes else best
    zero = _tensor(0.0, x)
    found = [
        op.Where(op.Unsqueeze(valid, [-1]), best, zero),
        op.Where(valid, values, zero),
        op.Where(valid, K.cast(op.Div(places, np.int64(count)), "float32"), zero),
    ]
    missing = 0 if pad_per_class else int(max_total_size) - total
    if missing > 0:
        found = [op.Pad(y, [0] * (_rank(y) + 1) + [missing] + [0] * (_rank(y) - 2)) for y in found]
    return [*found, K.sum(K.cast(valid, "int32"), axis=-1)]


@of_tensorflow("image.crop_and_resize")
def crop_and_resize(
    image: Any, boxes: Any, box_indices: Any, crop_size: Any, method: str = "bilinear",
    extrapolation_value: float = 0.0,
) -> Value:  # fmt: skip
    """Parts of images, each of one size.

    Args:
        image: (batch, rows, columns, channels).
        boxes: (boxes, 4): first and last row and column, as fractions of the image's.
        box_indices: (boxes,): which image each is of.
        crop_size: rows and columns of the result (boxes, rows, columns, channels).
    """
    x, boxes = _float(image), _float(boxes)
    rows, columns = (int(n) for n in as_list(crop_size))
    of_image = op.Reshape(as_int64(_tensor(box_indices)), [-1, 1, 1])
    places, inside = [], []
    for axis, count in ((0, rows), (1, columns)):
        last = K.cast(op.Shape(x, start=1 + axis, end=2 + axis), x.dtype.name) - 1.0
        first, end = (op.Gather(boxes, np.array([i]), axis=1) for i in (axis, axis + 2))
        steps = np.linspace(0, 1, count) if count > 1 else np.array([0.5])
        at = (first + (end - first) * _tensor(steps[None], x)) * last
        inside.append(op.And(op.GreaterOrEqual(at, _tensor(0.0, x)), op.LessOrEqual(at, last)))
        places.append((K.clip(at, 0.0, 1e9), last, [2, 1][axis]))

    def taken(parts: Sequence[Value]) -> Value:
        """The pixels at rows (boxes, rows, 1) and columns (boxes, 1, columns)."""
        shape = op.Concat(op.Shape(boxes, end=1), Constant(np.array([rows, columns])), axis=0)
        index = [op.Unsqueeze(op.Expand(part, shape), [-1]) for part in (of_image, *parts)]
        return op.GatherND(x, op.Concat(*index, axis=-1))

    def whole(value: Value, last: Value, axis: int) -> Value:
        return op.Unsqueeze(as_int64(K.minimum(value, last)), [axis])

    if method == "nearest":
        y = taken([whole(op.Floor(at + 0.5), last, axis) for at, last, axis in places])
    else:
        low = [whole(op.Floor(at), last, axis) for at, last, axis in places]
        high = [whole(op.Ceil(at), last, axis) for at, last, axis in places]
        down, right = (op.Unsqueeze(op.Unsqueeze(at - op.Floor(at), [axis]), [-1]) for at, _, axis in places)
        top = taken(low) * (1.0 - right) + taken([low[0], high[1]]) * right
        bottom = taken([high[0], low[1]]) * (1.0 - right) + taken(high) * right
        y = top * (1.0 - down) + bottom * down
    valid = op.And(*(op.Unsqueeze(mask, [axis]) for mask, axis in zip(inside, (2, 1), strict=True)))
    return op.Where(op.Unsqueeze(_bool(valid), [-1]), y, _tensor(float(extrapolation_value), y))
