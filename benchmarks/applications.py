"""ResNet50, MobileNetV2 and NASNetLarge: building, exporting, latency, memory and the training step.

The latency is compared with that of the graph which tf2onnx makes of Keras's ResNet50 (see
``tf2onnx_reference``), the training step with the same network written by hand in PyTorch, in channels_last
memory with fused Adam.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from .measuring import Row, compare
from .memory import peak_mib, resident_mib

BATCHES = (1, 8)
LATENCY_TARGET, STEP_TARGET, MEMORY_TARGET = 1.03, 1.10, 3.0
BUILD_TARGET, EXPORT_TARGET, LARGEST_TARGET = 1.5, 2.0, 15.0
TRAIN_BATCH, TRAIN_SIZE, TRAIN_BATCHES = 8, 96, 4


def rows(seconds: float = 30.0, size: int = 224) -> Iterator[Row]:
    """All rows.

    Args:
        seconds: at most, for each pair.
        size: height and width of the images whose latency is compared.
    """
    yield from building_rows()
    yield from memory_rows()
    yield from latency_rows(seconds, size)
    yield from step_rows(seconds)


def building_rows(name: str = "ResNet50", largest: str = "NASNetLarge") -> Iterator[Row]:
    """Building and exporting, each in a process of its own that has its modules imported."""
    topic = "applications, from nothing to a file"
    found = in_a_process("times", name)
    yield Row(topic, f"{name}: build", found["build"], "s", target=BUILD_TARGET)
    yield Row(topic, f"{name}: export, not verified", found["export"], "s", target=EXPORT_TARGET)
    yield Row(topic, f"{name}: export, verified (the default)", found["verified"], "s", target=EXPORT_TARGET)
    found = in_a_process("times", largest)
    both = found["build"] + found["verified"]
    yield Row(topic, f"{largest}: build and export, verified", both, "s", target=LARGEST_TARGET)


def memory_rows(name: str = "ResNet50") -> Iterator[Row]:
    """What exporting takes at most beyond what the process had before, next to the size of the weights."""
    for verify, title in ((False, "not verified"), (True, "verified (the default)")):
        found = in_a_process("memory", name, "verify" if verify else "plain")
        peak, weights = found["peak"], found["weights"]
        yield Row(
            "applications, memory of an export next to the weights",
            f"{name}: export, {title}",
            peak,
            "MiB",
            weights,
            peak / weights,
            MEMORY_TARGET,
        )


def latency_rows(seconds: float, size: int = 224) -> Iterator[Row]:
    """onnxruntime on our file and on tf2onnx's graph of the same network, in turn."""
    import onnxruntime

    from kcompile import keras

    from .tf2onnx_reference import reference_model

    model = keras.applications.ResNet50(weights=None)
    providers = ["CPUExecutionProvider"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model.export(path, verify=False)
        ours = onnxruntime.InferenceSession(path, providers=providers)
    other = onnxruntime.InferenceSession(reference_model().SerializeToString(), providers=providers)
    for batch in BATCHES:
        x = np.random.default_rng(0).uniform(-1, 1, (batch, size, size, 3)).astype(np.float32)
        works = [partial(s.run, None, {s.get_inputs()[0].name: x}) for s in (ours, other)]
        pair = compare(*works, rounds=40, round_seconds=0.2, most_seconds=seconds)
        yield Row(
            "applications, latency next to tf2onnx's graph",
            f"ResNet50 {size}x{size}, batch of {batch}",
            1e3 * pair.ours,
            "ms",
            1e3 * pair.other,
            pair.ratio,
            LATENCY_TARGET,
        )


def step_rows(seconds: float) -> Iterator[Row]:
    """A training step of ours and of the module written by hand, in turn."""
    from . import applications_networks as by_hand

    for name, make in (("ResNet50", by_hand.resnet50), ("MobileNetV2", by_hand.mobilenet_v2)):
        x, y = training_data()
        pair = compare(
            our_step(name, x, y), torch_step(make(), x, y), 40, round_seconds=0.2, most_seconds=seconds
        )
        yield Row(
            "applications, training next to hand-written PyTorch",
            f"{name} {TRAIN_SIZE}x{TRAIN_SIZE}: a step of {TRAIN_BATCH}",
            1e3 * pair.ours,
            "ms",
            1e3 * pair.other,
            pair.ratio,
            STEP_TARGET,
        )


def training_data() -> tuple[np.ndarray, np.ndarray]:
    """Images (samples, height, width, 3) and labels (samples, 1)."""
    random = np.random.default_rng(0)
    samples = TRAIN_BATCH * TRAIN_BATCHES
    x = random.standard_normal((samples, TRAIN_SIZE, TRAIN_SIZE, 3)).astype(np.float32)
    return x, random.integers(0, 1000, (samples, 1))


def our_step(name: str, x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """The step that fit runs, on batches in turn."""
    from kcompile import keras

    model = getattr(keras.applications, name)(weights=None, input_shape=x.shape[1:])
    optimizer = keras.optimizers.Adam(learning_rate=1e-3, epsilon=1e-7)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    model.train_on_batch(x[:TRAIN_BATCH], y[:TRAIN_BATCH])
    step = model._compiled_steps.train(False)
    batches = cycle([x[i : i + TRAIN_BATCH], y[i : i + TRAIN_BATCH]] for i in range(0, len(x), TRAIN_BATCH))
    return lambda: step(next(batches))


def torch_step(network: Any, x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """The step of a module on the same batches."""
    import torch
    from torch.nn import functional as F

    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, fused=True)
    images, labels = torch.from_numpy(x).permute(0, 3, 1, 2), torch.from_numpy(y[:, 0])
    starts = range(0, len(x), TRAIN_BATCH)
    batches = cycle((images[i : i + TRAIN_BATCH], labels[i : i + TRAIN_BATCH]) for i in starts)

    def step() -> None:
        batch, target = next(batches)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(batch), target).backward()
        optimizer.step()

    return step


def in_a_process(*arguments: str) -> dict[str, float]:
    """What ``python -m benchmarks.applications ...`` prints."""
    command = [sys.executable, "-m", "benchmarks.applications", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def times(name: str) -> dict[str, float]:
    """Seconds to build and to export, each done once; every module that they need is imported before."""
    import onnxruntime  # noqa: F401
    import torch  # noqa: F401

    from kcompile import keras, onnx_io, torch_bridge  # noqa: F401

    build = getattr(keras.applications, name)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model, found["build"] = _timed(partial(build, weights=None))
        _, found["export"] = _timed(partial(model.export, path, verify=False))
        _, found["verified"] = _timed(partial(model.export, path))
    return found


def memory(name: str, how: str) -> dict[str, float]:
    """MiB that an export takes at most beyond what the process has before, and the MiB of the weights."""
    import onnxruntime  # noqa: F401

    from kcompile import keras, onnx_io, torch_bridge  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        # what the first export of a process loads and keeps is not counted
        small = keras.models.Sequential([keras.layers.Conv2D(1, 3, input_shape=(8, 8, 1))])
        small.export(Path(folder) / "small.onnx")
        model = getattr(keras.applications, name)(weights=None)
        before = resident_mib()
        _forget_the_peak()
        model.export(Path(folder) / "model.onnx", verify=how == "verify")
        peak = peak_mib()
    weights = sum(w.storage.array.nbytes for w in model.weights) / 2**20
    return {"peak": peak - before, "weights": weights}


def _forget_the_peak() -> None:
    """Lets the process's peak of memory start again from what it has now, where Linux does that."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


if __name__ == "__main__":
    print(json.dumps({"times": times, "memory": memory}[sys.argv[1]](*sys.argv[2:])))
