"""Arrays in files: .npy, .npz, .csv. Nothing pickled is read."""

from __future__ import annotations

import csv
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import CommandError

SUFFIXES = (".npy", ".npz", ".csv")


def read_arrays(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    """One array, or those of a .npz by name. Rows of a .csv are samples; a first line of names is skipped.

    Raises:
        CommandError: another kind of file, a damaged one, or one with objects or texts in it.
        OSError: the file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise CommandError(
            f"{path}: expected inputs as .npy, .npz or .csv, found {suffix or 'no extension'!r}."
        )
    if suffix == ".csv":
        return _read_csv(path)
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CommandError(f"{path}: not a readable {suffix} file ({error}).") from error


def _read_csv(path: Path) -> np.ndarray:
    rows: list[list[float]] = []
    with open(path, newline="", encoding="utf-8-sig") as file:
        try:
            for number, row in enumerate(csv.reader(file), 1):
                if not row:
                    continue
                try:
                    values = [float(entry) for entry in row]
                except ValueError:
                    if not rows and number == 1:
                        continue  # names of the columns
                    raise CommandError(f"{path}, line {number}: expected numbers, found {row[:3]}.") from None
                if rows and len(values) != len(rows[0]):
                    raise CommandError(
                        f"{path}, line {number}: {len(values)} values, the lines before have {len(rows[0])}."
                    )
                rows.append(values)
        except (UnicodeDecodeError, csv.Error) as error:
            raise CommandError(f"{path}: not a readable .csv file ({error}).") from error
    if not rows:
        raise CommandError(f"{path}: there are no samples in it.")
    return np.array(rows, np.float64)


def shaped(array: np.ndarray, shape: Sequence[Any] | None) -> np.ndarray:
    """Flat samples, as a .csv has them, in the shape of the input where their sizes agree."""
    if shape is None or array.ndim != 2 or len(shape) < 3:
        return array
    sample = shape[1:]
    if all(isinstance(size, int) for size in sample) and int(np.prod(sample)) == array.shape[1]:
        return array.reshape(len(array), *sample)
    return array


def write_arrays(path: Path, names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
    """Writes outputs: one as .npy or .csv, any number by name as .npz. The file is replaced as a whole.

    Raises:
        CommandError: the format cannot hold these outputs.
        OSError: the file cannot be written; an existing one is left as it was.
    """
    suffix = check_output(path)
    if suffix != ".npz" and len(arrays) != 1:
        raise CommandError(
            f"-o {path}: the model has {len(arrays)} outputs ({', '.join(names)}); write them to "
            f"{path.stem}.npz."
        )
    if suffix == ".csv" and arrays[0].ndim > 2:
        raise CommandError(
            f"-o {path}: an output of shape {arrays[0].shape} has no rows; name the file {path.stem}.npy."
        )
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=suffix)
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file, suffix, names, arrays)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def check_output(path: Path) -> str:
    """The extension of a file to write.

    Raises:
        CommandError: it is none of .npy, .npz, .csv.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise CommandError(
            f"-o {path}: outputs are written as .npy, .npz or .csv, found {suffix or 'no extension'!r}."
        )
    return suffix


def _write(file: Any, suffix: str, names: Sequence[str], arrays: Sequence[np.ndarray]) -> None:
    if suffix == ".npz":
        with zipfile.ZipFile(file, "w") as archive:  # np.savez cannot take a name such as "file"
            for name, array in zip(names, arrays, strict=True):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)
    elif suffix == ".npy":
        np.save(file, arrays[0], allow_pickle=False)
    else:
        np.savetxt(file, np.atleast_2d(arrays[0].T).T, delimiter=",", fmt="%.9g")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
