"""Replace a file, and what lies beside it, as a whole or not at all.

What is written is a temporary file or folder in the folder of the target, ``.<name>.<who>.tmp``, which is
renamed at the end. A process that is killed leaves it behind; the next save to the same name removes it.
``who`` says which process writes, so that only what nobody writes any more is removed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_A_DAY = 24 * 3600
# Long names are cut: the temporary one must not exceed the limit that the final one just meets.
_NAME_LENGTH = 80

#: Names of the temporary files and folders that this process is writing.
_active: set[str] = set()


@contextmanager
def replacing(path: str | os.PathLike[str], needs: int = 0) -> Iterator[str]:
    """Give the name of a new empty file beside ``path``, and put that file in ``path``'s place at the end.

    The content reaches the disk before the name changes hands, so a crash at any point leaves either the old
    file or the new one, whole. If the body raises, the new file is removed and the old one is untouched. The
    mode bits of an existing file are kept; a symbolic link stays a link and its target is replaced.

    Args:
        path: the file to replace or to make.
        needs: about how many bytes will be written, 0 if unknown: an error comes early where they do not fit,
            and says the number.

    Raises:
        IsADirectoryError: ``path`` is a folder.
        FileNotFoundError: the folder of ``path`` does not exist.
        PermissionError: the existing file is not writable.
        NoSpaceError: the disk is full, whatever the body raised then.
        OSError: ``path`` is a device or a pipe.
    """
    target = _target(path)
    with _temporary(target, needs) as temporary:
        # os.open, not tempfile: it applies the process's umask as any newly saved file would have it.
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
        with _full_disk_named(target, needs):
            yield temporary
            _keep_mode(temporary, target)
            _sync(temporary)
        os.replace(temporary, target)
    _sync_folder(os.path.dirname(target))


@contextmanager
def replacing_with_companions(
    path: str | os.PathLike[str], companions: re.Pattern[str], needs: int = 0
) -> Iterator[str]:
    """Like ``replacing``, for a file that names others beside it.

    Gives the path of a file of the same name in a new folder beside ``path``. What the body puts into that
    folder moves beside ``path``: first the companions, whose names must be new ones, then the file.
    Companions of the file that it replaces are removed. Of several processes that do this at once, the last
    one wins whole.

    Args:
        path: the file to replace or to make.
        companions: what names companions of this file have; no others are moved or removed.
        needs: as for ``replacing``.

    Raises:
        OSError: as for ``replacing``.
    """
    target = _target(path)
    folder, name = os.path.split(target)
    with _temporary(target, needs) as beside:
        os.mkdir(beside)
        saved = os.path.join(beside, name)
        with _full_disk_named(target, needs):
            yield saved
            made = [file for file in os.listdir(beside) if companions.fullmatch(file)]
            _keep_mode(saved, target)
            for file in (*made, name):
                _sync(os.path.join(beside, file))
        with _only_one(folder):
            _move_all(beside, folder, name, made, companions)
    _sync_folder(folder)


def _move_all(beside: str, folder: str, name: str, made: list[str], companions: re.Pattern[str]) -> None:
    obsolete = [file for file in os.listdir(folder) if companions.fullmatch(file) and file not in made]
    try:
        for file in (*made, name):
            os.replace(os.path.join(beside, file), os.path.join(folder, file))
    except BaseException:
        remove(os.path.join(folder, file) for file in made)
        raise
    remove(os.path.join(folder, file) for file in obsolete)


@contextmanager
def working_folder(temporary: str | os.PathLike[str]) -> Iterator[str]:
    """A new folder beside a file, or beside the temporary one that ``replacing`` gave for it, gone at the end
    (by the next save of that file if the process is killed)."""
    folder, name = os.path.split(os.path.abspath(temporary))
    target = re.fullmatch(r"\.(.+)\.[0-9a-f]{8}-\d+-[0-9a-f]{8}\.tmp", name)
    with _temporary(os.path.join(folder, target[1] if target else name), 0) as beside:
        os.mkdir(beside)
        yield beside


@contextmanager
def new_folder(path: str | os.PathLike[str], replace: bool = False) -> Iterator[str]:
    """Give a new empty folder beside ``path``, and put it in ``path``'s place at the end, as a whole.

    Args:
        path: the folder to make.
        replace: whether it may take the place of a folder of that name, which may hold no files but such as
            the new one has too: what somebody else put there is never removed.

    Raises:
        FileExistsError: there is something of that name already, or there are other files in it.
        FileNotFoundError: the folder that it is to lie in does not exist.
        NoSpaceError: the disk is full.
    """
    target = os.path.abspath(os.fspath(path))
    if not os.path.isdir(os.path.dirname(target)):
        raise FileNotFoundError(errno.ENOENT, "the folder does not exist", os.path.dirname(target))
    if os.path.lexists(target) and not (replace and os.path.isdir(target) and not os.path.islink(target)):
        raise FileExistsError(errno.EEXIST, "expected a new folder, found one of that name", target)
    with _temporary(target, 0) as made:
        os.mkdir(made)
        with _full_disk_named(target, 0):
            yield made
            files = _files_below(made)
            for file in files:
                _sync(os.path.join(made, file))
        if not os.path.lexists(target):
            os.rename(made, target)
        else:
            _exchange(made, target, files)
    _sync_folder(os.path.dirname(target))


def _exchange(made: str, target: str, files: set[str]) -> None:
    if others := sorted(_files_below(target) - files):
        why = f"not replaced, since it holds {others[0]!r}, which would be lost"
        raise FileExistsError(errno.EEXIST, why, target)
    with _temporary(target, 0) as old:
        os.rename(target, old)
        try:
            os.rename(made, target)
        except BaseException:
            os.rename(old, target)
            raise


def _files_below(folder: str) -> set[str]:
    """Files and links in a folder and those in it, by their path from there."""
    found = set()
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        found |= {os.path.relpath(os.path.join(place, name), folder) for name in (*names, *links)}
    return found


def check_place(path: str | os.PathLike[str]) -> str:
    """The file that a path leads to, links followed, if one may be put there.

    Raises:
        OSError: as for ``replacing``.
    """
    return _target(path)


def remove(paths: Iterable[str]) -> None:
    """Removes files, those that are gone already too."""
    for path in paths:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _target(path: str | os.PathLike[str]) -> str:
    """The file that a path leads to, if one may be put there."""
    target = os.path.realpath(os.fspath(path))
    if not os.path.isdir(os.path.dirname(target)):
        raise FileNotFoundError(
            errno.ENOENT, "Cannot save: the folder does not exist", os.path.dirname(target)
        )
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return target
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "Cannot save a file over a folder", target)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Cannot save: not a regular file", target)
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "Cannot save: the existing file is not writable", target)
    return target


@contextmanager
def _temporary(target: str, needs: int) -> Iterator[str]:
    """A name beside the target that nobody has; nothing of that name is left at the end."""
    folder, name = os.path.split(target)
    _sweep(folder, name)
    if needs > shutil.disk_usage(folder).free:
        raise _no_space(errno.ENOSPC, target, needs)
    temporary = f".{name[:_NAME_LENGTH]}.{_owner()}-{os.getpid()}-{secrets.token_hex(4)}.tmp"
    _active.add(temporary)
    path = os.path.join(folder, temporary)
    try:
        yield path
    finally:
        if os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            remove([path])
        _active.discard(temporary)


def _sweep(folder: str, name: str) -> None:
    """Removes what killed processes left when they saved to this name."""
    ours = re.compile(re.escape(f".{name[:_NAME_LENGTH]}.") + r"([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp")
    with os.scandir(folder) as entries:
        found = [(entry, match) for entry in entries if (match := ours.fullmatch(entry.name))]
    for entry, match in found:
        with suppress(OSError):
            if _is_abandoned(entry, match[1], int(match[2])):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)


def _is_abandoned(entry: os.DirEntry[str], owner: str, pid: int) -> bool:
    if time.time() - entry.stat(follow_symlinks=False).st_mtime > _A_DAY:
        return True
    if owner != _owner() or os.name == "nt":  # another machine's, or no way to ask without harm
        return False
    if pid == os.getpid():
        return entry.name not in _active
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False


def _owner() -> str:
    """Where numbers of processes mean what they mean here: this machine and, on Linux, this container."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


class NoSpaceError(OSError):
    """The disk, or what is allowed of it, is full: ``errno`` is ENOSPC, EDQUOT or EFBIG."""


@contextmanager
def _full_disk_named(target: str, needs: int) -> Iterator[None]:
    """Turns whatever a full disk made somebody raise into an error that says so."""
    try:
        yield
    except NoSpaceError as error:  # of a file inside: its number is as good, its name is not the user's
        raise NoSpaceError(error.errno, error.strerror, target) from error
    except Exception as error:
        code = _refusal_said(error) or _refusal_tried(os.path.dirname(target), needs)
        if code is None:
            raise
        raise _no_space(code, target, needs) from error


def _refusal_said(error: BaseException | None) -> int | None:
    """The errno of a full disk in an error or in what caused it; libraries in C and Rust have it in words."""
    while error is not None:
        said = re.findall(r"(?:errno = |os error )(\d+)", str(error))
        codes = [int(code) for code in said] + [getattr(error, "errno", None)]
        if found := [code for code in codes if code in _NO_SPACE]:
            return found[0]
        error = error.__cause__ or error.__context__
    return None


def _refusal_tried(folder: str, needs: int) -> int | None:
    """The errno with which a folder refuses a file of that size: torch and numpy do not say why they fail."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(probe.fileno(), 0, max(needs, 1 << 16))
            else:
                probe.write(bytes(1 << 16))
    except OSError as error:
        return error.errno if error.errno in _NO_SPACE else None
    return None


def _no_space(code: int, target: str, needs: int) -> NoSpaceError:
    free = shutil.disk_usage(os.path.dirname(target)).free
    numbers = [f"about {needs:,} bytes are needed"] * bool(needs)
    if code == errno.ENOSPC:
        numbers.append(f"{free:,} bytes are free")
    why = os.strerror(code) + (f": {', '.join(numbers)}" if numbers else "")
    return NoSpaceError(code, f"{why}; what was there before is unchanged", target)


def _keep_mode(file: str, target: str) -> None:
    """Gives the file the permissions that the target has."""
    with suppress(FileNotFoundError):
        os.chmod(file, stat.S_IMODE(os.stat(target).st_mode))


@contextmanager
def _only_one(folder: str) -> Iterator[None]:
    """Lets one process after the other change what lies in a folder, where the system has such locks."""
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):  # Windows, which does not remove files that are in use
        yield
        return
    try:
        with suppress(OSError):  # some network file systems have none
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync(path: str) -> None:
    """Makes a file's content reach the disk; Windows asks for a descriptor that may write."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: str) -> None:
    """Without this a renaming itself may be lost by a power failure; not every system offers it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
