"""``Dataset``: a pipeline of elements, as ``tf.data.Dataset`` has it.

A dataset is a chain of steps (``stages``, ``transformations``) under TensorFlow's names. Its elements are
tensors that compute at once, nested in tuples and dicts; ``fit``, ``evaluate`` and ``predict`` take arrays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NoReturn

import numpy as np

from ..utils.generic_utils import did_you_mean
from . import reading, stages, storage, transformations
from .arguments import (
    as_tuples,
    making_stages,
    positive_size,
    signature_of,
    stage_of,
    whole_number,
    with_chances,
)
from .buckets import Buckets
from .iterators import ArrayIterator, DatasetIterator
from .options import Options
from .reading import AUTOTUNE
from .stages import INFINITE, UNKNOWN, Columns, Items, Rows, Seeds, Stage, Zipped
from .structures import (
    TensorSpec,
    as_leaf,
    cast,
    elements_of,
    map_structure,
    spec_of,
)
from .tensors import called, eager_interpreter, tensors_of


class Dataset:
    """Elements that come one after the other, each pass anew.

    Made by ``from_tensor_slices`` and its like; every method returns another dataset.

    Iterating gives elements with tensors at the leaves of tuples and dicts, ``as_numpy_iterator`` arrays.
    """

    def __init__(self, stage: Stage, options: Options | None = None) -> None:
        self._stage = stage
        self._options = options or Options()

    # --- sources --------------------------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The rows of arrays, along axis 0.

        Args: tensors: arrays, tensors or lists, nested in tuples and dicts; all of one length. Arrays are not
            copied.
        """
        return Dataset(Rows(Columns(elements_of(tensors))))

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element."""
        element = elements_of(tensors)
        return Dataset(Items(lambda: [element], lambda: map_structure(spec_of, element), 1))

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What an iterator gives that a function makes for each pass.

        Args:
            generator: the function.
            output_types, output_shapes: of the elements, nested as they are; the older way to say
            output_signature: specs of the elements, nested as they are.
            args: what the function is called with, as arrays and numbers of numpy.

        Raises:
            TypeError: if no types are given; while iterating, for elements that are not as was said.
        """
        if not callable(generator):
            raise TypeError(f"`generator` must be a Python callable, found {generator!r}.")
        signature = signature_of(output_types, output_shapes, output_signature)
        leaves = () if args is None else map(as_leaf, args)
        given = tuple(x[()] if isinstance(x, np.ndarray) and not x.ndim else x for x in leaves)
        return Dataset(stages.generated(generator, given, signature))

    @staticmethod
    def range(*args: Any, **kwargs: Any) -> Dataset:
        """Whole numbers as Python's ``range`` has them; ``output_type`` int64."""
        dtype = kwargs.pop("output_type", "int64")
        kwargs.pop("name", None)
        if kwargs or not 1 <= len(args) <= 3:
            raise ValueError(f"range takes stop, start and stop, or start, stop and step; found {args!r}.")
        numbers = np.arange(*(int(as_leaf(arg)) for arg in args))
        return Dataset(Rows(Columns(cast(numbers, dtype))))

    @staticmethod
    def counter(start: Any = 0, step: Any = 1, dtype: Any = "int64", name: str | None = None) -> Dataset:
        """Numbers without end."""
        return Dataset(
            Items(lambda: (cast(n, dtype) for n in count(start, step)), TensorSpec((), dtype), INFINITE)
        )

    @staticmethod
    def random(
        seed: int | None = None, rerandomize_each_iteration: bool | None = None, name: str | None = None
    ) -> Dataset:
        """Random whole numbers of 32 bits, int64, without end."""
        seeds = Seeds(seed, bool(rerandomize_each_iteration))

        def numbers() -> Iterator[Any]:
            generator = seeds.next()
            while True:
                yield from generator.integers(2**32, size=256)

        return Dataset(Items(numbers, TensorSpec((), "int64"), INFINITE))

    @staticmethod
    def list_files(
        file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name: str | None = None
    ) -> Dataset:
        """The paths that match patterns such as "images/*/*.png".

        Args:
            file_pattern: one, or a list of them.
            shuffle: whether each pass has an order of its own, True by default; else they are sorted.

        Raises:
            ValueError: if nothing matches.
        """
        found = storage.matching(np.ravel(np.asarray(as_leaf(file_pattern), object)).tolist())
        dataset = Dataset(Rows(Columns(as_leaf(found))))
        return dataset if shuffle is False else dataset.shuffle(len(found), seed)

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements of several datasets side by side, nested as these are, until one of them ends."""
        if datasets is None:
            datasets = args[0] if len(args) == 1 else args
        return Dataset(Zipped(map_structure(stage_of, as_tuples(datasets))))

    @staticmethod
    def sample_from_datasets(
        datasets: Any,
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """Elements of several datasets, by chance.

        Args:
            datasets: the datasets.
            weights: how likely each is; None for all alike.
            seed: of the draws.
            stop_on_empty_dataset: whether the first that ends is the end of all.
        """
        sources = [stage_of(dataset) for dataset in datasets]
        sources, chances = with_chances(sources, weights)
        if len(sources) == 1:
            return Dataset(sources[0])
        seeds = Seeds(seed, rerandomize_each_iteration is not False)
        return Dataset(
            Items(
                lambda: stages.sampled(sources, chances, stop_on_empty_dataset, seeds.next()),
                lambda: sources[0].spec,
                stages.endless_or_unknown(sources),
            )
        )

    @staticmethod
    def choose_from_datasets(
        datasets: Any, choice_dataset: Dataset, stop_on_empty_dataset: bool = True
    ) -> Dataset:
        """Elements of the datasets that the numbers in another name."""
        sources, choices = [stage_of(dataset) for dataset in datasets], stage_of(choice_dataset)
        return Dataset(
            Items(
                lambda: stages.chosen_from(sources, choices, stop_on_empty_dataset),
                lambda: sources[0].spec,
                stages.endless_or_unknown(sources),
            )
        )

    @staticmethod
    def load(path: Any, element_spec: Any = None, compression: Any = None, **options: Any) -> Dataset:
        """What ``save`` wrote."""
        return Dataset(storage.saved(os.fspath(path)))

    # --- which elements, in which order ---------------------------------------------------------------------

    def take(self, count: Any, name: str | None = None) -> Dataset:
        """The first elements; all for -1."""
        return self._with(stages.take(self._stage, whole_number(count)))

    def skip(self, count: Any, name: str | None = None) -> Dataset:
        """All elements but the first; none for -1."""
        return self._with(stages.skip(self._stage, whole_number(count)))

    def repeat(self, count: Any = None, name: str | None = None) -> Dataset:
        """So many passes, without end for None or -1."""
        return self._with(stages.repeat(self._stage, None if count is None else whole_number(count)))

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> Dataset:
        """Every ``num_shards``-th element, from ``index`` on."""
        return self._with(stages.shard(self._stage, whole_number(num_shards), whole_number(index)))

    def shuffle(
        self,
        buffer_size: Any,
        seed: Any = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """Random elements of a buffer, which is filled up with those that follow.

        Args:
            buffer_size: elements in it; one as large as the dataset gives a random order.
            seed: of the draws; None takes one from numpy's generator. The order is not TensorFlow's.
            reshuffle_each_iteration: whether each pass has an order of its own.
        """
        size = whole_number(buffer_size)
        if size == 0:
            raise ValueError("buffer_size must be positive, found 0.")
        seeds = Seeds(None if seed is None else whole_number(seed), reshuffle_each_iteration is not False)
        return self._with(stages.shuffle(self._stage, size, seeds))

    def cache(self, filename: Any = "", name: str | None = None) -> Dataset:
        """The elements of the first whole pass, kept in memory, or in a file."""
        if not os.fspath(filename):
            return self._with(stages.cache(self._stage))
        return self._with(storage.cached(self._stage, os.fspath(filename)))

    def snapshot(self, path: Any, *arguments: Any, **options: Any) -> Dataset:
        """The elements of the first whole pass, kept in a file, as by ``cache(path)``.

        How TensorFlow lays out and compresses its own files changes nothing here.
        """
        return self.cache(os.fspath(path))

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """Another dataset behind this one."""
        return self._with(stages.concatenate(self._stage, stage_of(dataset)))

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements of which a function is true."""
        return self._with(transformations.filtered(self._stage, predicate))

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements before the first of which a function is false."""
        return self._with(transformations.taken_while(self._stage, predicate))

    def unique(self, name: str | None = None) -> Dataset:
        """Elements that did not come before."""
        return self._with(transformations.unique(self._stage))

    # --- functions of elements ------------------------------------------------------------------------------

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """A function of each element.

        Args:
            map_func: takes tensors, the entries of a tuple as arguments of their own.
            num_parallel_calls: threads that compute it where it takes long; AUTOTUNE for one for each CPU,
                None for none.
            deterministic: False lets results come as they are ready.
        """
        threads = None if num_parallel_calls is None else whole_number(num_parallel_calls)
        ordered = deterministic is not False and (deterministic or self._options.deterministic is not False)
        return self._with(transformations.Mapped(self._stage, map_func, threads, bool(ordered)))

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements of the datasets that a function makes of elements."""
        return self._with(transformations.flat_mapped(self._stage, making_stages(map_func)))

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: Any = None,
        block_length: Any = None,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of several of the datasets that a function makes, in turn.

        Args:
            map_func: makes a dataset of an element.
            cycle_length: how many are read in turn; None or AUTOTUNE for one for each CPU.
            block_length: elements of each at a turn, 1.
            num_parallel_calls, deterministic: accepted; the order is always the same.
        """
        length = AUTOTUNE if cycle_length is None else whole_number(cycle_length)
        length = length if length > 0 else os.cpu_count() or 1
        block = 1 if block_length is None else max(1, whole_number(block_length))
        return self._with(transformations.interleaving(self._stage, making_stages(map_func), length, block))

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> Dataset:
        """The elements for which the function of the ``map`` before this raised nothing.

        Raises:
            ValueError: if it does not follow a ``map``.
        """
        if not isinstance(self._stage, transformations.Mapped):
            raise ValueError("ignore_errors leaves out what a function failed on; put it right behind map.")
        return self._with(self._stage.without_errors())

    def scan(self, initial_state: Any, scan_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """What a function of a state and an element gives: (next state, output)."""
        return self._with(transformations.scanned(self._stage, initial_state, scan_func))

    def enumerate(self, start: Any = 0, name: str | None = None) -> Dataset:
        """(number, element)."""
        return self._with(transformations.enumerated(self._stage, whole_number(start)))

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any], name: str | None = None) -> Any:
        """The state after a function of state and element for every element, as tensors."""
        state = tensors_of(elements_of(initial_state))
        for element in self:
            state = tensors_of(elements_of(reduce_func(state, element), lists_are_tuples=True))
        return state

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """What a function makes of the dataset."""
        dataset = transformation_func(self)
        stage_of(dataset)
        return dataset

    # --- batches --------------------------------------------------------------------------------------------

    def batch(
        self,
        batch_size: Any,
        drop_remainder: bool = False,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """So many elements as one.

        Args: drop_remainder: whether a last batch that is smaller is left out.
        """
        return self._with(
            transformations.Batched(self._stage, positive_size(batch_size), bool(drop_remainder))
        )

    def padded_batch(
        self,
        batch_size: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Batches of elements of several shapes, filled up.

        Args:
            padded_shapes: of the elements in a batch, nested as they are; None or -1 for the longest.
            padding_values: what fills them up, nested as the elements; 0 and "" by default.
        """
        return self._with(
            transformations.padded_batches(
                self._stage, positive_size(batch_size), padded_shapes, padding_values, bool(drop_remainder)
            )
        )

    def ragged_batch(
        self,
        batch_size: Any,
        drop_remainder: bool = False,
        row_splits_dtype: Any = "int64",
        name: str | None = None,
    ) -> Dataset:
        """Batches in which what has open sizes is a ragged tensor."""
        return self._with(
            transformations.ragged_batches(self._stage, positive_size(batch_size), bool(drop_remainder))
        )

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of each element."""
        return self._with(transformations.unbatched(self._stage))

    def rebatch(self, batch_size: Any, drop_remainder: bool = False, name: str | None = None) -> Dataset:
        """Batches cut into others, of one size, or of several in turn."""
        sizes = [positive_size(size) for size in np.ravel(as_leaf(batch_size)).tolist()]
        return self._with(transformations.rebatched(self._stage, sizes, bool(drop_remainder)))

    def window(
        self,
        size: Any,
        shift: Any = None,
        stride: Any = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Datasets of so many elements, nested as the elements are.

        Args:
            shift: by how much the next begins later; None for ``size``.
            stride: take every so many-th element.
        """
        size = positive_size(size)
        shift = size if shift is None else positive_size(shift)
        return self._with(
            transformations.windows(
                self._stage, size, shift, positive_size(stride), bool(drop_remainder), Dataset
            )
        )

    def group_by_window(
        self,
        key_func: Callable[..., Any],
        reduce_func: Callable[..., Any],
        window_size: Any = None,
        window_size_func: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Elements of one key collected, and the dataset that a function makes of each full group.

        Args:
            key_func: a whole number for an element.
            reduce_func: a dataset of a key and the dataset of a group.
            window_size: elements in a group; or
            window_size_func: a function that says it for a key.
        """
        if (window_size is None) == (window_size_func is None):
            raise ValueError("group_by_window takes either window_size or window_size_func.")
        tensor = eager_interpreter().eager_array

        def size_of(key: int) -> int:
            return (
                whole_number(window_size_func(tensor(np.array(key))))
                if window_size_func
                else positive_size(window_size)
            )

        def reduced(key: int, group: Stage) -> Stage:
            return stage_of(reduce_func(tensor(np.array(key)), Dataset(group)))

        def key_of(element: Any) -> int:
            return whole_number(called(key_func, element))

        return self._with(transformations.grouped(self._stage, key_of, reduced, size_of))

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Any,
        bucket_batch_sizes: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Padded batches of elements of about one length.

        Args:
            element_length_func: the length of an element.
            bucket_boundaries: rising lengths at which the next bucket begins.
            bucket_batch_sizes: of each bucket, one more than there are boundaries.
            padded_shapes, padding_values, drop_remainder: as ``padded_batch`` has them.
            pad_to_bucket_boundary: fill up to the boundary of the bucket less one, not to the longest.
            no_padding: whether elements of a bucket have one shape already.
        """
        buckets = Buckets(
            element_length_func,
            list(bucket_boundaries),
            list(bucket_batch_sizes),
            padded_shapes,
            padding_values,
            pad_to_bucket_boundary,
            no_padding,
            drop_remainder,
        )
        batches = self.group_by_window(buckets.bucket_of, buckets.batch_of, window_size_func=buckets.size_of)
        of_any_bucket = self.batch(1) if no_padding else self.padded_batch(1, padded_shapes)
        return self._with(Items(lambda: batches._stage, lambda: of_any_bucket.element_spec))

    # --- running --------------------------------------------------------------------------------------------

    def prefetch(self, buffer_size: Any, name: str | None = None) -> Dataset:
        """Elements that a thread makes ahead, where making one takes long.

        Args: buffer_size: how many at most; AUTOTUNE for a few.
        """
        number, source = whole_number(buffer_size), self._stage
        return self._with(stages.Chosen(source, lambda begin: reading.ahead(begin(), number), lambda n: n))

    def with_options(self, options: Options, name: str | None = None) -> Dataset:
        """The same, with settings of how to run."""
        return Dataset(self._stage, self._options.merge(options))

    def options(self) -> Options:
        """The settings."""
        return self._options

    def __iter__(self) -> DatasetIterator:
        return DatasetIterator(self._stage)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements with arrays and numbers of numpy, and ``bytes``, at the leaves."""
        return ArrayIterator(self._stage)

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element.

        Raises:
            ValueError: if there are none or several.
        """
        found = [element for element, _ in zip(self._stage, (0, 1), strict=False)]
        if len(found) != 1:
            raise ValueError(
                f"Dataset had {'no elements' if not found else 'more than one element'}; expected exactly 1."
            )
        return tensors_of(found[0])

    def save(self, path: Any, compression: Any = None, **options: Any) -> None:
        """Writes the elements into a folder, from which ``load`` reads them; not in TensorFlow's format."""
        storage.save(self._stage, os.fspath(path))

    # --- what is known --------------------------------------------------------------------------------------

    @property
    def element_spec(self) -> Any:
        """Specs of the tensors, nested as the elements are.

        What a function gives is found by calling it on symbolic tensors; one that needs numbers is asked with
        the first element.
        """
        return self._stage.spec

    def cardinality(self) -> Any:
        """How many elements there are, INFINITE_CARDINALITY or UNKNOWN_CARDINALITY, as a tensor."""
        return eager_interpreter().eager_array(np.array(self._stage.cardinality()))

    def __len__(self) -> int:
        """How many elements there are.

        Raises:
            TypeError: if there is no end, or it is not known before a pass.
        """
        size = self._stage.cardinality()
        if size == INFINITE:
            raise TypeError("The dataset is infinite.")
        if size == UNKNOWN:
            raise TypeError("The dataset length is unknown.")
        return size

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} element_spec={self.element_spec!r}>"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        near = did_you_mean(name, [n for n in dir(Dataset) if not n.startswith("_")])
        raise AttributeError(f"tf.data.Dataset.{name} is not here.{near}")

    def _with(self, stage: Stage) -> Dataset:
        return Dataset(stage, self._options)
