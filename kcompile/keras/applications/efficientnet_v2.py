"""EfficientNetV2 (Tan, Le: EfficientNetV2: Smaller Models and Faster Training, 2021)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...ir import Value
from .. import layers as L
from ..declaration import configured
from ..training.model import Model
from ._building import Application, batch_norm, channel_axis, channels_of, family
from ._weights import STORAGE, standard_files
from .efficientnet import CONV_INITIALIZER, add_shortcut, preprocess_input, scored, silu, squeeze_excite
from .imagenet_utils import decode_predictions

__all__ = [
    *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    "decode_predictions",
    "preprocess_input",
]

_HASHES = {
    "efficientnetv2-b0": ("21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"),
    "efficientnetv2-b1": ("069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"),
    "efficientnetv2-b2": ("424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"),
    "efficientnetv2-b3": ("1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"),
    "efficientnetv2-s": ("e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"),
    "efficientnetv2-m": ("a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"),
    "efficientnetv2-l": ("27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"),
}
_FILES = {
    name: standard_files(name, f"{STORAGE}efficientnet_v2/", hashes, suffix="")
    for name, hashes in _HASHES.items()
}


class _Stage(NamedTuple):
    """One row of table 4 of the paper; fused: one 3x3 convolution instead of a 1x1 and a depthwise one."""

    blocks: int
    filters: int
    expansion: int
    stride: int
    fused: bool


_B = (
    _Stage(1, 16, 1, 1, True),
    _Stage(2, 32, 4, 2, True),
    _Stage(2, 48, 4, 2, True),
    _Stage(3, 96, 4, 2, False),
    _Stage(5, 112, 6, 1, False),
    _Stage(8, 192, 6, 2, False),
)
_S = (
    _Stage(2, 24, 1, 1, True),
    _Stage(4, 48, 4, 2, True),
    _Stage(4, 64, 4, 2, True),
    _Stage(6, 128, 4, 2, False),
    _Stage(9, 160, 6, 1, False),
    _Stage(15, 256, 6, 2, False),
)
_M = (
    _Stage(3, 24, 1, 1, True),
    _Stage(5, 48, 4, 2, True),
    _Stage(5, 80, 4, 2, True),
    _Stage(7, 160, 4, 2, False),
    _Stage(14, 176, 6, 1, False),
    _Stage(18, 304, 6, 2, False),
    _Stage(5, 512, 6, 1, False),
)
_L = (
    _Stage(4, 32, 1, 1, True),
    _Stage(7, 64, 4, 2, True),
    _Stage(7, 96, 4, 2, True),
    _Stage(10, 192, 4, 2, False),
    _Stage(19, 224, 6, 1, False),
    _Stage(25, 384, 6, 2, False),
    _Stage(7, 640, 6, 1, False),
)
_MEAN = (0.485, 0.456, 0.406)
_VARIANCE = (0.229**2, 0.224**2, 0.225**2)
_DROP_CONNECT = 0.2


def _conv(x: Value, filters: int, size: int, strides: int, name: str) -> Value:
    return L.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=CONV_INITIALIZER,
        name=name,
    )(x)


def _bn(x: Value, name: str) -> Value:
    return batch_norm(x, name, epsilon=1e-3, momentum=0.9)


def _rounded(filters: float) -> int:
    """The nearest multiple of 8, even if that is less than nine tenths, unlike in the first EfficientNet."""
    return max(8, int(filters + 4) // 8 * 8)


def _fused_block(x: Value, filters: int, expansion: int, stride: int, name: str) -> Value:
    size = 3
    if expansion != 1:
        expanded = channels_of(x) * expansion
        x = _bn(_conv(x, expanded, 3, stride, f"{name}expand_conv"), f"{name}expand_bn")
        x = silu(x, f"{name}expand_activation")
        size = stride = 1
    x = _bn(_conv(x, filters, size, stride, f"{name}project_conv"), f"{name}project_bn")
    return silu(x, f"{name}project_activation") if expansion == 1 else x


def _mobile_block(x: Value, filters: int, expansion: int, stride: int, name: str) -> Value:
    channels = channels_of(x)
    expanded = channels * expansion
    x = _bn(_conv(x, expanded, 1, 1, f"{name}expand_conv"), f"{name}expand_bn")
    x = silu(x, f"{name}expand_activation")
    x = L.DepthwiseConv2D(
        3,
        strides=stride,
        padding="same",
        use_bias=False,
        depthwise_initializer=CONV_INITIALIZER,
        name=f"{name}dwconv2",
    )(x)
    x = silu(_bn(x, f"{name}bn"), f"{name}activation")
    x = squeeze_excite(x, expanded, max(1, channels // 4), name)
    return _bn(_conv(x, filters, 1, 1, f"{name}project_conv"), f"{name}project_bn")


class _EfficientNetV2(Application):
    """The arguments of the EfficientNetV2 networks.

    Args:
        include_preprocessing: whether the model normalizes images itself.

    The other arguments are those of ``Application``.
    """

    @configured
    def __init__(
        self,
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None: ...


def _efficientnet_v2(
    app: _EfficientNetV2, model: str, size: int, stages: tuple[_Stage, ...], width: float, depth: float
) -> Model:
    x = app.start(size, 32)
    if app.include_preprocessing and stages is _B:
        x = L.Rescaling(1 / 255)(x)
        x = L.Normalization(mean=_MEAN, variance=_VARIANCE, axis=channel_axis())(x)
    elif app.include_preprocessing:
        x = L.Rescaling(1 / 128, offset=-1.0)(x)
    stem = _rounded((32 if stages is _B else stages[0].filters) * width)
    x = silu(_bn(_conv(x, stem, 3, 2, "stem_conv"), "stem_bn"), "stem_activation")
    repeats = [math.ceil(stage.blocks * depth) for stage in stages]
    done = 0
    for i, stage in enumerate(stages):
        block = _fused_block if stage.fused else _mobile_block
        filters = _rounded(stage.filters * width)
        for j in range(repeats[i]):
            shortcut, stride = x, stage.stride if j == 0 else 1
            block_name = f"block{i + 1}{chr(ord('a') + j)}_"
            x = block(x, filters, stage.expansion, stride, block_name)
            if stride == 1 and channels_of(shortcut) == filters:
                x = add_shortcut(x, shortcut, _DROP_CONNECT * done / sum(repeats), block_name)
            done += 1
    x = _conv(x, _rounded(1280 * width), 1, 1, "top_conv")
    x = silu(_bn(x, "top_bn"), "top_activation")
    return app.model(scored(app, x, 0.2), _FILES[model])


_network = family(_EfficientNetV2, _efficientnet_v2)
EfficientNetV2B0 = _network("EfficientNetV2B0", "efficientnetv2-b0", 224, _B, 1.0, 1.0)
EfficientNetV2B1 = _network("EfficientNetV2B1", "efficientnetv2-b1", 240, _B, 1.0, 1.1)
EfficientNetV2B2 = _network("EfficientNetV2B2", "efficientnetv2-b2", 260, _B, 1.1, 1.2)
EfficientNetV2B3 = _network("EfficientNetV2B3", "efficientnetv2-b3", 300, _B, 1.2, 1.4)
EfficientNetV2S = _network("EfficientNetV2S", "efficientnetv2-s", 384, _S, 1.0, 1.0)
EfficientNetV2M = _network("EfficientNetV2M", "efficientnetv2-m", 480, _M, 1.0, 1.0)
EfficientNetV2L = _network("EfficientNetV2L", "efficientnetv2-l", 480, _L, 1.0, 1.0)
