"""What all flows of images share: the order of samples, batches as a Sequence, and reading batches from
files.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator as IteratorABC
from typing import Any

import numpy as np

from ... import registry
from ...utils.sequences import Sequence
from .files import (
    COLOR_MODES,
    IMAGE_EXTENSIONS,
    array_to_img,
    checked_data_format,
    img_to_array,
    load_img,
    save_image,
)

_SUBSETS = ("training", "validation")


class Iterator(Sequence):
    """Batches of samples, by index (a Sequence) and without end by ``next``.

    A subclass writes ``_get_batches_of_transformed_samples(index_array)``.

    Args:
        n: number of samples.
        batch_size: samples in a batch; the last of an epoch may be smaller.
        shuffle: a new order in every epoch.
        seed: NumPy's global generator is seeded with it, plus the number of batches given so far, before each
            batch.
    """

    white_list_formats = IMAGE_EXTENSIONS

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None) -> None:
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self.index_array: Any = None
        self._make_index_generator()

    def _make_index_generator(self) -> None:
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()

    def __getstate__(self) -> dict[str, Any]:
        # Worker processes that are not forked receive the iterator by pickle.
        return {name: value for name, value in vars(self).items() if name not in ("lock", "index_generator")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make_index_generator()

    def _set_index_array(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _seed_next_batch(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)

    def __getitem__(self, idx: int) -> Any:
        if idx >= len(self):
            raise ValueError(f"Asked to retrieve element {idx}, but the Sequence has length {len(self)}")
        self._seed_next_batch()
        self.total_batches_seen += 1
        if self.index_array is None:
            self._set_index_array()
        start = self.batch_size * idx
        return self._get_batches_of_transformed_samples(self.index_array[start : start + self.batch_size])

    def __len__(self) -> int:
        return (self.n + self.batch_size - 1) // self.batch_size

    def on_epoch_end(self) -> None:
        """Draws the order of the next epoch."""
        self._set_index_array()

    def reset(self) -> None:
        """``next`` starts a new epoch."""
        self.batch_index = 0

    def _flow_index(self) -> IteratorABC[np.ndarray]:
        while True:
            self._seed_next_batch()
            if self.batch_index == 0 or self.index_array is None:
                self._set_index_array()
            start = (self.batch_index * self.batch_size) % self.n if self.n else 0
            self.batch_index = self.batch_index + 1 if start + self.batch_size < self.n else 0
            self.total_batches_seen += 1
            yield self.index_array[start : start + self.batch_size]

    def __iter__(self) -> Iterator:
        return self

    def __next__(self, *args: Any, **kwargs: Any) -> Any:
        return self.next(*args, **kwargs)

    def next(self) -> Any:
        """The next batch; after the last one of an epoch, the first of the next."""
        if self.n == 0:
            raise ValueError(f"{type(self).__name__} has no samples, so no batches.")
        with self.lock:
            index_array = next(self.index_generator)
        # Threads may transform their batches at the same time.
        return self._get_batches_of_transformed_samples(index_array)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must define _get_batches_of_transformed_samples(index_array)."
        )

    def _save_batch(self, batch: np.ndarray, index_array: np.ndarray, names: int) -> None:
        """Write the images of a batch to ``save_to_dir``, if there is one; ``names`` bounds the number in a
        name.
        """
        if not self.save_to_dir:
            return
        for image, index in zip(batch, index_array, strict=True):
            name = f"{self.save_prefix}_{index}_{np.random.randint(names)}.{self.save_format}"
            save_image(array_to_img(image, self.data_format), os.path.join(self.save_to_dir, name))

    save_to_dir: Any = None
    save_prefix = ""
    save_format = "png"
    data_format = "channels_last"


def subset_range(subset: str | None, validation_split: float) -> tuple[float, float] | None:
    """The part of the samples that a subset means, None for all: the validation set comes first.

    Raises:
        ValueError: the subset is neither "training" nor "validation".
    """
    if subset is None:
        return None
    if subset not in _SUBSETS:
        raise ValueError(f'Invalid subset name: {subset!r}; expected "training" or "validation".')
    return (0, validation_split) if subset == "validation" else (validation_split, 1)


class BatchFromFilesMixin:
    """Batches read from image files.

    The class that mixes it in, an Iterator, has what is named here.
    """

    filepaths: Any
    labels: Any
    sample_weight: Any
    classes: Any
    class_mode: str | None
    class_indices: dict[str, int]
    dtype: Any
    _save_batch: Any

    def set_processing_attrs(
        self,
        image_data_generator: Any,
        target_size: Any,
        color_mode: str,
        data_format: str | None,
        save_to_dir: Any,
        save_prefix: str,
        save_format: str,
        subset: str | None,
        interpolation: str,
        keep_aspect_ratio: bool = False,
    ) -> None:
        """Set how files become a batch; see DirectoryIterator for the arguments."""
        if color_mode not in COLOR_MODES:
            raise ValueError(f'Invalid color mode: {color_mode!r}; expected "rgb", "rgba", or "grayscale".')
        self.image_data_generator = image_data_generator
        self.target_size: tuple[Any, ...] = tuple(target_size)
        self.color_mode = color_mode
        self.data_format = checked_data_format(data_format)
        channels = (COLOR_MODES[color_mode],)
        channels_last = self.data_format == "channels_last"
        self.image_shape = self.target_size + channels if channels_last else channels + self.target_size
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.interpolation = interpolation
        self.keep_aspect_ratio = keep_aspect_ratio
        self.split = subset_range(subset, getattr(image_data_generator, "_validation_split", 0.0))
        self.subset = subset

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        batch = np.zeros((len(index_array), *self.image_shape), dtype=self.dtype)
        paths = self.filepaths
        for position, index in enumerate(index_array):
            batch[position] = self._image(paths[index])
        self._save_batch(batch, index_array, names=10_000_000)
        targets = self._targets_of(index_array, batch)
        if targets is None:
            return batch
        if self.sample_weight is None:
            return batch, targets
        return batch, targets, self.sample_weight[index_array]

    def _image(self, path: str) -> np.ndarray:
        image = load_img(
            path,
            color_mode=self.color_mode,
            target_size=self.target_size,
            interpolation=self.interpolation,
            keep_aspect_ratio=self.keep_aspect_ratio,
        )
        # float32 whatever the batch's dtype, and a copy: what follows changes it in place.
        x = np.array(img_to_array(image, data_format=self.data_format, dtype="float32"))
        generator = self.image_data_generator
        if generator is None:
            return x
        x = generator.apply_transform(x, generator.get_random_transform(x.shape))
        return generator.standardize(x)

    def _targets_of(self, index_array: np.ndarray, batch: np.ndarray) -> Any:
        if self.class_mode == "input":
            return batch.copy()
        if self.class_mode in ("binary", "sparse"):
            return np.array([self.classes[index] for index in index_array], dtype=self.dtype)
        if self.class_mode == "categorical":
            targets = np.zeros((len(batch), len(self.class_indices)), dtype=self.dtype)
            for row, index in zip(targets, index_array, strict=True):
                row[self.classes[index]] = 1.0  # one class, or a list of them
            return targets
        if self.class_mode == "multi_output":
            return [output[index_array] for output in self.labels]
        return self.labels[index_array] if self.class_mode == "raw" else None


registry.register(globals())
