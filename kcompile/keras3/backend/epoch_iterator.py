"""Batches of arrays, at less cost for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from keras.src.backend.config import floatx
from keras.src.trainers import epoch_iterator
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter


class EpochIterator(epoch_iterator.EpochIterator):
    """As Keras's own; of plain arrays it cuts batches without looking at each one's structure and kind."""

    def _get_iterator(self) -> Any:
        adapter = self.data_adapter
        if type(adapter) is ArrayDataAdapter and adapter._shuffle != "batch" and _is_plain(adapter._inputs):
            return _batches(adapter)
        return super()._get_iterator()


def _is_plain(inputs: Any) -> bool:
    """Whether data are arrays side by side that would be given as they are."""
    return type(inputs) is tuple and all(
        type(x) is np.ndarray and (x.dtype.kind in "iub" or x.dtype.name == floatx()) for x in inputs
    )


def _batches(adapter: Any) -> Iterator[tuple[np.ndarray, ...]]:
    """The batches of an epoch, in the order that Keras's own iterator would draw."""
    count, size, arrays = adapter._num_samples, adapter._batch_size, adapter._inputs
    order = np.random.permutation(count) if adapter._shuffle else None
    for start in range(0, count, size):
        where = slice(start, start + size) if order is None else order[start : start + size]
        yield tuple([array[where] for array in arrays])
