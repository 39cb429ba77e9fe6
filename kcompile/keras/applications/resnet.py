"""ResNet of 50, 101 and 152 layers (He et al.: Deep Residual Learning for Image Recognition, 2015)."""

from __future__ import annotations

from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ._building import Application, architecture
from ._resnet_common import block_v1, published, resnet
from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["ResNet101", "ResNet152", "ResNet50", "decode_predictions", "preprocess_input"]


preprocess_input = preprocessing(__name__, "caffe")


@architecture(Application, "resnet50")
def ResNet50(app: Application) -> Model:
    """ResNet50 for images of 224x224 (at least 32x32 without the top)."""
    return resnet(app, block_v1, (3, 4, 6, 3), published("resnet50"))


@architecture(Application, "resnet101")
def ResNet101(app: Application) -> Model:
    """ResNet101 for images of 224x224 (at least 32x32 without the top)."""
    return resnet(app, block_v1, (3, 4, 23, 3), published("resnet101"))


@architecture(Application, "resnet152")
def ResNet152(app: Application) -> Model:
    """ResNet152 for images of 224x224 (at least 32x32 without the top)."""
    return resnet(app, block_v1, (3, 8, 36, 3), published("resnet152"))


answer_old_names(__name__)
