"""Another Keras at work in a process of its own: ``python -m benchmarks.peer tf_keras text``.

Reads lines from standard input: the name of the network to train from there on, or a number of steps to
train. Answers each with a line.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np

from . import keras3_networks
from .keras_networks import NETWORKS

ROOT = Path(__file__).resolve().parent.parent
EPOCH = 10


def python() -> Path | None:
    """The interpreter of the environment that ``make peers`` makes, if it is there."""
    named = os.environ.get("KCOMPILE_PEERS_PYTHON")
    path = Path(named) if named else ROOT / ".venv-peers" / "bin" / "python"
    return path if path.exists() else None


class Peer:
    """Trains a network by another Keras.

    Args:
        interpreter: has that Keras.
        keras: ``"tf_keras"``, or ``"keras"`` with a backend: ``"keras tensorflow"``, ``"keras kcompile"``;
            ``"torch"`` for a network written by hand.
        network: a name of ``NETWORKS``; of those for Keras 3 with ``"keras3:"`` before it, or with
            ``"epoch:"``: then a step is a ``fit`` over ``EPOCH`` batches.
    """

    def __init__(self, interpreter: str | Path, keras: str, network: str) -> None:
        module, *backend = keras.split()
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "".join(backend)}
        if not backend:
            del environment["KERAS_BACKEND"]
        for name in ("PYTHONPATH", "PYTHONHOME"):
            environment.pop(name, None)
        own = ["-m", "kcompile.keras3"] if backend == ["kcompile"] else []
        self._process = subprocess.Popen(
            [interpreter, *own, "-m", "benchmarks.peer", module, network],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def step(self) -> None:
        """Trains one batch.

        Raises:
            RuntimeError: if the process has ended.
        """
        self._ask("1")

    def turn_to(self, network: str) -> None:
        """Trains another network from here on.

        Raises:
            RuntimeError: if the process has ended.
        """
        self._ask(network)

    def _ask(self, line: str) -> None:
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass
        if not process.stdout.readline():
            raise RuntimeError(f"{' '.join(map(str, process.args))} has ended.")  # type: ignore[union-attr]

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()


def main() -> None:
    """The other end."""
    keras, network = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a Keras prints is no answer
    step = _step(keras, network)
    for line in sys.stdin:
        asked = line.strip()
        if asked.isdigit():
            for _ in range(int(asked)):
                step()
        else:
            step = _step(keras, asked)
        print("done", file=answers, flush=True)


def _step(keras: str, network: str) -> Callable[[], object]:
    kind, _, name = network.rpartition(":")
    if keras == "torch":
        from . import torch_networks

        return torch_networks.epoch(name, EPOCH) if kind == "epoch" else torch_networks.training_step(name)
    networks = keras3_networks.NETWORKS if kind else NETWORKS
    model, x, y = networks[name](importlib.import_module(keras))
    if kind != "epoch":
        return lambda: model.train_on_batch(x, y)
    size, x, y = len(x), np.concatenate([x] * EPOCH), np.concatenate([y] * EPOCH)
    return lambda: model.fit(x, y, batch_size=size, verbose=0)


if __name__ == "__main__":
    main()
