"""One loop for training, one for evaluation, one for prediction, over arrays and generators alike."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend as K
from .. import callbacks as cbks
from ..utils.generic_utils import Progbar
from . import launch
from . import training_data as data
from .feeds import Feed, input_arrays, make_feed

if TYPE_CHECKING:
    from .training import Model


class ArrayBatches:
    """Batches of arrays.

    Args:
        feed: the arrays.
        batch_size: samples per batch.
        shuffle: True for a new order each epoch, "batch" for chunks of a batch in random order, or False.
        steps: batches per epoch, None for one pass; passes repeat where more are asked for.
        as_numpy: batches as numpy arrays, for prediction; otherwise as tensors.

    Attributes:
        device: where tensors are wanted: None for where a step computes, "cpu" for a step on several devices.
    """

    def __init__(
        self,
        feed: Feed,
        batch_size: int,
        shuffle: bool | str = False,
        steps: int | None = None,
        as_numpy: bool = False,
    ) -> None:
        if shuffle not in (True, False, "batch", None):
            raise ValueError(f'shuffle must be True, False or "batch"; found {shuffle!r}.')
        self.feed = feed
        self.samples = feed.samples
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.steps_given = steps is not None
        self.follows_length = False
        self.ranges = data.batch_ranges(self.samples, batch_size)
        self.steps = len(self.ranges) if steps is None else steps
        self._tensors: Any = None
        self.device: str | None = None
        self._as_numpy = as_numpy or any(data.is_lazy(array) for array in feed.arrays)
        if not feed.arrays and steps is None:
            raise ValueError(
                "The model is fed nothing, so nothing says how many batches there are: give the number of "
                "steps (steps_per_epoch, validation_steps or steps)."
            )
        if not self.ranges:
            raise ValueError("There is no data: the arrays have 0 samples.")

    def epoch(self) -> Iterator[tuple[int, list[Any], bool]]:
        """(samples, arrays, weighted) for each batch of one epoch."""
        done = 0
        while done < self.steps:
            order = self._order()
            for start, stop in self.ranges:
                yield stop - start, self._batch(order, start, stop), self.feed.weighted
                done += 1
                if done == self.steps:
                    return

    def _order(self) -> np.ndarray | None:
        if not self.shuffle:
            return None
        indices = np.arange(self.samples)
        if self.shuffle == "batch":
            return launch.from_first(shuffled_chunks(indices, self.batch_size))
        np.random.shuffle(indices)
        return launch.from_first(indices)

    def _batch(self, order: np.ndarray | None, start: int, stop: int) -> list[Any]:
        which = slice(start, stop) if order is None else order[start:stop]
        if self._as_numpy:
            return [_rows(array, which) for array in self.feed.arrays]
        if self._tensors is None:
            from ...torch_bridge.training import Batches as TensorBatches

            self._tensors = TensorBatches(self.feed.arrays, self.device)
        return self._tensors[which]

    def close(self) -> None:
        """Nothing to close."""


def shuffled_chunks(indices: np.ndarray, size: int) -> np.ndarray:
    """Whole chunks of consecutive indices in a random order, and what is left over behind them."""
    whole = len(indices) // size * size
    chunks = indices[:whole].reshape(-1, size).copy()
    np.random.shuffle(chunks)
    return np.concatenate([chunks.reshape(-1), indices[whole:]])


def _rows(array: Any, which: slice | np.ndarray) -> np.ndarray:
    if data.is_lazy(array) and not isinstance(which, slice):
        return data.take(array, which)
    return np.asarray(array[which])


class GeneratorBatches:
    """Batches that a generator or Sequence gives, read ahead by workers.

    Args:
        model: whose inputs and targets the batches are.
        generator: gives (x, y), (x, y, sample_weight), or for prediction x.
        steps: batches per epoch; None for a Sequence's length, asked for anew after each epoch.
        shuffle: whether a Sequence's order changes each epoch.
        class_weight: as for ``Model.fit``.
        max_queue_size, workers, use_multiprocessing: how batches are read ahead; workers=0 reads here.
        inputs_only: batches are for prediction.

    Raises:
        ValueError: if the number of batches cannot be known.
    """

    def __init__(
        self,
        model: Model,
        generator: Any,
        steps: int | None,
        shuffle: bool,
        class_weight: Any,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        inputs_only: bool = False,
    ) -> None:
        from ..utils.data_utils import Sequence as KerasSequence

        self.is_sequence = isinstance(generator, KerasSequence)
        if steps is None and not self.is_sequence:
            raise ValueError(
                "The number of steps must be given (steps_per_epoch, validation_steps or steps) for a "
                "generator: it does not say when an epoch ends. A keras.utils.Sequence does, by its length."
            )
        self.model, self.generator, self.class_weight = model, generator, class_weight
        self.steps = len(generator) if steps is None else int(steps)
        self.steps_given = True
        self.follows_length = steps is None
        self.samples = None
        self.batch_size = None
        self.shuffle = shuffle
        self.inputs_only = inputs_only
        self._reading = (max_queue_size, workers, use_multiprocessing)
        self._enqueuer: Any = None
        self._items: Iterator[Any] | None = None

    def epoch(self) -> Iterator[tuple[int, list[Any], bool]]:
        """(samples, arrays, weighted) for each batch of one epoch."""
        if self._items is None:
            self._items = self._open()
        for step in range(self.steps):
            try:
                item = next(self._items)
            except StopIteration:
                raise ValueError(
                    f"The generator gave only {step} of the {self.steps} batches of this epoch. It must go "
                    "on without end (`while True`), or the number of steps must be smaller."
                ) from None
            yield self._feed(item)
        if self.is_sequence and self._enqueuer is not None:
            self._enqueuer.join_end_of_epoch()
        elif self.is_sequence:
            self.generator.on_epoch_end()
        if self.follows_length:  # which on_epoch_end may have changed
            self.steps = len(self.generator)

    def _feed(self, item: Any) -> tuple[int, list[Any], bool]:
        x, y, sample_weight = data.unpack_batch(item, "The output of the generator")
        if self.inputs_only:
            arrays = input_arrays(self.model, x)
            return data.count_samples(arrays), arrays, False
        self.model._ensure_built(x)
        feed = make_feed(self.model, x, y, sample_weight, self.class_weight)
        return feed.samples, feed.arrays, feed.weighted

    def _open(self) -> Iterator[Any]:
        from ..utils.data_utils import GeneratorEnqueuer, OrderedEnqueuer

        max_queue_size, workers, use_multiprocessing = self._reading
        if not workers:
            return _endless(self.generator) if self.is_sequence else iter(self.generator)
        if self.is_sequence:
            self._enqueuer = OrderedEnqueuer(
                self.generator, use_multiprocessing=use_multiprocessing, shuffle=self.shuffle
            )
        else:
            self._enqueuer = GeneratorEnqueuer(self.generator, use_multiprocessing=use_multiprocessing)
        self._enqueuer.start(workers=workers, max_queue_size=max_queue_size)
        return self._enqueuer.get()

    def close(self) -> None:
        """Stops the workers."""
        if self._enqueuer is not None:
            self._enqueuer.stop()
            self._enqueuer = None
        self._items = None


def _endless(sequence: Any) -> Iterator[Any]:
    while True:
        for i in range(len(sequence)):
            yield sequence[i]


Batches = ArrayBatches | GeneratorBatches


class EpochMeans:
    """Means over the batches so far, kept on the device until somebody reads them.

    Args:
        model: a compiled model; its metrics hold their own running values.
        by_samples: weigh batches by their size (True), or all alike.
    """

    def __init__(self, model: Model, by_samples: bool = True) -> None:
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
        return dict(zip(self.model.metrics_names, [loss, *self.model._steps.results()], strict=True))


def _alone(fitting: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Runs a loop over a model while no other thread trains or evaluates it."""

    def decorate(loop: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(loop)
        def wrapped(model: Model, *args: Any) -> Any:
            with nullcontext() if model._steps is None else model._steps.alone(fitting):
                return loop(model, *args)

        return wrapped

    return decorate


@launch.only_first_prints()
@_alone(fitting=True)
def fit(
    model: Model,
    source: Batches,
    epochs: int,
    verbose: int,
    callbacks: Sequence[Any] | None,
    validation: Batches | None,
    validation_steps: int | None,
    validation_freq: Any,
    initial_epoch: int,
) -> Any:
    """Trains; see ``Model.fit``."""
    model._check_trainable_weights_consistency()
    _divide(model, source, validation)
    launch.synchronize(model)
    callbacks = launch.without_writers(callbacks)
    if validation is not None and validation_steps is not None:
        validation.steps, validation.follows_length = validation_steps, False
    history = cbks.History()
    watching = [cbks.ProgbarLogger("steps" if source.steps_given else "samples")] if verbose else []
    callback_list = cbks.CallbackList([*watching, *callbacks, history])
    model.history = history
    model.stop_training = False
    if verbose and validation is not None and source.samples and validation.samples:
        print(f"Train on {source.samples} samples, validate on {validation.samples} samples")
    names = model.metrics_names if model._compiled is not None else ["loss"]
    callback_list.set_model(model)
    params = {
        "batch_size": source.batch_size,
        "epochs": epochs,
        "steps": source.steps if source.steps_given else None,
        "samples": source.samples,
        "verbose": verbose,
        "do_validation": validation is not None,
        "metrics": names + [f"val_{name}" for name in names if validation is not None],
    }
    callback_list.set_params(params)
    for callback in callback_list:
        callback.validation_data = _validation_arrays(model, validation)
    callback_list.on_train_begin()
    try:
        for epoch in range(initial_epoch, epochs):
            _train_epoch(model, source, callback_list, epoch, validation, validation_freq)
            if model.stop_training:
                break
            if source.follows_length:
                callback_list.set_params({**params, "steps": source.steps})
    finally:
        source.close()
        if validation is not None:
            validation.close()
    if model._compiled is not None and epochs > initial_epoch:
        model.optimizer.finalize_variable_values(model._compiled.trainable)
    callback_list.on_train_end()
    return history


def _validation_arrays(model: Model, validation: Batches | None) -> list[Any] | None:
    """What callbacks find: inputs, targets, a weight per sample, and 0 for the phase where it matters."""
    if not isinstance(validation, ArrayBatches):
        return None
    feed = validation.feed
    arrays = list(feed.arrays)
    if not feed.weighted:
        arrays += [np.ones(feed.samples, K.floatx()) for _ in arrays[len(model._feed_inputs) :]]
    return [*arrays, 0.0] if model.uses_learning_phase else arrays


def _divide(model: Model, *sources: Batches | None) -> None:
    """Keeps the batches of a model on several devices where they can be divided."""
    for source in sources:
        if model._devices and isinstance(source, ArrayBatches):
            source.device = "cpu"


def _train_epoch(
    model: Model,
    source: Batches,
    callbacks: Any,
    epoch: int,
    validation: Batches | None,
    validation_freq: Any,
) -> None:
    model.reset_metrics()
    callbacks.on_epoch_begin(epoch)
    model._make_own_function("train")
    means = EpochMeans(model, by_samples=not source.steps_given or source.samples is None)
    for batch, (samples, arrays, weighted) in enumerate(source.epoch()):
        _batch_hook(callbacks, "train", "begin", batch, samples)
        means.add(model._steps.train(weighted)(arrays), samples)
        _batch_hook(callbacks, "train", "end", batch, samples, means)
        if model.stop_training:
            break
    results = means.means()
    logs: dict[str, float] = cbks.Logs()
    if validation is not None and not (model.stop_training and batch + 1 < source.steps):
        if validates_after(validation_freq, epoch):
            found = evaluate(model, validation, 0, callbacks)
            logs.update((f"val_{name}", value) for name, value in found.items())
    logs.update(results)
    callbacks.on_epoch_end(epoch, logs)


def validates_after(validation_freq: Any, epoch: int) -> bool:
    """Whether there is a validation after the epoch, counted from 0."""
    if isinstance(validation_freq, int):
        if validation_freq < 1:
            raise ValueError("`validation_freq` can not be less than 1.")
        return (epoch + 1) % validation_freq == 0
    return epoch + 1 in validation_freq


def _batch_hook(
    callbacks: Any, mode: str, moment: str, batch: int, samples: int, means: EpochMeans | None = None
) -> None:
    """Calls the callbacks that want to hear of batches; values are fetched only if one of them reads."""
    if not callbacks.has_batch_hook(f"on_{mode}_batch_{moment}"):
        return
    logs: Any = {"batch": batch, "size": samples}
    if means is not None:
        logs = cbks.BatchLogs(batch, samples, means.latest, means.means)
    callbacks._call_batch_hook(mode, moment, batch, logs)


@launch.only_first_prints()
@_alone()
def evaluate(model: Model, source: Batches, verbose: int, callbacks: Any) -> dict[str, float]:
    """Means of loss and metrics over the batches; see ``Model.evaluate``."""
    inside_fit = isinstance(callbacks, cbks.CallbackList)
    _divide(model, source)
    callbacks = _callback_list(model, callbacks, source, verbose)
    bar = Progbar(target=source.samples or source.steps) if verbose == 1 else None
    if model._compiled is not None:
        model.reset_metrics()
    means = EpochMeans(model, by_samples=not source.steps_given or source.samples is None)
    model._make_own_function("test")
    callbacks.on_test_begin()
    seen = 0
    try:
        for batch, (samples, arrays, weighted) in enumerate(source.epoch()):
            _batch_hook(callbacks, "test", "begin", batch, samples)
            means.add(model._steps.test(weighted)(arrays), samples)
            _batch_hook(callbacks, "test", "end", batch, samples, means)
            seen += samples
            if bar is not None:
                bar.update(min(seen, bar.target) if source.samples else batch + 1)
    finally:
        if not inside_fit:
            source.close()
    callbacks.on_test_end()
    return means.means()


@launch.only_first_prints()
def predict(model: Model, source: Batches, verbose: int, callbacks: Any) -> list[np.ndarray]:
    """Outputs over the batches, concatenated; see ``Model.predict``."""
    callbacks = _callback_list(model, callbacks, source, verbose)
    bar = Progbar(target=source.samples or source.steps) if verbose == 1 else None
    callbacks.on_predict_begin()
    parts: list[list[np.ndarray]] = []
    seen = 0
    try:
        for batch, (samples, arrays, _) in enumerate(source.epoch()):
            _batch_hook(callbacks, "predict", "begin", batch, samples)
            parts.append(model._prediction().predict(arrays, None))
            _batch_hook(callbacks, "predict", "end", batch, samples)
            seen += samples
            if bar is not None:
                bar.update(min(seen, bar.target) if source.samples else batch + 1)
    finally:
        source.close()
    callbacks.on_predict_end()
    return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def _callback_list(model: Model, callbacks: Any, source: Batches, verbose: int) -> Any:
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
