"""Keras models under other libraries' interfaces."""

from __future__ import annotations

from . import scikit_learn

__all__ = ["scikit_learn"]
