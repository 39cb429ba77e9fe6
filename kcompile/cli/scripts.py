"""``kcompile run``: a script as python itself would run it, but for what ``import keras`` means."""

from __future__ import annotations

import builtins
import importlib.machinery
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from . import aliasing, numpy_names
from .dialect import decide
from .errors import BAD_INPUT, INTERRUPTED, OK

_SHIM = os.path.join(os.path.dirname(__file__), "shim")


def run_script(path: Path, arguments: Sequence[str], dialect: str = "auto", verbose: bool = False) -> int:
    """Runs a script as ``__main__`` with its own ``sys.argv`` and ``sys.path[0]``.

    Args:
        path, arguments: the script, and what follows it in the command.
        dialect: "keras" (2.3), "tf_keras", or "auto": by what the script imports.
        verbose: whether to say on stderr which it was.

    Returns:
        0, or 1 after an exception, which ``sys.excepthook`` has shown as the script's own; 2 where there is
        no such file. SystemExit passes through.
    """

    def prepare(source: bytes, name: str) -> None:
        sys.path.insert(1, _SHIM)
        aliasing.install(decide(dialect, source, name, verbose))
        numpy_names.restore()

    return _run_as_main(path, arguments, prepare)


def run_on_keras3(path: Path, arguments: Sequence[str]) -> int:
    """Runs a script by the installed Keras 3, whose backend kcompile is, whatever the script sets it to.

    Returns:
        As ``run_script``; 2 as well where Keras cannot have this backend.
    """
    try:
        from kcompile.keras3 import tensorflow
        from kcompile.keras3.__main__ import hand_to_children
    except ImportError as error:
        print(f"kcompile: {error}", file=sys.stderr)
        return BAD_INPUT

    def prepare(source: bytes, name: str) -> None:
        hand_to_children()
        tensorflow.provide()

    return _run_as_main(path, arguments, prepare)


def _run_as_main(path: Path, arguments: Sequence[str], prepare: Callable[[bytes, str], None]) -> int:
    """Runs a script as ``__main__``; ``prepare`` is called just before with its source and name."""
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            source = file.read()
    except OSError as error:
        print(f"kcompile: can't open file {name!r}: {error.strerror}", file=sys.stderr)
        return BAD_INPUT
    main = ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", name)
    main.__dict__.update(
        __file__=name, __builtins__=builtins, __spec__=None, __loader__=loader, __cached__=None
    )
    sys.modules["__main__"] = main
    _set_path(os.path.dirname(os.path.realpath(name)))
    sys.argv[:] = [name, *arguments]
    prepare(source, name)
    try:
        exec(compile(source, name, "exec", dont_inherit=True), main.__dict__)  # noqa: S102  the user's script
    except Exception as error:
        return _show(error, 1)
    except KeyboardInterrupt as error:
        return _show(error, INTERRUPTED)
    return OK


def _set_path(folder: str) -> None:
    """The script's folder comes first, in place of what python put there for kcompile itself."""
    own = os.path.dirname(os.path.abspath(sys.argv[0] or "."))
    if sys.path and sys.path[0] in ("", own, os.getcwd()):
        del sys.path[0]
    sys.path.insert(0, folder)


def _show(error: BaseException, code: int) -> int:
    """Reports an exception by ``sys.excepthook``, without the frame of ``_run_as_main``."""
    own = error.__traceback__.tb_next if error.__traceback__ is not None else None
    sys.excepthook(type(error), error.with_traceback(own), own)
    return code
