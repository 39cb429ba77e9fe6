"""The callback protocol: ``Callback``, the list that calls them, and the logs they are given."""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import Any

from .. import registry

_MODES = ("train", "test", "predict")


class Callback:
    """Base of all callbacks; every method does nothing until overridden.

    Attributes:
        params: dict of the run's parameters (``verbose``, ``batch_size``, ``epochs``, ``steps``, ``samples``,
            ``do_validation``, ``metrics``).
        model: the model being trained, tested or used for prediction.
        validation_data: list of validation arrays, None without any.

    ``logs`` is a dict. At the end of an epoch it holds the epoch's mean of each metric, and ``val_...``;
    values a callback puts in are seen by the callbacks after it.
    """

    #: Whether it writes files or sends reports: of several processes that train together, one does.
    _writes = False

    def __init__(self) -> None:
        self.validation_data: Any = None
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def set_model(self, model: Any) -> None:
        self.model = model

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """The older name of ``on_train_batch_begin``."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """The older name of ``on_train_batch_end``."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch of training; ``epoch`` counts from 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch of training and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training batch; ``logs`` has ``batch`` and ``size``."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training batch; ``logs`` has ``batch``, ``size`` and the metrics."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of evaluation or validation."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of prediction."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Before training."""

    def on_train_end(self, logs: Any = None) -> None:
        """After training."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Before evaluation or validation."""

    def on_test_end(self, logs: Any = None) -> None:
        """After evaluation or validation."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: Any = None) -> None:
        """After prediction."""


# The two train hooks have an older name that a callback may override instead.
_OLDER_NAME = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}

_Hook = Callable[[int, Any], Any]


def _own_method(callback: Any, name: str) -> Any:
    """The callback's method ``name`` if it does something, else None."""
    base = getattr(Callback, name, None)
    if name not in getattr(callback, "__dict__", {}) and getattr(type(callback), name, base) is base:
        return None
    return getattr(callback, name)


def _hook_of(callback: Any, name: str) -> _Hook | None:
    hook = _own_method(callback, name)
    if hook is None and name in _OLDER_NAME:
        hook = _own_method(callback, _OLDER_NAME[name])
    return hook


class CallbackList:
    """Calls a list of callbacks in order.

    Args:
        callbacks: Callback instances.
        queue_length: over how many batches the time spent in callbacks is judged.

    A batch hook that no callback overrides costs nothing: ask ``has_batch_hook`` and leave out the call and
    its logs.
    """

    def __init__(self, callbacks: Iterable[Any] | None = None, queue_length: int = 10) -> None:
        self.callbacks = list(callbacks or [])
        self.queue_length = queue_length
        self.params: dict[str, Any] = {}
        self.model: Any = None
        self._hooks: dict[str, list[_Hook]] = {}
        self._reset_batch_timing()

    def append(self, callback: Any) -> None:
        """Add a callback at the end."""
        self.callbacks.append(callback)
        self._hooks.clear()

    def set_params(self, params: dict[str, Any]) -> None:
        """Give every callback the run's parameters."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Give every callback the model."""
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def has_batch_hook(self, name: str) -> bool:
        """Whether any callback overrides the batch method ``name``, e.g. "on_train_batch_end"."""
        return bool(self._batch_hooks(name))

    def _batch_hooks(self, name: str) -> list[_Hook]:
        hooks = self._hooks.get(name)
        if hooks is None:
            found = (_hook_of(callback, name) for callback in self.callbacks)
            hooks = self._hooks[name] = [hook for hook in found if hook is not None]
        return hooks

    def _reset_batch_timing(self) -> None:
        # Methods may have been set on a callback since: look again once per epoch.
        self._hooks.clear()
        self._t_enter_batch = time.time()
        self._durations: dict[str, deque[float]] = {}

    def _call_batch_hook(self, mode: str, hook: str, batch: int, logs: Any = None) -> None:
        name = f"on_{mode}_batch_{hook}"
        hooks = self._batch_hooks(name)
        if hooks:
            if logs is None:
                logs = {}
            before = time.time()
            for method in hooks:
                method(batch, logs)
            if hook == "end":
                self._warn_if_slow(name, before - self._t_enter_batch, time.time() - before)
        if hook == "begin":
            self._t_enter_batch = time.time()

    def _warn_if_slow(self, name: str, batch_time: float, hook_time: float) -> None:
        durations = self._durations.setdefault(name, deque(maxlen=self.queue_length))
        durations.append(hook_time)
        if hook_time > 0.1 and batch_time > 0:
            typical = median(durations)
            if typical > 0.95 * batch_time and typical > 0.1:
                warnings.warn(
                    f"Method ({name}) is slow compared to the batch update ({typical:f}). Check "
                    "your callbacks.",
                    RuntimeWarning,
                    stacklevel=4,
                )

    def _call_all(self, name: str, *args: Any) -> None:
        for callback in self.callbacks:
            hook = _own_method(callback, name)
            if hook is not None:
                hook(*args)

    def _call_begin_hook(self, mode: str) -> None:
        self._check_mode(mode)
        getattr(self, f"on_{mode}_begin")()

    def _call_end_hook(self, mode: str) -> None:
        self._check_mode(mode)
        getattr(self, f"on_{mode}_end")()

    @staticmethod
    def _check_mode(mode: str) -> None:
        if mode not in _MODES:
            raise ValueError(f"mode must be one of {', '.join(_MODES)}; found {mode!r}.")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._call_all("on_epoch_begin", epoch, {} if logs is None else logs)
        self._reset_batch_timing()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._call_all("on_epoch_end", epoch, {} if logs is None else logs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._call_batch_hook("train", "begin", batch, logs)

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        self._call_batch_hook("train", "end", batch, logs)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._call_batch_hook("train", "begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._call_batch_hook("train", "end", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._call_batch_hook("test", "begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self._call_batch_hook("test", "end", batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._call_batch_hook("predict", "begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self._call_batch_hook("predict", "end", batch, logs)

    def on_train_begin(self, logs: Any = None) -> None:
        self._hooks.clear()
        self._call_all("on_train_begin", logs)

    def on_train_end(self, logs: Any = None) -> None:
        self._call_all("on_train_end", logs)

    def on_test_begin(self, logs: Any = None) -> None:
        self._hooks.clear()
        self._call_all("on_test_begin", logs)

    def on_test_end(self, logs: Any = None) -> None:
        self._call_all("on_test_end", logs)

    def on_predict_begin(self, logs: Any = None) -> None:
        self._hooks.clear()
        self._call_all("on_predict_begin", logs)

    def on_predict_end(self, logs: Any = None) -> None:
        self._call_all("on_predict_end", logs)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)


registry.register(globals())
