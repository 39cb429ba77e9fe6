"""ResNetV2 of 50, 101 and 152 layers (He et al.: Identity Mappings in Deep Residual Networks, 2016)."""

from __future__ import annotations

from typing import Any

from ..legacy.old_names import answer_old_names
from ..training.model import Model
from . import imagenet_utils
from ._arguments import refusing_unknown
from ._building import Application
from ._resnet_common import block_v2, resnet
from .imagenet_utils import decode_predictions

__all__ = ["ResNet101V2", "ResNet152V2", "ResNet50V2", "decode_predictions", "preprocess_input"]


@refusing_unknown
def preprocess_input(x: Any, data_format: str | None = None, **kwargs: Any) -> Any:
    """``imagenet_utils.preprocess_input`` in the mode "tf"."""
    return imagenet_utils.preprocess_input(x, data_format, mode="tf")


@refusing_unknown
def ResNet50V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet50v2",
    **kwargs: Any,
) -> Model:
    """ResNet50V2 for images of 224x224 (at least 32x32 without the top).

    The arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return resnet(app, "resnet50v2", block_v2, (3, 4, 6, 3), version=2, stride_first=False, name=name)


@refusing_unknown
def ResNet101V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet101v2",
    **kwargs: Any,
) -> Model:
    """ResNet101V2 for images of 224x224 (at least 32x32 without the top).

    The arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return resnet(app, "resnet101v2", block_v2, (3, 4, 23, 3), version=2, stride_first=False, name=name)


@refusing_unknown
def ResNet152V2(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet152v2",
    **kwargs: Any,
) -> Model:
    """ResNet152V2 for images of 224x224 (at least 32x32 without the top).

    The arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return resnet(app, "resnet152v2", block_v2, (3, 8, 36, 3), version=2, stride_first=False, name=name)


answer_old_names(__name__)
