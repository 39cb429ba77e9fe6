"""Training next to the same network written by hand in PyTorch: same batches, same Adam, same threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle

import torch
from torch.nn import functional as F

from .measuring import Row, compare
from .networks import NAMES, TITLES, data, keras_model, torch_data, torch_model

BATCH = 64
BATCHES = 20
TARGET = 1.10


def rows(rounds: int = 40) -> Iterator[Row]:
    """One step and one epoch of the three networks."""
    for name in NAMES:
        model = keras_model(name)
        x, y = data(name, BATCH * BATCHES)
        network = torch_model(name).train()
        # fused is the fastest Adam that PyTorch has on the CPU
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, fused=True)

        step = _our_step(model, x, y)
        pair = compare(step, _torch_step(name, network, optimizer, x, y), rounds, round_seconds=0.06)
        yield _row(f"{TITLES[name]}: a step of {BATCH}", pair)

        def fit(model=model, x=x, y=y) -> None:
            model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)

        pair = compare(
            fit, _torch_epoch(name, network, optimizer, x, y), max(3, rounds // 4), round_seconds=0.2
        )
        yield _row(f"{TITLES[name]}: fit, an epoch of {BATCHES} steps", pair)


def _row(what: str, pair) -> Row:
    return Row(
        "training, next to hand-written PyTorch",
        what,
        1e3 * pair.ours,
        "ms",
        1e3 * pair.other,
        pair.ratio,
        TARGET,
    )


def _our_step(model, x, y) -> Callable[[], None]:
    """The step that fit runs, on batches in turn."""
    model.train_on_batch(x[:BATCH], y[:BATCH])
    step = model._compiled_steps.train(False)
    batches = cycle([x[i : i + BATCH], y[i : i + BATCH]] for i in range(0, len(x), BATCH))
    return lambda: step(next(batches))


def _torch_step(name, network, optimizer, x, y) -> Callable[[], None]:
    inputs, labels = torch_data(name, x, y)
    batches = cycle((inputs[i : i + BATCH], labels[i : i + BATCH]) for i in range(0, len(x), BATCH))

    def step() -> None:
        batch, target = next(batches)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(batch), target).backward()
        optimizer.step()

    return step


def _torch_epoch(name, network, optimizer, x, y) -> Callable[[], float]:
    """A shuffled pass that ends with the mean loss, as fit's does."""
    inputs, labels = torch_data(name, x, y)

    def epoch() -> float:
        total = torch.zeros(())
        for indices in torch.randperm(len(inputs)).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(network(inputs[indices]), labels[indices])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(indices)
        return float(total) / len(inputs)

    return epoch
