"""Worker processes of the tests import ``keras``, too: they get what ``standins.py`` provides at start."""

import sys

if "--multiprocessing-fork" in sys.orig_argv:
    import standins  # noqa: F401
