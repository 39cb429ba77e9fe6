"""The callback by which a training that was interrupted goes on where it was."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np

from ... import formats
from ...formats.archive import Archive, LayerWeights
from .. import registry
from ..utils import launch
from .base import Callback

_FILE = "fit_state.safetensors"


class BackupAndRestore(Callback):
    """Saves where training is, so that the same program, started again, goes on from there.

    Saved are the weights, the optimizer's state and learning rate, metrics and states, the random numbers of
    Python, numpy and torch (the order of samples, dropout, noise), what built-in callbacks go by, and the
    numbers of the epoch and the batch. On a CPU the weights come out equal to the bit, wherever the run was
    broken off. Data that a generator gives begins anew: where an epoch is gone on with, the batches of that
    epoch which were done are read and left out.

    Args:
        backup_dir: folder of the file, made when missing; for this training alone.
        save_freq: "epoch", or after every so many batches. None only with ``save_before_preemption``.
        delete_checkpoint: remove the file when training ends by itself.
        save_before_preemption: on SIGTERM, save after the batch that goes on, and exit.
        double_checkpoint: of Keras 3, accepted: the file is replaced as a whole or not at all.

    Raises:
        ValueError: for another ``save_freq``, and when the file is of another model.
    """

    _kept: ClassVar[tuple[str, ...]] = ("_batches",)

    def __init__(
        self,
        backup_dir: Any,
        save_freq: Any = "epoch",
        delete_checkpoint: bool = True,
        save_before_preemption: bool = False,
        *,
        double_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.backup_dir = os.fspath(backup_dir)
        if not self.backup_dir:
            raise ValueError("BackupAndRestore needs a folder: backup_dir is empty.")
        if not save_freq and not save_before_preemption:
            raise ValueError("Either save_freq or save_before_preemption must be set.")
        counts = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq and save_freq != "epoch" and not counts:
            raise ValueError(f'save_freq must be "epoch" or a number of batches, found {save_freq!r}.')
        self.save_freq = save_freq
        self.delete_checkpoint = delete_checkpoint
        self.save_before_preemption = save_before_preemption
        self.double_checkpoint = double_checkpoint
        self._batches = 0
        self._terminated = False
        self._former_handler: Any = None
        if counts or save_before_preemption:  # else batches cost nothing
            self.on_train_batch_end = self._count_batch  # type: ignore[method-assign]

    @property
    def _path(self) -> str:
        return os.path.join(self.backup_dir, _FILE)

    def on_train_begin(self, logs: Any = None) -> None:
        self._batches = 0
        os.makedirs(self.backup_dir, exist_ok=True)
        if os.path.exists(self._path):
            try:
                self.model._fit_state.resume(_read(self._path))
            except (ValueError, KeyError) as error:
                raise ValueError(
                    f"Training cannot go on from {self._path}: {error} To begin anew, remove that file or "
                    "give another backup_dir."
                ) from error
        if self.save_before_preemption and threading.current_thread() is threading.main_thread():
            self._former_handler = signal.signal(signal.SIGTERM, self._terminate)

    def _count_batch(self, batch: int, logs: Any = None) -> None:
        self._batches += 1
        if self._terminated or self.save_freq not in ("epoch", None, False) and self._is_due():
            self.model._fit_state.write_next(self._write)

    def _is_due(self) -> bool:
        if self._batches < self.save_freq:
            return False
        self._batches = 0
        return True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            self.model._fit_state.write_next(self._write)

    def on_train_end(self, logs: Any = None) -> None:
        self._restore_handler()
        if self.delete_checkpoint and self._is_writer():
            with suppress(FileNotFoundError):
                os.unlink(self._path)
            with suppress(OSError):  # somebody keeps other files there
                os.rmdir(self.backup_dir)

    def _write(self, arrays: Mapping[str, np.ndarray]) -> None:
        if self._is_writer():
            weights: list[tuple[str, Any]] = [(name, _storable(array)) for name, array in arrays.items()]
            formats.write(
                Archive(layer_weights=[LayerWeights("", weights)]), self._path, format="safetensors"
            )
        if self._terminated:
            self._restore_handler()
            raise SystemExit(128 + signal.SIGTERM)

    @staticmethod
    def _is_writer() -> bool:
        """Of several processes that train together, one writes; all of them read."""
        together = launch.launched()
        return together is None or together.rank == 0

    def _terminate(self, *_: Any) -> None:
        if self.model._fit_state is not None:
            self._terminated = True
        else:  # training broke off
            self._restore_handler()
            os.kill(os.getpid(), signal.SIGTERM)

    def _restore_handler(self) -> None:
        if self._former_handler is not None:
            signal.signal(signal.SIGTERM, self._former_handler)
            self._former_handler = None


def _read(path: str) -> dict[str, np.ndarray]:
    (entry,) = formats.read(path, format="safetensors").layer_weights
    return {name: np.asarray(array) for name, array in entry.weights}


def _storable(array: np.ndarray) -> np.ndarray:
    """The array in a type of the format: of bfloat16 and its like, float32 has all numbers."""
    return array.astype(np.float32) if array.dtype.kind == "V" or array.dtype.num > 24 else array


registry.register(globals())
