"""ConvNeXt from Tiny to XLarge (Liu et al.: A ConvNet for the 2020s, 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir import Value
from .. import initializers, registry, rules
from .. import layers as L
from ..core.layer import Layer
from ..declaration import Argument, configured, fixed
from ..training.model import Model
from ..training.sequential import Sequential
from ..utils.generic_utils import register_keras_serializable
from ._building import Application, family
from ._weights import STORAGE, standard_files
from .imagenet_utils import decode_predictions, preprocessing

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


preprocess_input = preprocessing(__name__, None)


@register_keras_serializable(package="kcompile")
class LayerScale(Layer):
    """Each feature of the last axis times a weight that starts small (Touvron et al. 2021).

    Args:
        init_values: where the weights start.
        projection_dim: number of features.

    Input and output: (..., projection_dim). Weights: gamma (projection_dim,).
    """

    @configured
    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any) -> None: ...

    def build(self, input_shape: Any) -> None:
        start = initializers.Constant(self.init_values)
        self.gamma = self.add_weight("gamma", (self.projection_dim,), initializer=start)
        self.built = True

    def call(self, inputs: Value) -> Value:
        return inputs * self.gamma

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@register_keras_serializable(package="kcompile")
class StochasticDepth(L.Dropout):
    """Leaves the input out for a part of the samples while training (Huang et al. 2016).

    Args:
        drop_path_rate: that part; what stays is divided by ``1 - drop_path_rate``.
    """

    @configured(
        rate=Argument(written="never"), seed=Argument(written="never"), noise_shape=fixed((None, 1, 1, 1))
    )
    def __init__(self, drop_path_rate: float, **kwargs: Any) -> None: ...

    @classmethod
    def _prepare(cls, arguments: dict[str, Any]) -> None:
        arguments["rate"] = arguments["drop_path_rate"]


def _conv(filters: int, size: int, name: str) -> Layer:
    return L.Conv2D(filters, size, strides=size, name=name)


def _norm(name: str) -> Layer:
    return L.LayerNormalization(epsilon=_EPSILON, name=name)


def _block(x: Value, filters: int, name: str) -> Value:
    """A depthwise 7x7 convolution and two dense layers, added to the input (figure 4 of the paper)."""
    y = L.Conv2D(filters, 7, padding="same", groups=filters, name=f"{name}_depthwise_conv")(x)
    y = _norm(f"{name}_layernorm")(y)
    y = L.Dense(4 * filters, name=f"{name}_pointwise_conv_1")(y)
    y = L.Activation("gelu", name=f"{name}_gelu")(y)
    y = L.Dense(filters, name=f"{name}_pointwise_conv_2")(y)
    y = LayerScale(1e-6, filters, name=f"{name}_layer_scale")(y)
    # where later Keras has StochasticDepth if asked to, which published networks are not
    y = L.Activation("linear", name=f"{name}_identity")(y)
    return L.Add()([x, y])


class _ConvNeXt(Application):
    """The arguments of the ConvNeXt networks.

    Args:
        include_preprocessing: whether the model normalizes images itself.

    The other arguments are those of ``Application``.
    """

    @configured
    def __init__(
        self,
        include_top: bool = True,
        include_preprocessing: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str | None = None,
        **kwargs: Any,
    ) -> None: ...


def _convnext(app: _ConvNeXt, model: str, size: int, depths: Sequence[int], widths: Sequence[int]) -> Model:
    """A ConvNeXt with ``depths`` blocks of ``widths`` channels in its four stages."""
    x, name = app.start(size, 32), app.name
    if app.include_preprocessing:
        variance = [deviation**2 for deviation in _DEVIATION]
        x = L.Normalization(mean=list(_MEAN), variance=variance, name=f"{name}_prestem_normalization")(x)
    first = [_conv(widths[0], 4, f"{name}_stem_conv"), _norm(f"{name}_stem_layernorm")]
    x = Sequential(first, name=f"{name}_stem")(x)
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        if stage:
            shrinking = [
                _norm(f"{name}_downsampling_layernorm_{stage - 1}"),
                _conv(width, 2, f"{name}_downsampling_conv_{stage - 1}"),
            ]
            x = Sequential(shrinking, name=f"{name}_downsampling_block_{stage - 1}")(x)
        for i in range(depth):
            x = _block(x, width, f"{name}_stage_{stage}_block_{i}")
    if app.include_top:
        x = L.GlobalAveragePooling2D(name=f"{name}_head_gap")(x)
        x = _norm(f"{name}_head_layernorm")(x)
        x = L.Dense(app.classes, activation=app.classifier_activation, name=f"{name}_head_dense")(x)
    else:
        x = _norm("layer_normalization")(app.pool(x))
    return app.model(x, _FILES[model])


_network = family(_ConvNeXt, _convnext)
ConvNeXtTiny = rules.with_arguments(
    _network("ConvNeXtTiny", "convnext_tiny", 224, (3, 3, 9, 3), (96, 192, 384, 768))
)
ConvNeXtSmall = rules.with_arguments(
    _network("ConvNeXtSmall", "convnext_small", 224, (3, 3, 27, 3), (96, 192, 384, 768))
)
ConvNeXtBase = rules.with_arguments(
    _network("ConvNeXtBase", "convnext_base", 224, (3, 3, 27, 3), (128, 256, 512, 1024))
)
ConvNeXtLarge = rules.with_arguments(
    _network("ConvNeXtLarge", "convnext_large", 224, (3, 3, 27, 3), (192, 384, 768, 1536))
)
ConvNeXtXLarge = rules.with_arguments(
    _network("ConvNeXtXLarge", "convnext_xlarge", 224, (3, 3, 27, 3), (256, 512, 1024, 2048))
)

registry.register(globals())
