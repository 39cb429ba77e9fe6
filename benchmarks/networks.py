"""The three networks, from models/ and written by hand in PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

MODELS = Path(__file__).resolve().parent.parent / "models"
NAMES = ("mlp", "mnist_cnn", "lstm")
TITLES = {
    "mlp": "MLP 784-256-128-10",
    "mnist_cnn": "CNN 28x28, two convolutions",
    "lstm": "LSTM(64), 64 steps of 32",
}
SHAPES = {"mlp": (784,), "mnist_cnn": (28, 28, 1), "lstm": (64, 32)}


def keras_model(name: str) -> Any:
    """The definition in models/, compiled with Adam at Keras's settings."""
    from kcompile.keras.models import load_model
    from kcompile.keras.optimizers import Adam

    model = load_model(MODELS / f"{name}.yaml")
    model.compile(Adam(learning_rate=1e-3, epsilon=1e-7), "sparse_categorical_crossentropy")
    return model


def data(name: str, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (samples, ...) and labels (samples, 1)."""
    random = np.random.default_rng(0)
    x = random.standard_normal((samples, *SHAPES[name])).astype(np.float32)
    return x, random.integers(0, 10, (samples, 1))


class LastStep(nn.Module):
    """An LSTM whose last output goes to a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(32, 64, batch_first=True)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, steps, features) -> logits (batch, 10)."""
        return self.linear(self.lstm(x)[0][:, -1])


def torch_model(name: str) -> nn.Module:
    """The same network by hand, giving logits. The CNN lies in channels_last memory, which is faster."""
    if name == "mlp":
        return nn.Sequential(
            nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
        )
    if name == "lstm":
        return LastStep()
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(1600, 10),
    ).to(memory_format=torch.channels_last)


def torch_data(name: str, x: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """The same arrays as tensors; images as (batch, channels, rows, columns) in channels_last memory."""
    tensor = torch.from_numpy(x)
    if name == "mnist_cnn":
        tensor = tensor.permute(0, 3, 1, 2)
    return tensor, torch.from_numpy(y[:, 0])
