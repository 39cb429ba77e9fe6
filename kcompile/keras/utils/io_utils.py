"""HDF5 as data (``HDF5Matrix``), as a dictionary (``H5Dict``) and as bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from ...formats import UnsafeFileError
from .. import registry
from .interactive import (
    disable_interactive_logging as disable_interactive_logging,
)
from .interactive import (
    enable_interactive_logging as enable_interactive_logging,
)
from .interactive import (
    is_interactive_logging_enabled as is_interactive_logging_enabled,
)
from .interactive import print_msg as print_msg

# HDF5 keeps attributes in an object header of 64 KiB; some of it is needed for the header itself.
HDF5_OBJECT_HEADER_LIMIT = 64512


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ImportError("HDF5 files need h5py: pip install h5py") from error
    return h5py


class HDF5Matrix:
    """A data set of an HDF5 file in the place of a NumPy array; only what is asked for is read.

    Args:
        datapath: path of the file.
        dataset: name of the data set in it.
        start: first row used, 0.
        end: row after the last used, None for all.
        normalizer: function applied to every array that is read.

    Indexing takes an integer, a slice, or a list or array of row numbers (any order, repeats allowed).

    Raises:
        KeyError: the file has no such data set.
        kcompile.formats.UnsafeFileError: the data set is behind a link to another file, virtual, or stored
            in another file; links within the file are followed.
    """

    refs: ClassVar[dict[Any, Any]] = {}

    def __init__(
        self,
        datapath: Any,
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ) -> None:
        self.datapath = os.fspath(datapath)
        self.dataset = dataset
        self.normalizer = normalizer
        rows = self.data.shape[0]
        self.start = start
        self.end = rows if end is None else end
        if not 0 <= self.start <= self.end <= rows:
            raise ValueError(
                f"Data set {dataset!r} of {self.datapath} has {rows} rows; start={start}, "
                f"end={end} is not a range in it."
            )
        first = self._normalize(self.data[0:1])
        self._base_shape = tuple(first.shape[1:])
        self._base_dtype = first.dtype

    @property
    def data(self) -> Any:
        """The h5py data set. A forked worker opens the file anew, for processes cannot share a handle."""
        key = (self.datapath, os.getpid())
        file = self.refs.get(key)
        if not file:  # a closed h5py file is false
            file = self.refs[key] = _h5py().File(self.datapath, "r")
        from ...formats.hdf5_members import member

        try:
            return member(file, self.dataset, self.datapath, f"data set {self.dataset!r}")
        except KeyError:
            raise KeyError(
                f"{self.datapath} has no data set {self.dataset!r}; it has {sorted(file)}."
            ) from None

    def _normalize(self, values: Any) -> Any:
        return values if self.normalizer is None else self.normalizer(values)

    def __len__(self) -> int:
        return self.end - self.start

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return self._normalize(self.data[self._absolute_slice(key)])
        if isinstance(key, (int, np.integer)):
            return self._normalize(self.data[int(self._absolute_rows(np.asarray(key)))])
        rows = np.asarray(key)
        rows = self._absolute_rows(np.flatnonzero(rows) if rows.dtype == bool else rows)
        if not rows.size:
            return self._normalize(self.data[0:0])
        # h5py reads increasing row numbers only.
        unique, inverse = np.unique(rows, return_inverse=True)
        values = self.data[unique.tolist()]
        return self._normalize(
            values if len(unique) == len(rows) and (unique == rows).all() else values[inverse]
        )

    def _absolute_slice(self, key: slice) -> slice:
        stop = len(self) if key.stop is None else key.stop
        if stop > len(self):
            raise IndexError(f"Slice stop {stop} is beyond the {len(self)} rows of {self.dataset!r}.")
        start, stop, step = key.indices(len(self))
        if step < 1:
            raise IndexError(f"HDF5 data cannot be read backwards: slice step {step}.")
        return slice(start + self.start, max(start, stop) + self.start, step)

    def _absolute_rows(self, rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(np.int64)
        rows = np.where(rows < 0, rows + len(self), rows)
        if rows.size and (rows.min() < 0 or rows.max() >= len(self)):
            raise IndexError(f"Row {int(rows.max())} is outside the {len(self)} rows of {self.dataset!r}.")
        return rows + self.start

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, ...) after normalizing."""
        return (len(self), *self._base_shape)

    @property
    def dtype(self) -> np.dtype:
        """NumPy dtype after normalizing."""
        return self._base_dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape))


def ask_to_proceed_with_overwrite(filepath: Any) -> bool:
    """Ask on the terminal whether the file may be overwritten."""
    answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n]").strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" (overwrite) or "n" (cancel).').strip().lower()
    if answer == "n":
        return False
    print_msg("[TIP] Next time specify overwrite=True!")
    return True


class H5Dict:
    """One dictionary face for an HDF5 file or group and for a plain dict.

    Args:
        path: path of a file, an h5py group, or a dict.
        mode: "a", "r" or "w", as h5py's.

    Arrays become data sets, other values attributes; a list of strings too long for HDF5's object header is
    spread over ``name0``, ``name1`` .... Reading a key that is not there makes a group of that name, unless
    read-only.

    Raises:
        TypeError: for anything else as ``path``.
    """

    def __init__(self, path: Any, mode: str = "a") -> None:
        self._is_file = False
        if isinstance(path, dict):
            self.data: Any = path
            if mode == "w":
                path.clear()
            path["_is_group"] = True  # tells a group from a dict that is a value
        elif isinstance(path, (str, os.PathLike)):
            self.data = _h5py().File(os.fspath(path), mode)
            self._is_file = True
        elif isinstance(path, _h5py().Group):
            self.data = path
        else:
            raise TypeError(f"Required Group, str, Path or dict. Received: {type(path)}.")
        self.read_only = mode == "r"

    @staticmethod
    def is_supported_type(path: Any) -> bool:
        """Whether an H5Dict can be made of ``path``."""
        return isinstance(path, (dict, str, os.PathLike)) or isinstance(path, _h5py().Group)

    def __setitem__(self, attr: Any, val: Any) -> None:
        if self.read_only:
            raise ValueError("Cannot set item in read-only mode.")
        attr = _text(attr)
        if isinstance(self.data, dict):
            self.data[attr] = val
        elif self._has_member(attr):
            raise KeyError(f'Cannot set attribute. Group with name "{attr}" exists.')
        elif isinstance(val, (np.ndarray, np.generic)):
            self.data.create_dataset(attr, data=val)
        elif isinstance(val, (list, tuple)):
            self._set_list(attr, val)
        else:
            self.data.attrs[attr] = val

    def _set_list(self, attr: str, val: Any) -> None:
        items = [x.encode("utf-8") if isinstance(x, str) else x for x in val]
        too_long = [x for x in items if isinstance(x, bytes) and len(x) > HDF5_OBJECT_HEADER_LIMIT]
        if too_long:
            raise RuntimeError(
                "The following attributes cannot be saved to HDF5 file because they are larger than "
                f"{HDF5_OBJECT_HEADER_LIMIT} bytes: {', '.join(repr(x[:60]) for x in too_long)}"
            )
        array = np.asarray(items)
        pieces = 1
        while any(p.nbytes > HDF5_OBJECT_HEADER_LIMIT for p in np.array_split(array, pieces)):
            pieces += 1
        if pieces == 1:
            self.data.attrs[attr] = array
            return
        for i, piece in enumerate(np.array_split(array, pieces)):
            self.data.attrs[f"{attr}{i}"] = piece

    def __getitem__(self, attr: Any) -> Any:
        attr = _text(attr)
        if isinstance(self.data, dict):
            return self._get_from_dict(attr)
        if attr in self.data.attrs:
            value = self.data.attrs[attr]
            is_bytes = isinstance(value, (np.ndarray, np.generic)) and value.dtype.type is np.bytes_
            return value.tolist() if is_bytes else value
        if self._has_member(attr):
            return self._get_member(attr)
        if f"{attr}0" in self.data.attrs:
            return list(self._pieces(attr))
        if self.read_only:
            raise ValueError(f"Cannot create group in read-only mode: {self.data.name} has no {attr!r}.")
        return H5Dict(self.data.create_group(attr))

    def _get_from_dict(self, attr: str) -> Any:
        if attr not in self.data:
            if self.read_only:
                raise ValueError(f"Cannot create group in read-only mode: there is no {attr!r}.")
            self.data[attr] = {"_is_group": True}
        value = self.data[attr]
        return H5Dict(value) if isinstance(value, dict) and value.get("_is_group") else value

    def _get_member(self, attr: str) -> Any:
        from ...formats.hdf5_members import MAX_COMPRESSION, member

        source = self.data.file.filename
        value = member(self.data, attr, source)
        if not isinstance(value, _h5py().Dataset):
            child = H5Dict(value)
            child.read_only = self.read_only
            return child
        if value.nbytes > MAX_COMPRESSION * max(value.id.get_storage_size(), 1):
            raise UnsafeFileError(
                source,
                f"{value.name!r} claims {value.nbytes} bytes (shape {value.shape}), but "
                f"{value.id.get_storage_size()} are stored for it.",
            )
        return np.asarray(value)

    def _has_member(self, attr: str) -> bool:
        """Not ``attr in self.data``: that opens the file that a link names."""
        from ...formats.hdf5_members import has_member

        return has_member(self.data, attr, self.data.file.filename)

    def _pieces(self, attr: str) -> Iterator[Any]:
        i = 0
        while f"{attr}{i}" in self.data.attrs:
            for item in self.data.attrs[f"{attr}{i}"]:
                yield item.decode("utf-8") if isinstance(item, bytes) else item
            i += 1

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data)

    def iter(self) -> Iterator[Any]:
        """Iterator over the keys."""
        return iter(self.data)

    def __contains__(self, key: Any) -> bool:
        if isinstance(self.data, dict):
            return key in self.data
        return self._has_member(_text(key)) or key in self.data.attrs

    def __getattr__(self, attr: str) -> Any:
        if attr == "data":  # not set yet: do not look for it in itself
            raise AttributeError(attr)
        return getattr(self.data, attr)

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of ``key``, or ``default``; makes no group."""
        return self[key] if key in self else default

    def update(self, *args: Any) -> None:
        """Set several items, as ``dict.update``."""
        for key, value in dict(*args).items():
            self[key] = value

    def close(self) -> None:
        """Flush; close the file if this object opened it."""
        if not isinstance(self.data, dict):
            self.data.file.flush()
            if self._is_file:
                self.data.close()

    def __enter__(self) -> H5Dict:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


h5dict = H5Dict


def _text(key: Any) -> Any:
    return key.decode("utf-8") if isinstance(key, bytes) else key


def load_from_binary_h5py(load_function: Callable[[Any], Any], stream: Any) -> Any:
    """``load_function(file)`` of an h5py file that is read whole from a binary stream."""
    with _h5py().File(io.BytesIO(stream.read()), "r") as file:
        return load_function(file)


def save_to_binary_h5py(save_function: Callable[[Any], Any], stream: Any) -> Any:
    """Write what ``save_function(file)`` puts into an in-memory h5py file to a binary stream."""
    buffer = io.BytesIO()
    with _h5py().File(buffer, "w") as file:
        result = save_function(file)
    stream.write(buffer.getvalue())
    return result


registry.register(globals())
