"""ResNeXt of 50 and 101 layers (Xie et al.: Aggregated Residual Transformations, 2016)."""

from __future__ import annotations

from typing import Any

from ..training.model import Model
from . import imagenet_utils
from ._arguments import refusing_unknown
from ._building import Application
from ._resnet_common import block_next, resnet
from .imagenet_utils import decode_predictions

__all__ = ["ResNeXt101", "ResNeXt50", "decode_predictions", "preprocess_input"]


@refusing_unknown
def preprocess_input(x: Any, data_format: str | None = None, **kwargs: Any) -> Any:
    """``imagenet_utils.preprocess_input`` in the mode "torch"."""
    return imagenet_utils.preprocess_input(x, data_format, mode="torch")


@refusing_unknown
def ResNeXt50(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnext50",
    **kwargs: Any,
) -> Model:
    """ResNeXt50 for images of 224x224 (at least 32x32 without the top).

    The arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return resnet(app, "resnext50", block_next, (3, 4, 6, 3), first_filters=128, use_bias=False, name=name)


@refusing_unknown
def ResNeXt101(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "resnext101",
    **kwargs: Any,
) -> Model:
    """ResNeXt101 for images of 224x224 (at least 32x32 without the top).

    The arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return resnet(app, "resnext101", block_next, (3, 4, 23, 3), first_filters=128, use_bias=False, name=name)
