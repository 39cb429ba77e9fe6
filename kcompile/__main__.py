"""``python -m kcompile``: the same as the command ``kcompile``."""

from __future__ import annotations

import sys

from kcompile.cli import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m kcompile"))
