"""What training for smaller files costs and gives, on scikit-learn's digits: 8 bits, zeros, few values."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kcompile import keras
from kcompile.keras import clustering, quantization, sparsity
from kcompile.keras import layers as L
from kcompile_runtime import Executor

from .measuring import Row, compare
from .optimize_learnt import digits_images

#: Points of 100 that training for 8 bits may cost.
MOST_LOST = 0.2
SPARSITY = 0.75
_TRAINED = 1200


class Digits:
    """Three convolutions with batch normalisation, trained on 1,200 digits; the others were never seen.

    Args:
        seed: of the order, the weights and the batches.
        epochs: of training in float; training on is a third of it.
    """

    def __init__(self, seed: int, epochs: int = 18) -> None:
        np.random.seed(seed)
        x, y = digits_images()
        order = np.random.permutation(len(x))
        x, y = x[order], y[order]
        self.epochs = epochs
        self.x, self.y = x[:_TRAINED], y[:_TRAINED]
        self.x_test, self.y_test = x[_TRAINED:], y[_TRAINED:]
        self.model = keras.Sequential([L.InputLayer(x.shape[1:])])
        for filters, strides in ((16, 1), (32, 2), (32, 1)):
            self.model.add(L.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False))
            self.model.add(L.BatchNormalization(momentum=0.9))
            self.model.add(L.ReLU())
        self.model.add(L.GlobalAveragePooling2D())
        self.model.add(L.Dense(10, activation="softmax"))
        self.fit(self.model, 3e-3, epochs)
        self.fit(self.model, 3e-4, max(epochs // 3, 1))

    def fit(self, model: Any, rate: float, epochs: int | None = None, callbacks: Any = ()) -> Any:
        """Trains a model on the digits; it comes back."""
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        count = max(self.epochs // 3, 1) if epochs is None else epochs
        model.fit(self.x, self.y, batch_size=64, epochs=count, verbose=0, callbacks=list(callbacks))
        return model

    def file(self, model: Any) -> tuple[float, int]:
        """Accuracy in percent as onnxruntime computes a model's file, and how large that is after gzip."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            model.export(path, verify=False)
            found = Executor(path).predict(self.x_test)
            return 100 * float((found.argmax(axis=1) == self.y_test).mean()), len(
                gzip.compress(path.read_bytes())
            )


def rows(seeds: int = 3, epochs: int = 18) -> Iterator[Row]:
    """Accuracy and sizes, in the mean of trainings; time of a step next to one in float."""
    trained = [Digits(seed, epochs) for seed in range(seeds)]
    found: dict[str, list[tuple[float, int]]] = {}
    for digits in trained:
        for name, model in _smaller(digits):
            found.setdefault(name, []).append(digits.file(model))
    accuracies = {name: float(np.mean([a for a, _ in pairs])) for name, pairs in found.items()}
    sizes = {name: float(np.mean([size for _, size in pairs])) / 1024 for name, pairs in found.items()}
    for name, accuracy in accuracies.items():
        target = MOST_LOST if name.startswith("8 bits, trained") else None
        yield Row("trained", f"{name}: accuracy", accuracy, "%")
        if name != "float":
            yield Row("trained", f"{name}: points lost", accuracies["float"] - accuracy, "", target=target)
        yield Row(
            "trained", f"{name}: after gzip", sizes[name], "KiB", sizes["float"], sizes[name] / sizes["float"]
        )
    yield _step(trained[0])


def _smaller(digits: Digits) -> Iterator[tuple[str, Any]]:
    yield "float", digits.model
    yield "8 bits, calibrated", quantization.prepare(digits.model, digits.x[:200])
    for ranges in ("moving", "learned"):
        prepared = quantization.prepare(digits.model, digits.x[:200], ranges=ranges)
        yield f"8 bits, trained, ranges {ranges}", digits.fit(prepared, 3e-5)
    weights = digits.model.get_weights()
    steps = digits.epochs * -(-len(digits.x) // 64)
    schedule = sparsity.PolynomialDecay(0.0, SPARSITY, 0, steps // 2, frequency=5)
    pruned = sparsity.prune_low_magnitude(digits.model, schedule)
    digits.fit(pruned, 1e-3, digits.epochs, [sparsity.UpdatePruningStep()])
    both = quantization.prepare(pruned, digits.x[:200])
    yield f"{SPARSITY:.0%} zeros", sparsity.strip_pruning(pruned)
    yield f"{SPARSITY:.0%} zeros, 8 bits", digits.fit(both, 3e-5)
    digits.model.set_weights(weights)
    clustered = digits.fit(clustering.cluster_weights(digits.model, 16), 1e-4)
    yield "16 values", clustering.strip_clustering(clustered)
    digits.model.set_weights(weights)


def _step(digits: Digits) -> Row:
    """A step of training for 8 bits next to one in float."""
    prepared = quantization.prepare(digits.model, digits.x[:200])
    for model in (prepared, digits.model):
        model.compile("adam", "sparse_categorical_crossentropy")
    batch = digits.x[:64], digits.y[:64]
    pair = compare(lambda: prepared.train_on_batch(*batch), lambda: digits.model.train_on_batch(*batch))
    return Row(
        "trained", "a step for 8 bits [batch 64]", 1000 * pair.ours, "ms", 1000 * pair.other, pair.ratio
    )
