"""ResNeXt of 50 and 101 layers (Xie et al.: Aggregated Residual Transformations, 2016)."""

from __future__ import annotations

from ..training.model import Model
from ._building import Application, architecture
from ._resnet_common import block_next, published, resnet
from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["ResNeXt101", "ResNeXt50", "decode_predictions", "preprocess_input"]


preprocess_input = preprocessing(__name__, "torch")


@architecture(Application, "resnext50")
def ResNeXt50(app: Application) -> Model:
    """ResNeXt50 for images of 224x224 (at least 32x32 without the top)."""
    return resnet(app, block_next, (3, 4, 6, 3), published("resnext50"), first_filters=128, use_bias=False)


@architecture(Application, "resnext101")
def ResNeXt101(app: Application) -> Model:
    """ResNeXt101 for images of 224x224 (at least 32x32 without the top)."""
    return resnet(app, block_next, (3, 4, 23, 3), published("resnext101"), first_filters=128, use_bias=False)
