"""InceptionResNetV2 (Szegedy et al.: Inception-v4, Inception-ResNet and the Impact of Residual Connections,
2016)."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import layers as L
from .. import registry
from ..core.layer import Layer
from ..declaration import configured
from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ..utils.generic_utils import register_keras_serializable
from ._building import Application, architecture, channels_of
from ._inception import average, chain, concatenate, conv_bn, stem
from ._weights import STORAGE, standard_files
from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

_FILES = standard_files(
    "inception_resnet_v2",
    f"{STORAGE}inception_resnet_v2/",
    ("e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4"),
)
# the branches of each kind of block: (filters, size) of their convolutions
_BRANCHES = {
    "block35": (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))),
    "block17": (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))),
    "block8": (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))),
}


preprocess_input = preprocessing(__name__, "tf")


@register_keras_serializable(package="kcompile")
def scaled_sum(inputs: list[Value], scale: float) -> Value:
    """The first input plus ``scale`` times the second one."""
    return inputs[0] + inputs[1] * scale


class CustomScaleLayer(Layer):
    """``scaled_sum`` as a layer: later Keras has it in place of the Lambda, so that its files name it.

    Args:
        scale: of the second input.

    Input: two tensors of one shape; output: the same shape.
    """

    @configured
    def __init__(self, scale: float, **kwargs: Any) -> None: ...

    def call(self, inputs: list[Value]) -> Value:
        return scaled_sum(inputs, self.scale)


def _residual_block(x: Value, kind: str, index: int, scale: float, activation: str | None = "relu") -> Value:
    """Branches, brought back to the channels of the input by a 1x1 convolution, scaled and added to it."""
    name = f"{kind}_{index}"
    mixed = concatenate([chain(x, *convolutions) for convolutions in _BRANCHES[kind]], f"{name}_mixed")
    up = L.Conv2D(channels_of(x), 1, padding="same", name=f"{name}_conv")(mixed)
    x = L.Lambda(scaled_sum, arguments={"scale": scale}, name=name)([x, up])
    return x if activation is None else L.Activation(activation, name=f"{name}_ac")(x)


def _first_block(x: Value) -> Value:
    one = conv_bn(x, 96, 1)
    five = chain(x, (48, 1), (64, 5))
    double = chain(x, (64, 1), (96, 3), (96, 3))
    pool = conv_bn(average(x), 64, 1)
    return concatenate([one, five, double, pool], "mixed_5b")


def _shrink_to_17(x: Value) -> Value:
    three = conv_bn(x, 384, 3, 2, "valid")
    double = chain(x, (256, 1), (256, 3), (384, 3, 2, "valid"))
    pool = L.MaxPooling2D(3, strides=2)(x)
    return concatenate([three, double, pool], "mixed_6a")


def _shrink_to_8(x: Value) -> Value:
    first = chain(x, (256, 1), (384, 3, 2, "valid"))
    second = chain(x, (256, 1), (288, 3, 2, "valid"))
    third = chain(x, (256, 1), (288, 3), (320, 3, 2, "valid"))
    pool = L.MaxPooling2D(3, strides=2)(x)
    return concatenate([first, second, third, pool], "mixed_7a")


@architecture(Application, "inception_resnet_v2")
def InceptionResNetV2(app: Application) -> Model:
    """InceptionResNetV2 for images of 299x299 (at least 75x75 without the top)."""
    x = _first_block(stem(app.start(299, 75)))
    for i in range(1, 11):
        x = _residual_block(x, "block35", i, 0.17)
    x = _shrink_to_17(x)
    for i in range(1, 21):
        x = _residual_block(x, "block17", i, 0.1)
    x = _shrink_to_8(x)
    for i in range(1, 10):
        x = _residual_block(x, "block8", i, 0.2)
    x = _residual_block(x, "block8", 10, 1.0, activation=None)
    x = conv_bn(x, 1536, 1, name="conv_7b", bn_name="conv_7b_bn", activation_name="conv_7b_ac")
    return app.model(app.top(x, "predictions"), _FILES)


answer_old_names(__name__, ["layers"])

registry.register(globals())
