"""DenseNet of 121, 169 and 201 layers (Huang et al.: Densely Connected Convolutional Networks, 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir import Value
from .. import layers as L
from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ._arguments import refusing_unknown
from ._building import Application, architecture, batch_norm, channel_axis, channels_of
from ._weights import STORAGE, standard_files
from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["DenseNet", "DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

_HASHES = {
    "densenet121": ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
    "densenet169": ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
    "densenet201": ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
}
_FILES = {name: standard_files(name, f"{STORAGE}densenet/", hashes) for name, hashes in _HASHES.items()}
_BLOCKS: dict[tuple[int, ...], str] = {
    (6, 12, 24, 16): "densenet121",
    (6, 12, 32, 32): "densenet169",
    (6, 12, 48, 32): "densenet201",
}
GROWTH = 32


preprocess_input = preprocessing(__name__, "torch")


def _bn_relu(x: Value, stem: str, separator: str = "_") -> Value:
    return L.Activation("relu", name=f"{stem}{separator}relu")(batch_norm(x, f"{stem}{separator}bn"))


def _dense_layer(x: Value, name: str) -> Value:
    """GROWTH channels made from all that there are, and put beside them."""
    y = _bn_relu(x, f"{name}_0")
    y = L.Conv2D(4 * GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(y)
    y = _bn_relu(y, f"{name}_1")
    y = L.Conv2D(GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(y)
    return L.Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, y])


def _transition(x: Value, name: str) -> Value:
    """Half the channels, half the height and width."""
    x = _bn_relu(x, name)
    half = channels_of(x) // 2
    x = L.Conv2D(half, 1, use_bias=False, name=f"{name}_conv")(x)
    return L.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


def _densenet(app: Application, blocks: Sequence[int]) -> Model:
    x = app.start(224, 32)
    x = L.ZeroPadding2D(3)(x)
    x = L.Conv2D(64, 7, strides=2, use_bias=False, name="conv1/conv")(x)
    x = _bn_relu(x, "conv1", "/")
    x = L.ZeroPadding2D(1)(x)
    x = L.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, depth in enumerate(blocks, 2):
        if stage > 2:
            x = _transition(x, f"pool{stage - 1}")
        for i in range(1, depth + 1):
            x = _dense_layer(x, f"conv{stage}_block{i}")
    x = L.Activation("relu", name="relu")(batch_norm(x, "bn"))
    if not app.include_top and app.pooling:
        pooled = L.GlobalAveragePooling2D if app.pooling == "avg" else L.GlobalMaxPooling2D
        x = pooled(name=f"{app.pooling}_pool")(x)
    elif app.include_top:
        x = app.top(x, "fc1000")
    known = _BLOCKS.get(tuple(blocks))
    return app.model(x, _FILES[known] if known else None)


@refusing_unknown
def DenseNet(
    blocks: Any,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    **kwargs: Any,
) -> Model:
    """A DenseNet for images of 224x224 (at least 32x32 without the top).

    Args:
        blocks: number of layers of each of the four dense blocks.

    The other arguments are those of ``Application``.
    """
    name = name or _BLOCKS.get(tuple(blocks), "densenet")
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
    )
    return _densenet(app, blocks)


@architecture(Application, "densenet121")
def DenseNet121(app: Application) -> Model:
    """DenseNet121 for images of 224x224 (at least 32x32 without the top)."""
    return _densenet(app, (6, 12, 24, 16))


@architecture(Application, "densenet169")
def DenseNet169(app: Application) -> Model:
    """DenseNet169 for images of 224x224 (at least 32x32 without the top)."""
    return _densenet(app, (6, 12, 32, 32))


@architecture(Application, "densenet201")
def DenseNet201(app: Application) -> Model:
    """DenseNet201 for images of 224x224 (at least 32x32 without the top)."""
    return _densenet(app, (6, 12, 48, 32))


answer_old_names(__name__, ["layers"])
