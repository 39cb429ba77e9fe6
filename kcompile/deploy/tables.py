"""Parquet files as inputs and results, by pyarrow. A tensor is a column of lists, nested as its axes are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kcompile_runtime import TensorInfo

from ..optional import optional
from .model_inputs import as_input


def rows_and_bytes(file: str | os.PathLike[str]) -> tuple[int, int]:
    """The number of rows of a file, and about how many bytes they are in memory.

    Raises:
        ValueError: it is no Parquet file.
    """
    with _opened(file) as opened:
        found = opened.metadata
        size = sum(found.row_group(i).total_byte_size for i in range(found.num_row_groups))
        return found.num_rows, size


def read_columns(
    file: str, start: int, stop: int, inputs: Sequence[TensorInfo]
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Rows of a file as arrays for the inputs, and the columns that are no inputs.

    A column is an input's by its name. Where no column is called after the only input, the only column of
    lists is its, or all columns of numbers are its features, in order.

    Raises:
        ValueError: the file is damaged, or its columns are not what the inputs need.
    """
    with _opened(file) as opened:
        table = _rows(opened, start, stop)
    chosen = _choose(table, inputs, file)
    arrays = []
    for info, names in zip(inputs, chosen, strict=True):
        columns = [_array(table.column(name), f"{file}: column {name!r}") for name in names]
        array = columns[0] if len(columns) == 1 and names == [info.name] else _joined(columns)
        arrays.append(as_input(array, info))
    used = {name for names in chosen for name in names}
    return arrays, {name: table.column(name) for name in table.column_names if name not in used}


def write_table(path: str, columns: Mapping[str, Any]) -> None:
    """Writes columns: those of tables as they are, arrays (rows, ...) as lists of their axes."""
    with optional("pyarrow", "Writing Parquet files"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    table = pa.table({name: _column(values) for name, values in columns.items()})
    pq.write_table(table, path)


def _opened(file: str | os.PathLike[str]) -> Any:
    with optional("pyarrow", "Reading Parquet files"):
        import pyarrow as pa
        import pyarrow.parquet as pq
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{file}: not a readable Parquet file ({error})") from error


def _rows(opened: Any, start: int, stop: int) -> Any:
    """The rows, of the row groups alone that they are in."""
    first = 0
    groups: list[int] = []
    before = 0
    for group in range(opened.metadata.num_row_groups):
        last = first + opened.metadata.row_group(group).num_rows
        if first < stop and last > start:
            before = before if groups else first
            groups.append(group)
        first = last
    return opened.read_row_groups(groups).slice(start - before, stop - start)


def _choose(table: Any, inputs: Sequence[TensorInfo], file: str) -> list[list[str]]:
    names = [info.name for info in inputs]
    if all(name in table.column_names for name in names):
        return [[name] for name in names]
    kinds = {name: _kind(table.schema.field(name).type) for name in table.column_names}
    if len(inputs) == 1:
        lists = [name for name, kind in kinds.items() if kind == "list"]
        if len(lists) == 1:
            return [lists]
        features = [name for name, kind in kinds.items() if kind == "number"]
        if features and not lists:
            return [features]
    raise ValueError(
        f"{file}: expected the columns {', '.join(names)}, found {', '.join(table.column_names) or 'none'}"
    )


def _kind(found: Any) -> str:
    import pyarrow.types as types

    if types.is_list(found) or types.is_large_list(found) or types.is_fixed_size_list(found):
        return "list"
    numbers = (types.is_integer, types.is_floating, types.is_boolean)
    return "number" if any(test(found) for test in numbers) else "other"


def _array(column: Any, where: str) -> np.ndarray:
    """A column as an array (rows, ...)."""
    values = column.combine_chunks()
    shape = [len(values)]
    while _kind(values.type) == "list":
        _no_nulls(values, where)
        shape.append(_length(values, where))
        values = values.flatten()
    _no_nulls(values, where)
    return values.to_numpy(zero_copy_only=False).reshape(shape)


def _no_nulls(values: Any, where: str) -> None:
    if values.null_count:
        raise ValueError(f"{where}: expected no nulls, found {values.null_count}")


def _length(values: Any, where: str) -> int:
    """The length that all lists have."""
    import pyarrow.compute as compute

    found = compute.min_max(compute.list_value_length(values)).as_py()
    if found["min"] != found["max"]:
        raise ValueError(f"{where}: expected lists of one length, found {found['min']} to {found['max']}")
    return found["min"] or 0


def _joined(columns: list[np.ndarray]) -> np.ndarray:
    """Columns of numbers as features (rows, columns); a single column of lists as it is."""
    if len(columns) == 1 and columns[0].ndim > 1:
        return columns[0]
    return np.stack(columns, axis=1)


def _column(values: Any) -> Any:
    import pyarrow as pa

    if not isinstance(values, np.ndarray):
        return values
    column = pa.array(values.reshape(-1))
    for size in reversed(values.shape[1:]):
        column = pa.FixedSizeListArray.from_arrays(column, size)
    return column
