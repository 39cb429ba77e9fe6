"""Training in half precision next to float32: the same network, the same batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from kcompile import keras
from kcompile.keras import layers as L

from .measuring import Row, compare

TARGET = 1.0
POLICIES = ("mixed_bfloat16", "mixed_float16")


def _dense() -> keras.Sequential:
    hidden = [L.Dense(1024, activation="relu") for _ in range(3)]
    return keras.Sequential([L.Input((1024,)), *hidden, L.Dense(10, dtype="float32")])


def _convolutional() -> keras.Sequential:
    convolutions = [L.Conv2D(64, 3, padding="same", activation="relu") for _ in range(2)]
    last = [L.BatchNormalization(), L.GlobalAveragePooling2D(), L.Dense(10, dtype="float32")]
    return keras.Sequential([L.Input((32, 32, 64)), *convolutions, *last])


NETWORKS: dict[str, tuple[Callable[[], keras.Sequential], int]] = {
    "MLP 1024 wide, a step of 256": (_dense, 256),
    "two convolutions of 64 on 32x32, a step of 32": (_convolutional, 32),
}


def rows(rounds: int = 20) -> Iterator[Row]:
    """One step in bfloat16 and in float16, next to float32. Only bfloat16 has a target, where the CPU has
    instructions for it."""
    import torch

    has_bfloat16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    for what, (make, samples) in NETWORKS.items():
        for policy in POLICIES:
            steps = [_step(make, policy, samples), _step(make, "float32", samples)]
            pair = compare(*steps, rounds=rounds, round_seconds=0.2)
            target = TARGET if policy == "mixed_bfloat16" and has_bfloat16 else None
            name = f"{what}: {policy.removeprefix('mixed_')}"
            times = (1e3 * pair.ours, "ms", 1e3 * pair.other, pair.ratio)
            yield Row("half precision, next to float32", name, *times, target)


def _step(make: Callable[[], keras.Sequential], policy: str, samples: int) -> Callable[[], None]:
    keras.mixed_precision.set_global_policy(policy)
    model = make()
    keras.mixed_precision.set_global_policy(None)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = np.random.default_rng(0).random((samples, *model.input_shape[1:]), np.float32)
    y = np.arange(samples) % 10
    return lambda: model.train_on_batch(x, y)
