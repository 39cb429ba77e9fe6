"""ResNetV2 of 50, 101 and 152 layers (He et al.: Identity Mappings in Deep Residual Networks, 2016)."""

from __future__ import annotations

from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ._building import Application, architecture
from ._resnet_common import block_v2, published, resnet
from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["ResNet101V2", "ResNet152V2", "ResNet50V2", "decode_predictions", "preprocess_input"]


preprocess_input = preprocessing(__name__, "tf")


@architecture(Application, "resnet50v2")
def ResNet50V2(app: Application) -> Model:
    """ResNet50V2 for images of 224x224 (at least 32x32 without the top)."""
    return resnet(app, block_v2, (3, 4, 6, 3), published("resnet50v2"), version=2)


@architecture(Application, "resnet101v2")
def ResNet101V2(app: Application) -> Model:
    """ResNet101V2 for images of 224x224 (at least 32x32 without the top)."""
    return resnet(app, block_v2, (3, 4, 23, 3), published("resnet101v2"), version=2)


@architecture(Application, "resnet152v2")
def ResNet152V2(app: Application) -> Model:
    """ResNet152V2 for images of 224x224 (at least 32x32 without the top)."""
    return resnet(app, block_v2, (3, 8, 36, 3), published("resnet152v2"), version=2)


answer_old_names(__name__)
