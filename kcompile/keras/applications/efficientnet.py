"""EfficientNet B0 to B7 (Tan, Le: Rethinking Model Scaling for Convolutional Neural Networks, 2019)."""

from __future__ import annotations

import math
from typing import Any

from ...ir import Value
from .. import layers as L
from ..training.model import Model
from ._building import Application, as_image, batch_norm, channel_axis, channels_of, family
from ._mobile import divisible
from ._weights import standard_files
from .imagenet_utils import decode_predictions, preprocessing
from .mobilenet_v2 import correct_pad

__all__ = [*(f"EfficientNetB{i}" for i in range(8)), "decode_predictions", "preprocess_input"]

_BASE = "https://storage.googleapis.com/keras-applications/"
_HASHES = {
    "efficientnetb0": ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    "efficientnetb1": ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
    "efficientnetb2": ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    "efficientnetb3": ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
    "efficientnetb4": ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    "efficientnetb5": ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
    "efficientnetb6": ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
    "efficientnetb7": ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
}
_FILES = {name: standard_files(name, _BASE, hashes, suffix="") for name, hashes in _HASHES.items()}
# kernel, number of blocks, filters, expansion, stride of the first one (table 1 of the paper)
_STAGES = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)
_DEVIATION = (0.229, 0.224, 0.225)
_DROP_CONNECT = 0.2
# as the published networks were initialized, by He for fan out and uniformly for the classifier
CONV_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
DENSE_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1 / 3, "mode": "fan_out", "distribution": "uniform"},
}


preprocess_input = preprocessing(__name__, None)


def squeeze_excite(x: Value, filters: int, reduced: int, name: str) -> Value:
    """Each channel times a weight that two small convolutions make from the means of all (Hu et al. 2017)."""
    y = L.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    y = L.Reshape(as_image(filters), name=f"{name}se_reshape")(y)
    y = L.Conv2D(
        reduced,
        1,
        padding="same",
        activation="silu",
        kernel_initializer=CONV_INITIALIZER,
        name=f"{name}se_reduce",
    )(y)
    y = L.Conv2D(
        filters,
        1,
        padding="same",
        activation="sigmoid",
        kernel_initializer=CONV_INITIALIZER,
        name=f"{name}se_expand",
    )(y)
    return L.multiply([x, y], name=f"{name}se_excite")


def add_shortcut(x: Value, shortcut: Value, drop_rate: float, name: str) -> Value:
    """The sum; while training ``x`` is left out of a part of the samples (Huang et al. 2016)."""
    if drop_rate > 0:
        x = L.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
    return L.add([x, shortcut], name=f"{name}add")


def _conv(x: Value, filters: int, size: int, name: str, **kwargs: Any) -> Value:
    return L.Conv2D(filters, size, use_bias=False, kernel_initializer=CONV_INITIALIZER, name=name, **kwargs)(
        x
    )


def silu(x: Value, name: str) -> Value:
    return L.Activation("silu", name=name)(x)


def _block(
    x: Value, kernel: int, filters: int, expansion: int, stride: int, drop_rate: float, name: str
) -> Value:
    shortcut, channels = x, channels_of(x)
    expanded = channels * expansion
    if expansion != 1:
        x = _conv(x, expanded, 1, f"{name}expand_conv", padding="same")
        x = silu(batch_norm(x, f"{name}expand_bn", epsilon=1e-3), f"{name}expand_activation")
    if stride == 2:
        x = L.ZeroPadding2D(correct_pad(x, kernel), name=f"{name}dwconv_pad")(x)
    x = L.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="valid" if stride == 2 else "same",
        use_bias=False,
        depthwise_initializer=CONV_INITIALIZER,
        name=f"{name}dwconv",
    )(x)
    x = silu(batch_norm(x, f"{name}bn", epsilon=1e-3), f"{name}activation")
    x = squeeze_excite(x, expanded, max(1, channels // 4), name)
    x = _conv(x, filters, 1, f"{name}project_conv", padding="same")
    x = batch_norm(x, f"{name}project_bn", epsilon=1e-3)
    if stride == 1 and channels == filters:
        x = add_shortcut(x, shortcut, drop_rate, name)
    return x


def _efficientnet(
    app: Application, model: str, size: int, width: float, depth: float, dropout_rate: float
) -> Model:
    """The base network, with the filters times ``width`` and the blocks of a stage times ``depth``."""
    x = app.start(size, 32)
    x = L.Rescaling(1 / 255)(x)
    x = L.Normalization(axis=channel_axis(), name="normalization")(x)
    if app.weights == "imagenet":
        # the published networks were trained on images divided by the variance
        x = L.Rescaling([1 / math.sqrt(deviation) for deviation in _DEVIATION])(x)
    x = L.ZeroPadding2D(correct_pad(x, 3), name="stem_conv_pad")(x)
    x = _conv(x, divisible(32 * width), 3, "stem_conv", strides=2)
    x = silu(batch_norm(x, "stem_bn", epsilon=1e-3), "stem_activation")
    repeats = [math.ceil(blocks * depth) for _, blocks, _, _, _ in _STAGES]
    done = 0
    for i, (kernel, _, filters, expansion, stride) in enumerate(_STAGES):
        for j in range(repeats[i]):
            x = _block(
                x,
                kernel,
                divisible(filters * width),
                expansion,
                stride if j == 0 else 1,
                _DROP_CONNECT * done / sum(repeats),
                f"block{i + 1}{chr(ord('a') + j)}_",
            )
            done += 1
    x = _conv(x, divisible(1280 * width), 1, "top_conv", padding="same")
    x = silu(batch_norm(x, "top_bn", epsilon=1e-3), "top_activation")
    return app.model(scored(app, x, dropout_rate), _FILES[model])


def scored(app: Application, x: Value, dropout_rate: float) -> Value:
    """The top: the means of the channels, dropout, a classifier."""
    if app.include_top:
        x = L.GlobalAveragePooling2D(name="avg_pool")(x)
        if dropout_rate > 0:
            x = L.Dropout(dropout_rate, name="top_dropout")(x)
        return L.Dense(
            app.classes,
            activation=app.classifier_activation,
            kernel_initializer=DENSE_INITIALIZER,
            name="predictions",
        )(x)
    if app.pooling == "avg":
        return L.GlobalAveragePooling2D(name="avg_pool")(x)
    return L.GlobalMaxPooling2D(name="max_pool")(x) if app.pooling == "max" else x


_network = family(Application, _efficientnet)
EfficientNetB0 = _network("EfficientNetB0", "efficientnetb0", 224, 1.0, 1.0, 0.2)
EfficientNetB1 = _network("EfficientNetB1", "efficientnetb1", 240, 1.0, 1.1, 0.2)
EfficientNetB2 = _network("EfficientNetB2", "efficientnetb2", 260, 1.1, 1.2, 0.3)
EfficientNetB3 = _network("EfficientNetB3", "efficientnetb3", 300, 1.2, 1.4, 0.3)
EfficientNetB4 = _network("EfficientNetB4", "efficientnetb4", 380, 1.4, 1.8, 0.4)
EfficientNetB5 = _network("EfficientNetB5", "efficientnetb5", 456, 1.6, 2.2, 0.4)
EfficientNetB6 = _network("EfficientNetB6", "efficientnetb6", 528, 1.8, 2.6, 0.5)
EfficientNetB7 = _network("EfficientNetB7", "efficientnetb7", 600, 2.0, 3.1, 0.5)
