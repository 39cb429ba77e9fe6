"""VGG16 (Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014)."""

from __future__ import annotations

from typing import Any

from .. import layers as L
from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ._building import Application, architecture
from ._weights import STORAGE, standard_files
from .imagenet_utils import decode_predictions, preprocess_input

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

_FILES = standard_files(
    "vgg16", f"{STORAGE}vgg16/", ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc")
)


def vgg(app: Application, depths: tuple[int, ...], files: Any) -> Model:
    """Five stages of 3x3 convolutions, each ending in a 2x2 pooling; three dense layers on top."""
    x = app.start(224, 32)
    for stage, (depth, filters) in enumerate(zip(depths, (64, 128, 256, 512, 512), strict=True), 1):
        for i in range(1, depth + 1):
            conv_name = f"block{stage}_conv{i}"
            x = L.Conv2D(filters, 3, padding="same", activation="relu", name=conv_name)(x)
        x = L.MaxPooling2D(2, strides=2, name=f"block{stage}_pool")(x)
    if not app.include_top:
        return app.model(app.pool(x), files)
    x = L.Flatten(name="flatten")(x)
    x = L.Dense(4096, activation="relu", name="fc1")(x)
    x = L.Dense(4096, activation="relu", name="fc2")(x)
    x = L.Dense(app.classes, activation=app.classifier_activation, name="predictions")(x)
    return app.model(x, files)


@architecture(Application, "vgg16")
def VGG16(app: Application) -> Model:
    """VGG16 for images of 224x224 (at least 32x32 without the top); preprocess_input's mode is "caffe"."""
    return vgg(app, (2, 2, 3, 3, 3), _FILES)


answer_old_names(__name__, ["layers"])
