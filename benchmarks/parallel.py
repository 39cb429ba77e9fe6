"""Two workers next to one, and a generator next to arrays, each of them on one thread.

The ratios are of rounds that alternate. On a machine that does other work as well the second core may not be
there: one row says what two processes reach that have nothing to do with each other, in the same rounds,
another one counts processor time instead of time, and the spread over the rounds is shown with each row.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .measuring import Row
from .networks import TITLES, data, keras_model

BATCH = 64
BATCHES = 20
STEPS, WORKERS_BATCH = 2, 128
#: Time of two workers to that of one: 1.6 times the samples per second.
WORKERS_TARGET = 1 / 1.6
GENERATOR_TARGET = 1.10


TOPIC = "two processes, and data from a generator; one thread each"


def rows(rounds: int = 12) -> Iterator[Row]:
    """A convolutional network on one and on two CPU workers, then fit from a generator and from arrays."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from _workers(rounds)
        for name in ("mlp", "mnist_cnn"):
            yield _generator(name, 2 * rounds)
    finally:
        torch.set_num_threads(threads)


def _workers(rounds: int) -> Iterator[Row]:
    from kcompile.keras.utils import multi_gpu_model

    x, y = _images(STEPS * WORKERS_BATCH)
    alone = _network()
    divided = multi_gpu_model(_network(), devices=["cpu:0", "cpu:1"])
    divided.compile("adam", "sparse_categorical_crossentropy")
    twin = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.parallel"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    half = _half_epoch()

    def unrelated() -> None:
        print("go", file=twin.stdin, flush=True)
        half()
        twin.stdout.readline()

    def epoch(model: Any) -> Callable[[], object]:
        return lambda: model.fit(x, y, batch_size=WORKERS_BATCH, verbose=0)

    try:
        found = _in_turn([epoch(alone), epoch(divided), unrelated], rounds)
        spent = _processor_times([epoch(alone), epoch(divided)], rounds)
    finally:
        twin.kill()
        twin.wait()
    what = f"CNN 32x32, three convolutions, {STEPS} steps of {WORKERS_BATCH}"
    yield _row(f"{what}: two CPU workers next to one", found[1], found[0], WORKERS_TARGET)
    yield _row(f"{what}: two unrelated processes with half the samples each next to one", found[2], found[0])
    yield _row(f"{what}: two CPU workers next to two unrelated processes", found[1], found[2])
    if spent:
        yield _row(f"{what}: processor time of the busier of two workers next to one", spent[1], spent[0])


def _half_epoch() -> Callable[[], object]:
    """Half of each batch of the epoch, as one of two workers computes it."""
    model = _network()
    x, y = _images(STEPS * WORKERS_BATCH // 2)
    return lambda: model.fit(x, y, batch_size=WORKERS_BATCH // 2, verbose=0)


def _generator(name: str, rounds: int) -> Row:
    model = keras_model(name)
    x, y = data(name, BATCH * BATCHES)
    batches = [(x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, len(x), BATCH)]

    def endless() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            yield from batches

    generator = endless()
    arrays, generated = _in_turn(
        [
            lambda: model.fit(x, y, batch_size=BATCH, verbose=0),
            lambda: model.fit(generator, steps_per_epoch=BATCHES, verbose=0),
        ],
        rounds,
    )
    what = f"{TITLES[name]}: fit from a generator next to arrays, {BATCHES} steps"
    return _row(what, generated, arrays, GENERATOR_TARGET)


def _network() -> Any:
    """A network whose arithmetic outweighs its weights: what data-parallel training is for."""
    from kcompile.keras import layers
    from kcompile.keras.models import Sequential

    model = Sequential(
        [
            layers.Conv2D(32, 3, strides=2, activation="relu", padding="same", input_shape=(32, 32, 3)),
            layers.Conv2D(128, 3, activation="relu", padding="same"),
            layers.Conv2D(128, 3, activation="relu", padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def _images(samples: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.standard_normal((samples, 32, 32, 3)).astype(np.float32), random.integers(
        0, 10, (samples, 1)
    )


def _in_turn(works: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Seconds of each piece of work, round by round; who begins alternates."""
    found: list[list[float]] = [[] for _ in works]
    for i in range(rounds + 1):
        order = range(len(works))
        for j in order if i % 2 else reversed(order):
            start = time.perf_counter()
            works[j]()
            found[j].append(time.perf_counter() - start)
    return [times[1:] for times in found]  # the first round starts processes and lowers graphs


def _processor_times(works: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Processor seconds of the busier of this process and its worker; nothing where there is no /proc."""
    from kcompile.torch_bridge.parallel import pool

    (worker,) = pool.pool(["cpu", "cpu"])._processes
    status = Path(f"/proc/{worker.pid}/schedstat")
    if not status.exists():
        return []

    def clocks() -> tuple[float, float]:
        return time.process_time(), int(status.read_text().split()[0]) / 1e9

    found: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for times, work in zip(found, works, strict=True):
            before = clocks()
            work()
            times.append(max(after - start for start, after in zip(before, clocks(), strict=True)))
    return found


def _row(what: str, ours: Sequence[float], other: Sequence[float], target: float | None = None) -> Row:
    ratios = [a / b for a, b in zip(ours, other, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    what = f"{what} (middle half of the ratios {low:.2f} to {high:.2f})"
    return Row(
        TOPIC, what, 1e3 * statistics.median(ours), "ms", 1e3 * statistics.median(other), middle, target
    )


if __name__ == "__main__":  # the unrelated process: an epoch for each line that it is sent
    torch.set_num_threads(1)
    work = _half_epoch()
    for _ in sys.stdin:
        work()
        print("done", flush=True)
