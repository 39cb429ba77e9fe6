"""``keras.losses`` under the name of Keras 1."""

from __future__ import annotations

from .legacy.old_names import answer_old_names
from .losses import *  # noqa: F403
from .losses import deserialize as deserialize
from .losses import get as get
from .losses import serialize as serialize

answer_old_names(__name__)
