"""MobileNetV2 (Sandler et al.: MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018)."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import backend as K
from .. import layers as L
from .. import rules
from ..backend.tensors import static_sizes
from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ._arguments import refusing_unknown
from ._building import Application, batch_norm, channels_of
from ._mobile import divisible, published_size
from ._weights import STORAGE, Files, standard_files
from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["MobileNetV2", "correct_pad", "decode_predictions", "preprocess_input"]

_ALPHAS = (0.35, 0.50, 0.75, 1.0, 1.3, 1.4)
# expansion, filters, number of blocks, stride of the first one (table 2 of the paper)
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


preprocess_input = preprocessing(__name__, "tf")


def correct_pad(x: Value, kernel_size: int | tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Zeros around an image so that a valid convolution of stride 2 sees what "same" on an odd size would."""
    shape = static_sizes(x)
    size = shape[2:4] if K.image_data_format() == "channels_first" else shape[1:3]
    kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    down, right = (side // 2 for side in kernel)
    first, second = (
        half - 1 if side is None or side % 2 == 0 else half
        for half, side in zip((down, right), size, strict=True)
    )
    return (first, down), (second, right)


def normalized(x: Value, name: str) -> Value:
    return batch_norm(x, name, epsilon=1e-3, momentum=0.999)


def _inverted_residual(x: Value, index: int, expansion: int, filters: int, stride: int) -> Value:
    """1x1 convolution to more channels, depthwise 3x3, and a linear 1x1 back to few."""
    channels = channels_of(x)
    prefix, block_input = f"block_{index}_" if index else "expanded_conv_", x
    if index:
        x = L.Conv2D(expansion * channels, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = L.ReLU(6.0, name=f"{prefix}expand_relu")(normalized(x, f"{prefix}expand_BN"))
    if stride == 2:
        x = L.ZeroPadding2D(correct_pad(x, 3), name=f"{prefix}pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = L.DepthwiseConv2D(3, strides=stride, padding=padding, use_bias=False, name=f"{prefix}depthwise")(x)
    x = L.ReLU(6.0, name=f"{prefix}depthwise_relu")(normalized(x, f"{prefix}depthwise_BN"))
    x = L.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = normalized(x, f"{prefix}project_BN")
    if stride == 1 and channels == filters:
        x = L.Add(name=f"{prefix}add")([block_input, x])
    return x


@refusing_unknown
def MobileNetV2(
    input_shape: Any = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    **kwargs: Any,
) -> Model:
    """MobileNetV2 for images of 224x224 (at least 32x32 without the top).

    Args:
        alpha: factor for the filters of all layers; published for 0.35, 0.5, 0.75, 1, 1.3 and 1.4.

    The other arguments are those of ``Application``.

    Raises:
        ValueError: for "imagenet" with an alpha without published weights.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    size = published_size(app, (96, 128, 160, 192, 224), tensor_decides=True)
    app.name = name or f"mobilenetv2_{alpha:.2f}_{size}"
    if weights == "imagenet" and alpha not in _ALPHAS:
        raise ValueError(
            f"MobileNetV2 with the weights of ImageNet: alpha must be one of {_ALPHAS}; found {alpha}."
        )
    x = app.start(size, 32)
    padding = "same" if rules.in_force().stems_pad_themselves else "valid"
    if padding == "valid":
        x = L.ZeroPadding2D(correct_pad(x, 3), name="Conv1_pad")(x)
    x = L.Conv2D(divisible(32 * alpha), 3, strides=2, padding=padding, use_bias=False, name="Conv1")(x)
    x = L.ReLU(6.0, name="Conv1_relu")(normalized(x, "bn_Conv1"))
    index = 0
    for expansion, filters, blocks, first_stride in _STAGES:
        for i in range(blocks):
            stride = first_stride if i == 0 else 1
            x = _inverted_residual(x, index, expansion, divisible(int(filters * alpha)), stride)
            index += 1
    # the last convolution does not shrink with alpha (section 5 of the paper)
    x = L.Conv2D(divisible(1280 * alpha) if alpha > 1 else 1280, 1, use_bias=False, name="Conv_1")(x)
    x = L.ReLU(6.0, name="out_relu")(normalized(x, "Conv_1_bn"))
    x = app.top(x, "Logits", pool_name=None)
    return app.model(x, _files(alpha, size))


def _files(alpha: float, size: int) -> Files:
    suffix = f"_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{size}"
    return standard_files("mobilenet_v2", f"{STORAGE}mobilenet_v2/", suffix=suffix, bottom="_no_top")


answer_old_names(__name__)
