"""Callbacks: objects that training calls at its beginning and end, per epoch and per batch."""

from __future__ import annotations

from .. import backend as K
from ..legacy.old_names import answer_old_names
from . import experimental as experimental
from .averages import SwapEMAWeights
from .backup import BackupAndRestore
from .base import Callback
from .callback_list import CallbackList
from .control import (
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from .loggers import BaseLogger, CSVLogger, History, ProgbarLogger, RemoteMonitor
from .logs import BatchLogs, Logs
from .rates import LearningRateFinder, LearningRates, find_learning_rate
from .tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "BaseLogger",
    "BatchLogs",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "K",
    "LambdaCallback",
    "LearningRateFinder",
    "LearningRateScheduler",
    "LearningRates",
    "Logs",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "find_learning_rate",
]

answer_old_names(__name__)
