"""A training step of one's own next to the same written by hand in PyTorch: the DCGAN of Keras's guide; and
steps that are executed together next to steps one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from kcompile import keras
from kcompile.keras.training.nests import LEAF
from kcompile.tf_keras import tensorflow as tf

from .dcgan import LATENT, dcgan
from .measuring import Row, compare
from .networks import TITLES, data, keras_model

BATCH = 64
TARGET = 1.15
TOGETHER, EPOCH = 16, 160


def rows(rounds: int = 15) -> Iterator[Row]:
    """One step of a GAN, which is the discriminator's update and the generator's, and epochs of the MLP."""
    pair = compare(_epoch(TOGETHER), _epoch(1), 2 * rounds, round_seconds=0.2)
    yield Row(
        "steps that are executed together, next to steps one by one",
        f"{TITLES['mlp']}: fit, a step of {BATCH}, steps_per_execution={TOGETHER}",
        1e3 * pair.ours / EPOCH,
        "ms",
        1e3 * pair.other / EPOCH,
        pair.ratio,
        1 / 1.1,
    )
    images = np.random.RandomState(0).uniform(size=(4 * BATCH, 28, 28, 1)).astype("float32")
    pair = compare(_our_step(images), _torch_step(images), rounds, round_seconds=0.3)
    yield Row(
        "training steps of one's own, next to hand-written PyTorch",
        f"DCGAN 28x28: a step of {BATCH}",
        1e3 * pair.ours,
        "ms",
        1e3 * pair.other,
        pair.ratio,
        TARGET,
    )


def _epoch(together: int) -> Callable[[], None]:
    x, y = data("mlp", BATCH * EPOCH)
    model = keras_model("mlp")
    model.compile(model.optimizer, model.loss, steps_per_execution=together)
    return lambda: model.fit(x, y, batch_size=BATCH, verbose=0) and None


def _our_step(images: np.ndarray) -> Callable[[], None]:
    model = dcgan(keras, tf, keras.backend.random_normal, keras.backend.random_uniform)
    model.train_on_batch(images[:BATCH])
    step = model._compiled_steps.train(LEAF)
    batches = cycle([images[i : i + BATCH]] for i in range(0, len(images), BATCH))
    return lambda: step(next(batches))


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 64, 3, stride=2, padding=1)
        self.second = nn.Conv2d(64, 128, 3, stride=2, padding=1)
        self.last = nn.Linear(128, 1)

    def forward(self, x):
        x = F.leaky_relu(self.first(x), 0.2)
        x = F.leaky_relu(self.second(x), 0.2)
        return self.last(x.amax((2, 3)))


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(LATENT, 7 * 7 * 128)
        self.second = nn.ConvTranspose2d(128, 128, 4, stride=2, padding=1)
        self.third = nn.ConvTranspose2d(128, 128, 4, stride=2, padding=1)
        self.last = nn.Conv2d(128, 1, 7, padding=3)

    def forward(self, x):
        x = F.leaky_relu(self.first(x), 0.2).view(-1, 128, 7, 7)
        x = F.leaky_relu(self.second(x), 0.2)
        x = F.leaky_relu(self.third(x), 0.2)
        return torch.sigmoid(self.last(x))


def _torch_step(images: np.ndarray) -> Callable[[], None]:
    # channels_last is the fastest order that PyTorch has for these on the CPU
    discriminator = Discriminator().to(memory_format=torch.channels_last)
    generator = Generator().to(memory_format=torch.channels_last)
    of_d, of_g = list(discriminator.parameters()), list(generator.parameters())
    d_optimizer = torch.optim.Adam(of_d, lr=3e-4, eps=1e-7, fused=True)
    g_optimizer = torch.optim.Adam(of_g, lr=3e-4, eps=1e-7, fused=True)
    data = torch.from_numpy(images).permute(0, 3, 1, 2)
    batches = cycle(data.split(BATCH))

    def step() -> None:
        real = next(batches)
        with torch.no_grad():
            fake = generator(torch.randn(len(real), LATENT))
        labels = torch.cat([torch.ones(len(real), 1), torch.zeros(len(real), 1)])
        labels += 0.05 * torch.rand_like(labels)
        d_loss = F.binary_cross_entropy_with_logits(discriminator(torch.cat([fake, real])), labels)
        d_optimizer.zero_grad(set_to_none=True)
        d_loss.backward(inputs=of_d)
        d_optimizer.step()
        predictions = discriminator(generator(torch.randn(len(real), LATENT)))
        g_loss = F.binary_cross_entropy_with_logits(predictions, torch.zeros(len(real), 1))
        g_optimizer.zero_grad(set_to_none=True)
        g_loss.backward(inputs=of_g)  # not the discriminator's
        g_optimizer.step()

    return step
