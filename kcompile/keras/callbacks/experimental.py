"""Where tf.keras had BackupAndRestore before it was settled."""

from __future__ import annotations

from .backup import BackupAndRestore

__all__ = ["BackupAndRestore"]
