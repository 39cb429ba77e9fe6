"""The list of callbacks by which training calls each of them, and what nobody asks for costs nothing."""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .. import registry, rules
from .base import Callback
from .loggers import History, ProgbarLogger

_MODES = ("train", "test", "predict")

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


def _each_batch(mode: str, hook: str) -> Callable[..., None]:
    def call(self: CallbackList, batch: int, logs: Any = None) -> None:
        self._call_batch_hook(mode, hook, batch, logs)

    return call


def _once(name: str) -> Callable[..., None]:
    def call(self: CallbackList, logs: Any = None) -> None:
        if name.endswith("_begin"):  # methods may have been set on a callback since
            self._hooks.clear()
        self._call_all(name, {} if logs is None else logs)

    return call


class CallbackList:
    """Calls a list of callbacks in order.

    Args:
        callbacks: Callback instances.
        queue_length: over how many batches the time spent in callbacks is judged.
        add_history, add_progbar: whether a History and a ProgbarLogger are added where none is among them.
        model: whom they are for; **params: the run's parameters; both as the setters below.

    A batch hook that no callback overrides costs nothing: ask ``has_batch_hook`` and leave out the call and
    its logs.
    """

    @rules.with_arguments
    def __init__(
        self,
        callbacks: Iterable[Any] | None = None,
        queue_length: int = 10,
        *,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        self.callbacks = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or [])
        self.queue_length = queue_length
        self.params: dict[str, Any] = {}
        self.model: Any = None
        self._hooks: dict[str, list[_Hook]] = {}
        if add_history and not self._has(History):
            self.callbacks.append(History())
        if add_progbar and not self._has(ProgbarLogger):
            self.callbacks.append(ProgbarLogger("steps"))
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)
        self._reset_batch_timing()

    def _has(self, kind: type[Callback]) -> bool:
        return any(isinstance(callback, kind) for callback in self.callbacks)

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
            typical = float(np.median(durations))
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

    on_batch_begin = on_train_batch_begin = _each_batch("train", "begin")
    on_batch_end = on_train_batch_end = _each_batch("train", "end")
    on_test_batch_begin = _each_batch("test", "begin")
    on_test_batch_end = _each_batch("test", "end")
    on_predict_batch_begin = _each_batch("predict", "begin")
    on_predict_batch_end = _each_batch("predict", "end")

    on_train_begin = _once("on_train_begin")
    on_train_end = _once("on_train_end")
    on_test_begin = _once("on_test_begin")
    on_test_end = _once("on_test_end")
    on_predict_begin = _once("on_predict_begin")
    on_predict_end = _once("on_predict_end")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)


registry.register(globals())
