"""``train_on_batch`` next to other Kerases, each in a process of its own, in turn with ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from kcompile import keras

from . import peer
from .keras_networks import NETWORKS
from .measuring import Row, compare

_TF_KERAS, _ON_TORCH, _ON_TENSORFLOW = "tf_keras", "keras torch", "keras tensorflow"
_CASES = [
    ("text", "masked bidirectional LSTM, batch 32", _TF_KERAS),
    ("unet", "U-Net 64x64, batch 16", _TF_KERAS),
    ("gan", "DCGAN with its own step, batch 64", _ON_TORCH),
    ("gan", "DCGAN with its own step, batch 64", _ON_TENSORFLOW),
    ("gan", "DCGAN with its own step, batch 64", _TF_KERAS),
]
TARGET = 1.0


def rows(rounds: int = 15) -> Iterator[Row]:
    """Nothing where ``make peers`` has not been run."""
    interpreter = peer.python()
    if interpreter is None:
        print("  peers: run `make peers` first; left out", file=sys.stderr)
        return
    for network, title, other in _CASES:
        model, x, y = NETWORKS[network](keras)
        with peer.Peer(interpreter, other, network) as there:
            pair = compare(
                lambda model=model, x=x, y=y: model.train_on_batch(x, y),
                there.step,
                rounds,
                round_seconds=0.3,
                most_seconds=20.0,
            )
        name = {_TF_KERAS: "tf_keras"}.get(other, f"Keras 3 on {other.split()[-1]}")
        yield Row(
            "training, next to other Kerases",
            f"{title}; {name}",
            1e3 * pair.ours,
            "ms",
            1e3 * pair.other,
            pair.ratio,
            TARGET,
        )
