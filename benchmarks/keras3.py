"""Stock Keras 3 on kcompile next to Keras on PyTorch and TensorFlow, and next to PyTorch by hand.

Each is a process of its own for all networks; each has a turn in every round.
"""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from . import peer
from .keras3_networks import NETWORKS
from .measuring import Pair, Row, compare_each, pair_row

#: As ``Peer`` has it -> what the table calls it, and the largest ratio that is wanted.
OTHERS = {
    "keras torch": ("Keras 3 on PyTorch", 1.0),
    "keras tensorflow": ("Keras 3 on TensorFlow", 1.0),
    "torch": ("PyTorch by hand", 1.25),
}
#: As ``Peer`` has what it does -> what the table calls it.
WORK = {"keras3": "", "epoch": f": fit, an epoch of {peer.EPOCH} steps"}
PREDICT_TARGET = 3.0
IMPORT_TARGET = 0.5


def rows(rounds: int = 7) -> Iterator[Row]:
    """Nothing where ``make peers`` has not been run, or Keras 3 is not installed here."""
    interpreter = available()
    if interpreter is None:
        return
    yield from _training(interpreter, rounds)
    for line in python("benchmarks.keras3_process", "predict", *NETWORKS).stdout.splitlines():
        name, found = json.loads(line)
        what = f"{title(name)}: one sample; bare onnxruntime"
        yield _row("predict of stock Keras 3", what, Pair(**found), PREDICT_TARGET)
    yield _import()


def _training(interpreter: Path, rounds: int) -> Iterator[Row]:
    interpreters = {
        "keras kcompile": sys.executable,
        **dict.fromkeys(OTHERS, interpreter),
        "torch": sys.executable,
    }
    first = next(iter(NETWORKS))
    with ExitStack() as stack:
        peers = [
            stack.enter_context(peer.Peer(where, keras, f"keras3:{first}"))
            for keras, where in interpreters.items()
        ]
        for name in NETWORKS:
            for kind, what in WORK.items():
                for there in peers:
                    there.turn_to(f"{kind}:{name}")
                ours, *others = (there.step for there in peers)
                pairs = compare_each(ours, others, rounds, round_seconds=0.3, most_seconds=12.0)
                for (called, target), pair in zip(OTHERS.values(), pairs, strict=True):
                    yield _row("training stock Keras 3", f"{title(name)}{what}; {called}", pair, target)


def available() -> Path | None:
    """The interpreter of the other Kerases; None, and a line that says so, if something is missing."""
    interpreter = peer.python()
    if interpreter is None or importlib.util.find_spec("keras") is None:
        print("  keras3: needs `make peers` and the extra [keras3]; left out", file=sys.stderr)
        return None
    return interpreter


def title(name: str) -> str:
    """What tables call a network."""
    return f"{name}: " + (NETWORKS[name].__doc__ or name).split(".\n")[0].strip().rstrip(".")


def python(
    *arguments: str, interpreter: str | Path = sys.executable, backend: str = "kcompile", check: bool = True
) -> subprocess.CompletedProcess[str]:
    """A module run in a process in which Keras has a backend, with what it printed.

    Raises:
        subprocess.CalledProcessError: if it fails, unless ``check`` is false.
    """
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    for name in ("PYTHONPATH", "PYTHONHOME"):
        environment.pop(name, None)
    ours = ["-m", "kcompile.keras3"] if backend == "kcompile" else []
    command = [str(interpreter), *ours, "-m", *arguments]
    return subprocess.run(
        command, cwd=peer.ROOT, env=environment, check=check, capture_output=True, text=True
    )


def _row(topic: str, what: str, pair: Pair, target: float) -> Row:
    return pair_row(topic, what, pair, target)


def _import(repeats: int = 4) -> Row:
    """What our backend takes longer to import than Keras's own for PyTorch, which imports torch as well."""
    statements = {"kcompile": "import kcompile.keras3, keras", "torch": "import keras"}
    times: dict[str, list[float]] = {backend: [] for backend in statements}
    for _ in range(repeats + 1):
        for backend, statement in statements.items():
            times[backend].append(_seconds(statement, backend))
    ours, theirs = (statistics.median(found[1:]) for found in times.values())  # the first filled the cache
    what = f"import kcompile.keras3, keras, over import keras on PyTorch ({theirs:.2f} s)"
    return Row("import, in a fresh process", what, ours - theirs, "s", target=IMPORT_TARGET)


def _seconds(statement: str, backend: str) -> float:
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    environment: dict[str, Any] = {**os.environ, "KERAS_BACKEND": backend}
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=peer.ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(found.stdout.splitlines()[-1])
