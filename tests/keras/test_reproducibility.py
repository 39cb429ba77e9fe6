"""The same seeds give the same weights to the bit, in any process."""

from __future__ import annotations

import functools
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from kcompile.keras.utils import set_random_seed

TRAINING = """
import hashlib, sys
from kcompile import keras
from kcompile.keras import layers
import numpy as np
import random as rn

def train():
    model = keras.models.Sequential([
        layers.Conv2D(8, 3, activation="relu", input_shape=(12, 12, 2)),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Dropout(0.25),
        layers.Reshape((25, 8)),
        layers.LSTM(16),
        layers.GaussianNoise(0.1),
        layers.Dense(3, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.random.normal(size=(64, 12, 12, 2)).astype("float32")
    y = np.random.randint(0, 3, 64)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())

if "torch first" in sys.argv:
    import torch
keras.utils.set_random_seed(7)
assert ("torch" in sys.modules) is ("torch first" in sys.argv)
train()
keras.utils.set_random_seed(8)
train()
# as the FAQ has it, with set_random_seed in the place of TensorFlow's
np.random.seed(42)
rn.seed(12345)
from kcompile.keras import backend as K
keras.utils.set_random_seed(1234)
train()
"""


@functools.cache
def weights_of_two_processes(threads: int, *arguments: str) -> list[list[str]]:
    """Hashes of the weights of three trainings, by two processes that run at once."""
    started = [start(threads, hash_seed, *arguments) for hash_seed in ("0", "1")]
    return [process.communicate(timeout=100)[0].split() for process in started]


def start(threads: int, hash_seed: str, *arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", TRAINING, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("threads", [1, 2])
def test_two_processes_train_the_same_weights_to_the_bit(threads):
    first, second = weights_of_two_processes(threads)
    assert first == second
    assert len(set(first)) == 3, "each seed gives weights of its own"


def test_it_makes_no_difference_whether_torch_was_loaded_before():
    process = start(1, "0", "torch first")
    assert process.communicate(timeout=100)[0].split() == weights_of_two_processes(1)[0]


def test_all_three_generators_are_seeded():
    import torch

    draws = []
    for _ in range(2):
        set_random_seed(3)
        draws.append((random.random(), np.random.rand(), torch.rand(()).item()))
    assert draws[0] == draws[1]


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "1", None, True])
def test_a_bad_seed_is_refused(seed):
    with pytest.raises(ValueError, match=r"from 0 to 2\*\*32 - 1"):
        set_random_seed(seed)
