"""Reading .npz files that others made: no array is larger than what the file holds, and nothing is unpickled
unless the caller knows how."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

ReadObjects = Callable[[Any, str], Any]
"""(file, what it is, for messages) -> the array of objects that comes next."""


def read_npz(
    path: str, names: Sequence[str] | None = None, objects: ReadObjects | None = None
) -> dict[str, np.ndarray]:
    """Arrays of an .npz file by name.

    Args:
        names: those that are wanted; None for all.
        objects: reads arrays of Python's objects; without it they are refused.

    Raises:
        ValueError: it is no .npz file, an array is missing, or its content does not fit its header.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if names is None:
                names = [member.removesuffix(".npy") for member in archive.namelist()]
            return {name: _read_member(archive, f"{name}.npy", path, objects) for name in names}
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is not an .npz file: {error}.") from error


def _read_member(archive: zipfile.ZipFile, member: str, path: str, objects: ReadObjects | None) -> np.ndarray:
    what = f"{member} in {path}"
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise ValueError(f"There is no {what}; it holds {', '.join(archive.namelist())}.") from None
    with archive.open(info) as file:
        shape, is_fortran, dtype = _npy_header(file, what)
        if dtype.hasobject:
            if objects is None:
                raise ValueError(f"{what} holds Python's objects, which are not read.")
            values = objects(file, what)
            if not isinstance(values, np.ndarray) or values.shape != shape:
                raise ValueError(f"{what} does not hold the array of shape {shape} that its header promises.")
            return values
        size = math.prod(shape) * dtype.itemsize
        # The size in the archive's directory bounds what a header may ask for.
        content = read_up_to(file, size) if size <= info.file_size else bytearray()
    if len(content) != size:
        raise ValueError(f"{what} is cut short: an array of shape {shape} and {dtype} has {size} bytes.")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")


def read_up_to(file: Any, size: int) -> bytearray:
    """``size`` bytes, or what there is: memory grows with what is read, not with what is asked for."""
    content = bytearray()
    while len(content) < size:
        piece = file.read(min(size - len(content), 1 << 20))
        if not piece:
            break
        content += piece
    return content


def _npy_header(file: Any, what: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        return read(file)
    except (ValueError, KeyError, EOFError) as error:
        raise ValueError(f"{what} is not an .npy file: {error}.") from error


__all__ = ["read_npz", "read_up_to"]
