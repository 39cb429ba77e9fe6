"""ResNet50 and MobileNetV2 by hand in PyTorch, layer for layer those of keras.applications."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions added to the input; the first one shrinks the image."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.first = _conv_bn(channels, filters, 1, stride)
        self.second = _conv_bn(filters, filters, 3)
        self.third = _conv_bn(filters, 4 * filters, 1)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != 4 * filters:
            self.shortcut = _conv_bn(channels, 4 * filters, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, height, width) -> (batch, 4 * filters, ...)."""
        y = F.relu(self.first(x), inplace=True)
        y = F.relu(self.second(y), inplace=True)
        return F.relu(self.third(y) + self.shortcut(x), inplace=True)


def _conv_bn(channels: int, filters: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, filters, size, stride, size // 2),
        nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01),
    )


def resnet50(classes: int = 1000) -> nn.Module:
    """Logits (batch, classes) of images (batch, 3, height, width)."""
    layers: list[nn.Module] = [_conv_bn(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, depth in enumerate((3, 4, 6, 3)):
        for i in range(depth):
            filters = 64 << stage
            layers.append(Bottleneck(channels, filters, 2 if i == 0 and stage else 1))
            channels = 4 * filters
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


class InvertedResidual(nn.Module):
    """1x1 convolution to more channels, depthwise 3x3, and a linear 1x1 back to few."""

    def __init__(self, channels: int, expansion: int, filters: int, stride: int) -> None:
        super().__init__()
        hidden = channels * expansion
        layers = _conv_bn_relu(channels, hidden, 1) if expansion > 1 else []
        layers += _conv_bn_relu(hidden, hidden, 3, stride, groups=hidden)
        layers += [nn.Conv2d(hidden, filters, 1, bias=False), _norm(filters)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == filters

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, height, width) -> (batch, filters, ...)."""
        return x + self.layers(x) if self.residual else self.layers(x)


def _norm(filters: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(filters, eps=1e-3, momentum=0.001)


def _conv_bn_relu(
    channels: int, filters: int, size: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    # Keras adds the zeros of a convolution of stride 2 below and on the right of images of even size
    padding = size // 2 if stride == 1 else 0
    layers: list[nn.Module] = [nn.ZeroPad2d((0, 1, 0, 1))] if stride == 2 else []
    layers.append(nn.Conv2d(channels, filters, size, stride, padding, groups=groups, bias=False))
    return [*layers, _norm(filters), nn.ReLU6(inplace=True)]


def mobilenet_v2(classes: int = 1000) -> nn.Module:
    """Logits (batch, classes) of images (batch, 3, height, width), height and width multiples of 32."""
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2))
    layers, channels = _conv_bn_relu(3, 32, 3, 2), 32
    for expansion, filters, blocks, stride in (*stages, (6, 320, 1, 1)):
        for i in range(blocks):
            layers.append(InvertedResidual(channels, expansion, filters, stride if i == 0 else 1))
            channels = filters
    layers += _conv_bn_relu(channels, 1280, 1)
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, classes)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)
