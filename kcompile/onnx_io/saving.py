"""Saving a model as a whole or not at all, in one file or with its weights in a second one."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import onnx

if TYPE_CHECKING:
    import onnx_ir as oir

# Initializers up to this size stay in the model when the others go to a file of their own.
_THRESHOLD_BYTES = 1024


def save_model(model: onnx.ModelProto, path: str | os.PathLike[str]) -> None:
    """Saves a model in one file; a crash leaves the old one whole.

    Raises:
        FileNotFoundError: the folder does not exist.
        IsADirectoryError: ``path`` is a folder.
        OSError: it cannot be written.
    """
    save_pieces([model.SerializeToString()], path)


def save_pieces(pieces: Iterable[bytes], path: str | os.PathLike[str]) -> None:
    """Saves the bytes of a model as ``save_model`` does, a piece at a time."""
    target = _target(path)
    obsolete = _data_files(target)
    _replace(target, pieces)
    _remove(obsolete)


def save_with_data(model: oir.Model, path: str | os.PathLike[str]) -> None:
    """Saves a model, and its weights in a file ``<name>.<random>.data`` beside it, of any size.

    The data are written first, under a name that nobody uses: until the model itself is replaced, the old
    pair is whole. The old data file is removed afterwards.

    Raises:
        FileNotFoundError, IsADirectoryError, OSError: as for ``save_model``.
    """
    import onnx_ir as oir

    target = _target(path)
    obsolete = _data_files(target)
    folder, name = os.path.split(target)
    data = f"{name}.{secrets.token_hex(8)}.data"
    try:
        oir.external_data.unload_from_model(model, folder, data, size_threshold_bytes=_THRESHOLD_BYTES)
        if os.path.exists(os.path.join(folder, data)):
            _sync(os.path.join(folder, data))
        _replace(target, [oir.to_proto(model).SerializeToString()])
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, data))
        raise
    _remove(obsolete)


@contextmanager
def saved_on_success(path: str | os.PathLike[str]) -> Iterator[str]:
    """A path of the same name in a folder beside ``path``, to save to and to look at what was saved.

    It replaces ``path`` in the end; after an exception nothing is left of it.

    Raises:
        FileNotFoundError, IsADirectoryError, OSError: as for ``save_model``.
    """
    target = _target(path)
    folder, name = os.path.split(target)
    beside = tempfile.mkdtemp(dir=folder, prefix=f".{name[:80]}.")
    try:
        saved = os.path.join(beside, name)
        yield saved
        obsolete, data = _data_files(target), _data_files(saved)
        moved = [os.path.join(folder, os.path.basename(file)) for file in data]
        try:
            for old, new in zip(data, moved, strict=True):
                os.replace(old, new)
            _put(saved, target)
        except BaseException:
            _remove(moved)
            raise
        _remove(obsolete)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _target(path: str | os.PathLike[str]) -> str:
    target = os.path.realpath(os.fspath(path))
    if os.path.isdir(target):
        raise IsADirectoryError(f"Cannot export to {os.fspath(path)!r}: it is a folder.")
    if not os.path.isdir(os.path.dirname(target)):
        raise FileNotFoundError(f"Cannot export to {os.fspath(path)!r}: the folder does not exist.")
    return target


def _replace(target: str, pieces: Iterable[bytes]) -> None:
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:80]}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        _put(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _put(file: str, target: str) -> None:
    """Replaces the target by the file, with the permissions that the target has."""
    with suppress(FileNotFoundError):
        os.chmod(file, os.stat(target).st_mode & 0o7777)
    os.replace(file, target)
    with suppress(OSError):  # without this a power failure may lose the renaming; not every system offers it
        _sync(os.path.dirname(target))


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _data_files(target: str) -> list[str]:
    """Data files that an earlier export to the same path left; anybody else's are not ours to remove."""
    folder, name = os.path.split(target)
    ours = data_file_pattern(name)
    return [os.path.join(folder, other) for other in os.listdir(folder) if ours.fullmatch(other)]


def data_file_pattern(name: str) -> re.Pattern[str]:
    """What the data files of a model file of this name are called."""
    return re.compile(re.escape(name) + r"\.[0-9a-f]{16}\.data")


def _remove(paths: Iterable[str]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            os.unlink(path)
