"""Windows over time series as a dataset."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import AUTOTUNE, Dataset
from ..data.stages import Columns, Rows
from ..data.structures import TensorSpec, as_leaf

__all__ = ["timeseries_dataset_from_array"]


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """A dataset of windows over a series, each with a target.

    Args:
        data: array whose axis 0 is time.
        targets: ``targets[i]`` goes with the window that begins at step i; None for windows alone.
        sequence_length: steps in a window.
        sequence_stride: steps from one window to the next.
        sampling_rate: take every so many-th step.
        batch_size: windows in a batch; None for single ones.
        shuffle: whether each pass has an order of its own.
        seed: of the shuffling.
        start_index, end_index: the steps that are used, from the first to before the last.
        format: "tf" alone.

    Returns:
        a Dataset of windows (batch, sequence_length, ...), or (windows, targets). They are cut out when
        they are asked for.

    Raises:
        ValueError: for sizes that do not fit the series.
    """
    series = np.asarray(as_leaf(data))
    _check("start_index", start_index, 0, len(series))
    _check("end_index", end_index, 1, len(series) + 1)
    if None not in (start_index, end_index) and end_index <= start_index:  # type: ignore[operator]
        raise ValueError(f"end_index must be higher than start_index, found {start_index=} and {end_index=}.")
    for name, size in (
        ("sequence_length", sequence_length),
        ("sampling_rate", sampling_rate),
        ("sequence_stride", sequence_stride),
    ):
        _check(name, size, 1, len(series) if name != "sequence_length" else None)
    start = start_index or 0
    stop = len(series) if end_index is None else end_index
    count = stop - start - (sequence_length - 1) * sampling_rate
    wanted = None if targets is None else np.asarray(as_leaf(targets))
    if wanted is not None:
        count = min(count, len(wanted))
    begins = np.arange(0, max(count, 0), sequence_stride)
    if shuffle:
        seed = int(np.random.randint(1_000_000)) if seed is None else seed
        np.random.RandomState(seed).shuffle(begins)
    steps = np.arange(sequence_length) * sampling_rate
    dataset = Dataset(
        Rows(_Windows(series[start:stop], None if wanted is None else wanted[start:stop], begins, steps))
    )
    if shuffle:
        dataset = dataset.shuffle(8 * batch_size if batch_size else 1024, seed)
    if batch_size is not None:
        dataset = dataset.batch(batch_size)
    return dataset.prefetch(AUTOTUNE)


def _check(name: str, size: int | None, least: int, limit: int | None) -> None:
    if size is None:
        return
    if size < least or limit is not None and size >= limit:
        upper = "" if limit is None else f", lower than {limit}"
        raise ValueError(f"{name} must be a whole number of at least {least}{upper}; found {size!r}.")


class _Windows(Columns):
    """Windows as the rows of a series.

    Args:
        series: (time, ...).
        targets: (time, ...) or None.
        begins: where each window begins.
        steps: of a window, from its begin.
    """

    def __init__(self, series: np.ndarray, targets: Any, begins: np.ndarray, steps: np.ndarray) -> None:
        self.series = series
        self.targets = targets
        self.begins = begins
        self.steps = steps
        self.length = len(begins)

    @property
    def spec(self) -> Any:
        window = TensorSpec((None, *self.series.shape[1:]), self.series.dtype)
        return (
            window
            if self.targets is None
            else (window, TensorSpec(self.targets.shape[1:], self.targets.dtype))
        )

    def row(self, index: int) -> Any:
        return self._at(self.begins[index])

    def rows(self, indices: np.ndarray) -> Any:
        return self._at(self.begins[indices])

    def _at(self, begins: Any) -> Any:
        window = self.series[begins[..., np.newaxis] + self.steps]
        return window if self.targets is None else (window, self.targets[begins])
