"""Replace a file as a whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[str]:
    """Give the name of a new empty file beside ``path``, and put that file in ``path``'s place at the end.

    The content reaches the disk before the name changes hands, so a crash at any point leaves either the old
    file or the new one, whole. If the body raises, the new file is removed and the old one is untouched. The
    mode bits of an existing file are kept; a symbolic link stays a link and its target is replaced.

    Raises:
        IsADirectoryError: ``path`` is a folder.
        FileNotFoundError: the folder of ``path`` does not exist.
        PermissionError: the existing file is not writable.
        OSError: ``path`` is a device or a pipe, or the disk is full.
    """
    target = os.path.realpath(os.fspath(path))
    folder, name = os.path.split(target)
    mode = _mode_of_existing(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "Cannot save: the folder does not exist", folder)
    # Long names are cut: the temporary one must not exceed the limit that the final one just meets.
    temporary = os.path.join(folder, f".{name[:80]}.{secrets.token_hex(8)}.tmp")
    # os.open, not tempfile: it applies the process's umask as any newly saved file would have it.
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        yield temporary
        if mode is not None:
            os.chmod(temporary, mode)
        _sync(temporary)
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    # Without this the rename itself may be lost by a power failure; not every file system offers it.
    with suppress(OSError):
        _sync(folder)


def _mode_of_existing(target: str) -> int | None:
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "Cannot save a file over a folder", target)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Cannot save: not a regular file", target)
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "Cannot save: the existing file is not writable", target)
    return stat.S_IMODE(status.st_mode)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
