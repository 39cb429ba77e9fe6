"""NASNet (Zoph et al.: Learning Transferable Architectures for Scalable Image Recognition, 2017)."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import backend as K
from .. import layers as L
from ..backend.tensors import static_sizes
from ..declaration import configured
from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ._arguments import refusing_unknown
from ._building import Application, architecture, batch_norm, channels_of
from ._inception import concatenate
from ._weights import STORAGE, WeightsFile
from .imagenet_utils import decode_predictions, preprocessing
from .mobilenet_v2 import correct_pad

__all__ = ["NASNet", "NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

_BASE = f"{STORAGE}nasnet/"
_LARGE = (
    WeightsFile("nasnet_large.h5", f"{_BASE}NASNet-large.h5", "11577c9a518f0070763c2b964a382f17"),
    WeightsFile(
        "nasnet_large_no_top.h5", f"{_BASE}NASNet-large-no-top.h5", "d81d89dc07e6e56530c4e77faddd61b5"
    ),
)
_MOBILE = (
    WeightsFile("nasnet_mobile.h5", f"{_BASE}NASNet-mobile.h5", "020fb642bf7360b370c678b08e0adf61"),
    WeightsFile(
        "nasnet_mobile_no_top.h5", f"{_BASE}NASNet-mobile-no-top.h5", "1ed92395b5b598bdda52abe5c0dbfd63"
    ),
)


preprocess_input = preprocessing(__name__, "tf")


def _bn(x: Value, name: str) -> Value:
    return batch_norm(x, name, epsilon=1e-3, momentum=0.9997)


def _relu(x: Value, name: str | None = None) -> Value:
    return L.Activation("relu", name=name)(x)


def _conv_1x1(x: Value, filters: int, name: str) -> Value:
    return L.Conv2D(filters, 1, padding="same", use_bias=False, name=name)(x)


def _separable(x: Value, filters: int, size: int, name: str, strides: int = 1) -> Value:
    """Two separable convolutions, each after a ReLU; the first one may shrink the image."""
    x = _relu(x)
    padding = "same"
    if strides == 2:
        x = L.ZeroPadding2D(correct_pad(x, size), name=f"separable_conv_1_pad_{name}")(x)
        padding = "valid"
    x = L.SeparableConv2D(
        filters, size, strides=strides, padding=padding, use_bias=False, name=f"separable_conv_1_{name}"
    )(x)
    x = _relu(_bn(x, f"separable_conv_1_bn_{name}"))
    x = L.SeparableConv2D(filters, size, padding="same", use_bias=False, name=f"separable_conv_2_{name}")(x)
    return _bn(x, f"separable_conv_2_bn_{name}")


def _sizes(x: Value) -> tuple[Any, ...]:
    shape = static_sizes(x)
    return shape[2:] if K.image_data_format() == "channels_first" else shape[1:3]


def _fit(p: Value | None, x: Value, filters: int, name: str) -> Value:
    """The cell input ``p``, from one cell further back, brought to the size of ``x`` and to ``filters``."""
    if p is None:
        return x
    if _sizes(p) != _sizes(x):
        # two grids, shifted by one pixel, so that no position is lost
        p = _relu(p, f"adjust_relu_1_{name}")
        first = L.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_1_{name}")(p)
        first = _conv_1x1(first, filters // 2, f"adjust_conv_1_{name}")
        second = L.ZeroPadding2D(((0, 1), (0, 1)))(p)
        second = L.Cropping2D(((1, 0), (1, 0)))(second)
        second = L.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_2_{name}")(second)
        second = _conv_1x1(second, filters // 2, f"adjust_conv_2_{name}")
        return _bn(concatenate([first, second]), f"adjust_bn_{name}")
    if channels_of(p) != filters:
        p = _conv_1x1(_relu(p), filters, f"adjust_conv_projection_{name}")
        return _bn(p, f"adjust_bn_{name}")
    return p


def _average(x: Value, name: str) -> Value:
    return L.AveragePooling2D(3, strides=1, padding="same", name=name)(x)


def _normal_cell(x: Value, p: Value | None, filters: int, name: str) -> tuple[Value, Value]:
    """The cell that keeps the size; returns its output and its input (figure 4 of the paper)."""
    p = _fit(p, x, filters, name)
    h = _bn(_conv_1x1(_relu(x), filters, f"normal_conv_1_{name}"), f"normal_bn_1_{name}")
    left = _separable(h, filters, 5, f"normal_left1_{name}")
    right = _separable(p, filters, 3, f"normal_right1_{name}")
    x1 = L.add([left, right], name=f"normal_add_1_{name}")
    left = _separable(p, filters, 5, f"normal_left2_{name}")
    right = _separable(p, filters, 3, f"normal_right2_{name}")
    x2 = L.add([left, right], name=f"normal_add_2_{name}")
    x3 = L.add([_average(h, f"normal_left3_{name}"), p], name=f"normal_add_3_{name}")
    pools = [_average(p, f"normal_left4_{name}"), _average(p, f"normal_right4_{name}")]
    x4 = L.add(pools, name=f"normal_add_4_{name}")
    x5 = L.add([_separable(h, filters, 3, f"normal_left5_{name}"), h], name=f"normal_add_5_{name}")
    return concatenate([p, x1, x2, x3, x4, x5], f"normal_concat_{name}"), x


def _reduction_cell(x: Value, p: Value | None, filters: int, name: str) -> tuple[Value, Value]:
    """The cell that halves height and width; returns its output and its input."""
    p = _fit(p, x, filters, name)
    h = _bn(_conv_1x1(_relu(x), filters, f"reduction_conv_1_{name}"), f"reduction_bn_1_{name}")
    padded = L.ZeroPadding2D(correct_pad(h, 3), name=f"reduction_pad_1_{name}")(h)
    left = _separable(h, filters, 5, f"reduction_left1_{name}", 2)
    right = _separable(p, filters, 7, f"reduction_right1_{name}", 2)
    x1 = L.add([left, right], name=f"reduction_add_1_{name}")
    left = L.MaxPooling2D(3, strides=2, name=f"reduction_left2_{name}")(padded)
    right = _separable(p, filters, 7, f"reduction_right2_{name}", 2)
    x2 = L.add([left, right], name=f"reduction_add_2_{name}")
    left = L.AveragePooling2D(3, strides=2, name=f"reduction_left3_{name}")(padded)
    right = _separable(p, filters, 5, f"reduction_right3_{name}", 2)
    x3 = L.add([left, right], name=f"reduction_add3_{name}")
    x4 = L.add([x2, _average(x1, f"reduction_left4_{name}")])
    left = _separable(x1, filters, 3, f"reduction_left4_{name}")
    right = L.MaxPooling2D(3, strides=2, name=f"reduction_right5_{name}")(padded)
    x5 = L.add([left, right], name=f"reduction_add4_{name}")
    return concatenate([x2, x3, x4, x5], f"reduction_concat_{name}"), x


def _nasnet(
    app: Application,
    penultimate_filters: int,
    num_blocks: int,
    stem_block_filters: int,
    skip_reduction: bool,
    filter_multiplier: int = 2,
    default_size: int = 331,
) -> Model:
    x = app.start(default_size, 32, needs_size=True)
    if penultimate_filters % (24 * filter_multiplier**2):
        raise ValueError(
            "For NASNet-A models, the `penultimate_filters` must be a multiple of "
            f"24 * (`filter_multiplier` ** 2). Current value: {penultimate_filters}"
        )
    filters = penultimate_filters // 24
    x = L.Conv2D(
        stem_block_filters, 3, strides=2, use_bias=False, kernel_initializer="he_normal", name="stem_conv1"
    )(x)
    x = _bn(x, "stem_bn1")
    p: Value | None = None
    x, p = _reduction_cell(x, p, filters // filter_multiplier**2, "stem_1")
    x, p = _reduction_cell(x, p, filters // filter_multiplier, "stem_2")
    for stage in range(3):
        stage_filters = filters * filter_multiplier**stage
        first = stage * num_blocks
        if stage:
            x, before = _reduction_cell(x, p, stage_filters, f"reduce_{first}")
            p = p if skip_reduction else before
            first += 1
        for i in range(num_blocks):
            x, p = _normal_cell(x, p, stage_filters, str(first + i))
    x = app.top(_relu(x), "predictions", pool_name=None)
    return app.model(x, _LARGE if penultimate_filters == 4032 else _MOBILE)


@refusing_unknown
def NASNet(
    input_shape: Any = None,
    penultimate_filters: int = 4032,
    num_blocks: int = 6,
    stem_block_filters: int = 96,
    skip_reduction: bool = True,
    filter_multiplier: int = 2,
    include_top: bool = True,
    weights: Any = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    default_size: int | None = None,
    classifier_activation: Any = "softmax",
    name: str = "NASNet",
    **kwargs: Any,
) -> Model:
    """A NASNet-A.

    Args:
        input_shape: of one image, at least 32x32; height and width must be known.
        penultimate_filters: channels of the last layer but one, a multiple of 24 * filter_multiplier ** 2.
        num_blocks: normal cells of each of the three stages.
        stem_block_filters: of the first convolution.
        skip_reduction: whether the cell after a reduction sees the reduction's second input instead of its
            first.
        filter_multiplier: factor of the filters from stage to stage.
        default_size: height and width where input_shape is None (default 331).

    The other arguments are those of ``Application``.

    Raises:
        ValueError: for penultimate_filters that do not divide.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return _nasnet(
        app,
        penultimate_filters,
        num_blocks,
        stem_block_filters,
        skip_reduction,
        filter_multiplier,
        default_size or 331,
    )


class _ShapeFirst(Application):
    """The arguments of the published networks.

    Args:
        input_shape: of one image, at least 32x32; height and width must be known.

    The other arguments are those of ``Application``.
    """

    @configured
    def __init__(
        self,
        input_shape: Any = None,
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str | None = None,
        **kwargs: Any,
    ) -> None: ...


@architecture(_ShapeFirst, "NASNet")
def NASNetLarge(app: Application) -> Model:
    """NASNet-A (6 @ 4032) for images of 331x331."""
    return _nasnet(app, 4032, num_blocks=6, stem_block_filters=96, skip_reduction=True)


@architecture(_ShapeFirst, "NASNet")
def NASNetMobile(app: Application) -> Model:
    """NASNet-A (4 @ 1056) for images of 224x224."""
    return _nasnet(app, 1056, num_blocks=4, stem_block_filters=32, skip_reduction=False, default_size=224)


answer_old_names(__name__, ["layers"])
