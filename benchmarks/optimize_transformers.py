"""Transformers, exported and fused here, next to PyTorch's own export after onnxruntime's optimizer; training
next to PyTorch written by hand with ``scaled_dot_product_attention``."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kcompile import keras
from kcompile.optimize import fuse

from . import keras3_networks, torch_networks
from .measuring import Row, Work, compare, pair_row

LATENCY, TRAINING = 0.95, 1.0
EPSILON = 1e-12


class Size(NamedTuple):
    """Of a BERT; the default is that of BERT-base (Devlin et al. 2019)."""

    layers: int = 12
    width: int = 768
    heads: int = 12
    inner: int = 3072
    words: int = 30522
    tokens: int = 128


class Positions(keras.layers.Layer):
    """Adds a weight for each of the first positions."""

    def build(self, input_shape: Any) -> None:
        self.steps, width = input_shape[1:]
        self.table = self.add_weight(name="table", shape=(512, width), initializer="uniform")
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        return inputs + self.table[: self.steps]


def bert(size: Size) -> Any:
    """Words to what a classifier reads, the first token behind a dense layer; in Keras, new weights."""
    layers = keras.layers
    words = keras.Input((size.tokens,), dtype="int32")
    x = Positions()(layers.Embedding(size.words, size.width)(words))
    x = layers.LayerNormalization(epsilon=EPSILON)(x)
    for _ in range(size.layers):
        attended = layers.MultiHeadAttention(size.heads, size.width // size.heads)(x, x)
        x = layers.LayerNormalization(epsilon=EPSILON)(layers.add([x, attended]))
        inner = layers.Dense(size.inner, activation="gelu")(x)
        x = layers.LayerNormalization(epsilon=EPSILON)(layers.add([x, layers.Dense(size.width)(inner)]))
    return keras.Model(words, layers.Dense(size.width, activation="tanh")(x[:, 0]))


class TorchBlock(nn.Module):
    """A block of BERT."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        width = size.width
        self.heads = size.heads
        self.query, self.key, self.value, self.outer = (nn.Linear(width, width) for _ in range(4))
        self.first, self.second = nn.LayerNorm(width, EPSILON), nn.LayerNorm(width, EPSILON)
        self.inner, self.last = nn.Linear(width, size.inner), nn.Linear(size.inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, tokens, width) -> the same."""
        parts = (layer(x).unflatten(2, (self.heads, -1)) for layer in (self.query, self.key, self.value))
        attended = F.scaled_dot_product_attention(*(part.transpose(1, 2) for part in parts))
        x = self.first(x + self.outer(attended.transpose(1, 2).flatten(2)))
        return self.second(x + self.last(F.gelu(self.inner(x))))


class TorchBert(nn.Module):
    """The network of ``bert`` by hand."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.words = nn.Embedding(size.words, size.width)
        self.positions = nn.Parameter(torch.randn(512, size.width))
        self.norm = nn.LayerNorm(size.width, EPSILON)
        self.blocks = nn.Sequential(*(TorchBlock(size) for _ in range(size.layers)))
        self.pool = nn.Linear(size.width, size.width)

    def forward(self, words: Tensor) -> Tensor:
        """(batch, tokens) -> (batch, width)."""
        x = self.norm(self.words(words) + self.positions[: words.shape[1]])
        return torch.tanh(self.pool(self.blocks(x)[:, 0]))


def rows(rounds: int = 25, size: Size | None = None) -> Iterator[Row]:
    """Latency of the transformer of two blocks and of BERT-base, and the training step of the first.

    Args:
        rounds: how often the turn changes.
        size: of another BERT, for a quick run.
    """
    two_blocks, x, y = keras3_networks.transformer(keras)
    yield from _latency(
        "2 blocks of 128, 64 tokens", two_blocks, torch_networks.transformer(), (4, 128), (1, 32), 64, rounds
    )
    size = size or Size()
    name = "BERT-base" if size == Size() else "BERT"
    shape = (size.heads, size.width)
    yield from _latency(
        f"{name}, {size.tokens} tokens", bert(size), TorchBert(size), shape, (1,), size.tokens, rounds
    )
    pair = compare(
        lambda: two_blocks.train_on_batch(x, y),
        torch_networks.training_step("transformer"),
        rounds,
        round_seconds=0.3,
        most_seconds=30.0,
    )
    what = "2 blocks of 128: a step of 32, next to PyTorch's scaled_dot_product_attention"
    yield pair_row("transformers", what, pair, TRAINING)


def _latency(
    title: str, model: Any, network: nn.Module, shape: tuple[int, int], batches: tuple[int, ...], tokens: int,
    rounds: int,
) -> Iterator[Row]:  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        plain, ours, other = (Path(folder) / f"{name}.onnx" for name in ("plain", "ours", "other"))
        model.export(plain, verify=False)
        fuse(plain, "cpu").save(ours)
        _exported_by_torch(network.eval(), shape, tokens, other)
        for batch in batches:
            words = np.random.RandomState(0).randint(1, 1000, (batch, tokens))
            found = {path: _run(path, words) for path in (plain, ours, other)}
            for path, target in ((ours, LATENCY), (plain, None)):
                pair = compare(found[path], found[other], rounds, round_seconds=0.05, most_seconds=25.0)
                what = "fused" if path == ours else "as exported"
                what = f"{title}, batch {batch}: {what}, next to PyTorch's export, optimized"
                yield pair_row("transformers", what, pair, target)


def _exported_by_torch(network: nn.Module, shape: tuple[int, int], tokens: int, path: Path) -> None:
    """By ``torch.onnx.export`` with its optimizer, and then onnxruntime's for transformers."""
    from onnxruntime.transformers.optimizer import optimize_model

    words = torch.randint(1, 1000, (1, tokens))
    sizes = ({0: torch.export.Dim.DYNAMIC},)
    program = torch.onnx.export(
        network, (words,), dynamo=True, optimize=True, dynamic_shapes=sizes, verbose=False
    )
    assert program is not None
    exported = path.with_suffix(".torch.onnx")
    program.save(exported)
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        heads, width = shape
        optimize_model(str(exported), "bert", num_heads=heads, hidden_size=width).save_model_to_file(
            str(path)
        )
    finally:
        logging.disable(level)


def _run(path: Path, words: np.ndarray) -> Work:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (info,) = session.get_inputs()
    feed = {info.name: words.astype("int64" if "64" in info.type else "int32")}
    run: Callable[..., object] = session.run
    return lambda: run(None, feed)
