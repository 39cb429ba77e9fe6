"""The folder in which Keras keeps its configuration and what it has downloaded."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def keras_home(folder: str | os.PathLike[str] | None = None) -> Path:
    """The folder of configuration and caches: the one given, else $KERAS_HOME, else ~/.keras.

    Where nothing can be written there, it is .keras in the temporary folder. Nothing is created here.
    """
    home = Path(os.path.expanduser(folder or os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")))
    existing = next((path for path in (home, *home.parents) if path.exists()), home)
    if existing.is_dir() and os.access(existing, os.W_OK):
        return home
    shared = Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir())  # noqa: S108  as Keras has it
    others = (shared / ".keras", shared / f".keras-{_user()}")
    return next(filter(_is_users, others), shared / f".keras-{_user()}-{os.getpid()}")


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _is_users(home: Path) -> bool:
    """Whether a folder of the temporary folder, where everybody may make one, is this user's; or free."""
    try:
        status = os.lstat(home)
    except OSError:
        return True
    return stat.S_ISDIR(status.st_mode) and getattr(status, "st_uid", 0) == _user()
