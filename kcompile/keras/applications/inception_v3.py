"""InceptionV3 (Szegedy et al.: Rethinking the Inception Architecture for Computer Vision, 2015)."""

from __future__ import annotations

from ...ir import Value
from .. import layers as L
from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ._building import Application, architecture
from ._inception import average, chain, concatenate, conv_bn, stem
from ._weights import STORAGE, standard_files
from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

_FILES = standard_files(
    "inception_v3",
    f"{STORAGE}inception_v3/",
    ("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),
)


preprocess_input = preprocessing(__name__, "tf")


def _block_35(x: Value, pooled: int, name: str) -> Value:
    """Figure 5 of the paper, at 35x35."""
    one = conv_bn(x, 64, 1)
    five = chain(x, (48, 1), (64, 5))
    double = chain(x, (64, 1), (96, 3), (96, 3))
    pool = conv_bn(average(x), pooled, 1)
    return concatenate([one, five, double, pool], name)


def _shrink_to_17(x: Value) -> Value:
    three = conv_bn(x, 384, 3, 2, "valid")
    double = chain(x, (64, 1), (96, 3), (96, 3, 2, "valid"))
    pool = L.MaxPooling2D(3, strides=2)(x)
    return concatenate([three, double, pool], "mixed3")


def _block_17(x: Value, width: int, name: str) -> Value:
    """Figure 6 of the paper: 7x7 convolutions as pairs of 1x7 and 7x1."""
    one = conv_bn(x, 192, 1)
    seven = chain(x, (width, 1), (width, (1, 7)), (192, (7, 1)))
    double = chain(x, (width, 1), (width, (7, 1)), (width, (1, 7)), (width, (7, 1)), (192, (1, 7)))
    pool = conv_bn(average(x), 192, 1)
    return concatenate([one, seven, double, pool], name)


def _shrink_to_8(x: Value) -> Value:
    three = chain(x, (192, 1), (320, 3, 2, "valid"))
    seven = chain(x, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2, "valid"))
    pool = L.MaxPooling2D(3, strides=2)(x)
    return concatenate([three, seven, pool], "mixed8")


def _block_8(x: Value, index: int) -> Value:
    """Figure 7 of the paper: 3x3 convolutions as 1x3 beside 3x1."""
    one = conv_bn(x, 320, 1)
    three = conv_bn(x, 384, 1)
    three = concatenate([conv_bn(three, 384, (1, 3)), conv_bn(three, 384, (3, 1))], f"mixed9_{index}")
    double = chain(x, (448, 1), (384, 3))
    double = concatenate([conv_bn(double, 384, (1, 3)), conv_bn(double, 384, (3, 1))])
    pool = conv_bn(average(x), 192, 1)
    return concatenate([one, three, double, pool], f"mixed{9 + index}")


@architecture(Application, "inception_v3")
def InceptionV3(app: Application) -> Model:
    """InceptionV3 for images of 299x299 (at least 75x75 without the top)."""
    x = stem(app.start(299, 75))
    for i, pooled in enumerate((32, 64, 64)):
        x = _block_35(x, pooled, f"mixed{i}")
    x = _shrink_to_17(x)
    for i, width in enumerate((128, 160, 160, 192), 4):
        x = _block_17(x, width, f"mixed{i}")
    x = _shrink_to_8(x)
    for i in range(2):
        x = _block_8(x, i)
    return app.model(app.top(x, "predictions"), _FILES)


answer_old_names(__name__, ["layers"])
