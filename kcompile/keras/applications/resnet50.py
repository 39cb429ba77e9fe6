"""ResNet50 under the layer names that Keras 2.3 gives it (He et al. 2015).

``keras.applications.resnet`` has the same network under today's names, with a later set of weights.
"""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import layers as L
from ..engine.training import Model
from ._arguments import refusing_unknown
from ._building import Application, batch_norm
from ._weights import standard_files
from .imagenet_utils import decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]

_FILES = standard_files(
    "resnet50",
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/",
    ("a7b3fe01876f51b976af0dea6bc144eb", "a268eb855778b3df3c7506639542a6af"),
)


def _conv_bn(x: Value, filters: int, size: int, branch: str, strides: int = 1) -> Value:
    padding = "valid" if size == 1 else "same"
    x = L.Conv2D(
        filters, size, strides=strides, padding=padding, kernel_initializer="he_normal", name=f"res{branch}"
    )(x)
    return batch_norm(x, f"bn{branch}", epsilon=1e-3)


def _block(x: Value, filters: int, label: str, stride: int, project: bool) -> Value:
    shortcut = x
    x = L.Activation("relu")(_conv_bn(x, filters, 1, f"{label}_branch2a", stride))
    x = L.Activation("relu")(_conv_bn(x, filters, 3, f"{label}_branch2b"))
    x = _conv_bn(x, 4 * filters, 1, f"{label}_branch2c")
    if project:
        shortcut = _conv_bn(shortcut, 4 * filters, 1, f"{label}_branch1", stride)
    return L.Activation("relu")(L.add([x, shortcut]))


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
    """ResNet50 for images of 224x224 (at least 32x32 without the top); preprocess_input's mode is "caffe".

    The arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    x = app.start(224, 32)
    x = L.ZeroPadding2D(3, name="conv1_pad")(x)
    x = L.Conv2D(64, 7, strides=2, kernel_initializer="he_normal", name="conv1")(x)
    x = L.Activation("relu")(batch_norm(x, "bn_conv1", epsilon=1e-3))
    x = L.ZeroPadding2D(1, name="pool1_pad")(x)
    x = L.MaxPooling2D(3, strides=2)(x)
    for stage, depth in enumerate((3, 4, 6, 3)):
        for i in range(depth):
            stride = 2 if i == 0 and stage > 0 else 1
            x = _block(x, 64 << stage, f"{stage + 2}{'abcdef'[i]}", stride, i == 0)
    return app.model(app.top(x, "fc1000"), name, _FILES)
