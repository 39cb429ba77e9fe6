"""Datasets of tables in CSV files."""

from __future__ import annotations

import csv
import glob
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ...ir import Value
from .dataset import Dataset
from .dtypes import DType, as_dtype
from .files import _text, opened, paths_of
from .structures import TensorSpec, elements_of


class CsvDataset(Dataset):
    """The rows of CSV files, each a tuple with one scalar for each column.

    Args:
        filenames: a path, a list of paths, or a dataset of them.
        record_defaults: for each column that is read what stands for an empty field, which tells its type, or
            an element type where a field must be there.
        compression_type: "", "GZIP" or "ZLIB".
        buffer_size: accepted.
        header: whether the first line of each file is left out.
        field_delim: between fields.
        use_quote_delim: whether quotes keep what is between them together.
        na_value: another way to write an empty field.
        select_cols: numbers of the columns that are read; None for all.
        exclude_cols: numbers of those that are not read.

    Raises:
        ValueError: while iterating, for a row of another number of fields, a field that is no number of its
            column's type, or an empty one that must be there.
    """

    def __init__(
        self,
        filenames: Any,
        record_defaults: Sequence[Any],
        compression_type: Any = None,
        buffer_size: Any = None,
        header: bool = False,
        field_delim: str = ",",
        use_quote_delim: bool = True,
        na_value: str = "",
        select_cols: Sequence[int] | None = None,
        exclude_cols: Sequence[int] | None = None,
    ) -> None:
        columns = [_Column(default, na_value) for default in record_defaults]
        kind = "" if compression_type is None else _text(compression_type)

        def rows() -> Iterator[tuple[Any, ...]]:
            for path in paths_of(filenames):
                for row in _rows(path, kind, field_delim, use_quote_delim, skipped=int(header)):
                    fields = _chosen(row, select_cols, exclude_cols)
                    if len(fields) != len(columns):
                        raise ValueError(
                            f"{path}: a row has {len(fields)} fields, {len(columns)} are expected: {row!r}."
                        )
                    yield tuple(column(field) for column, field in zip(columns, fields, strict=True))

        signature = tuple(TensorSpec((), column.dtype) for column in columns)
        super().__init__(Dataset.from_generator(rows, output_signature=signature)._stage)


def make_csv_dataset(
    file_pattern: Any,
    batch_size: int,
    column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None,
    label_name: str | None = None,
    select_columns: Sequence[Any] | None = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: Any = None,
    num_parallel_reads: Any = None,
    sloppy: bool = False,
    num_rows_for_inference: int | None = 100,
    compression_type: Any = None,
    ignore_errors: bool = False,
    encoding: str = "utf-8",
) -> Dataset:
    """Batches of columns by name, of CSV files.

    Args:
        file_pattern: a pattern of paths, or a list of such.
        batch_size: rows of a batch.
        column_names: of all columns; None to take them from the first line.
        column_defaults: as for CsvDataset, for the columns that are read; None to find the types in the first
            ``num_rows_for_inference`` rows.
        label_name: the column that is given beside the others.
        select_columns: names or numbers of the columns that are read; None for all.
        num_epochs: how often the files are read; None for ever.
        shuffle, shuffle_buffer_size, shuffle_seed: as for ``Dataset.shuffle``.

    The other arguments are as for CsvDataset; how files are read ahead is accepted.

    Raises:
        ValueError: if there is no file, or no such column.
    """
    patterns = [file_pattern] if isinstance(file_pattern, str | bytes) else file_pattern
    paths = sorted(path for pattern in patterns for path in glob.glob(_text(pattern)))
    if not paths:
        raise ValueError(f"No file is at {file_pattern!r}.")
    kind = "" if compression_type is None else _text(compression_type)
    first = next(iter(_rows(paths[0], kind, field_delim, use_quote_delim)))
    names = list(column_names or first)
    chosen = [_number(column, names) for column in select_columns or names]
    if column_defaults is None:
        sample = itertools.islice(
            _rows(paths[0], kind, field_delim, use_quote_delim, skipped=int(header)), num_rows_for_inference
        )
        columns = list(zip(*(_chosen(row, chosen, None) for row in sample), strict=True))
        column_defaults = [_default(fields, na_value) for fields in columns]
    table: Dataset = CsvDataset(
        paths, column_defaults, kind, None, header, field_delim, use_quote_delim, na_value, chosen
    )
    kept = [names[i] for i in chosen]
    if label_name is not None and label_name not in kept:
        raise ValueError(f"There is no column {label_name!r}; there are {', '.join(kept)}.")
    if shuffle:
        table = table.shuffle(shuffle_buffer_size, shuffle_seed)
    table = table.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None)

    def by_name(*columns: Any) -> Any:
        features = dict(zip(kept, columns, strict=True))
        return features if label_name is None else (features, features.pop(label_name))

    return table.map(by_name)


class _Column:
    """Makes the fields of a column its elements."""

    def __init__(self, default: Any, na_value: str) -> None:
        self.is_needed = isinstance(default, DType | type)
        held = default if self.is_needed else np.asarray(elements_of(default)).reshape(-1)[:1]
        typed = isinstance(default, np.ndarray | np.generic | Value)
        self.dtype = (
            as_dtype(default if self.is_needed else held.dtype) if typed or self.is_needed else _type_of(held)
        )
        self.default = None if self.is_needed or not len(held) else held[0]
        self.is_needed |= self.default is None
        self.empty = {"", na_value}

    def __call__(self, field: str) -> Any:
        if field in self.empty:
            if self.is_needed:
                raise ValueError("A field that must be there is empty.")
            field = self.default.decode() if isinstance(self.default, bytes) else str(self.default)
        if self.dtype == "string":
            return field.encode()
        return np.dtype(str(self.dtype)).type(int(field) if self.dtype.is_integer else float(field))


def _type_of(values: np.ndarray) -> DType:
    """Python's numbers are of 32 bits."""
    return as_dtype({"i": "int32", "f": "float32"}.get(values.dtype.kind, values.dtype))


def _rows(path: str, kind: str, delimiter: str, quoted: bool, skipped: int = 0) -> Iterable[list[str]]:
    quoting: Any = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    with opened(path, kind) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")  # type: ignore[arg-type]  # gzip's files are read alike
        yield from itertools.islice(csv.reader(text, delimiter=delimiter, quoting=quoting), skipped, None)


def _chosen(row: Sequence[str], selected: Sequence[int] | None, excluded: Sequence[int] | None) -> list[str]:
    if selected is not None:
        return [row[i] for i in selected]
    return [field for i, field in enumerate(row) if i not in (excluded or ())]


def _number(column: Any, names: Sequence[str]) -> int:
    if isinstance(column, int):
        return column
    if column not in names:
        raise ValueError(f"There is no column {column!r}; there are {', '.join(names)}.")
    return names.index(column)


def _default(fields: Sequence[str], na_value: str) -> Any:
    """The narrowest type that takes all fields: int32, int64, float32, float64, text."""
    given = [field for field in fields if field not in ("", na_value)]
    for kind, holds in (("int32", _is_int32), ("int64", _is_int), ("float32", _is_float)):
        if all(map(holds, given)):
            return np.zeros(1, kind)
    return np.array([""], object)


def _is_int(field: str) -> bool:
    try:
        return bool(np.iinfo(np.int64).min <= int(field) <= np.iinfo(np.int64).max)
    except ValueError:
        return False


def _is_int32(field: str) -> bool:
    return _is_int(field) and -(2**31) <= int(field) < 2**31


def _is_float(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
