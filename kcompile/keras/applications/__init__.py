"""Networks for images with weights of ImageNet, module for module as Keras lays them out.

Modules are imported when first used. ``keras.applications.ResNet50`` is the one of ``resnet50``, as in
Keras 2.3: the same network as ``resnet.ResNet50``, under the older layer names and weights.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

_MODELS = {
    "vgg16": ("VGG16",),
    "vgg19": ("VGG19",),
    "resnet50": ("ResNet50",),
    "resnet": ("ResNet101", "ResNet152"),
    "resnet_v2": ("ResNet50V2", "ResNet101V2", "ResNet152V2"),
    "resnext": ("ResNeXt50", "ResNeXt101"),
    "mobilenet": ("MobileNet",),
    "mobilenet_v2": ("MobileNetV2",),
    "densenet": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "xception": ("Xception",),
    "inception_v3": ("InceptionV3",),
    "inception_resnet_v2": ("InceptionResNetV2",),
    "nasnet": ("NASNetMobile", "NASNetLarge"),
    "mobilenet_v3": ("MobileNetV3Small", "MobileNetV3Large"),
    "efficientnet": tuple(f"EfficientNetB{i}" for i in range(8)),
    "efficientnet_v2": tuple(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    "convnext": tuple(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
}
# the module of each network
ARCHITECTURES = {model: module for module, models in _MODELS.items() for model in models}
_OF_KERAS = {"backend", "layers", "models", "utils"}

__all__ = sorted({*_MODELS, *ARCHITECTURES, "imagenet_utils"})


def keras_modules_injection(base_fun: Callable[..., Any]) -> Callable[..., Any]:
    """Hands a function of the package keras_applications the modules of this Keras, as keywords."""

    @functools.wraps(base_fun)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        modules = {name: importlib.import_module(f"..{name}", __name__) for name in sorted(_OF_KERAS)}
        return base_fun(*args, **{**kwargs, **modules})

    return wrapper


def __getattr__(name: str) -> Any:
    if name in ARCHITECTURES:
        return getattr(importlib.import_module(f".{ARCHITECTURES[name]}", __name__), name)
    if name in _MODELS or name == "imagenet_utils":
        return importlib.import_module(f".{name}", __name__)
    if name in _OF_KERAS:
        return importlib.import_module(f"..{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
