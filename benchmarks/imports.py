"""Import times, each in a fresh process, in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator

from .measuring import Row

#: statement -> most seconds wanted, or None.
STATEMENTS = {
    "import kcompile": 0.5,
    "from kcompile import keras": 0.5,
    "from kcompile.keras.models import Sequential; from kcompile.keras.layers import Dense": None,
    "import kcompile_runtime": 0.3,
    "import onnxruntime": None,
    "import torch": None,
}

_FRESH = """
import sys, time
start = time.perf_counter()
{statement}
print(time.perf_counter() - start, "torch" in sys.modules)
"""


def rows(repeats: int = 5) -> Iterator[Row]:
    """One row a statement; torch and onnxruntime for comparison.

    Raises:
        RuntimeError: if one of our imports loads torch.
    """
    times: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    for _ in range(repeats + 1):
        for statement, found in times.items():
            command = [sys.executable, "-c", _FRESH.format(statement=statement)]
            seconds, torch_loaded = subprocess.run(
                command, check=True, capture_output=True, text=True
            ).stdout.split()
            if "kcompile" in statement and torch_loaded == "True":
                raise RuntimeError(f"{statement!r} loads torch.")
            found.append(float(seconds))
    for statement, found in times.items():  # the first round filled the file cache
        yield Row(
            "import, in a fresh process",
            statement,
            statistics.median(found[1:]),
            "s",
            target=STATEMENTS[statement],
        )
