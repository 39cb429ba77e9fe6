"""The backend under the module name that scripts import ``set_session`` and its like from."""

from __future__ import annotations

from . import *  # noqa: F403
