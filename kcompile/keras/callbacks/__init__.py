"""Callbacks: objects that training calls at its beginning and end, per epoch and per batch.

Its modules are imported when they are first used: most programs use few of the callbacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcompile_runtime.lazy_packages import attach

from .. import backend as K
from ..legacy.old_names import answer_old_names

if TYPE_CHECKING:
    from . import experimental as experimental
    from .averages import SwapEMAWeights as SwapEMAWeights
    from .backup import BackupAndRestore as BackupAndRestore
    from .base import Callback as Callback
    from .callback_list import CallbackList as CallbackList
    from .control import EarlyStopping as EarlyStopping
    from .control import LambdaCallback as LambdaCallback
    from .control import LearningRateScheduler as LearningRateScheduler
    from .control import ModelCheckpoint as ModelCheckpoint
    from .control import ReduceLROnPlateau as ReduceLROnPlateau
    from .control import TerminateOnNaN as TerminateOnNaN
    from .csv_logger import CSVLogger as CSVLogger
    from .loggers import BaseLogger as BaseLogger
    from .loggers import History as History
    from .loggers import ProgbarLogger as ProgbarLogger
    from .logs import BatchLogs as BatchLogs
    from .logs import Logs as Logs
    from .rates import LearningRateFinder as LearningRateFinder
    from .rates import LearningRates as LearningRates
    from .rates import find_learning_rate as find_learning_rate
    from .remote_monitor import RemoteMonitor as RemoteMonitor
    from .tensorboard import TensorBoard as TensorBoard

__all__ = ["K"]
_MODULES = (
    "averages", "backup", "base", "callback_list", "control", "loggers", "logs", "rates", "tensorboard",
)  # fmt: skip

attach(
    globals(),
    {
        "BackupAndRestore": "backup",
        "BaseLogger": "loggers",
        "BatchLogs": "logs",
        "CSVLogger": "csv_logger",
        "Callback": "base",
        "CallbackList": "callback_list",
        "EarlyStopping": "control",
        "History": "loggers",
        "LambdaCallback": "control",
        "LearningRateFinder": "rates",
        "LearningRateScheduler": "control",
        "LearningRates": "rates",
        "Logs": "logs",
        "ModelCheckpoint": "control",
        "ProgbarLogger": "loggers",
        "ReduceLROnPlateau": "control",
        "RemoteMonitor": "remote_monitor",
        "SwapEMAWeights": "averages",
        "TensorBoard": "tensorboard",
        "TerminateOnNaN": "control",
        "find_learning_rate": "rates",
    },
    ["experimental", *_MODULES],
    unlisted=_MODULES,
)
answer_old_names(__name__)
