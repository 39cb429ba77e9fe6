"""The callback protocol: what training calls."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import registry


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
    #: What it goes by from epoch to epoch, numbers and lists of arrays: a training that was interrupted goes
    #: on with them.
    _kept: ClassVar[tuple[str, ...]] = ()

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


registry.register(globals())
