"""MobileNet (Howard et al.: MobileNets: Efficient Convolutional Neural Networks for Mobile Vision, 2017)."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import backend as K
from .. import layers as L
from .. import rules
from ..legacy.old_names import answer_old_names
from ..training.model import Model
from ._arguments import refusing_unknown
from ._building import Application, as_image, batch_norm
from ._mobile import published_size
from ._weights import STORAGE, Files, standard_files
from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

_ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}
# filters and stride of each depthwise separable block
_BLOCKS = (
    [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
)


preprocess_input = preprocessing(__name__, "tf")


def _after(x: Value, stem: str) -> Value:
    """Normalization and ReLU6."""
    return L.ReLU(6.0, name=f"{stem}_relu")(batch_norm(x, f"{stem}_bn", epsilon=1e-3))


def _separable_block(x: Value, index: int, filters: int, multiplier: int, stride: int) -> Value:
    if stride > 1:
        x = L.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{index}")(x)
    x = L.DepthwiseConv2D(
        3,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        depth_multiplier=multiplier,
        use_bias=False,
        name=f"conv_dw_{index}",
    )(x)
    x = _after(x, f"conv_dw_{index}")
    x = L.Conv2D(filters, 1, padding="same", use_bias=False, name=f"conv_pw_{index}")(x)
    return _after(x, f"conv_pw_{index}")


def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``, which files of MobileNet of Keras 2.1 name as their activation."""
    return K.relu(x, max_value=6)


@refusing_unknown
def MobileNet(
    input_shape: Any = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
    **kwargs: Any,
) -> Model:
    """MobileNet for images of 224x224 (at least 32x32 without the top).

    Args:
        alpha: factor for the filters of all layers; published for 0.25, 0.5, 0.75 and 1.
        depth_multiplier: filters of the depthwise convolutions per channel; published for 1.
        dropout: before the classifier.

    The other arguments are those of ``Application``.

    Raises:
        ValueError: for "imagenet" with an alpha or a depth_multiplier without published weights.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    size = published_size(app, (128, 160, 192, 224))
    app.name = name or f"mobilenet_{alpha:.2f}_{size}"
    if weights == "imagenet" and (alpha not in _ALPHAS or depth_multiplier != 1):
        raise ValueError(
            f"MobileNet with the weights of ImageNet: alpha must be one of {sorted(_ALPHAS)} and "
            f"depth_multiplier 1; found {alpha} and {depth_multiplier}."
        )
    x = app.start(size, 32)
    padding = "same" if rules.in_force().stems_pad_themselves else "valid"
    if padding == "valid":
        x = L.ZeroPadding2D(((0, 1), (0, 1)), name="conv1_pad")(x)
    x = L.Conv2D(int(32 * alpha), 3, strides=2, padding=padding, use_bias=False, name="conv1")(x)
    x = _after(x, "conv1")
    for index, (filters, stride) in enumerate(_BLOCKS, 1):
        x = _separable_block(x, index, int(filters * alpha), depth_multiplier, stride)
    if include_top:
        x = L.GlobalAveragePooling2D()(x)
        x = L.Reshape(as_image(int(1024 * alpha)), name="reshape_1")(x)
        x = L.Dropout(dropout, name="dropout")(x)
        x = L.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = L.Reshape((classes,), name="reshape_2")(x)
        x = L.Activation(classifier_activation or "linear", name="act_softmax")(x)
    else:
        x = app.pool(x)
    return app.model(x, _files(alpha, size))


def _files(alpha: float, size: int) -> Files | None:
    if alpha not in _ALPHAS:
        return None
    stem = f"mobilenet_{_ALPHAS[alpha]}_{size}_tf"
    return standard_files(stem, f"{STORAGE}mobilenet/", suffix="", bottom="_no_top")


answer_old_names(__name__, ["layers"])
