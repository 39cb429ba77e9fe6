"""Callbacks that steer training: stop it, save it, change its learning rate."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend as K
from .. import registry, rules
from ..utils.interactive import print_msg
from ..utils.messages import harmless
from .base import Callback
from .logs import Logs


class TerminateOnNaN(Callback):
    """Stops training at the first batch whose loss is NaN or infinite.

    Args:
        raise_error: whether training ends with an error there.

    Raises:
        RuntimeError: in training, with ``raise_error``.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = None if logs is None else logs.get("loss")
        if loss is not None and not np.isfinite(loss):
            if self.raise_error:
                raise RuntimeError(f"NaN or Inf loss encountered: the loss of batch {batch} is {loss}.")
            print_msg(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


def _known_mode(mode: str, unknown: str) -> str:
    if mode in ("auto", "min", "max"):
        return mode
    warnings.warn(f"{unknown} {mode} is unknown, fallback to auto mode.", RuntimeWarning, stacklevel=4)
    return "auto"


def _larger_is_better(mode: str, by_name: bool) -> bool:
    return mode == "max" or (mode == "auto" and by_name)


def _warn_of_missing(what: str, monitor: str, logs: Any) -> None:
    warnings.warn(
        f"{what} conditioned on metric `{monitor}` which is not available. Available metrics are: "
        f"{_available(logs)}",
        RuntimeWarning,
        stacklevel=4,
    )


def _available(logs: Any) -> str:
    return harmless(",".join(logs))


class ModelCheckpoint(Callback):
    """Saves the model after epochs, or after batches.

    Args:
        filepath: where; may hold format fields, e.g. "weights.{epoch:02d}-{val_loss:.2f}.hdf5", filled from
            the epoch's number (from 1), the batch's (from 1) with a number for ``save_freq``, and the logs.
        monitor: metric that says which epoch is best.
        verbose: 1 prints what is saved.
        save_best_only: save only when ``monitor`` improves on every epoch before.
        save_weights_only: ``model.save_weights`` instead of ``model.save``.
        mode: "min", "max" or "auto" (max for names with "acc" or beginning with "fmeasure").
        period: epochs from one save to the next.
        save_freq: "epoch", or after every so many batches.
        initial_value_threshold: what ``monitor`` must improve on for the first save, with save_best_only.
        options: of TensorFlow's checkpoints, accepted and not used.

    Raises:
        ValueError: for another ``save_freq``.
    """

    _writes = True
    _kept = ("best", "epochs_since_last_save", "_batches_since_last_save")

    @rules.with_arguments
    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        period: Any = 1,
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
        options: Any = None,
    ) -> None:
        super().__init__()
        if period == "epoch":  # save_freq has this place in tf.keras
            period = 1
        self.filepath = os.fspath(filepath)
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.period = period
        self.save_freq = save_freq
        self.epochs_since_last_save = 0
        self._batches_since_last_save = 0
        self._current_epoch = 0
        mode = _known_mode(mode, "ModelCheckpoint mode")
        larger = _larger_is_better(mode, "acc" in monitor or monitor.startswith("fmeasure"))
        self.monitor_op = np.greater if larger else np.less
        self.best = -np.inf if larger else np.inf
        if initial_value_threshold is not None:
            self.best = initial_value_threshold
        if save_freq != "epoch":
            if not isinstance(save_freq, int) or isinstance(save_freq, bool) or save_freq < 1:
                raise ValueError(
                    f'Unrecognized save_freq: {save_freq!r}. Expected "epoch" or a number of batches.'
                )
            self.on_train_batch_end = self._count_batch  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._current_epoch = epoch

    def _count_batch(self, batch: int, logs: Any = None) -> None:
        self._batches_since_last_save += 1
        if self._batches_since_last_save >= self.save_freq:
            self._batches_since_last_save = 0
            self._checkpoint({} if logs is None else logs, epoch=self._current_epoch + 1, batch=batch + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.save_freq != "epoch":
            return
        self.epochs_since_last_save += 1
        if self.epochs_since_last_save >= self.period:
            self.epochs_since_last_save = 0
            self._checkpoint({} if logs is None else logs, epoch=epoch + 1)

    def _checkpoint(self, logs: Any, **place: int) -> None:
        """Saves, if it is to be saved. ``place``: the epoch, and the batch, from 1."""
        path = self._path(logs, place)
        epoch = f"\nEpoch {place['epoch']:05d}: "
        if not self.save_best_only:
            self._say(f"{epoch}saving model to {path}")
            self._save(path)
            return
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Can save best model only with {harmless(self.monitor)} available, skipping. "
                f"Available metrics are: {_available(logs)}",
                RuntimeWarning,
                stacklevel=2,
            )
        elif self.monitor_op(current, self.best):
            self._say(
                f"{epoch}{self.monitor} improved from {self.best:0.5f} to {current:0.5f},"
                f" saving model to {path}"
            )
            self.best = current
            self._save(path)
        else:
            self._say(f"{epoch}{self.monitor} did not improve from {self.best:0.5f}")

    def _path(self, logs: Any, place: dict[str, int]) -> str:
        try:
            return self.filepath.format_map(Logs({**logs, **place}))
        except KeyError as error:
            raise ValueError(
                f"ModelCheckpoint filepath {self.filepath!r} names {error}, which is not in the logs. "
                f"Available: {','.join(place)},{_available(logs)}"
            ) from error

    def _say(self, text: str) -> None:
        if self.verbose > 0:
            print_msg(harmless(text, lines=True))

    def _save(self, path: str) -> None:
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)


class EarlyStopping(Callback):
    """Stops training when a metric no longer improves.

    Args:
        monitor: the metric.
        min_delta: least change that counts as an improvement.
        patience: epochs without improvement after which training stops (epochs that lack the metric not
            counted).
        verbose: 1 says when it stops.
        mode: "min", "max" or "auto" (max for names with "acc").
        baseline: value to improve on at first.
        restore_best_weights: on stopping, go back to the weights of the best epoch.
        start_from_epoch: the first epoch, from 0, that is looked at.

    As tf.keras and Keras 3 have it (``Rules.ends_with_best_weights``), restore_best_weights goes back to the
    best epoch also where training ends by itself, and to the first one where none improved on it.
    """

    _kept = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__()
        self._rules = rules.in_force()
        self.monitor = monitor
        self.baseline = baseline
        self.patience = patience
        self.verbose = verbose
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        mode = _known_mode(mode, "EarlyStopping mode")
        larger = _larger_is_better(mode, "acc" in monitor)
        self.monitor_op = np.greater if larger else np.less
        self.min_delta = min_delta if larger else -min_delta
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best_epoch = 0
        self.best_weights: Any = None
        worst = -np.inf if self.monitor_op is np.greater else np.inf
        beaten = self.baseline is not None and not self._rules.ends_with_best_weights
        self.best: Any = self.baseline if beaten else worst

    def on_train_begin(self, logs: Any = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        current = self.get_monitor_value({} if logs is None else logs)
        if current is None or epoch < self.start_from_epoch:
            return
        later = self._rules.ends_with_best_weights
        if later and self.best_weights is None:
            self._keep_best(epoch)
        self.wait += 1
        if self._improves_on(self.best, current):
            self.best = current
            if self.baseline is None or self._improves_on(self.baseline, current):
                self.wait = 0
            self._keep_best(epoch)
            return
        if self.wait >= self.patience and not (later and epoch == 0):
            self.stopped_epoch = epoch
            self.model.stop_training = True
            if not later:
                self._go_back("Restoring model weights from the end of the best epoch")

    def _improves_on(self, best: Any, current: Any) -> bool:
        return bool(self.monitor_op(current - self.min_delta, best))

    def _keep_best(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def _go_back(self, said: str) -> None:
        # No best weights: nothing ever improved on the baseline, so there is nothing to go back to.
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print_msg(said)
            self.model.set_weights(self.best_weights)

    def on_train_end(self, logs: Any = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_msg(f"Epoch {self.stopped_epoch + 1:05d}: early stopping")
        if self._rules.ends_with_best_weights:
            self._go_back(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")

    def get_monitor_value(self, logs: Any) -> Any:
        """The monitored value of the logs; None, with a warning, if it is not there."""
        value = logs.get(self.monitor)
        if value is None:
            _warn_of_missing("Early stopping", self.monitor, logs)
        return value


class LearningRateScheduler(Callback):
    """Sets the learning rate at each epoch's beginning.

    Args:
        schedule: function of the epoch (from 0) and the present rate, or of the epoch alone; returns a float.
        verbose: 1 prints the new rate.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        optimizer = self.model.optimizer
        if not hasattr(optimizer, "lr"):
            raise ValueError('Optimizer must have a "lr" attribute.')
        lr = self._scheduled(epoch, float(K.get_value(optimizer.lr)))
        if not isinstance(lr, (float, np.floating)):
            raise ValueError(
                f'The output of the "schedule" function should be float. Found {lr!r} of type '
                f"{type(lr).__name__} "
                f"for epoch {epoch}."
            )
        K.set_value(optimizer.lr, lr)
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1:05d}: LearningRateScheduler setting learning rate to {lr}.")

    def _scheduled(self, epoch: int, lr: float) -> Any:
        """schedule(epoch, lr), or schedule(epoch) where it does not take the rate."""
        if not _takes_two(self.schedule):
            return self.schedule(epoch)
        try:
            return self.schedule(epoch, lr)
        except TypeError:
            # its second parameter may be a default of its own: `lambda epoch, rates=rates: rates[epoch]`
            if not _takes_one(self.schedule):
                raise
            return self.schedule(epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs["lr"] = K.get_value(self.model.optimizer.lr)


def _takes_one(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(0)
    except (TypeError, ValueError):
        return False
    return True


def _takes_two(function: Callable[..., Any]) -> bool:
    # Asked of the signature: a TypeError raised inside the schedule is the user's to see.
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature
        return True
    return True


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by ``factor`` when a metric no longer improves.

    Args:
        monitor: the metric.
        factor: below 1.
        patience: epochs without improvement after which the rate is reduced.
        verbose: 1 prints each reduction.
        mode: "min", "max" or "auto" (max for names with "acc").
        min_delta: least change that counts as an improvement (``epsilon`` is its old name).
        cooldown: epochs after a reduction in which none are counted.
        min_lr: the rate never goes below.

    Raises:
        ValueError: for a factor of 1 or more.
        TypeError: for arguments that are not known.
    """

    _kept = ("best", "cooldown_counter", "wait")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Found {factor}.")
        if "epsilon" in kwargs:
            min_delta = kwargs.pop("epsilon")
            warnings.warn(
                "`epsilon` argument is deprecated and will be removed, use `min_delta` instead.", stacklevel=2
            )
        if kwargs:
            raise TypeError(f"ReduceLROnPlateau got unexpected arguments: {', '.join(sorted(kwargs))}.")
        self.monitor = monitor
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.min_delta = min_delta
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.mode = mode
        self._reset()

    def _reset(self) -> None:
        self.mode = _known_mode(self.mode, "Learning Rate Plateau Reducing mode")
        self._larger = _larger_is_better(self.mode, "acc" in self.monitor)
        self.best = -np.inf if self._larger else np.inf
        self.cooldown_counter = 0
        self.wait = 0

    def monitor_op(self, current: Any, best: Any) -> bool:
        """Whether ``current`` is better than ``best`` by more than ``min_delta``."""
        if self._larger:
            return bool(np.greater(current, best + self.min_delta))
        return bool(np.less(current, best - self.min_delta))

    def on_train_begin(self, logs: Any = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = {} if logs is None else logs
        logs["lr"] = K.get_value(self.model.optimizer.lr)
        current = logs.get(self.monitor)
        if current is None:
            _warn_of_missing("Reduce LR on plateau", self.monitor, logs)
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.monitor_op(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        old = float(K.get_value(self.model.optimizer.lr))
        if old <= self.min_lr:
            return
        new = max(old * self.factor, self.min_lr)
        K.set_value(self.model.optimizer.lr, new)
        if self.verbose > 0:
            print_msg(f"\nEpoch {epoch + 1:05d}: ReduceLROnPlateau reducing learning rate to {new}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether a reduction was made less than ``cooldown`` epochs ago."""
        return self.cooldown_counter > 0


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_epoch_begin, on_epoch_end: functions of (epoch, logs).
        on_batch_begin, on_batch_end: functions of (batch, logs).
        on_train_begin, on_train_end: functions of (logs).
        **kwargs: any other callback method by name, or attribute.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_batch_begin: Callable[..., Any] | None = None,
        on_batch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_batch_begin": on_batch_begin,
            "on_batch_end": on_batch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            **kwargs,
        }
        # A function not given stays the class's method that does nothing, which CallbackList does not call.
        self.__dict__.update({name: value for name, value in given.items() if value is not None})


registry.register(globals())
