"""ConvNeXt from Tiny to XLarge (Liu et al.: A ConvNet for the 2020s, 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import Value
from .. import initializers, registry
from .. import layers as L
from ..core.layer import Layer
from ..training.model import Model
from ..training.sequential import Sequential
from ..utils import register_keras_serializable
from ._arguments import refusing_unknown
from ._building import Application
from ._weights import STORAGE, standard_files
from .imagenet_utils import decode_predictions

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "LayerScale",
    "StochasticDepth",
    "decode_predictions",
    "preprocess_input",
]

_HASHES = {
    "convnext_tiny": (
        "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    "convnext_small": (
        "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
        "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    "convnext_base": (
        "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
        "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    "convnext_large": (
        "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
        "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    "convnext_xlarge": (
        "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
}
_FILES = {
    name: standard_files(name, f"{STORAGE}convnext/", hashes, suffix="") for name, hashes in _HASHES.items()
}
_MEAN = (123.675, 116.28, 103.53)
_DEVIATION = (58.395, 57.12, 57.375)
_EPSILON = 1e-6


@refusing_unknown
def preprocess_input(x: Any, data_format: str | None = None, **kwargs: Any) -> Any:
    """``x`` as it is: the model itself normalizes images of 0 to 255."""
    return x


@register_keras_serializable(package="kcompile")
class LayerScale(Layer):
    """Each feature of the last axis times a weight that starts small (Touvron et al. 2021).

    Args:
        init_values: where the weights start.
        projection_dim: number of features.

    Input and output: (..., projection_dim). Weights: gamma (projection_dim,).
    """

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape: Any) -> None:
        start = initializers.Constant(self.init_values)
        self.gamma = self.add_weight("gamma", (self.projection_dim,), initializer=start)
        self.built = True

    def call(self, inputs: Value) -> Value:
        return inputs * self.gamma

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "init_values": self.init_values, "projection_dim": self.projection_dim}


@register_keras_serializable(package="kcompile")
class StochasticDepth(L.Dropout):
    """Leaves the input out for a part of the samples while training (Huang et al. 2016).

    Args:
        drop_path_rate: that part; what stays is divided by ``1 - drop_path_rate``.
    """

    def __init__(self, drop_path_rate: float, **kwargs: Any) -> None:
        super().__init__(drop_path_rate, noise_shape=(None, 1, 1, 1), **kwargs)
        self.drop_path_rate = drop_path_rate

    def get_config(self) -> dict[str, Any]:
        return {**Layer.get_config(self), "drop_path_rate": self.drop_path_rate}


def _conv(filters: int, size: int, name: str) -> Layer:
    return L.Conv2D(filters, size, strides=size, name=name)


def _norm(name: str) -> Layer:
    return L.LayerNormalization(epsilon=_EPSILON, name=name)


def _block(x: Value, filters: int, drop_path_rate: float, scale: float, name: str) -> Value:
    """A depthwise 7x7 convolution and two dense layers, added to the input (figure 4 of the paper)."""
    y = L.Conv2D(filters, 7, padding="same", groups=filters, name=f"{name}_depthwise_conv")(x)
    y = _norm(f"{name}_layernorm")(y)
    y = L.Dense(4 * filters, name=f"{name}_pointwise_conv_1")(y)
    y = L.Activation("gelu", name=f"{name}_gelu")(y)
    y = L.Dense(filters, name=f"{name}_pointwise_conv_2")(y)
    y = LayerScale(scale, filters, name=f"{name}_layer_scale")(y)
    if drop_path_rate:
        y = StochasticDepth(drop_path_rate, name=f"{name}_stochastic_depth")(y)
    else:
        y = L.Activation("linear", name=f"{name}_identity")(y)
    return L.Add()([x, y])


def _convnext(
    app: Application,
    depths: Sequence[int],
    widths: Sequence[int],
    include_preprocessing: bool,
    name: str,
    weights_name: str,
    drop_path_rate: float = 0.0,
    layer_scale_init_value: float = 1e-6,
) -> Model:
    """A ConvNeXt with ``depths`` blocks of ``widths`` channels in its four stages."""
    x = app.start(224, 32)
    if include_preprocessing:
        variance = [deviation**2 for deviation in _DEVIATION]
        x = L.Normalization(mean=list(_MEAN), variance=variance, name=f"{name}_prestem_normalization")(x)
    first = [_conv(widths[0], 4, f"{name}_stem_conv"), _norm(f"{name}_stem_layernorm")]
    x = Sequential(first, name=f"{name}_stem")(x)
    rates = iter(np.linspace(0.0, drop_path_rate, sum(depths)).tolist())
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        if stage:
            shrinking = [
                _norm(f"{name}_downsampling_layernorm_{stage - 1}"),
                _conv(width, 2, f"{name}_downsampling_conv_{stage - 1}"),
            ]
            x = Sequential(shrinking, name=f"{name}_downsampling_block_{stage - 1}")(x)
        for i in range(depth):
            x = _block(x, width, next(rates), layer_scale_init_value, f"{name}_stage_{stage}_block_{i}")
    if app.include_top:
        x = L.GlobalAveragePooling2D(name=f"{name}_head_gap")(x)
        x = _norm(f"{name}_head_layernorm")(x)
        x = L.Dense(app.classes, activation=app.classifier_activation, name=f"{name}_head_dense")(x)
    else:
        x = _norm("layer_normalization")(app.pool(x))
    return app.model(x, name, _FILES[weights_name])


@refusing_unknown
def ConvNeXtTiny(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_tiny",
    **kwargs: Any,
) -> Model:
    """ConvNeXtTiny for images of 224x224, 0 to 255.

    Args:
        include_preprocessing: whether the model normalizes images itself.

    The other arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return _convnext(app, (3, 3, 9, 3), (96, 192, 384, 768), include_preprocessing, name, "convnext_tiny")


@refusing_unknown
def ConvNeXtSmall(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_small",
    **kwargs: Any,
) -> Model:
    """ConvNeXtSmall for images of 224x224, 0 to 255.

    Args:
        include_preprocessing: whether the model normalizes images itself.

    The other arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return _convnext(app, (3, 3, 27, 3), (96, 192, 384, 768), include_preprocessing, name, "convnext_small")


@refusing_unknown
def ConvNeXtBase(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_base",
    **kwargs: Any,
) -> Model:
    """ConvNeXtBase for images of 224x224, 0 to 255.

    Args:
        include_preprocessing: whether the model normalizes images itself.

    The other arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return _convnext(app, (3, 3, 27, 3), (128, 256, 512, 1024), include_preprocessing, name, "convnext_base")


@refusing_unknown
def ConvNeXtLarge(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_large",
    **kwargs: Any,
) -> Model:
    """ConvNeXtLarge for images of 224x224, 0 to 255.

    Args:
        include_preprocessing: whether the model normalizes images itself.

    The other arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return _convnext(app, (3, 3, 27, 3), (192, 384, 768, 1536), include_preprocessing, name, "convnext_large")


@refusing_unknown
def ConvNeXtXLarge(
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "convnext_xlarge",
    **kwargs: Any,
) -> Model:
    """ConvNeXtXLarge for images of 224x224, 0 to 255.

    Args:
        include_preprocessing: whether the model normalizes images itself.

    The other arguments are those of ``Application``.
    """
    app = Application(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation
    )
    return _convnext(
        app, (3, 3, 27, 3), (256, 512, 1024, 2048), include_preprocessing, name, "convnext_xlarge"
    )


registry.register(globals())
