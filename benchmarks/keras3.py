"""Stock Keras 3 on kcompile next to Keras on PyTorch and TensorFlow, each in a process of its own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator

from . import peer
from .keras3_networks import NETWORKS
from .measuring import Row, compare

_OTHERS = {"keras torch": "Keras 3 on PyTorch", "keras tensorflow": "Keras 3 on TensorFlow"}
TARGET = 1.0


def rows(rounds: int = 9) -> Iterator[Row]:
    """Nothing where ``make peers`` has not been run, or Keras 3 is not installed here."""
    interpreter = peer.python()
    if interpreter is None or importlib.util.find_spec("keras") is None:
        print("  keras3: needs `make peers` and the extra [keras3]; left out", file=sys.stderr)
        return
    for name, make in NETWORKS.items():
        title = (make.__doc__ or name).split(".\n")[0].strip().rstrip(".")
        with peer.Peer(sys.executable, "keras kcompile", f"keras3:{name}") as ours:
            for other, called in _OTHERS.items():
                with peer.Peer(interpreter, other, f"keras3:{name}") as there:
                    pair = compare(ours.step, there.step, rounds, round_seconds=0.3, most_seconds=12.0)
                yield Row(
                    "training stock Keras 3",
                    f"{name}: {title}; {called}",
                    1e3 * pair.ours,
                    "ms",
                    1e3 * pair.other,
                    pair.ratio,
                    TARGET,
                )
