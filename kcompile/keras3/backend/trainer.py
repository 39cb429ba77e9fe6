"""Training, evaluation and prediction of models on this backend.

Steps are traced into one graph each: the torch bridge runs those of training and evaluation, onnxruntime
those of prediction.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from keras.src import callbacks as callbacks_module
from keras.src import optimizers as optimizers_module
from keras.src import tree
from keras.src.backend import config
from keras.src.trainers import trainer as base_trainer
from keras.src.trainers.data_adapters import array_slicing, data_adapter_utils
from keras.src.utils import traceback_utils
from keras.src.utils.python_utils import pythonify_logs

from .callback_list import CallbackList
from .epoch_iterator import EpochIterator
from .stepping import ModelStep, gradients_of
from .variables import convert_to_numpy, shape


class KCompileTrainer(base_trainer.Trainer):
    """Mixed into ``keras.Model``.

    Attributes:
        train_function, test_function, predict_function: of a list of batches, the last step's result; None
            before they are made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.train_function: Callable[[Any], Any] | None = None
        self.test_function: Callable[[Any], Any] | None = None
        self.predict_function: Callable[[Any], Any] | None = None

    def _resolve_auto_jit_compile(self) -> bool:
        """Whether ``jit_compile="auto"`` has a step compiled: it costs more than most training gives back."""
        return False

    # --- steps --------------------------------------------------------------------------------------------

    def train_step(self, data: Any) -> dict[str, Any]:
        """One update of the weights by a batch ``(x, y, sample_weight)``; returns the metrics by name."""
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, training=True)
        loss = self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
        self._loss_tracker.update_state(loss, sample_weight=_samples(x))
        if self.optimizer is not None:
            loss = self.optimizer.scale_loss(loss)
        if self.trainable_weights:
            weights = self.trainable_weights
            self.optimizer.apply(gradients_of(loss, weights), weights)
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)  # type: ignore[no-any-return]

    def test_step(self, data: Any) -> dict[str, Any]:
        """Loss and metrics of a batch in test mode."""
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, training=False)
        loss = self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        self._loss_tracker.update_state(loss, sample_weight=_samples(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)  # type: ignore[no-any-return]

    def predict_step(self, data: Any) -> Any:
        """Outputs for a batch in test mode."""
        return self._forward(data_adapter_utils.unpack_x_y_sample_weight(data)[0], training=False)

    def _forward(self, x: Any, training: bool) -> Any:
        return self(x, training=training) if self._call_has_training_arg else self(x)

    def make_train_function(self, force: bool = False) -> Callable[[Any], Any]:
        """Makes ``train_function``, unless it is there."""
        if self.train_function is None or force:
            self.train_function = self._function(
                "train_step", training=True, compiled=self.jit_compile is True
            )
        return self.train_function

    def make_test_function(self, force: bool = False) -> Callable[[Any], Any]:
        """Makes ``test_function``, unless it is there."""
        if self.test_function is None or force:
            self.test_function = self._function("test_step")
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Callable[[Any], Any]:
        """Makes ``predict_function``, unless it is there."""
        if self.predict_function is None or force:
            self.predict_function = _PredictFunction(self._step("predict_step", predicting=True))
        return self.predict_function

    def _step(self, name: str, **kinds: bool) -> ModelStep:
        eagerly = bool(self.run_eagerly) and name != "predict_step"
        where = f"{type(self).__name__}.{name}"
        return ModelStep(lambda data: getattr(self, name)(data), where, run_eagerly=eagerly, **kinds)

    def _function(self, name: str, **kinds: bool) -> Callable[[Any], Any]:
        step = self._step(name, **kinds)

        def on_batches(batches: Any) -> Any:
            logs = None
            for data in batches:
                logs = step(data)
            return logs

        return on_batches

    def _symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """As ``keras.Model``. A step of the user's own may call the model's parts alone, or take data of a
        form of its own: then it is the step that builds the model, or says what is wrong."""
        if type(self).train_step is KCompileTrainer.train_step:
            super()._symbolic_build(iterator=iterator, data_batch=data_batch)
        elif getattr(type(self).call, "__module__", "") != "keras.src.models.model":
            with suppress(Exception):
                super()._symbolic_build(iterator=iterator, data_batch=data_batch)

    # --- loops --------------------------------------------------------------------------------------------

    @traceback_utils.filter_traceback  # type: ignore[untyped-decorator]
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """As ``keras.Model.fit``."""
        self._assert_compile_called("fit")
        epochs = _limited(epochs)
        self._eval_epoch_iterator: EpochIterator | None = None
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = array_slicing.train_validation_split(
                (x, y, sample_weight), validation_split=validation_split
            )
        batches = self._batches(
            x, y, sample_weight, batch_size, steps_per_epoch, shuffle, class_weight=class_weight
        )
        self._symbolic_build(iterator=batches)
        batches.reset()
        callbacks = self._callback_list(callbacks, verbose, batches, epochs, add_history=True)
        validate = None
        if validation_data is not None:
            validate = self._validation(
                validation_data, validation_batch_size or batch_size, validation_steps, callbacks
            )
        self.stop_training = False
        self.make_train_function()
        callbacks.on_train_begin()
        logs: dict[str, Any] = {}
        for epoch in range(self._initial_epoch or initial_epoch, epochs):
            logs = self._epoch(epoch, batches, callbacks, validate, validation_freq)
            if self.stop_training:
                break
        if isinstance(self.optimizer, optimizers_module.Optimizer) and epochs > 0:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        self._eval_epoch_iterator = None
        callbacks.on_train_end(logs=logs)
        return self.history

    def _batches(
        self, x: Any, y: Any, sample_weight: Any, size: Any, steps: Any, shuffle: bool = False, **others: Any
    ) -> EpochIterator:
        return EpochIterator(
            x=x,
            y=y,
            sample_weight=sample_weight,
            batch_size=size,
            steps_per_epoch=steps,
            shuffle=shuffle,
            steps_per_execution=self.steps_per_execution,
            **others,
        )

    def _epoch(
        self, epoch: int, batches: EpochIterator, callbacks: Any, validate: Any, validation_freq: Any
    ) -> dict[str, Any]:
        """One pass over the data; returns its logs."""
        self.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        logs: Any = {}
        with batches.catch_stop_iteration():
            for begin, end, data in batches:
                callbacks.on_train_batch_begin(begin)
                logs = self.train_function(data)  # type: ignore[misc]
                callbacks.on_train_batch_end(end, logs)
                if self.stop_training:
                    break
        of_epoch = dict(logs if self._says_all(logs, callbacks) else self._get_metrics_result_or_logs(logs))
        if validate is not None and self._should_eval(epoch, validation_freq):
            of_epoch.update({f"val_{name}": value for name, value in validate().items()})
        callbacks.on_epoch_end(epoch, of_epoch)
        return of_epoch

    def _says_all(self, logs: Any, callbacks: Any) -> bool:
        """Whether the last step has said how the metrics stand: it is Keras's own, and nobody could have
        changed them since."""
        is_own = type(self).train_step is KCompileTrainer.train_step
        return is_own and bool(logs) and isinstance(callbacks, CallbackList) and not callbacks.hears_batches

    def _validation(self, data: Any, batch_size: Any, steps: Any, callbacks: Any) -> Callable[[], Any]:
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)

        def validate() -> Any:
            if self._eval_epoch_iterator is None:
                self._eval_epoch_iterator = self._batches(x, y, sample_weight, batch_size, steps)
            return self.evaluate(
                x=x,
                y=y,
                sample_weight=sample_weight,
                batch_size=batch_size,
                steps=steps,
                callbacks=callbacks,
                return_dict=True,
                _use_cached_eval_dataset=True,
            )

        return validate

    @traceback_utils.filter_traceback  # type: ignore[untyped-decorator]
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """As ``keras.Model.evaluate``."""
        self._assert_compile_called("evaluate")
        cached = kwargs.pop("_use_cached_eval_dataset", False)
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        batches = self._eval_epoch_iterator if cached else None
        if batches is None:
            batches = self._batches(x, y, sample_weight, batch_size, steps)
        self._symbolic_build(iterator=batches)
        batches.reset()
        callbacks = self._callback_list(callbacks, verbose, batches)
        self.make_test_function()
        self.stop_evaluating = False
        callbacks.on_test_begin()
        logs: Any = {}
        self.reset_metrics()
        for begin, end, data in batches:
            callbacks.on_test_batch_begin(begin)
            logs = self.test_function(data)  # type: ignore[misc]
            callbacks.on_test_batch_end(end, logs)
            if self.stop_evaluating:
                break
        logs = pythonify_logs(self._get_metrics_result_or_logs(logs))
        callbacks.on_test_end(logs)
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    @traceback_utils.filter_traceback  # type: ignore[untyped-decorator]
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """As ``keras.Model.predict``."""
        if callbacks is None and steps is None and not verbose and _is_plain(x):
            return self._predict_silently(x, 32 if batch_size is None else batch_size)
        batches = self._batches(x, None, None, batch_size, steps)
        callbacks = self._callback_list(callbacks, verbose, batches)
        self.make_predict_function()
        self.stop_predicting = False
        callbacks.on_predict_begin()
        parts: list[Any] = []
        for begin, end, data in batches:
            callbacks.on_predict_batch_begin(begin)
            parts.append(self.predict_function(data))  # type: ignore[misc]
            callbacks.on_predict_batch_end(end, {"outputs": parts[-1]})
            if self.stop_predicting:
                break
        callbacks.on_predict_end()
        return _concatenated([_as_arrays(part) for part in parts])

    def _predict_silently(self, x: np.ndarray, batch_size: int) -> Any:
        """``predict`` where nobody watches: what is left of it for a few samples."""
        function = self.predict_function or self.make_predict_function()
        if len(x) <= batch_size:
            return _as_arrays(
                function.of_array(x) if type(function) is _PredictFunction else function([(x,)])
            )
        parts = [function([(x[i : i + batch_size],)]) for i in range(0, len(x), batch_size)]
        return _concatenated([_as_arrays(part) for part in parts])

    def _callback_list(
        self, callbacks: Any, verbose: Any, batches: EpochIterator, epochs: int = 1, add_history: bool = False
    ) -> Any:
        if isinstance(callbacks, callbacks_module.CallbackList):
            return callbacks
        return CallbackList(
            callbacks,
            add_history=add_history,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=epochs,
            steps=batches.num_batches,
            model=self,
        )

    # --- single batches -----------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """As ``keras.Model.train_on_batch``."""
        self._assert_compile_called("train_on_batch")
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(
                    "Arguments `sample_weight` and `class_weight` cannot be specified at the same time. "
                    f"Received: sample_weight={sample_weight}, class_weight={class_weight}"
                )
            sample_weight = data_adapter_utils.class_weight_to_sample_weights(y, class_weight)
        data = (x, y, sample_weight)
        if self.train_function is None:
            self._symbolic_build(data_batch=data)
        return self._on_batch(self.make_train_function(), data, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """As ``keras.Model.test_on_batch``."""
        self._assert_compile_called("test_on_batch")
        data = (x, y, sample_weight)
        if self.test_function is None:
            self._symbolic_build(data_batch=data)
        return self._on_batch(self.make_test_function(), data, return_dict)

    def _on_batch(self, function: Callable[[Any], Any], data: Any, return_dict: bool) -> Any:
        self.reset_metrics()
        logs = pythonify_logs(function([data]))
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    def predict_on_batch(self, x: Any) -> Any:
        """As ``keras.Model.predict_on_batch``."""
        return _as_arrays(self.make_predict_function()([(x,)]))


#: Names of element types in Keras; to ask an array for its type's name costs as much as a small model.
_FLOATS = {np.dtype(name): name for name in ("float16", "float32", "float64")}


class _PredictFunction:
    """``predict_function``: the step's outputs for batches, joined."""

    def __init__(self, step: ModelStep) -> None:
        self._step = step
        self.of_array = step.of_array

    def __call__(self, batches: Any) -> Any:
        return _concatenated([self._step(data) for data in batches])


def _is_plain(x: Any) -> bool:
    """Whether ``x`` is one array that data adapters would give as it is, in batches."""
    if type(x) is not np.ndarray or x.ndim == 0 or not len(x):
        return False
    return x.dtype.kind in "iub" or _FLOATS.get(x.dtype) == config.floatx()


def _as_arrays(found: Any) -> Any:
    return found if type(found) is np.ndarray else tree.map_structure(convert_to_numpy, found)


def _samples(x: Any) -> Any:
    """The size of the batch: a number, or a scalar value where a graph leaves it open."""
    return shape(next(leaf for leaf in tree.flatten(x) if leaf is not None))[0]


def _limited(epochs: int) -> int:
    most = config.max_epochs()
    if most and most < epochs:
        warnings.warn(f"Limiting epochs to {most}", stacklevel=3)
        return int(most)
    return epochs


def _concatenated(parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    return tree.map_structure(lambda *arrays: np.concatenate([convert_to_numpy(a) for a in arrays]), *parts)
