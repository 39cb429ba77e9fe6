"""Data for prediction as shards: parts that can be read, and predicted, each for itself.

A file of rows (.npy, .parquet) is cut into ranges of rows; a .npz is one shard; images are grouped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kcompile_runtime import TensorInfo

from . import tables
from .model_inputs import as_input, in_order

_BYTES = 64 << 20
_MOST_ROWS = 65_536
_IMAGES = 256
_IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
KINDS = {".npy": "npy", ".npz": "npz", ".parquet": "parquet", **dict.fromkeys(_IMAGE_SUFFIXES, "images")}


@dataclass(frozen=True)
class Shard:
    """A part of the data.

    Attributes:
        index: its place among all.
        kind: "npy", "npz", "parquet" or "images".
        files: of one kind; several only for images.
        start, stop: rows of the file; of images, 0 and their number.
    """

    index: int
    kind: str
    files: tuple[str, ...]
    start: int
    stop: int

    def __str__(self) -> str:
        if self.kind == "images":
            return f"{self.files[0]} and {len(self.files) - 1} more"
        return f"{self.files[0]}, rows {self.start} to {self.stop}"

    @property
    def rows(self) -> int:
        """The number of samples."""
        return self.stop - self.start


@dataclass(frozen=True)
class Samples:
    """What a shard holds.

    Attributes:
        inputs: an array (samples, ...) for each input of the model.
        carried: columns that go into the results as they are: pyarrow's for tables, else arrays.
    """

    inputs: list[np.ndarray]
    carried: Mapping[str, Any] = field(default_factory=dict)


#: Makes an array (height, width, channels) or (channels, height, width) of an image file.
ImageReader = Callable[[str], np.ndarray]


def files_of(path: str | os.PathLike[str]) -> tuple[str, list[Path]]:
    """The kind of the data, and its files in order: the one given, or those in the folder and below.

    Raises:
        FileNotFoundError: there is nothing of that name.
        ValueError: no files that can be read, or several kinds.
    """
    root = Path(path)
    if not root.exists():
        raise FileNotFoundError(f"there is no file or folder {str(root)!r}")
    known = ", ".join(dict.fromkeys(KINDS))
    found = [root] if root.is_file() else sorted(file for file in root.rglob("*") if _counts(file, root))
    kinds = {KINDS[file.suffix.lower()] for file in found if file.suffix.lower() in KINDS}
    if len(kinds) != 1 or root.is_file() and root.suffix.lower() not in KINDS:
        held = " and ".join(sorted(kinds)) or root.suffix or "none"
        raise ValueError(f"{root}: expected files of one kind ({known}), found {held}")
    [kind] = kinds
    return kind, [file for file in found if KINDS.get(file.suffix.lower()) == kind]


def _counts(file: Path, root: Path) -> bool:
    """Whether a file is data: what begins with "." or "_" is somebody's bookkeeping."""
    return file.is_file() and not any(part[0] in "._" for part in file.relative_to(root).parts)


def shards_of(kind: str, files: Sequence[Path], shard_rows: int | None = None) -> list[Shard]:
    """The data cut into shards.

    Args:
        kind, files: as of `files_of`.
        shard_rows: samples of one, at most; by default 64 MB of them, or 256 images.

    Raises:
        ValueError: a file is damaged, or there are no samples.
    """
    if kind == "images":
        step = shard_rows or _IMAGES
        groups = [files[i : i + step] for i in range(0, len(files), step)]
        ranges = [(tuple(map(str, group)), 0, len(group)) for group in groups]
    else:
        ranges = [
            ((str(file),), start, stop) for file in files for start, stop in _ranges(kind, file, shard_rows)
        ]
    if not ranges:
        raise ValueError(f"{files[0].parent}: there are no samples in it")
    return [Shard(index, kind, *found) for index, found in enumerate(ranges)]


def _ranges(kind: str, file: Path, shard_rows: int | None) -> list[tuple[int, int]]:
    if kind == "parquet":
        rows, size = tables.rows_and_bytes(file)
    else:
        first, rows = _first_array(file)
        size = first.nbytes
    step = shard_rows or min(_MOST_ROWS, max(1, _BYTES * rows // max(1, size)))
    if kind == "npz":  # read as a whole, since it may be packed
        return [(0, rows)] if rows else []
    return [(start, min(rows, start + step)) for start in range(0, rows, step)]


def _first_array(file: Path) -> tuple[np.ndarray, int]:
    arrays = _load(file)
    sizes = {len(array) if array.ndim else 0 for array in arrays.values()}
    if len(sizes) != 1:
        raise ValueError(f"{file}: expected arrays of one number of samples, found {sorted(sizes)}")
    return next(iter(arrays.values())), sizes.pop()


def _load(file: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Arrays by name; nothing pickled is read."""
    try:
        found = np.load(file, mmap_mode="r", allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        with found:
            return {name: found[name] for name in found.files}
    except (EOFError, OSError, ValueError, KeyError) as error:
        raise ValueError(f"{file}: not a readable file of arrays ({error})") from error


def read(shard: Shard, inputs: Sequence[TensorInfo], image: ImageReader | None = None) -> Samples:
    """The samples of a shard, for the inputs of a model.

    Raises:
        ValueError: a file is damaged, or has not what the inputs need.
    """
    if shard.kind == "images":
        assert image is not None
        return Samples([_stacked(shard, image)], {"path": np.array(shard.files)})
    if shard.kind == "parquet":
        arrays, carried = tables.read_columns(shard.files[0], shard.start, shard.stop, inputs)
        return Samples(arrays, carried)
    arrays = in_order(_load(shard.files[0]), inputs, shard.files[0])
    rows = [np.asarray(array[shard.start : shard.stop]) for array in arrays]
    return Samples([as_input(array, info) for array, info in zip(rows, inputs, strict=True)])


def _stacked(shard: Shard, image: ImageReader) -> np.ndarray:
    images = [image(file) for file in shard.files]
    shapes = {array.shape for array in images}
    if len(shapes) > 1:
        raise ValueError(
            f"{shard}: the model takes images of any size, but those of one shard must agree; found "
            f"{' and '.join(map(str, sorted(shapes)[:2]))}; --shard-rows 1 predicts each for itself"
        )
    return np.stack(images)
