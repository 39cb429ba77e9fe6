"""Callbacks, told of batches in the thread that trains where there is nothing else to wait for."""

from __future__ import annotations

import itertools
from typing import Any

from keras.src import callbacks as callbacks_module
from keras.src.utils import is_default

from .tensors import get_device


class CallbackList(callbacks_module.CallbackList):
    """As Keras's own, at less cost for each batch.

    Keras hands the ends of batches to threads, so that who reads a loss waits for the device and the training
    does not. On a CPU the loss is there, and such a thread takes turns with the one that trains. Where no
    callback listens to batches, no loss is read for them.
    """

    def _configure_async_dispatch(self, callbacks: Any) -> None:
        if get_device().type != "cpu":
            super()._configure_async_dispatch(callbacks)

    def _is_heard(self, *names: str) -> bool:
        """Whether a callback has one of these methods of its own; by default the first calls the second."""
        return any(not is_default(getattr(callback, name)) for callback in self.callbacks for name in names)

    @property
    def hears_batches(self) -> bool:
        """Whether a callback listens to batches of training."""
        kinds = itertools.product(("on_train_batch", "on_batch"), ("begin", "end"))
        return self._is_heard(*map("_".join, kinds))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Tells those who listen that a batch of training begins."""
        if self._is_heard("on_train_batch_begin", "on_batch_begin"):
            super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tells those who listen that a batch of training has ended, with its logs."""
        if self._is_heard("on_train_batch_end", "on_batch_end"):
            super().on_train_batch_end(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Tells those who listen that a batch of evaluation begins."""
        if self._is_heard("on_test_batch_begin"):
            super().on_test_batch_begin(batch, logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tells those who listen that a batch of evaluation has ended, with its logs."""
        if self._is_heard("on_test_batch_end"):
            super().on_test_batch_end(batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Tells those who listen that a batch of prediction begins."""
        if self._is_heard("on_predict_batch_begin"):
            super().on_predict_batch_begin(batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tells those who listen that a batch of prediction has ended, with its outputs."""
        if self._is_heard("on_predict_batch_end"):
            super().on_predict_batch_end(batch, logs)
