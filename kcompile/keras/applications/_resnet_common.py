"""Residual networks of bottleneck blocks, versions 1 and 2, with and without groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ir import Value
from .. import layers as L
from ..training.model import Model
from ._building import Application, batch_norm
from ._grouped_convolution import grouped_conv
from ._weights import STORAGE, Files, standard_files

Block = Callable[..., Value]

_RESNEXT = "https://github.com/keras-team/keras-applications/releases/download/resnet/"
_HASHES = {
    "resnet50": ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    "resnet101": ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    "resnet152": ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "resnet50v2": ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    "resnet101v2": ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    "resnet152v2": ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
    "resnext50": ("67a5b30d522ed92f75a1f16eef299d1a", "62527c363bdd9ec598bed41947b379fc"),
    "resnext101": ("34fb605428fcc7aa4d62f44404c11509", "0f678c91647380debd923963594981b3"),
}


def published(model: str) -> Files:
    """The files of one of the residual networks; those of ResNeXt are where keras-applications put them."""
    base = _RESNEXT if model.startswith("resnext") else f"{STORAGE}resnet/"
    return standard_files(model, base, _HASHES[model])


def _relu(x: Value, name: str) -> Value:
    return L.Activation("relu", name=name)(x)


def _conv(x: Value, filters: int, size: int, name: str, strides: int = 1, **kwargs: Any) -> Value:
    return L.Conv2D(filters, size, strides=strides, name=name, **kwargs)(x)


def block_v1(x: Value, filters: int, name: str, stride: int, project: bool) -> Value:
    """1x1, 3x3, 1x1 convolutions to 4 * filters channels, added to the input (He et al. 2015)."""
    shortcut = x
    if project:
        shortcut = _conv(x, 4 * filters, 1, f"{name}_0_conv", stride)
        shortcut = batch_norm(shortcut, f"{name}_0_bn")
    x = _relu(batch_norm(_conv(x, filters, 1, f"{name}_1_conv", stride), f"{name}_1_bn"), f"{name}_1_relu")
    x = _conv(x, filters, 3, f"{name}_2_conv", padding="same")
    x = _relu(batch_norm(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = batch_norm(_conv(x, 4 * filters, 1, f"{name}_3_conv"), f"{name}_3_bn")
    return _relu(L.Add(name=f"{name}_add")([shortcut, x]), f"{name}_out")


def block_v2(x: Value, filters: int, name: str, stride: int, project: bool) -> Value:
    """Normalization and ReLU come before each convolution (He et al. 2016)."""
    before = _relu(batch_norm(x, f"{name}_preact_bn"), f"{name}_preact_relu")
    if project:
        shortcut = _conv(before, 4 * filters, 1, f"{name}_0_conv", stride)
    else:
        shortcut = L.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = _conv(before, filters, 1, f"{name}_1_conv", use_bias=False)
    x = _relu(batch_norm(x, f"{name}_1_bn"), f"{name}_1_relu")
    x = L.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = _conv(x, filters, 3, f"{name}_2_conv", stride, use_bias=False)
    x = _relu(batch_norm(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = _conv(x, 4 * filters, 1, f"{name}_3_conv")
    return L.Add(name=f"{name}_out")([shortcut, x])


def block_next(x: Value, filters: int, name: str, stride: int, project: bool) -> Value:
    """The 3x3 convolution falls into 32 groups (Xie et al. 2016)."""
    shortcut = x
    if project:
        shortcut = _conv(x, 2 * filters, 1, f"{name}_0_conv", stride, use_bias=False)
        shortcut = batch_norm(shortcut, f"{name}_0_bn")
    x = _conv(x, filters, 1, f"{name}_1_conv", use_bias=False)
    x = _relu(batch_norm(x, f"{name}_1_bn"), f"{name}_1_relu")
    x = L.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = grouped_conv(x, 32, 3, stride, f"{name}_2")
    x = _relu(batch_norm(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = batch_norm(_conv(x, 2 * filters, 1, f"{name}_3_conv", use_bias=False), f"{name}_3_bn")
    return _relu(L.Add(name=f"{name}_add")([shortcut, x]), f"{name}_out")


def resnet(
    app: Application,
    block: Block,
    depths: tuple[int, int, int, int],
    files: Files,
    first_filters: int = 64,
    version: int = 1,
    use_bias: bool = True,
) -> Model:
    """A residual network.

    Args:
        app: the arguments.
        block: emits one block, ``block(x, filters, name, stride, project)``.
        depths: number of blocks of each stage.
        files: of published weights.
        first_filters: of the first stage; each further one has twice as many.
        version: with 2, normalization comes before each convolution, and after the last one, and a stage
            shrinks the image in its last block instead of its first.
        use_bias: of the first convolution.
    """
    x = app.start(224, 32)
    x = L.ZeroPadding2D(3, name="conv1_pad")(x)
    x = _conv(x, 64, 7, "conv1_conv", 2, use_bias=use_bias)
    if version == 1:
        x = _relu(batch_norm(x, "conv1_bn"), "conv1_relu")
    x = L.ZeroPadding2D(1, name="pool1_pad")(x)
    x = L.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
    for stage, depth in enumerate(depths):
        shrinking, kept = (1, 0) if version == 1 else (depth, 3)
        stride = 1 if stage == kept else 2
        for i in range(1, depth + 1):
            block_stride = stride if i == shrinking else 1
            x = block(x, first_filters << stage, f"conv{stage + 2}_block{i}", block_stride, i == 1)
    if version == 2:
        x = _relu(batch_norm(x, "post_bn"), "post_relu")
    return app.model(app.top(x, "probs"), files)
