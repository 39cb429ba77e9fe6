"""The module of Keras 2.3 that its callbacks are defined in."""

from ..legacy.old_names import answer_old_names
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
from .csv_logger import CSVLogger
from .loggers import BaseLogger, History, ProgbarLogger
from .remote_monitor import RemoteMonitor

__all__ = [
    "BaseLogger",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "TerminateOnNaN",
]

answer_old_names(__name__)
