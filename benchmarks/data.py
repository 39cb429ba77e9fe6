"""``fit`` on loaders and datasets next to loops by hand in PyTorch, and to tf_keras on tf.data.

The last is measured where ``make peers`` has made its environment (or KCOMPILE_PEERS_PYTHON names another).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from kcompile.keras.data import AUTOTUNE, Dataset

from .measuring import Row, compare, pair_row
from .networks import TITLES, data, keras_model, torch_data, torch_model

BATCH = 64
TARGET = 1.05
#: Steps of an epoch of each network.
STEPS = {"mlp": 100, "mnist_cnn": 20}
TOPIC = "data, next to hand-written PyTorch"
_ROOT = Path(__file__).resolve().parent.parent


def rows(rounds: int = 12, peers: bool = True) -> Iterator[Row]:
    """An epoch on a DataLoader, one on a Dataset, and the same on tf.data in tf_keras.

    Args: peers: whether tf_keras is asked.
    """
    for name, steps in STEPS.items():
        x, y = data(name, BATCH * steps)
        tensors = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
        loader = DataLoader(tensors, batch_size=BATCH, shuffle=True)
        by_hand = DataLoader(TensorDataset(*torch_data(name, x, y)), batch_size=BATCH, shuffle=True)
        pair = compare(_fit(name, loader), _loop(name, by_hand), rounds, round_seconds=0.2)
        what = f"{TITLES[name]}: fit on a DataLoader, an epoch of {steps} steps"
        yield pair_row(TOPIC, what, pair, TARGET)

        dataset = Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(BATCH).prefetch(AUTOTUNE)
        pair = compare(_fit(name, dataset), _loop(name, by_hand), rounds, round_seconds=0.2)
        what = f"{TITLES[name]}: fit on a Dataset, shuffled (other: that loop)"
        yield pair_row(TOPIC, what, pair)
        other = _tf_keras_epoch(name, BATCH * steps) if peers else None
        if other is not None:
            what = f"{TITLES[name]}: fit on a Dataset (other: tf_keras on tf.data)"
            yield Row(TOPIC, what, 1e3 * pair.ours, "ms", 1e3 * other, pair.ours / other)


def _fit(name: str, batches: object) -> Callable[[], None]:
    model = keras_model(name)
    return lambda: model.fit(batches, epochs=1, verbose=0) and None


def _loop(name: str, loader: Iterable[list[torch.Tensor]]) -> Callable[[], float]:
    """A pass that ends with the mean loss, as fit's does."""
    network = torch_model(name).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, fused=True)

    def epoch() -> float:
        total, seen = torch.zeros(()), 0
        for inputs, labels in loader:
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(network(inputs), labels)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(inputs)
            seen += len(inputs)
        return float(total) / seen

    return epoch


_PROGRAM = """
import json, statistics, sys, time
import numpy as np, tensorflow as tf, tf_keras as keras
settings = json.loads(sys.argv[1])
threads = settings["threads"]
tf.config.threading.set_intra_op_parallelism_threads(threads)
random = np.random.default_rng(0)
x = random.standard_normal((settings["samples"], *settings["shape"])).astype("float32")
y = random.integers(0, 10, (settings["samples"], 1))
L = keras.layers
layers = {
    "mlp": lambda: [L.Dense(256, "relu"), L.Dense(128, "relu")],
    "mnist_cnn": lambda: [
        L.Conv2D(32, 3, activation="relu"), L.MaxPooling2D(),
        L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(), L.Flatten(), L.Dropout(0.5),
    ],
}[settings["name"]]()
model = keras.Sequential([keras.Input(settings["shape"]), *layers, L.Dense(10, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(settings["batch"]).prefetch(-1)
model.fit(dataset, verbose=0)
seconds = []
for _ in range(settings["rounds"]):
    start = time.perf_counter()
    model.fit(dataset, verbose=0)
    seconds.append(time.perf_counter() - start)
print(json.dumps(statistics.median(seconds)))
"""


def _tf_keras_epoch(name: str, samples: int) -> float | None:
    """Seconds of an epoch of tf_keras on tf.data; None where there is no such environment."""
    python = os.environ.get("KCOMPILE_PEERS_PYTHON", str(_ROOT / ".venv-peers" / "bin" / "python"))
    if not Path(python).exists():
        return None
    settings = {
        "name": name,
        "shape": data(name, 1)[0].shape[1:],
        "samples": samples,
        "batch": BATCH,
        "rounds": 15,
        "threads": torch.get_num_threads(),
    }
    found = subprocess.run(
        [python, "-c", _PROGRAM, json.dumps(settings)],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""},
    )
    return float(found.stdout.splitlines()[-1]) if found.returncode == 0 else None
