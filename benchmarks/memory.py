"""Memory over 10,000 predict calls and 10,000 models built and dropped, each in a process of its own."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator

from .measuring import Row

ROUNDS, CALLS = 10, 1000
#: The first thousands fill caches and free lists; from the end of the second on it must be flat.
SETTLED = 2
RSS_TARGET_MIB, HEAP_TARGET_KIB = 2.0, 64.0


def rows(calls: int = CALLS) -> Iterator[Row]:
    """Growth from the end of the second thousand to the end of the tenth, resident and on Python's heap."""
    for kind, title in (("predict", "predict calls"), ("build", "models built and dropped")):
        command = [sys.executable, "-m", "benchmarks.memory", kind, str(calls)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        resident, heap = found["rss_mib"], found["heap_kib"]
        count = f"{calls * ROUNDS:,} {title}, {found['seconds']:.0f} s"
        topic = f"memory, growth over the last {ROUNDS - SETTLED} tenths"
        yield Row(
            topic,
            f"{count}: resident ({_curve(resident)} MiB)",
            resident[-1] - resident[SETTLED - 1],
            "MiB",
            target=RSS_TARGET_MIB,
        )
        yield Row(
            topic,
            f"{count}: Python's heap ({_curve(heap)} KiB)",
            heap[-1] - heap[SETTLED - 1],
            "KiB",
            target=HEAP_TARGET_KIB,
        )


def _curve(values: list[float]) -> str:
    return " ".join(f"{values[i]:.1f}" for i in (0, SETTLED - 1, len(values) // 2, len(values) - 1))


def resident_mib() -> float:
    """Resident memory of this process."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:  # no /proc: the peak so far, which is flat where the memory is
        return peak_mib()


def peak_mib() -> float:
    """The most resident memory that this process had."""
    try:
        with open("/proc/self/status") as file:
            line = next(line for line in file if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 2**10
    except OSError:  # where this begins with the peak of the process that started it
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (2**20 if sys.platform == "darwin" else 2**10)


def measure(work: Callable[[], object], calls: int) -> dict[str, list[float] | float]:
    """Resident memory and Python's heap after each tenth of the calls."""
    work()
    start = time.perf_counter()
    tracemalloc.start()
    resident, heap = [], []
    for _ in range(ROUNDS):
        for _ in range(calls):
            work()
        gc.collect()
        resident.append(resident_mib())
        heap.append(tracemalloc.get_traced_memory()[0] / 2**10)
    tracemalloc.stop()
    return {"rss_mib": resident, "heap_kib": heap, "seconds": time.perf_counter() - start}


def predict_work() -> Callable[[], object]:
    """One sample through the MLP."""
    from .networks import data, keras_model

    model = keras_model("mlp")
    x, _ = data("mlp", 1)
    return lambda: model.predict(x)


def build() -> object:
    """A model made, and dropped by who calls this."""
    from kcompile.keras.layers import Dense, Dropout
    from kcompile.keras.models import Sequential

    return Sequential(
        [Dense(16, activation="relu", input_shape=(8,)), Dropout(0.5), Dense(4, activation="softmax")]
    )


if __name__ == "__main__":
    work = predict_work() if sys.argv[1] == "predict" else build
    print(json.dumps(measure(work, int(sys.argv[2]))))
