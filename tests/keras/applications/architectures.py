"""Every architecture, small enough to be computed within a second or two, and one of each family."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras.applications import ARCHITECTURES
from tests.golden.applications import rule

# ``resnet`` has a ResNet50 of its own beside the one of Keras 2.3
NAMES = ["resnet.ResNet50", *ARCHITECTURES]
# the smallest of each module; those that are left out here run under the mark "slow"
FAMILIES = (
    "VGG16 ResNet50 resnet.ResNet50 ResNet50V2 ResNeXt50 MobileNet MobileNetV2 MobileNetV3Small"
    " DenseNet121 Xception InceptionV3 InceptionResNetV2 NASNetMobile EfficientNetB0 EfficientNetV2B0"
    " ConvNeXtTiny RegNetY002 ResNetRS50"
).split()
_LEAST = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}


def each(names: Iterable[str] = tuple(NAMES)) -> list[Any]:
    """All names, with the mark "slow" on those that are not the smallest of a family."""
    return [n if n in FAMILIES else pytest.param(n, marks=pytest.mark.slow) for n in names]


def image_shape(name: str) -> tuple[int, int, int]:
    """The least image that the architecture takes, in the layout of now."""
    size = _LEAST.get(name, 32)
    return (3, size, size) if keras.backend.image_data_format() == "channels_first" else (size, size, 3)


def build(name: str, **arguments: Any) -> keras.Model:
    """An architecture for small images and 10 classes, with weights that keep its activations near one."""
    keras.backend.clear_session()
    module, _, function = name.rpartition(".")
    package = f"kcompile.keras.applications.{module or ARCHITECTURES[name]}"
    make = getattr(importlib.import_module(package), function)
    top = {"classes": 10} if arguments.get("include_top", True) else {}
    model = make(**{"weights": None, "input_shape": image_shape(name), **top, **arguments})
    rule.set_weights(model, name)  # so that signals neither vanish nor grow, and rounding does not either
    return model


def images(name: str, count: int = 2) -> np.ndarray:
    """Images as ``preprocess_input`` would make them, from 0 to 255 for networks that do so themselves."""
    drawn = np.random.default_rng(0).uniform(-1, 1, (count, *image_shape(name)))
    if name.startswith(("MobileNetV3", "EfficientNet", "ConvNeXt", "RegNet", "ResNetRS")):
        drawn = 127.5 * (1 + drawn)
    return drawn.astype("float32")
