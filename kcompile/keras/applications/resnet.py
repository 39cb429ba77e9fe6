"""ResNet of 50, 101 and 152 layers (He et al.: Deep Residual Learning for Image Recognition, 2015)."""

from __future__ import annotations

from typing import Any

from ..legacy.old_names import answer_old_names
from ..training.model import Model
from . import imagenet_utils
from ._arguments import refusing_unknown
from ._building import Application
from ._resnet_common import block_v1, resnet
from .imagenet_utils import decode_predictions

__all__ = ["ResNet101", "ResNet152", "ResNet50", "decode_predictions", "preprocess_input"]


@refusing_unknown
def preprocess_input(x: Any, data_format: str | None = None, **kwargs: Any) -> Any:
    """``imagenet_utils.preprocess_input`` in the mode "caffe"."""
    return imagenet_utils.preprocess_input(x, data_format, mode="caffe")


@refusing_unknown
def ResNet50(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet50",
    **kwargs: Any,
) -> Model:
    """ResNet50 for images of 224x224 (at least 32x32 without the top).

    The arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return resnet(app, "resnet50", block_v1, (3, 4, 6, 3), name=name)


@refusing_unknown
def ResNet101(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet101",
    **kwargs: Any,
) -> Model:
    """ResNet101 for images of 224x224 (at least 32x32 without the top).

    The arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return resnet(app, "resnet101", block_v1, (3, 4, 23, 3), name=name)


@refusing_unknown
def ResNet152(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnet152",
    **kwargs: Any,
) -> Model:
    """ResNet152 for images of 224x224 (at least 32x32 without the top).

    The arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return resnet(app, "resnet152", block_v1, (3, 8, 36, 3), name=name)


answer_old_names(__name__)
