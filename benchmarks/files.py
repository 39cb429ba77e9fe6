"""Loading a file of 500 MB: the peak of memory against the file's size, and time against a plain read."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from .measuring import Row

UNITS, LAYERS = 4096, 8
PEAK_TARGET, TIME_TARGET = 1.3, 2.0


def rows(units: int = UNITS) -> Iterator[Row]:
    """For .h5 and .keras: peak of memory while loading, and seconds, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for extension in (".h5", ".keras"):
            path = os.path.join(folder, f"model{extension}")
            _ask("save", path, str(units))
            size = os.path.getsize(path) / 2**20
            _ask("read", path)  # into the page cache, for both
            read, load = _ask("read", path), _ask("load", path)
            what = f"load_model of a {extension} file of {size:.0f} MiB"
            topic = "files"
            yield Row(topic, f"{what}: peak", load["mib"], "MiB", size, load["mib"] / size, PEAK_TARGET)
            yield Row(
                topic,
                f"{what}: time (other: a plain read of the file)",
                load["seconds"],
                "s",
                read["seconds"],
                load["seconds"] / read["seconds"],
                TIME_TARGET,
            )
            os.unlink(path)


def _ask(action: str, path: str, *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.files", action, path, *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _act(action: str, path: str, units: int) -> dict[str, float]:
    from kcompile.keras.layers import Dense
    from kcompile.keras.models import Sequential, load_model

    if action == "save":
        Sequential([Dense(units, input_shape=(units,)), *(Dense(units) for _ in range(LAYERS - 1))]).save(
            path
        )
        return {}
    import h5py  # noqa: F401  (its own memory does not count)

    before, start = _peak_mib(), time.perf_counter()
    if action == "load":
        kept: object = load_model(path, compile=False)
    else:
        with open(path, "rb") as file:
            kept = file.read()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "mib": _peak_mib() - before, "kept": float(kept is not None)}


if __name__ == "__main__":
    print(json.dumps(_act(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else UNITS)))
