"""One loop for training, one for evaluation, one for prediction, over every kind of data alike."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np

from .. import backend as K
from .. import callbacks as cbks
from .. import rules
from ..utils import launch
from ..utils.generic_utils import Progbar, unpack_singleton
from ..utils.interactive import print_msg
from .compiled_network import CompiledNetwork
from .data_adapters import ArrayAdapter, DataAdapter
from .fit_state import FitState
from .own_steps import LastLogs, OwnSteps
from .step_inputs import StepInputs


class EpochMeans:
    """Means over the batches so far, kept on the device until somebody reads them.

    Args:
        model: a compiled model; its metrics hold their own running values.
        by_samples: weigh batches by their size (True), or all alike.
    """

    def __init__(self, model: CompiledNetwork, by_samples: bool = True) -> None:
        self.model = model
        self.by_samples = by_samples
        self.total: Any = None
        self.seen = 0
        self.last: Any = None

    def add(self, loss: Any, samples: int) -> None:
        """One more batch."""
        weight = samples if self.by_samples else 1
        self.last = loss
        term = loss * weight
        self.total = term if self.total is None else self.total + term
        self.seen += weight

    def latest(self) -> dict[str, float]:
        """The loss of the last batch, and the metrics as they stand."""
        return self._named(float(self.last))

    def means(self) -> dict[str, float]:
        """The mean loss so far, and the metrics as they stand."""
        return self._named(float(self.total) / max(1, self.seen) if self.total is not None else 0.0)

    def _named(self, loss: float) -> dict[str, float]:
        return dict(zip(self.model.metrics_names, [loss, *self.model._compiled_steps.results()], strict=True))


def _logs_of(model: CompiledNetwork, by_samples: bool) -> EpochMeans | LastLogs:
    """What the batches of an epoch are added to."""
    own = isinstance(model._compiled_steps, OwnSteps)
    return LastLogs() if own else EpochMeans(model, by_samples)


def _reported(model: CompiledNetwork, validated: bool) -> list[str]:
    """The names that callbacks are told; a list that grows where only the steps tell."""
    if isinstance(model._compiled_steps, OwnSteps):
        model._compiled_steps.reported.extend(
            n for n in model.metrics_names if n not in model._compiled_steps.reported
        )
        return model._compiled_steps.reported
    names = model.metrics_names if model._compiled_network is not None else ["loss"]
    return names + [f"val_{name}" for name in names if validated]


def _alone(fitting: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Runs a loop over a model while no other thread trains or evaluates it."""

    def decorate(loop: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(loop)
        def wrapped(model: CompiledNetwork, *args: Any) -> Any:
            with nullcontext() if model._compiled_steps is None else model._compiled_steps.alone(fitting):
                return loop(model, *args)

        return wrapped

    return decorate


@launch.only_first_prints()
@_alone(fitting=True)
def fit(
    model: CompiledNetwork,
    source: DataAdapter,
    epochs: int,
    verbose: int,
    callbacks: Any,
    validation: DataAdapter | None,
    validation_freq: Any,
    initial_epoch: int,
) -> cbks.History:
    """Trains; see ``Model.fit``."""
    source.take_together(model.steps_per_execution)
    model._check_trainable_weights_consistency()
    launch.synchronize(model)
    callbacks = [callbacks] if isinstance(callbacks, cbks.Callback) else callbacks  # tf.keras takes one, too
    callbacks = launch.without_writers(callbacks)
    history = cbks.History()
    watching = [cbks.ProgbarLogger("steps" if source.steps_given else "samples")] if verbose else []
    callback_list = cbks.CallbackList([*watching, *callbacks, history])
    model.history = history
    model.stop_training = False
    if verbose and validation is not None and source.samples and validation.samples:
        print_msg(f"Train on {source.samples} samples, validate on {validation.samples} samples")
    callback_list.set_model(model)
    its = rules.of_dialect(model)
    params = _callback_params(model, source, epochs, verbose, validation is not None)
    callback_list.set_params(params)
    for callback in callback_list:
        if not (its.logs_of_epoch and getattr(callback, "validation_data", None) is not None):
            callback.validation_data = _validation_arrays(model, validation)
    state = model._fit_state = FitState(model, callback_list, initial_epoch)
    logs: Any = None
    try:
        callback_list.on_train_begin()
        for _ in state.epochs(epochs):
            logs = _train_epoch(model, source, callback_list, state, validation, validation_freq)
            if source.follows_length:
                callback_list.set_params({**params, "steps": source.steps})
    finally:
        model._fit_state = None
        source.close()
        if validation is not None:
            validation.close()
    if epochs > initial_epoch:
        model.optimizer.finalize_variable_values(model._trained_weights)
    callback_list.on_train_end(logs if its.logs_of_epoch else None)
    return history


def _callback_params(
    model: CompiledNetwork, source: DataAdapter, epochs: int, verbose: int, validates: bool
) -> dict[str, Any]:
    """What callbacks are told of a training before it begins."""
    counts_steps = source.steps_given or rules.of_dialect(model).logs_of_epoch
    return {
        "batch_size": source.batch_size,
        "epochs": epochs,
        "steps": source.steps if counts_steps else None,
        "samples": source.samples,
        "verbose": verbose,
        "do_validation": validates,
        "metrics": _reported(model, validates),
    }


def _validation_arrays(model: CompiledNetwork, validation: DataAdapter | None) -> list[Any] | None:
    """What callbacks find: inputs, targets, a weight per sample, and 0 for the phase where it matters."""
    if not isinstance(validation, ArrayAdapter) or isinstance(model._compiled_steps, OwnSteps):
        return None
    inputs = validation.inputs
    arrays = list(inputs.arrays)
    if not inputs.weighted:
        arrays += [np.ones(inputs.samples, K.floatx()) for _ in arrays[len(model._graph_inputs) :]]
    return [*arrays, 0.0] if model.uses_learning_phase else arrays


def _train_epoch(
    model: CompiledNetwork,
    source: DataAdapter,
    callbacks: Any,
    state: FitState,
    validation: DataAdapter | None,
    validation_freq: Any,
) -> dict[str, float]:
    """Trains for an epoch; the logs of it."""
    model.reset_metrics()
    epoch = state.epoch
    callbacks.on_epoch_begin(epoch)
    model._make_own_function("train")
    means = _logs_of(model, source.by_samples)
    for part, begins, ends in _together(state.batches(source, means), model.steps_per_execution):
        if begins:
            _batch_hook(model, callbacks, "train", "begin", part[0][0], part[0][1].samples)
        if part:
            told = model._compiled_steps.train_together([batch for _, batch in part])
            for one, (_, batch) in zip(told, part, strict=True):
                means.add(one, batch.samples)
            last, samples = part[-1][0], batch.samples
        if ends:
            _batch_hook(model, callbacks, "train", "end", last, samples, means)
            if model.stop_training:
                break
    results = means.means()
    logs: dict[str, float] = cbks.Logs()
    if model._compile_rules.validation_last:
        logs.update(results)
    interrupted = model.stop_training and (source.steps is None or state.batch + 1 < source.steps)
    if validation is not None and not interrupted:
        if validates_after(validation_freq, epoch):
            found = evaluate(model, validation, 0, callbacks)
            logs.update((f"val_{name}", value) for name, value in found.items())
    logs.update(results)
    callbacks.on_epoch_end(epoch, logs)
    return logs


_WAITING = 2**26
"""Bytes of batches that are read before the steps on them begin."""


def _together(
    batches: Iterator[tuple[int, StepInputs]], steps: int
) -> Iterator[tuple[list[tuple[int, StepInputs]], bool, bool]]:
    """The batches, with their numbers, of which steps are executed together, in parts that memory holds.

    Gives with each part whether callbacks hear before it, and after it.
    """
    part: list[tuple[int, StepInputs]] = []
    begins, size = True, 0
    try:
        for index, batch in batches:
            part.append((index, batch))
            ends = (index + 1) % steps == 0
            if not ends:
                size += sum(getattr(x, "nbytes", 0) for x in batch.arrays)
            if ends or size > _WAITING:
                yield part, begins, ends
                part, begins, size = [], ends, 0
    except Exception:  # of the data: what came before is trained on
        if part:
            yield part, begins, False
        raise
    if part or not begins:  # fewer were left than are executed together
        yield part, begins, True


def validates_after(validation_freq: Any, epoch: int) -> bool:
    """Whether there is a validation after the epoch, counted from 0."""
    if isinstance(validation_freq, int):
        if validation_freq < 1:
            raise ValueError("`validation_freq` can not be less than 1.")
        return (epoch + 1) % validation_freq == 0
    return epoch + 1 in validation_freq


def _batch_hook(
    model: CompiledNetwork,
    callbacks: Any,
    mode: str,
    moment: str,
    batch: int,
    samples: int,
    means: EpochMeans | LastLogs | None = None,
    outputs: list[np.ndarray] | None = None,
) -> None:
    """Calls the callbacks that want to hear of batches; values are fetched only if one of them reads."""
    if not callbacks.has_batch_hook(f"on_{mode}_batch_{moment}"):
        return
    of_epoch = rules.of_dialect(model).logs_of_epoch
    logs: Any = {} if of_epoch else {"batch": batch, "size": samples}
    if means is not None:
        logs = cbks.BatchLogs(batch, samples, means.latest, means.means, of_epoch)
    elif of_epoch and outputs is not None:
        logs = {"outputs": unpack_singleton(outputs)}
    callbacks._call_batch_hook(mode, moment, batch, logs)


@launch.only_first_prints()
@_alone()
def evaluate(model: CompiledNetwork, source: DataAdapter, verbose: int, callbacks: Any) -> dict[str, float]:
    """Means of loss and metrics over the batches; see ``Model.evaluate``."""
    inside_fit = isinstance(callbacks, cbks.CallbackList)
    callbacks = _callback_list(model, callbacks, source, verbose)
    bar = Progbar(target=source.samples or source.steps) if verbose == 1 else None
    if model._compiled_network is not None or isinstance(model._compiled_steps, OwnSteps):
        model.reset_metrics()
    means = _logs_of(model, source.by_samples)
    model._make_own_function("test")
    callbacks.on_test_begin()
    seen = 0
    try:
        for index, batch in enumerate(source.epoch()):
            _batch_hook(model, callbacks, "test", "begin", index, batch.samples)
            means.add(model._compiled_steps.test(batch.weighted)(batch.arrays), batch.samples)
            _batch_hook(model, callbacks, "test", "end", index, batch.samples, means)
            seen += batch.samples
            if bar is not None:
                bar.update(min(seen, source.samples) if source.samples else index + 1)
    finally:
        if not inside_fit:
            source.close()
    found = means.means()
    callbacks.on_test_end(found if rules.of_dialect(model).logs_of_epoch else None)
    return found


@launch.only_first_prints()
def predict(
    model: CompiledNetwork,
    source: DataAdapter,
    verbose: int,
    callbacks: Any,
    run: Callable[[StepInputs], list[np.ndarray]] | None = None,
) -> list[np.ndarray]:
    """Outputs over the batches, concatenated; see ``Model.predict``.

    Args:
        run: what predicts for a batch, where the model does not do it as all do.
    """
    callbacks = _callback_list(model, callbacks, source, verbose)
    bar = Progbar(target=source.samples or source.steps) if verbose == 1 else None
    callbacks.on_predict_begin()
    parts: list[list[np.ndarray]] = []
    seen = 0
    try:
        for index, batch in enumerate(source.epoch()):
            _batch_hook(model, callbacks, "predict", "begin", index, batch.samples)
            parts.append(model._predicting_run().predict(batch.arrays) if run is None else run(batch))
            _batch_hook(model, callbacks, "predict", "end", index, batch.samples, outputs=parts[-1])
            seen += batch.samples
            if bar is not None:
                bar.update(min(seen, source.samples) if source.samples else index + 1)
    finally:
        source.close()
    callbacks.on_predict_end()
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def _callback_list(model: CompiledNetwork, callbacks: Any, source: DataAdapter, verbose: int) -> Any:
    if isinstance(callbacks, cbks.CallbackList):
        return callbacks
    made = cbks.CallbackList(list(callbacks or ()))
    made.set_model(model)
    made.set_params(
        {
            "batch_size": source.batch_size,
            "steps": source.steps,
            "samples": source.samples,
            "verbose": verbose,
        }
    )
    return made
