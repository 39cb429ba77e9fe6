"""Adapters for data sets of others' making: tf.data, PyTorch's datasets, Hugging Face's.

Nothing here imports their packages: who passes an object of one has imported it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .. import data
from ..core.network import Network
from .data_adapters import ADAPTERS, DataArguments, LoaderAdapter

#: The module of the class that pipelines are of.
_DATASETS = f"{data.__name__}.dataset"


class DatasetAdapter(LoaderAdapter):
    """A Dataset of ``keras.data``: its batches as arrays, without a way through tensors."""

    def __init__(self, model: Network, given: DataArguments) -> None:
        super().__init__(model, replace(given, x=_Arrays(given.x)))

    @classmethod
    def can_handle(cls, given: DataArguments) -> bool:
        dataset = sys.modules.get(_DATASETS)
        return dataset is not None and isinstance(given.x, dataset.Dataset)


class _Arrays:
    """The elements of a dataset as they are inside it."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __iter__(self) -> Iterator[Any]:
        return iter(self._dataset._stage)

    def __len__(self) -> int:
        return len(self._dataset)


class TorchDatasetAdapter(LoaderAdapter):
    """A dataset of PyTorch, of single samples: a DataLoader makes batches of it.

    It takes ``batch_size`` (32), ``shuffle`` where samples have numbers, and ``workers``, which are processes
    with ``use_multiprocessing``.
    """

    takes_samples = True

    def __init__(self, model: Network, given: DataArguments) -> None:
        from ...torch_bridge.loading import sample_loader

        _, workers, use_multiprocessing = given.reading
        processes = workers if use_multiprocessing else 0
        loader = sample_loader(given.x, given.batch_size or 32, bool(given.shuffle), processes)
        super().__init__(model, replace(given, x=loader))

    @classmethod
    def can_handle(cls, given: DataArguments) -> bool:
        torch_data = sys.modules.get("torch.utils.data")
        return torch_data is not None and isinstance(given.x, torch_data.Dataset)


class HuggingFaceAdapter(LoaderAdapter):
    """A dataset of Hugging Face's ``datasets``, of named columns.

    Columns called as the model's inputs are its inputs; where there are none and the model has one input, the
    column that is left is it. Columns called as its outputs are the targets, or the one called label, labels,
    target, targets or y; sample_weight is what it says. It takes ``batch_size`` (32) and ``shuffle``.
    """

    takes_samples = True

    def __init__(self, model: Network, given: DataArguments) -> None:
        batches = _RowBatches(model, given.x, given.batch_size or 32, bool(given.shuffle))
        super().__init__(model, replace(given, x=batches))

    @classmethod
    def can_handle(cls, given: DataArguments) -> bool:
        package = sys.modules.get("datasets")
        if package is None or not hasattr(package, "IterableDataset"):
            return False
        if isinstance(given.x, package.DatasetDict | package.IterableDatasetDict):
            raise ValueError(
                f"A {type(given.x).__name__} is several datasets; give one: {', '.join(map(repr, given.x))}."
            )
        return isinstance(given.x, package.Dataset | package.IterableDataset)


class _RowBatches:
    """Batches of rows as (x, y, sample_weight)."""

    def __init__(self, model: Network, dataset: Any, size: int, shuffle: bool) -> None:
        self._model = model
        self._size = size
        self._shuffle = shuffle
        made_by_user = getattr(dataset, "format", None) and dataset.format["type"] == "custom"
        self._dataset = dataset if made_by_user else dataset.with_format("numpy")

    def __len__(self) -> int:
        return math.ceil(len(self._dataset) / self._size)

    def __iter__(self) -> Iterator[Any]:
        for rows in self._rows():
            yield self._batch({name: _column(values) for name, values in rows.items()})

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        if not hasattr(self._dataset, "__len__"):
            yield from self._dataset.iter(self._size)
            return
        order = np.arange(len(self._dataset))
        if self._shuffle:
            np.random.shuffle(order)
        for start in range(0, len(order), self._size):
            part = order[start : start + self._size]
            # a range of rows is read as it lies, others one by one
            yield self._dataset[part if self._shuffle else slice(int(part[0]), int(part[-1]) + 1)]

    def _batch(self, columns: dict[str, Any]) -> Any:
        weight = columns.pop("sample_weight", None)
        targets = self._named(self._model.output_names if self._model.outputs else [], columns)
        if targets is None:
            known = [name for name in _TARGETS if name in columns and name not in self._input_names()]
            targets = {known[0]: columns[known[0]]} if known else None
        y = None if targets is None else next(iter(targets.values())) if len(targets) == 1 else targets
        rest = {name: values for name, values in columns.items() if name not in (targets or ())}
        return self._inputs(rest), y, weight

    def _input_names(self) -> list[str]:
        return list(self._model.input_names) if self._model.inputs else []

    @staticmethod
    def _named(names: list[str], columns: Mapping[str, Any]) -> dict[str, Any] | None:
        return {name: columns[name] for name in names} if names and set(names) <= set(columns) else None

    def _inputs(self, columns: dict[str, Any]) -> Any:
        names = self._input_names()
        found = self._named(names, columns)
        if found is not None:
            return found
        if len(columns) == 1 and len(names) < 2:
            return next(iter(columns.values()))
        if not names:
            return columns
        raise ValueError(
            f"The dataset has the columns {sorted(columns)} beside its targets; the model's inputs are "
            f"called {names}. Rename them (dataset.rename_column), or leave out what is no input "
            "(dataset.select_columns)."
        )


#: What columns of targets are called, the first that is there counts.
_TARGETS = ("label", "labels", "target", "targets", "y")


def _column(values: Any) -> Any:
    """One array of a column, of which rows may be arrays of their own."""
    if isinstance(values, np.ndarray) and values.dtype != object or not len(values):
        return values
    rows = [np.asarray(row) for row in values]
    return np.stack(rows) if len({row.shape for row in rows}) == 1 else values


# before what takes all that can be iterated over; a stream of Hugging Face is a dataset of PyTorch, too
ADAPTERS[-2:-2] = [DatasetAdapter, HuggingFaceAdapter, TorchDatasetAdapter]
