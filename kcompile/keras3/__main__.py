"""``python -m kcompile.keras3 script.py``, ``python -m kcompile.keras3 -m pytest``: with this backend."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

USAGE = "usage: python -m kcompile.keras3 (script.py | -m module | -c program) [arguments]"


def hand_to_children() -> None:
    """Processes that this one starts (workers of pytest-xdist) have the backend, too.

    They find it by ``PYTHONPATH``, where ``startup`` holds a ``sitecustomize``.
    """
    startup = str(Path(__file__).parent / "startup")
    paths = [startup, *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


def main(arguments: list[str]) -> None:
    """Runs a script or a module as Python does, with stock Keras on kcompile."""
    if not arguments or arguments in (["-m"], ["-c"]):
        sys.exit(USAGE)
    hand_to_children()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        sys.path.insert(0, "")
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102  as python does
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
