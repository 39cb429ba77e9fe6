"""Batches that the devices of a strategy share in a loop of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...ir import EagerTensor, Value
from ...keras.data.dataset import Dataset
from ...keras.data.iterators import DatasetIterator
from ...keras.training.nests import flatten
from ...keras.training.own_steps import divided


class PerReplica(EagerTensor):
    """A whole batch, of which each device of a strategy has its part.

    What a ``tf.function`` computes of it, each device computes of its part; everywhere else it is a tensor.

    Attributes:
        devices: their names; none where processes of torchrun share it.
    """

    __slots__ = ("devices",)

    def __init__(self, of: EagerTensor, devices: Sequence[str]) -> None:
        super().__init__(of.tensor, of.dtype, tuple(of.tensor.shape), of.interpreter)
        self.devices = tuple(devices)

    @property
    def values(self) -> tuple[Value, ...]:
        """The part of each device, those that have no sample left out."""
        size, more = divmod(len(self), max(len(self.devices), 1))
        sizes = [size + (i < more) for i in range(max(len(self.devices), 1))]
        starts = [sum(sizes[:i]) for i in range(len(sizes))]
        return tuple(self[i : i + n] for i, n in zip(starts, sizes, strict=True) if n)


class DistributedDataset(Dataset):
    """What ``strategy.experimental_distribute_dataset`` gives: the dataset, with batches to be shared.

    Args:
        dataset: of batches.
        devices: that share them.
    """

    def __init__(self, dataset: Dataset, devices: Sequence[str]) -> None:
        super().__init__(dataset._stage, dataset._options)
        self._devices = tuple(devices)

    def __iter__(self) -> DatasetIterator:
        return _DistributedIterator(self._stage, self._devices)


class _DistributedIterator(DatasetIterator):
    def __init__(self, stage: Any, devices: Sequence[str]) -> None:
        super().__init__(stage)
        self._devices = devices

    def __next__(self) -> Any:
        return shared(super().__next__(), self._devices)


def shared(batch: Any, devices: Sequence[str]) -> Any:
    """The tensors of a batch, of any nesting, to be shared by devices; numbers stay with all of them."""
    leaves, structure = flatten(batch)
    return structure.pack(
        [PerReplica(x, devices) if isinstance(x, EagerTensor) and x.shape else x for x in leaves]
    )


def sharing(leaves: Sequence[Any]) -> Callable[[Any], Any] | None:
    """What makes steps of graphs for these arguments; None where none of them is shared."""
    return next((divided(x.devices) for x in leaves if isinstance(x, PerReplica)), None)
