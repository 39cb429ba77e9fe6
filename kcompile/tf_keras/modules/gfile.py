"""``tf.io.gfile``: files and folders of this machine."""

from __future__ import annotations

import glob as _glob
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from .errors import AlreadyExistsError, NotFoundError


def _path(path: Any) -> str:
    """A path of text, bytes, a path object or a text tensor.

    Raises:
        ValueError: for what is on another machine, such as gs://bucket.
    """
    path = path.numpy() if hasattr(path, "numpy") else path
    text = os.fsdecode(path)
    scheme, found, _ = text.partition("://")
    if found and scheme != "file":
        raise ValueError(
            f"{text} is not on this machine: only files of this machine are read and written here."
        )
    return text.removeprefix("file://")


class GFile:
    """A file, opened when it is first read or written; a context that closes it.

    Args:
        name: path.
        mode: of ``open``: "r", "w", "a", with "b" for bytes, "+" for both ways.

    Raises:
        NotFoundError: (a FileNotFoundError, when it is read) where there is none.
    """

    def __init__(self, name: Any, mode: str = "r") -> None:
        self._path, self._mode, self._name = _path(name), mode, name
        self._file: Any = None

    @property
    def name(self) -> Any:
        """The path, as it was given."""
        return self._name

    @property
    def mode(self) -> str:
        """How it is opened."""
        return self._mode

    def _open(self) -> Any:
        if self._file is None:
            try:
                self._file = open(self._path, self._mode, encoding=None if "b" in self._mode else "utf-8")
            except FileNotFoundError as error:
                raise NotFoundError(message=str(error)) from None
        return self._file

    def read(self, n: int = -1) -> Any:
        """So many characters or bytes; all that is left by default."""
        return self._open().read(n)

    def readline(self) -> Any:
        """The next line with its end; empty at the end of the file."""
        return self._open().readline()

    def readlines(self) -> list[Any]:
        """All lines that are left."""
        found: list[Any] = self._open().readlines()
        return found

    def write(self, file_content: Any) -> None:
        """Writes text, or bytes."""
        self._open().write(file_content)

    def size(self) -> int:
        """Bytes of the file."""
        self.flush()
        return _of_files(os.path.getsize, self._path)

    def seek(self, offset: int | None = None, whence: int = 0, position: int | None = None) -> None:
        """Goes on from another place."""
        self._open().seek(offset if position is None else position, whence)

    def tell(self) -> int:
        """The place where it goes on."""
        place: int = self._open().tell()
        return place

    def seekable(self) -> bool:
        """True."""
        return True

    def flush(self) -> None:
        """Hands on what was written."""
        if self._file is not None and not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        """Closes the file; it is opened anew where it is read again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> GFile:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.readline, b"" if "b" in self._mode else "")

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


def exists(path: Any) -> bool:
    """Whether there is a file or folder."""
    return os.path.exists(_path(path))


def isdir(path: Any) -> bool:
    """Whether it is a folder."""
    return os.path.isdir(_path(path))


def listdir(path: Any) -> list[str]:
    """The names in a folder."""
    return _of_files(os.listdir, path)


def glob(pattern: Any) -> list[str]:
    """The paths that fit a pattern, or one of several, sorted."""
    patterns = pattern if isinstance(pattern, list | tuple) else [pattern]
    return sorted(path for each in patterns for path in _glob.glob(_path(each)))


def makedirs(path: Any) -> None:
    """Makes a folder and those around it; one that is there is none the worse."""
    os.makedirs(_path(path), exist_ok=True)


def mkdir(path: Any) -> None:
    """Makes a folder."""
    _of_files(os.mkdir, path)


def remove(path: Any) -> None:
    """Removes a file."""
    _of_files(os.remove, path)


def rmtree(path: Any) -> None:
    """Removes a folder and what is in it."""
    _of_files(shutil.rmtree, path)


def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Gives a file another name.

    Raises:
        AlreadyExistsError: (a FileExistsError) where the name is taken and ``overwrite`` is not said.
    """
    _moved(os.replace, src, dst, overwrite)


def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copies a file; see ``rename``."""
    _moved(shutil.copyfile, src, dst, overwrite)


def walk(top: Any, topdown: bool = True, onerror: Any = None) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each folder below one, with the names of the folders and files in it."""
    return os.walk(_path(top), topdown, onerror)


def join(path: Any, *paths: Any) -> str:
    """Parts of a path as one."""
    return os.path.join(_path(path), *(_path(part) for part in paths))


def stat(path: Any) -> Any:
    """What the system knows of a file; ``length`` is its size in bytes."""
    found = _of_files(os.stat, path)

    class FileStatistics:
        length = found.st_size
        mtime_nsec = found.st_mtime_ns
        is_directory = isdir(path)

    return FileStatistics()


def _moved(function: Callable[[str, str], Any], src: Any, dst: Any, overwrite: bool) -> None:
    if exists(dst) and not overwrite:
        raise AlreadyExistsError(message=f"{_path(dst)} is there already; overwrite=True replaces it.")
    _of_files(function, src, _path(dst))


def _of_files(function: Callable[..., Any], path: Any, *others: Any) -> Any:
    try:
        return function(_path(path), *others)
    except FileNotFoundError as error:
        raise NotFoundError(message=str(error)) from None


__all__ = [
    "GFile", "copy", "exists", "glob", "isdir", "join", "listdir", "makedirs", "mkdir", "remove", "rename",
    "rmtree", "stat", "walk",
]  # fmt: skip
