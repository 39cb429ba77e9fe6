"""Batches of one epoch after the other: of arrays, of a generator or Sequence, of a loader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from ..utils import launch
from . import arrays as data
from .compiled_network import CompiledNetwork
from .step_inputs import Feed, input_arrays, make_feed, wants_targets


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
            arrays = [_rows(array, which) for array in self.feed.arrays]
            if self.feed.check is not None:
                self.feed.check(arrays)
            return arrays
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


class _GivenBatches:
    """Batches that the user's object gives, each checked and put into the model's order.

    Args:
        model: whose inputs and targets the batches are.
        steps: batches per epoch; None where the object says by its length, or its end.
        class_weight: as for ``Model.fit``.
        inputs_only: batches are for prediction.
    """

    steps_given = True
    samples = None
    batch_size = None

    def __init__(
        self, model: CompiledNetwork, steps: int | None, class_weight: Any, inputs_only: bool
    ) -> None:
        self.model, self.class_weight, self.inputs_only = model, class_weight, inputs_only
        self.steps = None if steps is None else int(steps)
        self.follows_length = steps is None

    def _feed(self, item: Any) -> tuple[int, list[Any], bool]:
        model = self.model
        inputs = len(model._feed_input_names) if model.inputs else None
        x, y, sample_weight = data.unpack_batch(item, inputs, not self.inputs_only and wants_targets(model))
        if self.inputs_only:
            arrays = input_arrays(model, x)
            return data.count_samples(arrays), arrays, False
        model._ensure_built(x)
        feed = make_feed(model, x, y, sample_weight, self.class_weight)
        return feed.samples, feed.arrays, feed.weighted


class GeneratorBatches(_GivenBatches):
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
        model: CompiledNetwork,
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

        super().__init__(model, steps, class_weight, inputs_only)
        self.is_sequence = isinstance(generator, KerasSequence)
        if steps is None and not self.is_sequence:
            raise ValueError(
                "The number of steps must be given (steps_per_epoch, validation_steps or steps) for a "
                "generator: it does not say when an epoch ends. A keras.utils.Sequence does, by its length."
            )
        if not self.is_sequence and not hasattr(generator, "__next__"):
            if hasattr(generator, "shape") or not hasattr(generator, "__iter__"):
                raise ValueError(
                    "Expected a generator, a keras.utils.Sequence or a loader of batches, found "
                    f"{type(generator).__name__}; call a function that makes a generator, and give arrays to "
                    "fit, evaluate and predict."
                )
            generator = iter(generator)
        self.generator = generator
        if steps is None:
            self.steps = len(generator)
        self.shuffle = shuffle
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


class LoaderBatches(_GivenBatches):
    """Batches of a loader: what can be iterated over again and again, once an epoch.

    PyTorch's DataLoader is one, so is a tf.data.Dataset. It shuffles and reads ahead by itself.

    Args:
        model: whose inputs and targets the batches are.
        loader: its items are those of a generator, as numpy arrays or tensors.
        steps: batches per epoch, which goes on where the one before stopped, and from the start where the
            loader ends; None for one pass.
        class_weight: as for ``Model.fit``.
        inputs_only: batches are for prediction.
    """

    def __init__(
        self,
        model: CompiledNetwork,
        loader: Any,
        steps: int | None,
        class_weight: Any = None,
        inputs_only: bool = False,
    ) -> None:
        super().__init__(model, steps, class_weight, inputs_only)
        self.loader = loader
        if steps is None:
            self.steps = _length(loader)
        self._items: Iterator[Any] | None = None

    def epoch(self) -> Iterator[tuple[int, list[Any], bool]]:
        """(samples, arrays, weighted) for each batch of one epoch.

        Raises:
            ValueError: if the loader gives nothing.
        """
        if not self.follows_length:
            for _ in range(self.steps or 0):
                yield self._feed(self._next())
            return
        count = 0
        for item in self.loader:
            yield self._feed(item)
            count += 1
        if not count:
            self._fail()
        self.steps = count

    def _next(self) -> Any:
        for _ in range(2):
            if self._items is None:
                self._items = iter(self.loader)
            try:
                return next(self._items)
            except StopIteration:
                self._items = None
        self._fail()

    def _fail(self) -> NoReturn:
        raise ValueError(f"There is no data: the {type(self.loader).__name__} gave no batch.")

    def close(self) -> None:
        """Ends the pass that is under way, and with it the loader's workers."""
        self._items = None


def _length(loader: Any) -> int | None:
    """How many batches a loader gives, where it knows."""
    try:
        return len(loader)
    except TypeError:  # a DataLoader over an IterableDataset, a tf.data.Dataset
        return None


def given_batches(
    model: CompiledNetwork,
    source: Any,
    steps: int | None,
    shuffle: bool = False,
    class_weight: Any = None,
    inputs_only: bool = False,
    **reading: Any,
) -> GeneratorBatches | LoaderBatches:
    """The batches of a generator, Sequence or loader; arguments as for :class:`GeneratorBatches`."""
    if data.is_loader(source):
        return LoaderBatches(model, source, steps, class_weight, inputs_only)
    return GeneratorBatches(model, source, steps, shuffle, class_weight, inputs_only=inputs_only, **reading)


def _endless(sequence: Any) -> Iterator[Any]:
    while True:
        for i in range(len(sequence)):
            yield sequence[i]


Batches = ArrayBatches | GeneratorBatches | LoaderBatches
