"""ResNet-RS (Bello et al.: Revisiting ResNets, 2021), as tf.keras has it."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import backend as K
from .. import layers as L
from ..declaration import configured
from ..training.model import Model
from ._building import Application, as_image, batch_norm, channel_axis, channels_of, family
from ._weights import STORAGE, Files, standard_files
from .efficientnet import CONV_INITIALIZER
from .imagenet_utils import decode_predictions, preprocessing

__all__ = [
    *(f"ResNetRS{depth}" for depth in (50, 101, 152, 200, 270, 350, 420)),
    "decode_predictions",
    "preprocess_input",
]

# by the size of the images that the weights were trained on
_HASHES = {
    ("resnet-rs-50", 160): ("69d9d925319f00a8bdd4af23c04e4102", "90daa68cd26c95aa6c5d25451e095529"),
    ("resnet-rs-101", 160): ("544b3434d00efc199d66e9058c7f3379", "82d5b90c5ce9d710da639d6216d0f979"),
    ("resnet-rs-101", 192): ("eb285be29ab42cf4835ff20a5e3b5d23", "f9a0f6b85faa9c3db2b6e233c4eebb5b"),
    ("resnet-rs-152", 192): ("8d72a301ed8a6f11a47c4ced4396e338", "5fbf7ac2155cb4d5a6180ee9e3aa8704"),
    ("resnet-rs-152", 224): ("31a46a92ab21b84193d0d71dd8c3d03b", "dc8b2cba2005552eafa3167f00dc2133"),
    ("resnet-rs-152", 256): ("ba6271b99bdeb4e7a9b15c05964ef4ad", "fa79794252dbe47c89130f65349d654a"),
    ("resnet-rs-200", 256): ("a76930b741884e09ce90fa7450747d5f", "bbdb3994718dfc0d1cd45d7eff3f3d9c"),
    ("resnet-rs-270", 256): ("20d575825ba26176b03cb51012a367a8", "2c42ecb22e35f3e23d2f70babce0a2aa"),
    ("resnet-rs-350", 256): ("f4a039dc3c421321b7fc240494574a68", "6e44b55025bbdff8f51692a023143d66"),
    ("resnet-rs-350", 320): ("7ccb858cc738305e8ceb3c0140bee393", "ab0c1f9079d2f85a9facbd2c88aa6079"),
    ("resnet-rs-420", 320): ("ae0eb9bed39e64fc8d7e0db4018dc7e8", "fe6217c32be8305b1889657172b98884"),
}
_FILES = {
    (name, size): standard_files(f"{name}-i{size}", f"{STORAGE}resnet_rs/", hashes, suffix="")
    for (name, size), hashes in _HASHES.items()
}
_MEAN = (0.485, 0.456, 0.406)
_VARIANCE = (0.229**2, 0.224**2, 0.225**2)


preprocess_input = preprocessing(__name__, None)


class _ResNetRS(Application):
    """The arguments of the ResNet-RS networks.

    Args:
        weights: None (random), the path of a file, or "imagenet", which are those for the largest images;
            "imagenet-i160" and its like are those that were trained on images of that size.
        include_preprocessing: whether the model normalizes images itself.

    The other arguments are those of ``Application``.
    """

    PUBLISHED = ("imagenet", *sorted({f"imagenet-i{size}" for _, size in _HASHES}))

    @configured
    def __init__(
        self,
        include_top: bool = True,
        weights: Any = "imagenet",
        classes: int = 1000,
        input_shape: Any = None,
        input_tensor: Any = None,
        pooling: str | None = None,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None: ...


def _files(app: _ResNetRS, model: str) -> Files | None:
    """The files of the published weights that are asked for; None where none are.

    Raises:
        ValueError: there are none for images of this size.
    """
    if app.weights not in _ResNetRS.PUBLISHED:
        return None
    sizes = sorted(size for name, size in _FILES if name == model)
    given = app.weights.partition("-i")[2]
    size = int(given) if given else sizes[-1]
    if size not in sizes:
        variants = ", ".join(f"'imagenet-i{size}'" for size in sizes)
        raise ValueError(
            f"The `weights` argument of {model} should be None, 'imagenet', {variants}, or the path to "
            f"the weights file to be loaded; found {app.weights!r}."
        )
    return _FILES[model, size]


def _conv(x: Value, filters: int, size: int, stride: int, name: str) -> Value:
    """Padded by the size of its kernel alone, not by that of the image."""
    if stride > 1:
        x = L.ZeroPadding2D(((size - 1) // 2, size // 2))(x)
    return L.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        kernel_initializer=CONV_INITIALIZER,
        name=name,
    )(x)


def _bn(x: Value, name: str) -> Value:
    return batch_norm(x, name, epsilon=1e-5, momentum=0.0)


def _relu(x: Value, name: str) -> Value:
    return L.Activation("relu", name=name)(x)


def _stem(x: Value) -> Value:
    """Three 3x3 convolutions in place of a 7x7, and a fourth in place of the pooling."""
    name = f"stem_{K.get_uid('stem_')}_stem"
    for i, (filters, stride) in enumerate(((32, 2), (32, 1), (64, 1), (64, 2)), 1):
        x = _bn(_conv(x, filters, 3, stride, f"{name}_conv_{i}"), f"{name}_batch_norm_{i}")
        x = _relu(x, f"{name}_act_{i}")
    return x


def _squeeze_excite(x: Value, filters: int, name: str) -> Value:
    """Each channel times a weight that two small convolutions make from the means of all (Hu et al. 2017)."""
    y = L.GlobalAveragePooling2D(name=f"{name}_squeeze")(x)
    y = L.Reshape(as_image(4 * filters), name=f"{name}_reshape")(y)
    for features, activation, part in ((filters, "relu", "reduce"), (4 * filters, "sigmoid", "expand")):
        y = L.Conv2D(
            features,
            1,
            padding="same",
            activation=activation,
            kernel_initializer=CONV_INITIALIZER,
            name=f"{name}_{part}",
        )(y)
    return L.multiply([x, y], name=f"{name}_excite")


def _block(x: Value, filters: int, stride: int, project: bool, drop_rate: float, name: str) -> Value:
    """1x1, 3x3, 1x1 convolutions to 4 * filters channels, squeeze-and-excite, added to the input."""
    shortcut = x
    if project:
        if stride > 1:
            pool = L.AveragePooling2D(2, strides=2, padding="same", name=f"{name}_projection_pooling")
            shortcut = pool(x)
        shortcut = _conv(shortcut, 4 * filters, 1, 1, f"{name}_projection_conv")
        shortcut = _bn(shortcut, f"{name}_projection_batch_norm")
    x = _relu(_bn(_conv(x, filters, 1, 1, f"{name}_conv_1"), f"{name}batch_norm_1"), f"{name}_act_1")
    x = _relu(_bn(_conv(x, filters, 3, stride, f"{name}_conv_2"), f"{name}_batch_norm_2"), f"{name}_act_2")
    x = _bn(_conv(x, 4 * filters, 1, 1, f"{name}_conv_3"), f"{name}_batch_norm_3")
    x = _squeeze_excite(x, filters, f"{name}_se_se")
    if drop_rate > 0:
        x = L.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
    return _relu(L.Add()([x, shortcut]), f"{name}_output_act")


def _resnet_rs(
    app: _ResNetRS,
    model: str,
    size: int,
    depths: tuple[int, int, int, int],
    drop_connect: float,
    dropout_rate: float,
) -> Model:
    """A ResNet-RS with ``depths`` blocks in its stages."""
    files = _files(app, model)
    x = app.start(size, 32)
    if app.include_preprocessing:
        colours = channels_of(x) == 3
        x = L.Rescaling(1 / 255)(x)
        if colours:
            x = L.Normalization(mean=_MEAN, variance=_VARIANCE, axis=channel_axis())(x)
    x = _stem(x)
    for stage, depth in enumerate(depths):
        drop_rate = drop_connect * (stage + 2) / (len(depths) + 1)
        for i in range(depth):
            stride = 2 if stage and not i else 1
            x = _block(x, 64 << stage, stride, i == 0, drop_rate, f"BlockGroup{stage + 2}__block_{i}_")
    return app.model(_top(app, x, dropout_rate), files)


def _top(app: _ResNetRS, x: Value, dropout_rate: float) -> Value:
    """The means of the channels, dropout, a classifier; without the top, the pooling that was asked for."""
    if app.include_top:
        x = L.GlobalAveragePooling2D(name="avg_pool")(x)
        x = L.Dropout(dropout_rate, name="top_dropout")(x)
        return L.Dense(app.classes, activation=app.classifier_activation, name="predictions")(x)
    if app.pooling == "avg":
        return L.GlobalAveragePooling2D(name="avg_pool")(x)
    return L.GlobalMaxPooling2D(name="max_pool")(x) if app.pooling == "max" else x


_network = family(_ResNetRS, _resnet_rs)
ResNetRS50 = _network("ResNetRS50", "resnet-rs-50", 224, (3, 4, 6, 3), 0.0, 0.25)
ResNetRS101 = _network("ResNetRS101", "resnet-rs-101", 224, (3, 4, 23, 3), 0.0, 0.25)
ResNetRS152 = _network("ResNetRS152", "resnet-rs-152", 224, (3, 8, 36, 3), 0.0, 0.25)
ResNetRS200 = _network("ResNetRS200", "resnet-rs-200", 224, (3, 24, 36, 3), 0.1, 0.25)
ResNetRS270 = _network("ResNetRS270", "resnet-rs-270", 224, (4, 29, 53, 4), 0.1, 0.25)
ResNetRS350 = _network("ResNetRS350", "resnet-rs-350", 224, (4, 36, 72, 4), 0.1, 0.4)
ResNetRS420 = _network("ResNetRS420", "resnet-rs-420", 224, (4, 44, 87, 4), 0.1, 0.4)
