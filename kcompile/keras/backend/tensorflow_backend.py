"""The backend under the module name that scripts import ``set_session`` and its like from."""

from __future__ import annotations

from ..legacy.old_names import answer_old_names
from . import *  # noqa: F403

answer_old_names(__name__)
