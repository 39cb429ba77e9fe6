"""ResNet50 under the layer names that Keras 2.3 gives it (He et al. 2015).

``keras.applications.resnet`` has the same network under today's names, with a later set of weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir import Value
from .. import layers as L
from .. import rules
from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ._building import Application, architecture, batch_norm
from ._resnet_common import block_v1, published, resnet
from ._weights import standard_files
from .imagenet_utils import decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]

_FILES = standard_files(
    "resnet50",
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/",
    ("a7b3fe01876f51b976af0dea6bc144eb", "a268eb855778b3df3c7506639542a6af"),
)


def _conv_bn(x: Value, filters: int, size: Any, branch: str, strides: Any = 1) -> Value:
    padding = "valid" if size == 1 else "same"
    x = L.Conv2D(
        filters, size, strides=strides, padding=padding, kernel_initializer="he_normal", name=f"res{branch}"
    )(x)
    return batch_norm(x, f"bn{branch}", epsilon=1e-3)


def identity_block(
    input_tensor: Value, kernel_size: Any, filters: Sequence[int], stage: int, block: str
) -> Value:
    """A residual block whose shortcut is the input itself.

    Args:
        input_tensor: (batch, height, width, filters[2]).
        kernel_size: of the convolution in the middle.
        filters: of the three convolutions.
        stage, block: parts of the layers' names, ``res2a_branch2a``.
    """
    x = _residual(input_tensor, kernel_size, filters, f"{stage}{block}", 1)
    return L.Activation("relu")(L.add([x, input_tensor]))


def conv_block(
    input_tensor: Value,
    kernel_size: Any,
    filters: Sequence[int],
    stage: int,
    block: str,
    strides: Any = (2, 2),
) -> Value:
    """A residual block with a convolution in its shortcut; the arguments are those of ``identity_block``.

    Args:
        strides: of the first convolution and of the shortcut.
    """
    x = _residual(input_tensor, kernel_size, filters, f"{stage}{block}", strides)
    shortcut = _conv_bn(input_tensor, filters[2], 1, f"{stage}{block}_branch1", strides)
    return L.Activation("relu")(L.add([x, shortcut]))


def _residual(x: Value, kernel_size: Any, filters: Sequence[int], label: str, strides: Any) -> Value:
    x = L.Activation("relu")(_conv_bn(x, filters[0], 1, f"{label}_branch2a", strides))
    x = L.Activation("relu")(_conv_bn(x, filters[1], kernel_size, f"{label}_branch2b"))
    return _conv_bn(x, filters[2], 1, f"{label}_branch2c")


@architecture(Application, "resnet50")
def ResNet50(app: Application) -> Model:
    """ResNet50 for images of 224x224 (at least 32x32 without the top); preprocess_input's mode is "caffe"."""
    if rules.in_force().later_resnet50:
        return resnet(app, block_v1, (3, 4, 6, 3), published("resnet50"))
    x = app.start(224, 32)
    x = L.ZeroPadding2D(3, name="conv1_pad")(x)
    x = L.Conv2D(64, 7, strides=2, kernel_initializer="he_normal", name="conv1")(x)
    x = L.Activation("relu")(batch_norm(x, "bn_conv1", epsilon=1e-3))
    x = L.ZeroPadding2D(1, name="pool1_pad")(x)
    x = L.MaxPooling2D(3, strides=2)(x)
    for stage, depth in enumerate((3, 4, 6, 3)):
        for i in range(depth):
            filters, place = [64 << stage, 64 << stage, 256 << stage], (stage + 2, "abcdef"[i])
            if i == 0:
                x = conv_block(x, 3, filters, *place, strides=2 if stage > 0 else 1)
            else:
                x = identity_block(x, 3, filters, *place)
    return app.model(app.top(x, "fc1000"), _FILES)


answer_old_names(__name__, ["layers"])
