"""``tf.data.experimental``: names of before ``Dataset`` had the methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .csv import CsvDataset, make_csv_dataset
from .dataset import Dataset
from .files import TFRecordWriter as _Records
from .options import Options
from .reading import AUTOTUNE
from .stages import INFINITE as INFINITE_CARDINALITY
from .stages import UNKNOWN as UNKNOWN_CARDINALITY
from .stages import Chosen
from .structures import as_leaf

Transformation = Callable[[Dataset], Dataset]

AutotuneOptions = DistributeOptions = OptimizationOptions = ThreadingOptions = Options
sample_from_datasets = Dataset.sample_from_datasets
choose_from_datasets = Dataset.choose_from_datasets
load = Dataset.load
Counter = Dataset.counter
RandomDataset = Dataset.random


class TFRecordWriter:
    """Writes the records that a dataset gives into a TFRecord file.

    Args:
        filename: the file, which is overwritten.
        compression_type: "" or "GZIP".
    """

    def __init__(self, filename: Any, compression_type: str | None = None) -> None:
        self._filename = as_leaf(filename)
        self._compression_type = compression_type

    def write(self, dataset: Dataset) -> None:
        """Writes all records.

        Raises:
            TypeError: for what is no dataset, or one of something else than scalars of text.
        """
        if not isinstance(dataset, Dataset):
            raise TypeError(f"tf.data.experimental.TFRecordWriter writes a dataset, found {dataset!r}.")
        with _Records(self._filename, self._compression_type) as file:
            for record in dataset:
                file.write(record)


class AutoShardPolicy:
    """How datasets are divided among workers: accepted."""

    OFF, AUTO, FILE, DATA, HINT = -1, 0, 1, 2, 3


def cardinality(dataset: Dataset) -> Any:
    """How many elements there are."""
    return dataset.cardinality()


def assert_cardinality(expected_cardinality: int) -> Transformation:
    """Says how many elements there are, where the dataset does not know.

    Raises:
        ValueError: at the end of a pass that had another number.
    """
    expected = int(expected_cardinality)

    def applied(dataset: Dataset) -> Dataset:
        def passes(begin: Callable[[], Any]) -> Any:
            seen = 0
            for element in begin():
                seen += 1
                yield element
            if seen != expected:
                raise ValueError(f"Input dataset was expected to contain {expected} elements, found {seen}.")

        return dataset._with(Chosen(dataset._stage, passes, lambda n: expected))

    return applied


def get_single_element(dataset: Dataset) -> Any:
    """The only element."""
    return dataset.get_single_element()


def get_structure(dataset: Dataset) -> Any:
    """The specs of the elements."""
    return dataset.element_spec


def save(dataset: Dataset, path: Any, **options: Any) -> None:
    """Writes the elements into a folder."""
    dataset.save(path)


def _applied(name: str) -> Callable[..., Transformation]:
    """A method of datasets as a function that ``apply`` takes."""

    def transformation(*args: Any, **kwargs: Any) -> Transformation:
        return lambda dataset: getattr(dataset, name)(*args, **kwargs)

    transformation.__name__ = transformation.__qualname__ = name
    transformation.__doc__ = f"``Dataset.{name}`` for ``apply``."
    return transformation


bucket_by_sequence_length = _applied("bucket_by_sequence_length")
enumerate_dataset = _applied("enumerate")
group_by_window = _applied("group_by_window")
ignore_errors = _applied("ignore_errors")
scan = _applied("scan")
take_while = _applied("take_while")
unbatch = _applied("unbatch")
unique = _applied("unique")
parallel_interleave = _applied("interleave")


def prefetch_to_device(device: Any, buffer_size: Any = None) -> Transformation:
    """Elements made ahead; ``fit`` brings them to its device."""
    return lambda dataset: dataset.prefetch(AUTOTUNE if buffer_size is None else buffer_size)


def copy_to_device(target_device: Any, source_device: Any = "/cpu:0") -> Transformation:
    """The dataset as it is; ``fit`` brings its elements to the device."""
    return lambda dataset: dataset


def map_and_batch(
    map_func: Callable[..., Any],
    batch_size: Any,
    num_parallel_batches: Any = None,
    drop_remainder: bool = False,
    num_parallel_calls: Any = None,
) -> Transformation:
    """``map``, then ``batch``."""
    return lambda dataset: dataset.map(map_func, num_parallel_calls).batch(batch_size, drop_remainder)


def dense_to_ragged_batch(
    batch_size: Any, drop_remainder: bool = False, row_splits_dtype: Any = "int64"
) -> Transformation:
    """``ragged_batch``."""
    return lambda dataset: dataset.ragged_batch(batch_size, drop_remainder)


def shuffle_and_repeat(buffer_size: Any, count: Any = None, seed: Any = None) -> Transformation:
    """``shuffle``, then ``repeat``."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "AutoShardPolicy",
    "AutotuneOptions",
    "Counter",
    "CsvDataset",
    "DistributeOptions",
    "OptimizationOptions",
    "RandomDataset",
    "TFRecordWriter",
    "ThreadingOptions",
    "assert_cardinality",
    "bucket_by_sequence_length",
    "cardinality",
    "choose_from_datasets",
    "copy_to_device",
    "dense_to_ragged_batch",
    "enumerate_dataset",
    "get_single_element",
    "get_structure",
    "group_by_window",
    "ignore_errors",
    "load",
    "make_csv_dataset",
    "map_and_batch",
    "parallel_interleave",
    "prefetch_to_device",
    "sample_from_datasets",
    "save",
    "scan",
    "shuffle_and_repeat",
    "take_while",
    "unbatch",
    "unique",
]
