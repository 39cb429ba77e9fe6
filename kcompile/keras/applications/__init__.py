"""Networks for images with weights of ImageNet, module for module as Keras lays them out.

Modules are imported when first used. ``keras.applications.ResNet50`` is the one of ``resnet50``, as in
Keras 2.3: the same network as ``resnet.ResNet50``, under the older layer names and weights.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kcompile_runtime.lazy_packages import attach

if TYPE_CHECKING:
    __all__: list[str]

    from .. import backend as backend
    from .. import layers as layers
    from .. import models as models
    from .. import utils as utils
    from . import convnext as convnext
    from . import densenet as densenet
    from . import efficientnet as efficientnet
    from . import efficientnet_v2 as efficientnet_v2
    from . import imagenet_utils as imagenet_utils
    from . import inception_resnet_v2 as inception_resnet_v2
    from . import inception_v3 as inception_v3
    from . import mobilenet as mobilenet
    from . import mobilenet_v2 as mobilenet_v2
    from . import mobilenet_v3 as mobilenet_v3
    from . import nasnet as nasnet
    from . import regnet as regnet
    from . import resnet as resnet
    from . import resnet50 as resnet50
    from . import resnet_rs as resnet_rs
    from . import resnet_v2 as resnet_v2
    from . import resnext as resnext
    from . import vgg16 as vgg16
    from . import vgg19 as vgg19
    from . import xception as xception
    from .convnext import ConvNeXtBase as ConvNeXtBase
    from .convnext import ConvNeXtLarge as ConvNeXtLarge
    from .convnext import ConvNeXtSmall as ConvNeXtSmall
    from .convnext import ConvNeXtTiny as ConvNeXtTiny
    from .convnext import ConvNeXtXLarge as ConvNeXtXLarge
    from .densenet import DenseNet121 as DenseNet121
    from .densenet import DenseNet169 as DenseNet169
    from .densenet import DenseNet201 as DenseNet201
    from .efficientnet import EfficientNetB0 as EfficientNetB0
    from .efficientnet import EfficientNetB1 as EfficientNetB1
    from .efficientnet import EfficientNetB2 as EfficientNetB2
    from .efficientnet import EfficientNetB3 as EfficientNetB3
    from .efficientnet import EfficientNetB4 as EfficientNetB4
    from .efficientnet import EfficientNetB5 as EfficientNetB5
    from .efficientnet import EfficientNetB6 as EfficientNetB6
    from .efficientnet import EfficientNetB7 as EfficientNetB7
    from .efficientnet_v2 import EfficientNetV2B0 as EfficientNetV2B0
    from .efficientnet_v2 import EfficientNetV2B1 as EfficientNetV2B1
    from .efficientnet_v2 import EfficientNetV2B2 as EfficientNetV2B2
    from .efficientnet_v2 import EfficientNetV2B3 as EfficientNetV2B3
    from .efficientnet_v2 import EfficientNetV2L as EfficientNetV2L
    from .efficientnet_v2 import EfficientNetV2M as EfficientNetV2M
    from .efficientnet_v2 import EfficientNetV2S as EfficientNetV2S
    from .inception_resnet_v2 import InceptionResNetV2 as InceptionResNetV2
    from .inception_v3 import InceptionV3 as InceptionV3
    from .mobilenet import MobileNet as MobileNet
    from .mobilenet_v2 import MobileNetV2 as MobileNetV2
    from .mobilenet_v3 import MobileNetV3Large as MobileNetV3Large
    from .mobilenet_v3 import MobileNetV3Small as MobileNetV3Small
    from .nasnet import NASNetLarge as NASNetLarge
    from .nasnet import NASNetMobile as NASNetMobile
    from .regnet import RegNetX002 as RegNetX002
    from .regnet import RegNetX004 as RegNetX004
    from .regnet import RegNetX006 as RegNetX006
    from .regnet import RegNetX008 as RegNetX008
    from .regnet import RegNetX016 as RegNetX016
    from .regnet import RegNetX032 as RegNetX032
    from .regnet import RegNetX040 as RegNetX040
    from .regnet import RegNetX064 as RegNetX064
    from .regnet import RegNetX080 as RegNetX080
    from .regnet import RegNetX120 as RegNetX120
    from .regnet import RegNetX160 as RegNetX160
    from .regnet import RegNetX320 as RegNetX320
    from .regnet import RegNetY002 as RegNetY002
    from .regnet import RegNetY004 as RegNetY004
    from .regnet import RegNetY006 as RegNetY006
    from .regnet import RegNetY008 as RegNetY008
    from .regnet import RegNetY016 as RegNetY016
    from .regnet import RegNetY032 as RegNetY032
    from .regnet import RegNetY040 as RegNetY040
    from .regnet import RegNetY064 as RegNetY064
    from .regnet import RegNetY080 as RegNetY080
    from .regnet import RegNetY120 as RegNetY120
    from .regnet import RegNetY160 as RegNetY160
    from .regnet import RegNetY320 as RegNetY320
    from .resnet import ResNet101 as ResNet101
    from .resnet import ResNet152 as ResNet152
    from .resnet50 import ResNet50 as ResNet50
    from .resnet_rs import ResNetRS50 as ResNetRS50
    from .resnet_rs import ResNetRS101 as ResNetRS101
    from .resnet_rs import ResNetRS152 as ResNetRS152
    from .resnet_rs import ResNetRS200 as ResNetRS200
    from .resnet_rs import ResNetRS270 as ResNetRS270
    from .resnet_rs import ResNetRS350 as ResNetRS350
    from .resnet_rs import ResNetRS420 as ResNetRS420
    from .resnet_v2 import ResNet50V2 as ResNet50V2
    from .resnet_v2 import ResNet101V2 as ResNet101V2
    from .resnet_v2 import ResNet152V2 as ResNet152V2
    from .resnext import ResNeXt50 as ResNeXt50
    from .resnext import ResNeXt101 as ResNeXt101
    from .vgg16 import VGG16 as VGG16
    from .vgg19 import VGG19 as VGG19
    from .xception import Xception as Xception

_REGNETS = ("002", "004", "006", "008", "016", "032", "040", "064", "080", "120", "160", "320")
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
    "regnet": tuple(f"RegNet{block}{flops}" for block in "XY" for flops in _REGNETS),
    "resnet_rs": tuple(f"ResNetRS{depth}" for depth in (50, 101, 152, 200, 270, 350, 420)),
}
# the module of each network
ARCHITECTURES = {model: module for module, models in _MODELS.items() for model in models}
_OF_KERAS = {"backend", "layers", "models", "utils"}


def keras_modules_injection(base_fun: Callable[..., Any]) -> Callable[..., Any]:
    """Hands a function of the package keras_applications the modules of this Keras, as keywords."""

    @functools.wraps(base_fun)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        modules = {name: importlib.import_module(f"..{name}", __name__) for name in sorted(_OF_KERAS)}
        return base_fun(*args, **{**kwargs, **modules})

    return wrapper


def get_submodules_from_kwargs(kwargs: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    """Backend, layers, models and utils, of the package keras_applications: those that are given, or of this
    Keras.

    Raises:
        TypeError: for any other keyword.
    """
    if unknown := kwargs.keys() - _OF_KERAS:
        raise TypeError(f"Keywords are {', '.join(sorted(_OF_KERAS))}; found {', '.join(sorted(unknown))}.")
    backend, layers, models, utils = (
        kwargs.get(name) or importlib.import_module(f"..{name}", __name__) for name in sorted(_OF_KERAS)
    )
    return backend, layers, models, utils


def correct_pad(backend: Any, inputs: Any, kernel_size: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """As ``mobilenet_v2.correct_pad``; the backend, which keras_applications asks for, is this one."""
    return importlib.import_module(f".{ARCHITECTURES['MobileNetV2']}", __name__).correct_pad(
        inputs, kernel_size
    )


attach(
    globals(),
    {**ARCHITECTURES, **{name: f".{name}:" for name in _OF_KERAS}},
    [*_MODELS, "imagenet_utils"],
    unlisted=_OF_KERAS,
)
