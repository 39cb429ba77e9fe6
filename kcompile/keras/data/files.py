"""Datasets of what is in files: lines, records of one length, TFRecords."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from .checksums import crc32c
from .dataset import Dataset
from .stages import Items
from .structures import TensorSpec, as_leaf

#: The largest record that is read; a length beyond it is that of a damaged file.
_LARGEST = 1 << 31
_MASK = 0xA282EAD8


class _FileDataset(Dataset):
    """Texts out of files, one file after the other; ``_read`` finds them in a file that is open.

    Args:
        filenames: a path, a list of paths, or a dataset of them.
        compression_type: "", "GZIP" or "ZLIB".
        buffer_size, num_parallel_reads: accepted; files are read one after the other.
    """

    def __init__(
        self,
        filenames: Any,
        compression_type: Any = None,
        buffer_size: Any = None,
        num_parallel_reads: Any = None,
        name: str | None = None,
    ) -> None:
        kind = "" if compression_type is None else _text(compression_type)
        if kind not in ("", "GZIP", "ZLIB"):
            raise ValueError(f'compression_type must be "", "GZIP" or "ZLIB", found {kind!r}.')

        def elements() -> Iterator[bytes]:
            for path in paths_of(filenames):
                with opened(path, kind) as file:
                    yield from self._read(file, path)

        super().__init__(Items(elements, TensorSpec((), "string")))

    def _read(self, file: IO[bytes], path: str) -> Iterator[bytes]:
        raise NotImplementedError


class TextLineDataset(_FileDataset):
    """The lines of files, without their ends.

    Args:
        filenames: a path, a list of paths, or a dataset of them.
        compression_type: "", "GZIP" or "ZLIB".
        buffer_size, num_parallel_reads: accepted; files are read one after the other.
    """

    def _read(self, file: IO[bytes], path: str) -> Iterator[bytes]:
        for line in file:
            line = line.removesuffix(b"\n")
            yield line.removesuffix(b"\r")


class TFRecordDataset(_FileDataset):
    """The records of TFRecord files.

    Args: as ``TextLineDataset``.

    Raises:
        ValueError: while iterating, for a record whose checksum does not hold, or a file that ends early.
    """

    def _read(self, file: IO[bytes], path: str) -> Iterator[bytes]:
        number = 0
        while head := file.read(12):
            length, check = struct.unpack("<QI", head) if len(head) == 12 else (0, -1)
            if check != masked(head[:8]) or length > _LARGEST:
                raise ValueError(
                    f"{path} is no TFRecord file, or damaged: the length of record {number} is wrong."
                )
            data, end = file.read(length), file.read(4)
            if len(data) < length or len(end) < 4 or struct.unpack("<I", end)[0] != masked(data):
                raise ValueError(
                    f"{path} is damaged: record {number} is cut short, or its checksum does not hold."
                )
            yield data
            number += 1


class FixedLengthRecordDataset(_FileDataset):
    """Records of so many bytes each.

    Args:
        filenames: a path, a list of paths, or a dataset of them.
        record_bytes: length of a record.
        header_bytes, footer_bytes: what is left out at the beginning and the end of each file.
        buffer_size, num_parallel_reads: accepted.
        compression_type: "", "GZIP" or "ZLIB".
    """

    def __init__(
        self,
        filenames: Any,
        record_bytes: Any,
        header_bytes: Any = None,
        footer_bytes: Any = None,
        buffer_size: Any = None,
        compression_type: Any = None,
        num_parallel_reads: Any = None,
        name: str | None = None,
    ) -> None:
        self._sizes = [int(as_leaf(n or 0)) for n in (record_bytes, header_bytes, footer_bytes)]
        super().__init__(filenames, compression_type)

    def _read(self, file: IO[bytes], path: str) -> Iterator[bytes]:
        size, header, footer = self._sizes
        content = file.read()
        body = content[header : len(content) - footer]
        if size < 1 or len(body) % size:
            raise ValueError(f"{path} has {len(body)} bytes of records, which {size} does not divide.")
        for start in range(0, len(body), size):
            yield body[start : start + size]


def _text(value: Any) -> str:
    leaf = as_leaf(value)
    return leaf.decode() if isinstance(leaf, bytes) else str(leaf)


def paths_of(filenames: Any) -> Iterator[str]:
    """The paths that a path, a list of them, a tensor or a dataset names."""
    if isinstance(filenames, Dataset):
        for found in filenames.as_numpy_iterator():
            yield from paths_of(found)
        return
    leaf = as_leaf(
        [os.fspath(name) for name in filenames] if isinstance(filenames, list | tuple) else filenames
    )
    for name in np.ravel(np.asarray(leaf, object)):
        yield os.fsdecode(name)


@contextmanager
def opened(path: str, compression: str) -> Iterator[IO[bytes]]:
    """A file, unpacked as it is read."""
    with open(path, "rb") as file:
        if compression == "GZIP":
            with gzip.open(file) as unpacked:
                yield unpacked  # type: ignore[misc]
        elif compression == "ZLIB":
            yield _Inflated(file)  # type: ignore[misc]
        else:
            yield file


class _Inflated:
    """A file of zlib's, unpacked as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._inflate = zlib.decompressobj()
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer at the end; all for -1."""
        parts, missing = [self._left], size - len(self._left)
        while size < 0 or missing > 0:
            packed = self._inflate.unconsumed_tail or self._file.read(1 << 16)
            part = self._inflate.decompress(packed, 1 << 20)
            if not part and not packed:
                break
            parts.append(part)
            missing -= len(part)
        whole = b"".join(parts)
        cut = len(whole) if size < 0 else size
        self._left = whole[cut:]
        return whole[:cut]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read().splitlines(keepends=True))


def masked(data: bytes) -> int:
    """The checksum of a record, as TFRecord files mask it."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


class TFRecordWriter:
    """Writes records into a TFRecord file.

    Args:
        path: the file, which is overwritten.
        options: "", "GZIP" or "ZLIB"; or an object with that as its compression_type.
    """

    def __init__(self, path: Any, options: Any = None) -> None:
        kind = getattr(options, "compression_type", options) or ""
        if kind not in ("", "GZIP"):
            raise ValueError(f'TFRecordWriter writes files as they are, or "GZIP"; found {kind!r}.')
        name = os.fspath(path)
        self._file: Any = gzip.open(name, "wb") if kind else open(name, "wb")

    def write(self, record: Any) -> None:
        """One more record: bytes, or a tensor of a text."""
        data = as_leaf(record)
        if not isinstance(data, bytes):
            raise TypeError(f"A record is bytes, found {record!r}.")
        head = struct.pack("<Q", len(data))
        self._file.write(head + struct.pack("<I", masked(head)) + data + struct.pack("<I", masked(data)))

    def flush(self) -> None:
        """Hands what is written to the system."""
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
