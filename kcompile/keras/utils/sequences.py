"""Data in batches: ``Sequence``, and what a batch has in it."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from .. import registry


class Sequence:
    """Base of a data set that is read batch by batch, safe for several workers.

    Write ``__getitem__(index)``, which returns one batch (``(inputs, targets)`` or ``(inputs, targets,
    sample_weights)``), and ``__len__``, the number of batches. ``on_epoch_end`` may change the data between
    epochs.
    """

    use_sequence_api = True

    @abstractmethod
    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(index).")

    @abstractmethod
    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__(), the number of batches.")

    def on_epoch_end(self) -> None:
        """Called after the last batch of every epoch."""

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]


class PyDataset(Sequence):
    """A ``Sequence`` that says itself how it is read ahead, as Keras 3 has it.

    Write ``__getitem__`` and ``__len__``, or the property ``num_batches``, None for data without end.

    Args:
        workers: threads, or processes, that read ahead; 0 for none.
        use_multiprocessing: whether they are processes.
        max_queue_size: how many batches may be under way or ready.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    @property
    def num_batches(self) -> int | None:
        """Number of batches of an epoch; None for no end."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before the first batch of every epoch."""

    def __iter__(self) -> Iterator[Any]:
        count = self.num_batches
        return (self[index] for index in (itertools.count() if count is None else range(count)))


def batches_in(sequence: Any) -> int | None:
    """Number of batches of an epoch; None for a PyDataset without end."""
    return sequence.num_batches if isinstance(sequence, PyDataset) else len(sequence)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of what a training step is given: x, (x,), (x, y) or (x, y, sample_weight).

    Arrays keep their shapes.

    Raises:
        ValueError: for a tuple of another length.
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`, found a "
            f"tuple of {len(data)}: {data!r}."
        )
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """What a training step is given of them: x itself where it is a tensor, else a tuple without what is
    None at its end. Arrays keep their shapes.
    """
    if y is None and sample_weight is None:
        return (x,) if isinstance(x, list | tuple | dict) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


registry.register(globals())
