"""Batches prepared ahead by worker processes of torch's DataLoader, passed through shared memory."""

from __future__ import annotations

import pickle
import random
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

#: Arrays of fewer bytes are pickled with the rest of the batch.
SMALL = 1 << 14


class WorkerDiedError(RuntimeError):
    """A worker process ended before its batch was ready."""


class Loader:
    """One pass over some batches of a sequence, in order.

    Args:
        sequence: anything with ``__getitem__``; each worker has a copy, as it is now.
        order: the indices, in the order in which batches are wanted.
        workers: number of processes.
        ahead: how many batches may be under way or ready, all workers together; at least one each.
        seed: before each batch numpy's, Python's and torch's generators are seeded with ``seed + index``, so
            that what is drawn does not depend on which worker draws it.
    """

    def __init__(self, sequence: Any, order: Sequence[int], workers: int, ahead: int, seed: int) -> None:
        workers = min(workers, len(order))
        with warnings.catch_warnings():
            # Keras lets users have more workers than cores, which wait for disks
            warnings.filterwarnings("ignore", message=".*suggested max number of worker.*")
            loader = DataLoader(
                _Batches(sequence, seed),
                batch_size=None,
                sampler=list(order),
                num_workers=workers,
                prefetch_factor=max(1, ahead // workers),
                collate_fn=_as_it_is,
                generator=torch.Generator().manual_seed(
                    seed % 2**63
                ),  # the caller's generator stays as it is
            )
            self._batches = iter(loader)

    def take(self) -> Any:
        """The next batch.

        Raises:
            WorkerDiedError: if a worker ended.
            Exception: what the sequence raised.
        """
        try:
            result = next(self._batches)
        except RuntimeError as error:
            if "exited unexpectedly" in str(error) or "killed by signal" in str(error):
                raise WorkerDiedError(str(error)) from error
            raise
        if isinstance(result, _Failure):
            raise result.error() from RuntimeError(f"in a data worker process:\n{result.traceback}")
        return _mapped(result, _Shared, lambda shared: shared.tensor.numpy())

    def close(self) -> None:
        """Ends the workers."""
        del self._batches


class _Batches(Dataset):  # type: ignore[type-arg]
    def __init__(self, sequence: Any, seed: int) -> None:
        self.sequence = sequence
        self.seed = seed

    def __getitem__(self, index: int) -> Any:
        seed = (self.seed + index) % 2**32
        np.random.seed(seed)
        random.seed(self.seed + index)
        torch.manual_seed(seed)
        try:
            return _mapped(self.sequence[index], np.ndarray, _shared)
        except Exception as error:  # raised again where the batch is taken
            return _Failure.of(error)


@dataclass
class _Shared:
    """An array on its way through shared memory."""

    tensor: torch.Tensor


@dataclass
class _Failure:
    pickled: bytes | None
    message: str
    traceback: str

    @classmethod
    def of(cls, error: Exception) -> _Failure:
        try:
            pickled: bytes | None = pickle.dumps(error)
            pickle.loads(pickled)  # type: ignore[arg-type]  # noqa: S301
        except Exception:  # whatever a user's exception does when pickled
            pickled = None
        return cls(pickled, f"{type(error).__name__}: {error}", traceback.format_exc())

    def error(self) -> Exception:
        return pickle.loads(self.pickled) if self.pickled else RuntimeError(self.message)  # noqa: S301  ours


def _shared(array: np.ndarray) -> Any:
    if array.nbytes < SMALL or array.dtype.kind not in "fiub":
        return array
    try:
        return _Shared(torch.from_numpy(np.ascontiguousarray(array)))
    except TypeError:  # torch has no such element type
        return array


def _mapped(value: Any, kind: type, function: Callable[[Any], Any]) -> Any:
    """The value with the function applied to what is of a kind, inside lists, tuples and dicts too."""
    if isinstance(value, kind):
        return function(value)
    if type(value) in (list, tuple):
        return type(value)(_mapped(entry, kind, function) for entry in value)
    if type(value) is dict:
        return {key: _mapped(entry, kind, function) for key, entry in value.items()}
    return value


def _as_it_is(batch: Any) -> Any:
    return batch


def sample_loader(dataset: Any, batch_size: int, shuffle: bool, processes: int = 0) -> Any:
    """A DataLoader that makes batches of the samples of a dataset.

    Args:
        shuffle: whether each pass has an order of its own; samples without numbers come as they come.
        processes: that read ahead.
    """
    numbered = not isinstance(dataset, IterableDataset)
    return DataLoader(dataset, batch_size, shuffle=shuffle and numbered, num_workers=processes)
