"""MobileNetV3, small and large (Howard et al.: Searching for MobileNetV3, 2019)."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...ir import Value
from .. import layers as L
from ..declaration import configured
from ..training.model import Model
from ._building import Application, architecture, channels_of
from ._mobile import divisible
from ._weights import STORAGE, standard_files
from .imagenet_utils import decode_predictions, preprocessing
from .mobilenet_v2 import correct_pad, normalized

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]

_BASE = f"{STORAGE}mobilenet_v3/"
_HASHES = {
    "large_224_0.75_float": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
    "large_224_1.0_float": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "large_minimalistic_224_1.0_float": (
        "675e7b876c45c57e9e63e6d90a36599c",
        "ec5221f64a2f6d1ef965a614bdae7973",
    ),
    "small_224_0.75_float": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
    "small_224_1.0_float": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "small_minimalistic_224_1.0_float": (
        "99cd97fb2fcdad2bf028eb838de69e37",
        "cde8136e733e811080d9fcd8a252f7e4",
    ),
}
_FILES = {
    variant: standard_files(f"weights_mobilenet_v3_{variant}", _BASE, hashes, suffix="", bottom="_no_top_v2")
    for variant, hashes in _HASHES.items()
}


class _Block(NamedTuple):
    """One row of tables 1 and 2 of the paper."""

    expansion: float
    filters: int
    kernel: int
    stride: int
    squeeze: bool
    hard: bool


_SMALL = (
    _Block(1, 16, 3, 2, True, False),
    _Block(72 / 16, 24, 3, 2, False, False),
    _Block(88 / 24, 24, 3, 1, False, False),
    _Block(4, 40, 5, 2, True, True),
    _Block(6, 40, 5, 1, True, True),
    _Block(6, 40, 5, 1, True, True),
    _Block(3, 48, 5, 1, True, True),
    _Block(3, 48, 5, 1, True, True),
    _Block(6, 96, 5, 2, True, True),
    _Block(6, 96, 5, 1, True, True),
    _Block(6, 96, 5, 1, True, True),
)
_LARGE = (
    _Block(1, 16, 3, 1, False, False),
    _Block(4, 24, 3, 2, False, False),
    _Block(3, 24, 3, 1, False, False),
    _Block(3, 40, 5, 2, True, False),
    _Block(3, 40, 5, 1, True, False),
    _Block(3, 40, 5, 1, True, False),
    _Block(6, 80, 3, 2, False, True),
    _Block(2.5, 80, 3, 1, False, True),
    _Block(2.3, 80, 3, 1, False, True),
    _Block(2.3, 80, 3, 1, False, True),
    _Block(6, 112, 3, 1, True, True),
    _Block(6, 112, 3, 1, True, True),
    _Block(6, 160, 5, 2, True, True),
    _Block(6, 160, 5, 1, True, True),
    _Block(6, 160, 5, 1, True, True),
)


preprocess_input = preprocessing(__name__, None)


def _activation(x: Value, hard: bool) -> Value:
    return L.Activation("hard_silu")(x) if hard else L.ReLU()(x)


def _hard_sigmoid(x: Value) -> Value:
    """``relu6(x + 3) / 6``; the function of that name in Keras 2.3 has another slope."""
    return L.Rescaling(1 / 6)(L.ReLU(6.0)(L.Rescaling(1.0, offset=3.0)(x)))


def _squeeze_excite(x: Value, filters: int, prefix: str) -> Value:
    y = L.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}squeeze_excite_avg_pool")(x)
    y = L.Conv2D(divisible(filters * 0.25), 1, padding="same", name=f"{prefix}squeeze_excite_conv")(y)
    y = L.ReLU(name=f"{prefix}squeeze_excite_relu")(y)
    y = L.Conv2D(filters, 1, padding="same", name=f"{prefix}squeeze_excite_conv_1")(y)
    return L.Multiply(name=f"{prefix}squeeze_excite_mul")([x, _hard_sigmoid(y)])


def _inverted_residual(x: Value, index: int, block: _Block, filters: int) -> Value:
    prefix = f"expanded_conv_{index}_" if index else "expanded_conv_"
    shortcut, channels = x, channels_of(x)
    expanded = divisible(channels * block.expansion)
    if index:
        x = L.Conv2D(expanded, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = _activation(normalized(x, f"{prefix}expand_bn"), block.hard)
    if block.stride == 2:
        x = L.ZeroPadding2D(correct_pad(x, block.kernel), name=f"{prefix}depthwise_pad")(x)
    x = L.DepthwiseConv2D(
        block.kernel,
        strides=block.stride,
        padding="same" if block.stride == 1 else "valid",
        use_bias=False,
        name=f"{prefix}depthwise",
    )(x)
    x = _activation(normalized(x, f"{prefix}depthwise_bn"), block.hard)
    if block.squeeze:
        x = _squeeze_excite(x, expanded, prefix)
    x = L.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = normalized(x, f"{prefix}project_bn")
    if block.stride == 1 and channels == filters:
        x = L.Add(name=f"{prefix}add")([shortcut, x])
    return x


class _MobileNetV3(Application):
    """The arguments of both networks.

    Args:
        alpha: factor for the filters of all blocks; published for 0.75 and 1.
        minimalistic: 3x3 convolutions, ReLU and no squeeze-and-excite throughout.
        dropout_rate: before the classifier.
        include_preprocessing: whether the model rescales images to -1 to 1 itself.

    The other arguments are those of ``Application``.
    """

    @configured
    def __init__(
        self,
        input_shape: Any = None,
        alpha: float = 1.0,
        minimalistic: bool = False,
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        classes: int = 1000,
        pooling: str | None = None,
        dropout_rate: float = 0.2,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None: ...


def _mobilenet_v3(app: _MobileNetV3, kind: str, blocks: tuple[_Block, ...], last_filters: int) -> Model:
    files = _FILES.get(f"{kind}{'_minimalistic' if app.minimalistic else ''}_224_{float(app.alpha)}_float")
    if app.weights == "imagenet" and files is None:
        raise ValueError(
            f"{app.name} with the weights of ImageNet: alpha must be 0.75 or 1.0, with minimalistic 1.0; "
            f"found alpha={app.alpha}, minimalistic={app.minimalistic}."
        )
    hard = not app.minimalistic
    x = app.start(224, 32)
    if app.include_preprocessing:
        x = L.Rescaling(scale=1 / 127.5, offset=-1.0)(x)
    x = L.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = _activation(normalized(x, "conv_bn"), hard)
    for index, block in enumerate(blocks):
        if app.minimalistic:
            block = block._replace(kernel=3, squeeze=False, hard=False)
        x = _inverted_residual(x, index, block, divisible(block.filters * app.alpha))
    width = divisible(channels_of(x) * 6)
    x = L.Conv2D(width, 1, padding="same", use_bias=False, name="conv_1")(x)
    x = _activation(normalized(x, "conv_1_bn"), hard)
    if not app.include_top:
        return app.model(app.pool(x), files)
    x = L.GlobalAveragePooling2D(keepdims=True)(x)
    last_filters = divisible(last_filters * app.alpha) if app.alpha > 1 else last_filters
    x = _activation(L.Conv2D(last_filters, 1, padding="same", name="conv_2")(x), hard)
    if app.dropout_rate > 0:
        x = L.Dropout(app.dropout_rate)(x)
    x = L.Conv2D(app.classes, 1, padding="same", name="logits")(x)
    x = L.Flatten()(x)
    x = L.Activation(app.classifier_activation or "linear", name="predictions")(x)
    return app.model(x, files)


@architecture(_MobileNetV3, "MobileNetV3Small")
def MobileNetV3Small(app: _MobileNetV3) -> Model:
    """MobileNetV3Small for images of 224x224, 0 to 255."""
    return _mobilenet_v3(app, "small", _SMALL, 1024)


@architecture(_MobileNetV3, "MobileNetV3Large")
def MobileNetV3Large(app: _MobileNetV3) -> Model:
    """MobileNetV3Large for images of 224x224, 0 to 255."""
    return _mobilenet_v3(app, "large", _LARGE, 1280)
