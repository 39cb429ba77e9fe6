"""What ``import tensorflow`` finds in processes that ``kcompile run`` starts by multiprocessing.

They inherit the search path, but no import hook: this package, which is on that path, installs it.
"""

from __future__ import annotations

import importlib
import sys

from kcompile.cli import aliasing, dialect

dialect.follow_parent()
aliasing.install()
sys.modules[__name__] = importlib.import_module(aliasing.PACKAGES[__name__])
