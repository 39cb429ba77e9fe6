"""Xception (Chollet: Xception: Deep Learning with Depthwise Separable Convolutions, 2016)."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir import Value
from .. import layers as L
from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ._building import Application, architecture, batch_norm
from ._weights import STORAGE, standard_files
from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

_FILES = standard_files(
    "xception",
    f"{STORAGE}xception/",
    ("0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"),
)


preprocess_input = preprocessing(__name__, "tf")


def _bn(x: Value, name: str | None) -> Value:
    return batch_norm(x, name, epsilon=1e-3)


def _separable(x: Value, filters: int, name: str) -> Value:
    x = L.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return _bn(x, f"{name}_bn")


def _separable_chain(x: Value, block: str, filters: Sequence[int], first_relu: bool = True) -> Value:
    """Separable convolutions, each but perhaps the first after a ReLU."""
    for i, count in enumerate(filters, 1):
        name = f"{block}_sepconv{i}"
        if i > 1 or first_relu:
            x = L.Activation("relu", name=f"{name}_act")(x)
        x = _separable(x, count, name)
    return x


def _shrinking_block(x: Value, block: str, filters: Sequence[int], first_relu: bool = True) -> Value:
    """A chain that is pooled, added to a 1x1 convolution of stride 2."""
    residual = L.Conv2D(filters[-1], 1, strides=2, padding="same", use_bias=False)(x)
    residual = _bn(residual, None)
    x = _separable_chain(x, block, filters, first_relu)
    x = L.MaxPooling2D(3, strides=2, padding="same", name=f"{block}_pool")(x)
    return L.add([x, residual])


@architecture(Application, "xception")
def Xception(app: Application) -> Model:
    """Xception for images of 299x299 (at least 71x71 without the top)."""
    x = app.start(299, 71)
    for i, (filters, strides) in enumerate(((32, 2), (64, 1)), 1):
        stem = f"block1_conv{i}"
        x = L.Conv2D(filters, 3, strides=strides, use_bias=False, name=stem)(x)
        x = L.Activation("relu", name=f"{stem}_act")(_bn(x, f"{stem}_bn"))
    x = _shrinking_block(x, "block2", (128, 128), first_relu=False)
    x = _shrinking_block(x, "block3", (256, 256))
    x = _shrinking_block(x, "block4", (728, 728))
    for i in range(5, 13):
        x = L.add([_separable_chain(x, f"block{i}", (728, 728, 728)), x])
    x = _shrinking_block(x, "block13", (728, 1024))
    for i, filters in enumerate((1536, 2048), 1):
        stem = f"block14_sepconv{i}"
        x = L.Activation("relu", name=f"{stem}_act")(_separable(x, filters, stem))
    return app.model(app.top(x, "predictions"), _FILES)


answer_old_names(__name__, ["layers"])
