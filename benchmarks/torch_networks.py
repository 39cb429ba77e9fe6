"""The networks of ``keras3_networks`` written by hand in PyTorch, for the same batches.

Images are (batch, rows, columns, channels) as there: a view of them is in channels_last memory, which is the
faster one on a CPU, and so are the weights.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Step = Callable[[], float]


class _Images(nn.Sequential):
    """Layers of images; (batch, rows, columns, channels) in."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 3, 1, 2))


class _Last(nn.Module):
    """The last output of a recurrent layer."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0][:, -1]


class _Attention(nn.Module):
    """Self-attention of 4 heads of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(128, 384), nn.Linear(128, 128)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.inner(x).view(*x.shape[:2], 3, 4, 32).permute(2, 0, 3, 1, 4)
        return self.outer(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class _TransformerBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = _Attention()
        self.dense = nn.Sequential(nn.Linear(128, 256), nn.GELU(), nn.Linear(256, 128))
        self.first, self.second = nn.LayerNorm(128, eps=1e-3), nn.LayerNorm(128, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x + self.attention(x))
        return self.second(x + self.dense(x))


class _Mean(nn.Module):
    """Over the steps, or over rows and columns."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.axes)


class _Residual(nn.Module):
    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            *_convolved(channels, filters, stride), nn.ReLU(), *_convolved(filters, filters)
        )
        self.outer = nn.Conv2d(channels, filters, 1, stride) if stride == 2 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.outer(x) + self.inner(x))


def _convolved(channels: int, filters: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    return (
        nn.Conv2d(channels, filters, 3, stride, 1, bias=False),
        nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01),
    )


class _UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        sizes = ((3, 16), (16, 32), (32, 64), (96, 32), (48, 16))
        self.blocks = nn.ModuleList(nn.Sequential(*_conv(a, b), *_conv(b, b)) for a, b in sizes)
        self.last = nn.Conv2d(16, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        first = self.blocks[0](x.permute(0, 3, 1, 2))
        second = self.blocks[1](F.max_pool2d(first, 2))
        x = self.blocks[2](F.max_pool2d(second, 2))
        x = self.blocks[3](torch.cat([F.interpolate(x, scale_factor=2), second], 1))
        x = self.blocks[4](torch.cat([F.interpolate(x, scale_factor=2), first], 1))
        return self.last(x).permute(0, 2, 3, 1)


def _conv(channels: int, filters: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn() -> nn.Module:
    convolved = (nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU())
    return _Images(*convolved, nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10))


def lstm() -> nn.Module:
    return nn.Sequential(_Last(nn.LSTM(32, 64, batch_first=True)), nn.Linear(64, 10))


def gru() -> nn.Module:
    return nn.Sequential(_Last(nn.GRU(32, 64, batch_first=True)), nn.Linear(64, 10))


def transformer() -> nn.Module:
    blocks = _TransformerBlock(), _TransformerBlock()
    return nn.Sequential(nn.Embedding(1000, 128), *blocks, _Mean(1), nn.Linear(128, 10))


def resnet20() -> nn.Module:
    layers: list[nn.Module] = [*_convolved(3, 16), nn.ReLU()]
    channels = 16
    for filters in (16, 32, 64):
        for block in range(3):
            layers.append(_Residual(channels, filters, 2 if filters > 16 and block == 0 else 1))
            channels = filters
    return _Images(*layers, _Mean(2, 3), nn.Linear(64, 10))


def unet() -> nn.Module:
    return _UNet()


NETWORKS = {make.__name__: make for make in (mlp, cnn, lstm, gru, transformer, resnet20, unet)}


#: name -> shape of a batch; of whole numbers below 1000 for the transformer.
_BATCHES = {
    "mlp": (64, 784),
    "cnn": (64, 28, 28, 1),
    "lstm": (32, 64, 32),
    "gru": (32, 64, 32),
    "transformer": (32, 64),
    "resnet20": (32, 32, 32, 3),
    "unet": (16, 64, 64, 3),
}


def batch(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels, as arrays."""
    random, shape = np.random.RandomState(0), _BATCHES[name]
    x = random.randint(1, 1000, shape) if name == "transformer" else random.rand(*shape).astype("float32")
    if name == "unet":
        return x, random.randint(0, 2, (*shape[:3], 1)).astype("float32")
    return x, random.randint(0, 10, (shape[0], 1))


def training_step(name: str) -> Step:
    """One step on a batch as arrays, with the loss as a number: what ``train_on_batch`` does.

    Fused Adam is the fastest one that PyTorch has on a CPU.
    """
    x, y = batch(name)
    train = _training(name)
    return lambda: float(train(torch.from_numpy(x), torch.from_numpy(y)))


def epoch(name: str, batches: int) -> Step:
    """A shuffled pass over so many batches that ends with the mean loss: what ``fit`` does."""
    arrays = batch(name)
    x, y = (torch.from_numpy(np.concatenate([array] * batches)) for array in arrays)
    train, size = _training(name), len(arrays[0])

    def run() -> float:
        losses = [train(x[at], y[at]) for at in torch.randperm(len(x)).split(size)]
        return float(torch.stack(losses).mean())

    return run


def _training(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """A step on tensors, which gives the loss."""
    network = NETWORKS[name]().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, fused=True)

    def step(x: Tensor, y: Tensor) -> Tensor:
        found = network(x)
        optimizer.zero_grad(set_to_none=True)
        if name == "unet":
            loss = F.binary_cross_entropy_with_logits(found, y)
        else:
            loss = F.cross_entropy(found, y[:, 0])
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
