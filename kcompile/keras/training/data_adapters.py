"""Adapters: one for each kind of data that fit, evaluate and predict take, all with one interface."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np

from .. import rules
from ..core.network import Network
from ..utils import data_utils, launch
from ..utils.sequences import PyDataset, batches_in, unpack_x_y_sample_weight
from ..utils.sequences import Sequence as KerasSequence
from . import arrays as array_data
from . import symbolic_data
from .batch_items import unpack_batch, validation_tuple
from .nested_data import nested_batch, nested_inputs
from .step_inputs import (
    StepInputs,
    check_divisible,
    standard_inputs,
    step_inputs,
    wants_targets,
)


@dataclass(frozen=True)
class DataArguments:
    """What ``fit``, ``evaluate`` or ``predict`` was given as data; names as there.

    Attributes:
        steps: batches per epoch; None for as many as there are.
        steps_name: what the method calls it.
        reading: max_queue_size, workers and use_multiprocessing, by which generators are read ahead.
        method: "fit", "evaluate" or "predict".
        as_it_is: whether it is for a step of the model's own, which takes data of any nesting.
    """

    x: Any
    y: Any = None
    sample_weight: Any = None
    class_weight: Any = None
    batch_size: int | None = None
    shuffle: bool | str = False
    validation_split: float = 0.0
    steps: int | None = None
    steps_name: str = "steps"
    reading: tuple[int, int, bool] = (10, 1, False)
    method: str = "fit"
    as_it_is: bool = False

    def to_validate(self, data: Any, batch_size: int | None, steps: int | None) -> DataArguments:
        """What ``fit`` validates on: a tuple of arrays, or what gives batches, read as its own data."""
        given = DataArguments(
            data, steps=steps, steps_name="validation_steps", reading=self.reading, as_it_is=self.as_it_is
        )
        if is_generator(data):
            return replace(given, batch_size=batch_size)
        x, y, sample_weight = (unpack_x_y_sample_weight if self.as_it_is else validation_tuple)(data)
        given = replace(given, x=x, y=y, sample_weight=sample_weight, batch_size=batch_size)
        # arrays have a number of samples, which the bar and the means go by
        return replace(given, steps=None) if adapter_class(given) is ArrayAdapter else given


class ValidationArguments(NamedTuple):
    """What ``fit`` was given to validate on: ``validation_data`` and those beside it."""

    data: Any = None
    steps: int | None = None
    freq: Any = 1
    batch_size: int | None = None


class DataAdapter(ABC):
    """The batches of one epoch after the other.

    Attributes:
        samples: how many there are; None where only the batches say.
        batch_size: samples per batch; None where the batches say.
        steps: batches per epoch; None where only its end says.
        steps_given: whether an epoch counts batches, not samples.
        follows_length: whether ``steps`` is what the data says, perhaps another number after each epoch.
        takes_targets: whether targets and sample weights are given beside the inputs.
        takes_samples: whether it makes the batches, of single samples.
    """

    samples: int | None = None
    batch_size: int | None = None
    steps: int | None
    steps_given = True
    follows_length = False
    takes_targets: ClassVar[bool] = False
    takes_samples: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def can_handle(cls, given: DataArguments) -> bool:
        """Whether the data is of this adapter's kind."""

    @classmethod
    @abstractmethod
    def make(cls, model: Network, given: DataArguments) -> DataAdapter:
        """The adapter for what a method of the model was given.

        Raises:
            ValueError: for data that does not fit the model, or arguments that do not go together.
        """

    @abstractmethod
    def epoch(self) -> Iterator[StepInputs]:
        """The batches of one epoch."""

    @property
    def by_samples(self) -> bool:
        """Whether means over an epoch weigh batches by their size."""
        return not self.steps_given or self.samples is None

    def split(
        self, fraction: float, validation_batch_size: int | None = None
    ) -> tuple[DataAdapter, DataAdapter]:
        """The data to train on, and the last ``fraction`` to validate on; of arrays alone."""
        raise NotImplementedError

    def take_together(self, batches: int) -> None:  # noqa: B027
        """So many batches are used one right after the other: they may be taken out of the data together."""

    def look_ahead(self) -> None:  # noqa: B027
        """Builds a model that is not built yet for the first batch, if only that tells its inputs; and gives
        the batches as they are, if it turns out to have steps of its own."""

    def limit(self, steps: int) -> None:
        """Fixes how many batches an epoch has."""
        self.steps, self.follows_length = steps, False

    def close(self) -> None:  # noqa: B027
        """Ends what reads ahead, if anything does."""


_STAYS_IN_CACHE = 2**18
"""Bytes of batches that are taken out of the arrays at once: what a CPU still has at hand when it trains on
the last of them."""


class ArrayAdapter(DataAdapter):
    """Arrays in memory or on disk (HDF5), checked as a whole and cut into batches.

    Args:
        inputs: the arrays.
        batch_size: samples per batch.
        shuffle: True for a new order each epoch, "batch" for chunks of a batch in random order, or False.
        steps: batches per epoch, None for one pass; passes repeat where more are asked for.
        as_numpy: batches as numpy arrays, for prediction; otherwise as tensors.
        device: where tensors are wanted: None for where a step computes, "cpu" for a step on several devices.
    """

    takes_targets = True

    def __init__(
        self,
        inputs: StepInputs,
        batch_size: int,
        shuffle: bool | str = False,
        steps: int | None = None,
        as_numpy: bool = False,
        device: str | None = None,
    ) -> None:
        if shuffle not in (True, False, "batch", None):
            raise ValueError(f'shuffle must be True, False or "batch"; found {shuffle!r}.')
        self.inputs = inputs
        self.samples: int = inputs.samples
        self.batch_size: int = batch_size
        self.shuffle = shuffle
        self.steps_given = steps is not None
        self.ranges = array_data.batch_ranges(self.samples, batch_size)
        self.steps: int = len(self.ranges) if steps is None else steps
        self._tensors: Any = None
        self._together = 1
        self._device = device
        stays = (array_data.is_lazy(x) or array_data.is_text(x) for x in inputs.arrays)
        self._as_numpy = as_numpy or any(stays)
        if not inputs.arrays and steps is None:
            raise ValueError(
                "The model is fed nothing, so nothing says how many batches there are: give the number of "
                "steps (steps_per_epoch, validation_steps or steps)."
            )
        if not self.ranges:
            raise ValueError("There is no data: the arrays have 0 samples.")

    @classmethod
    def can_handle(cls, given: DataArguments) -> bool:
        return True  # standardizing them says what is none

    @classmethod
    def make(cls, model: Network, given: DataArguments) -> ArrayAdapter:
        size = given.batch_size
        arrays = given.x, given.y, given.sample_weight, given.class_weight
        inputs = nested_inputs(*arrays) if given.as_it_is else step_inputs(model, *arrays, size)
        size = model._validate_or_infer_batch_size(size)
        if not given.validation_split:
            check_divisible(model, inputs.samples, size)
        device = "cpu" if model._step_devices else None
        return cls(inputs, size, given.shuffle, given.steps, device=device)

    def split(
        self, fraction: float, validation_batch_size: int | None = None
    ) -> tuple[ArrayAdapter, ArrayAdapter]:
        first, last = self.inputs.split(fraction)
        steps = self.steps if self.steps_given else None
        return (
            ArrayAdapter(first, self.batch_size, self.shuffle, steps, device=self._device),
            ArrayAdapter(last, validation_batch_size or self.batch_size, device=self._device),
        )

    def epoch(self) -> Iterator[StepInputs]:
        done = 0
        while done < self.steps:
            order = self._order()
            for start, stop, arrays in self._batches(order):
                yield StepInputs(arrays, stop - start, self.inputs.weighted)
                done += 1
                if done == self.steps:
                    return

    def take_together(self, batches: int) -> None:
        size = sum(x.nbytes for x in self.inputs.arrays if isinstance(x, np.ndarray))
        fit = _STAYS_IN_CACHE * self.samples // max(1, size * self.batch_size)
        self._together = max(1, min(batches, fit))

    def _batches(self, order: np.ndarray | None) -> Iterator[tuple[int, int, Any]]:
        """The batches of one pass; several are taken out of the arrays at a time, and cut then."""
        if self._together == 1 or self._as_numpy:
            yield from ((start, stop, self._batch(order, start, stop)) for start, stop in self.ranges)
            return
        for i in range(0, len(self.ranges), self._together):
            ranges = self.ranges[i : i + self._together]
            first = ranges[0][0]
            taken = self._batch(order, first, ranges[-1][1])
            for start, stop in ranges:
                yield start, stop, tuple(x[start - first : stop - first] for x in taken)

    def _order(self) -> np.ndarray | None:
        if not self.shuffle:
            return None
        indices = np.arange(self.samples)
        if self.shuffle == "batch":
            return launch.from_first(shuffled_chunks(indices, self.batch_size))
        np.random.shuffle(indices)
        return launch.from_first(indices)

    def _batch(self, order: np.ndarray | None, start: int, stop: int) -> Any:
        which = slice(start, stop) if order is None else order[start:stop]
        if self._as_numpy:
            arrays = [array_data.rows(array, which) for array in self.inputs.arrays]
            if self.inputs.check is not None:
                self.inputs.check(arrays)
            return arrays
        if self._tensors is None:
            from ...torch_bridge.training import Batches

            self._tensors = Batches(self.inputs.arrays, self._device)
        return self._tensors[which]


def shuffled_chunks(indices: np.ndarray, size: int) -> np.ndarray:
    """Whole chunks of consecutive indices in a random order, and what is left over behind them."""
    whole = len(indices) // size * size
    chunks = indices[:whole].reshape(-1, size).copy()
    np.random.shuffle(chunks)
    return np.concatenate([chunks.reshape(-1), indices[whole:]])


class BatchAdapter(DataAdapter):
    """Batches that come one by one, each checked and put into the model's order.

    Args:
        model: whose inputs and targets the batches are.
        given: what gives (x, y), (x, y, sample_weight), or for prediction x.
    """

    def __init__(self, model: Network, given: DataArguments) -> None:
        self.model = model
        self.source = given.x
        self.steps = None if given.steps is None else int(given.steps)
        self.given = given
        self.inputs_only = given.method == "predict"
        self._items: Iterator[Any] | None = None

    @classmethod
    def make(cls, model: Network, given: DataArguments) -> BatchAdapter:
        return cls(model, given)

    def look_ahead(self) -> None:
        begun = self._begin()
        first = next(begun, None)
        if first is None:
            return
        self._items = itertools.chain([first], begun)
        self.model._ensure_built(unpack_batch(first, None, True)[0])
        self.given = replace(self.given, as_it_is=self.model._writes_steps)

    def _begin(self) -> Iterator[Any]:
        """A pass over what gives the batches."""
        return iter(self.source)

    def _standardized(self, item: Any) -> StepInputs:
        if self.given.as_it_is:
            return nested_batch(item, self.given.class_weight)
        model = self.model
        count = len(model._network_predictor.specs) if model.inputs else None
        x, y, sample_weight = unpack_batch(item, count, not self.inputs_only and wants_targets(model))
        x, y, sample_weight = symbolic_data.computed(x, y, sample_weight)
        if self.inputs_only:
            arrays = standard_inputs(model, x)
            return StepInputs(arrays, array_data.count_samples(arrays))
        return step_inputs(model, x, y, sample_weight, self.given.class_weight)


class GeneratorAdapter(BatchAdapter):
    """A generator or another iterator, read ahead by workers.

    By the rules of tf.keras it is read to its end where the number of batches is not given.

    Raises:
        ValueError: if the number of batches is not given, by those of Keras 2.3.
    """

    def __init__(self, model: Network, given: DataArguments) -> None:
        super().__init__(model, given)
        self._enqueuer: Any = None
        if self.steps is None and not rules.of_dialect(model).reads_to_the_end:
            raise ValueError(
                "The number of steps must be given (steps_per_epoch, validation_steps or steps) for a "
                "generator: it does not say when an epoch ends. A keras.utils.Sequence does, by its length."
            )

    @classmethod
    def can_handle(cls, given: DataArguments) -> bool:
        return hasattr(given.x, "__next__")

    def epoch(self) -> Iterator[StepInputs]:
        if self._items is None:
            self._items = self._begin()
        for step in itertools.count() if self.steps is None else range(self.steps):
            try:
                item = next(self._items)
            except StopIteration:
                if self.steps is None and step:
                    self.steps = step
                    return
                wanted = "batches" if self.steps is None else f"{self.steps} batches"
                raise ValueError(
                    f"The generator gave only {step} of the {wanted} of this epoch. It must go "
                    "on without end (`while True`), or the number of steps must be smaller."
                ) from None
            yield self._standardized(item)

    def _begin(self) -> Iterator[Any]:
        max_queue_size, workers, use_multiprocessing = self.given.reading
        if not workers:
            return self._read_here()
        self._enqueuer = self._make_enqueuer(use_multiprocessing)
        self._enqueuer.start(workers=workers, max_queue_size=max_queue_size)
        return self._enqueuer.get()

    def _read_here(self) -> Iterator[Any]:
        return iter(self.source)

    def _make_enqueuer(self, use_multiprocessing: bool) -> Any:
        return data_utils.GeneratorEnqueuer(self.source, use_multiprocessing)

    def close(self) -> None:
        """Stops the workers."""
        if self._enqueuer is not None:
            self._enqueuer.stop()
            self._enqueuer = None
        self._items = None


class SequenceAdapter(GeneratorAdapter):
    """A keras.utils.Sequence, read ahead by workers.

    Its length, asked for anew after each epoch, is the number of batches unless that is given. A PyDataset
    says itself how it is read ahead.
    """

    def __init__(self, model: Network, given: DataArguments) -> None:
        self.follows_length = given.steps is None
        steps = batches_in(given.x) if given.steps is None else given.steps
        super().__init__(model, replace(given, steps=steps, reading=_reading(given)))

    @classmethod
    def make(cls, model: Network, given: DataArguments) -> BatchAdapter:
        if batches_in(given.x) is not None:
            return cls(model, given)
        return GeneratorAdapter(model, replace(given, x=iter(given.x), reading=_reading(given)))

    @classmethod
    def can_handle(cls, given: DataArguments) -> bool:
        return isinstance(given.x, KerasSequence)

    def epoch(self) -> Iterator[StepInputs]:
        if isinstance(self.source, PyDataset):
            self.source.on_epoch_begin()
        yield from super().epoch()
        (self._enqueuer.join_end_of_epoch if self._enqueuer is not None else self.source.on_epoch_end)()
        if self.follows_length:  # which on_epoch_end may have changed
            self.steps = batches_in(self.source)

    def _read_here(self) -> Iterator[Any]:
        while True:
            for i in range(batches_in(self.source) or 0):
                yield self.source[i]

    def _make_enqueuer(self, use_multiprocessing: bool) -> Any:
        return data_utils.OrderedEnqueuer(self.source, use_multiprocessing, bool(self.given.shuffle))


def _reading(given: DataArguments) -> tuple[int, int, bool]:
    """How a sequence is read ahead."""
    if not isinstance(given.x, PyDataset):
        return given.reading
    own = (getattr(given.x, name, None) for name in ("max_queue_size", "workers", "use_multiprocessing"))
    # a subclass may not have called __init__
    size, workers, processes = (a if b is None else b for a, b in zip(given.reading, own, strict=True))
    return int(size), int(workers), bool(processes)


class LoaderAdapter(BatchAdapter):
    """A loader: what can be iterated over again and again, once an epoch.

    PyTorch's DataLoader is one, so is a tf.data.Dataset. It shuffles and reads ahead by itself. Where steps
    are given, an epoch goes on where the one before stopped, and from the start where the loader ends.
    """

    #: What tells arrays, tables and containers from what can only be iterated over.
    _OF_DATA: ClassVar = ("__getitem__", "__array__", "__next__", "shape", "iloc")

    def __init__(self, model: Network, given: DataArguments) -> None:
        super().__init__(model, given)
        self.follows_length = self.steps is None
        if self.steps is None:
            self.steps = _length(self.source)

    @classmethod
    def can_handle(cls, given: DataArguments) -> bool:
        if isinstance(given.x, set | frozenset) or not hasattr(given.x, "__iter__"):
            return False
        return not any(hasattr(given.x, name) for name in cls._OF_DATA)

    def epoch(self) -> Iterator[StepInputs]:
        if not self.follows_length:
            for _ in range(self.steps or 0):
                yield self._standardized(self._next())
            return
        count = 0
        begun, self._items = self._items, None
        for item in begun or self.source:
            yield self._standardized(item)
            count += 1
        if not count:
            self._fail()
        self.steps = count

    def _next(self) -> Any:
        for _ in range(2):
            if self._items is None:
                self._items = iter(self.source)
            try:
                return next(self._items)
            except StopIteration:
                self._items = None
        self._fail()

    def _fail(self) -> NoReturn:
        raise ValueError(f"There is no data: the {type(self.source).__name__} gave no batch.")

    def close(self) -> None:
        """Ends the pass that is under way, and with it the loader's workers."""
        self._items = None


def _length(loader: Any) -> int | None:
    """How many batches a loader gives, where it knows."""
    try:
        return len(loader)
    except TypeError:  # a DataLoader over an IterableDataset, a tf.data.Dataset
        return None


class SymbolicAdapter(BatchAdapter):
    """Symbolic tensors of the backend, computed anew for each batch."""

    takes_targets = True

    @classmethod
    def can_handle(cls, given: DataArguments) -> bool:
        return symbolic_data.holds_tensors((given.x, given.y, given.sample_weight))

    @classmethod
    def make(cls, model: Network, given: DataArguments) -> SymbolicAdapter:
        if given.steps is None:
            raise ValueError(
                "If your data is in the form of symbolic tensors, you should specify the "
                f"`{given.steps_name}` argument (instead of the `batch_size` argument)."
            )
        if given.validation_split:
            raise ValueError(
                "If your data is in the form of symbolic tensors, you cannot use `validation_split`; pass "
                "`validation_data`."
            )
        adapter = cls(model, given)
        adapter._items = symbolic_data.batches(given.x, given.y, given.sample_weight)
        return adapter

    def epoch(self) -> Iterator[StepInputs]:
        assert self._items is not None
        for _ in range(self.steps or 0):
            yield self._standardized(next(self._items))


#: In the order in which they are asked; ``dataset_adapters`` has more.
ADAPTERS: list[type[DataAdapter]] = [
    SymbolicAdapter,
    SequenceAdapter,
    GeneratorAdapter,
    LoaderAdapter,
    ArrayAdapter,
]


def adapter_class(given: DataArguments) -> type[DataAdapter]:
    """The adapter for the kind of data that was given."""
    return next(kind for kind in ADAPTERS if kind.can_handle(given))


def data_adapter(model: Network, given: DataArguments) -> DataAdapter:
    """The batches of what a method of the model was given."""
    return adapter_class(given).make(model, given)


def gives_batches(given: DataArguments) -> bool:
    """Whether the data comes in batches of its own.

    Raises:
        ValueError: if it does, and there are arguments that only go with arrays.
    """
    kind = adapter_class(given)
    if kind.takes_targets:
        return False
    if given.y is not None or given.sample_weight is not None:
        raise ValueError(
            "`y` and `sample_weight` come from the generator or loader; do not pass them to "
            f"{given.method} as well."
        )
    is_too_much = given.batch_size is not None and not rules.in_force().batches_as_they_come
    if is_too_much and given.method == "fit" and not kind.takes_samples:
        raise ValueError(
            "The `batch_size` argument must not be specified when using a generator, Sequence or "
            "loader: it makes the batches."
        )
    if given.validation_split:
        raise ValueError("`validation_split` needs arrays; pass `validation_data` with a generator.")
    return not kind.takes_samples


def is_generator(x: Any) -> bool:
    """Whether x gives inputs and targets by itself: a generator, an iterator, a Sequence, a loader or a
    dataset."""
    return not adapter_class(DataArguments(x)).takes_targets


def batch_source(x: Any) -> Any:
    """What fit_generator, evaluate_generator or predict_generator was given, where it gives batches.

    Raises:
        ValueError: if it gives none.
    """
    if is_generator(x):
        return x
    if hasattr(x, "shape") or not hasattr(x, "__iter__"):
        raise ValueError(
            f"Expected a generator, a keras.utils.Sequence or a loader of batches, found {type(x).__name__}; "
            "call a function that makes a generator, and give arrays to fit, evaluate and predict."
        )
    return iter(x)
