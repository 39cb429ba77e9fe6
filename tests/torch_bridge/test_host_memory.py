"""Training steps take the memory that the step before has freed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

STEPS = """
import resource
import numpy as np
from kcompile import keras

model = keras.Sequential([keras.layers.Conv2D(32, 3, input_shape=(64, 64, 3))])
model.compile("sgd", "mse")
x, y = np.zeros((16, 64, 64, 3), "float32"), np.zeros((16, 62, 62, 32), "float32")

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(3):
    model.train_on_batch(x, y)
before = faults()
for _ in range(10):
    model.train_on_batch(x, y)
print((faults() - before) // 10)
"""


def faults_per_step(**environment: str) -> int:
    own = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    own.pop("GLIBC_TUNABLES", None)
    run = subprocess.run(
        [sys.executable, "-c", STEPS], env=own | environment, capture_output=True, text=True, check=True
    )
    return int(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_a_step_takes_few_new_pages_unless_the_environment_says_how_to_allocate() -> None:
    assert 10 * faults_per_step() < faults_per_step(MALLOC_TRIM_THRESHOLD_=str(128 * 1024))
