"""The flows of images: from arrays, from a folder, and from a table of file names."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ... import registry, rules
from ...backend.config import floatx
from ...utils.generic_utils import did_you_mean
from ...utils.interactive import print_msg
from .files import checked_data_format, image_files_under, is_image_file
from .iterator import BatchFromFilesMixin, Iterator, subset_range


class NumpyArrayIterator(Iterator):
    """Batches of images from an array.

    Args:
        x: array (samples, height, width, channels), or (samples, channels, height, width) for channels_first;
            or a pair of such an array and one more array, or list of arrays, that are handed on as they are.
        y: targets, one for each image, or None.
        image_data_generator: the ImageDataGenerator whose transformations are applied.
        batch_size, shuffle, seed: see Iterator.
        sample_weight: one number for each image.
        data_format: by default ``K.image_data_format()``.
        save_to_dir, save_prefix, save_format: write each image given to this folder.
        subset: "training" or "validation", by the generator's ``validation_split``.
        dtype: of the images given, by default ``K.floatx()``.
        ignore_class_split: whether the two subsets may have other classes.

    Batch: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``; ``x`` is a list where more arrays were given.

    Raises:
        ValueError: lengths differ, ``x`` is not of rank 4, or the two subsets have not the same classes.
    """

    @rules.with_arguments
    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        dtype: Any = None,
        ignore_class_split: bool = False,
    ) -> None:
        self.dtype = floatx() if dtype is None else dtype
        self.data_format = checked_data_format(data_format)
        more: list[np.ndarray] = []
        if isinstance(x, (tuple, list)):
            x, others = x
            more = [np.asarray(other) for other in (others if isinstance(others, list) else [others])]
        for name, other in [
            *((f"x[1][{i}]", m) for i, m in enumerate(more)),
            ("y", y),
            ("sample_weight", sample_weight),
        ]:
            if other is not None and len(other) != len(x):
                raise ValueError(
                    f"`x` (images tensor) and `{name}` should have the same length. Found: x.shape = "
                    f"{np.shape(x)}, {name}.shape = {np.shape(other)}"
                )
        y = None if y is None else np.asarray(y)
        sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        part = _subset_slice(subset, image_data_generator, len(x))
        if y is not None and subset is not None and not ignore_class_split:
            _check_same_classes(y, part)
        self.x = np.asarray(x[part], dtype=self.dtype)
        self.x_misc = [other[part] for other in more]
        self.y = None if y is None else y[part]
        # Keras 2.3 leaves the weights whole here, so that a training subset gets those of other samples.
        self.sample_weight = None if sample_weight is None else sample_weight[part]
        _check_images(self.x, self.data_format)
        self.image_data_generator = image_data_generator
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        batch = np.zeros((len(index_array), *self.x.shape[1:]), dtype=self.dtype)
        generator = self.image_data_generator
        for position, index in enumerate(index_array):
            parameters = generator.get_random_transform(self.x.shape[1:])
            image = generator.apply_transform(self.x[index].astype(self.dtype), parameters)
            batch[position] = generator.standardize(image)
        self._save_batch(batch, index_array, names=10_000)
        inputs = [batch, *(other[index_array] for other in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return inputs
        if self.sample_weight is None:
            return inputs, self.y[index_array]
        return inputs, self.y[index_array], self.sample_weight[index_array]


def _subset_slice(subset: str | None, generator: Any, count: int) -> slice:
    part = subset_range(subset, generator._validation_split)
    return slice(None) if part is None else slice(int(count * part[0]), int(count * part[1]))


def _check_same_classes(y: np.ndarray, part: slice) -> None:
    edge = part.stop if part.start == 0 else part.start
    if not np.array_equal(np.unique(y[:edge]), np.unique(y[edge:])):
        raise ValueError(
            "Training and validation subsets have different number of classes after the split. If your numpy "
            "arrays are sorted by the label, you might want to shuffle them."
        )


def _check_images(x: np.ndarray, data_format: str) -> None:
    if x.ndim != 4:
        raise ValueError(
            f"Input data in `NumpyArrayIterator` should have rank 4. You passed an array with shape {x.shape}"
        )
    axis = 3 if data_format == "channels_last" else 1
    warn_of_odd_channels("NumpyArrayIterator is set to use", x.shape, axis, data_format)


def warn_of_odd_channels(what: str, shape: tuple[int, ...], axis: int, data_format: str) -> None:
    """Warn where an axis that should be the channels' is not 1, 3 or 4 long."""
    if shape[axis] not in (1, 3, 4):
        warnings.warn(
            f'{what} the data format convention "{data_format}" (channels on axis {axis}), i.e. expected '
            "either 1, 3, "
            f"or 4 channels on axis {axis}. However, it was passed an array with shape {shape} "
            f"({shape[axis]} channels).",
            stacklevel=4,
        )


class DirectoryIterator(BatchFromFilesMixin, Iterator):
    """Batches of images from a folder with one subfolder per class.

    Args:
        directory: the folder. Files in subfolders of the class folders count too.
        image_data_generator: the ImageDataGenerator whose transformations are applied, or None.
        target_size: (height, width) of the images given.
        color_mode: "rgb", "rgba" or "grayscale".
        classes: names of the class folders in the order of their indices, by default all in the order of
            names.
        class_mode: targets: "categorical" (one-hot), "binary" or "sparse" (the index), "input" (the images
            themselves), None (no targets).
        batch_size, shuffle, seed: see Iterator.
        data_format: by default ``K.image_data_format()``.
        save_to_dir, save_prefix, save_format: write each image given to this folder.
        follow_links: also go into folders that are symbolic links.
        subset: "training" or "validation", by the generator's ``validation_split``, within each class.
        interpolation: how images are resized, see ``load_img``.
        dtype: of the batches, by default ``K.floatx()``.
        keep_aspect_ratio: whether the middle of an image is resized, in place of distorting it.

    Attributes: ``class_indices`` (name to index), ``classes`` (index of each file), ``filenames``,
    ``filepaths``, ``samples``, ``num_classes``.
    """

    allowed_class_modes = {"categorical", "binary", "sparse", "input", None}

    @rules.with_arguments
    def __init__(
        self,
        directory: Any,
        image_data_generator: Any,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        dtype: Any = None,
        keep_aspect_ratio: bool = False,
    ) -> None:
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
        )
        _check_class_mode(class_mode, self.allowed_class_modes)
        self.directory = directory
        self.class_mode = class_mode
        self.dtype = floatx() if dtype is None else dtype
        names = list(classes) if classes else _subfolders(directory)
        self.num_classes = len(names)
        self.class_indices = {name: index for index, name in enumerate(names)}
        self.filenames: list[str] = []
        indices: list[int] = []
        for name, index in self.class_indices.items():
            found = self._files_of_class(name, follow_links)
            self.filenames += found
            indices += [index] * len(found)
        self.classes = np.array(indices, dtype="int32")
        self.samples = len(self.filenames)
        print_msg(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        self._filepaths = [os.path.join(directory, name) for name in self.filenames]
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _files_of_class(self, name: str, follow_links: bool) -> list[str]:
        folder = os.path.join(self.directory, name)
        files = [os.path.join(name, file) for file in image_files_under(folder, follow_links)]
        if self.split is None:
            return files
        start, stop = (int(edge * len(files)) for edge in self.split)
        return files[start:stop]

    @property
    def filepaths(self) -> list[str]:
        """Path of each file."""
        return self._filepaths

    @property
    def labels(self) -> np.ndarray:
        """Class index of each file."""
        return self.classes

    @property
    def sample_weight(self) -> None:
        """None: folders hold no weights."""
        return None


def _subfolders(directory: Any) -> list[str]:
    return sorted(name for name in os.listdir(directory) if os.path.isdir(os.path.join(directory, name)))


def _check_class_mode(class_mode: Any, allowed: set[Any]) -> None:
    if class_mode not in allowed:
        words = ", ".join(sorted(repr(mode) for mode in allowed))
        raise ValueError(f"Invalid class_mode: {class_mode!r}; expected one of: {words}")


class DataFrameIterator(BatchFromFilesMixin, Iterator):
    """Batches of images whose file names, and targets, are columns of a table.

    Args:
        dataframe: a pandas DataFrame, or anything that gives a column by ``dataframe[name]``, such as a
            dictionary of lists. It is not changed.
        directory: folder that the file names are relative to; None if they are whole paths.
        image_data_generator: the ImageDataGenerator whose transformations are applied, or None.
        x_col: column of file names.
        y_col: column of targets, or a list of them ("raw", "multi_output").
        weight_col: column of sample weights, if there is one.
        classes: classes to use, by default all that occur; rows of other classes are left out. Indices go by
            the order of names.
        class_mode: targets: "categorical" (one-hot; a list of classes in a row gives several ones), "binary"
            or "sparse" (the index), "raw" (the values of the column or columns), "multi_output" (a list, one
            array per column), "input" (the images themselves), None (no targets).
        validate_filenames: leave out, with a warning, rows whose file is missing or not named like an image.

    The other arguments are those of DirectoryIterator; ``subset`` splits the rows in their order.

    Raises:
        ValueError: a column is missing, an unknown class_mode, or "binary" with other than two classes.
        TypeError: file names or classes are not strings, weights are not numbers, or "multi_output" without a
            list.
    """

    allowed_class_modes = {"binary", "categorical", "input", "multi_output", "raw", "sparse", None}
    _class_modes_with_classes = ("binary", "categorical", "sparse")

    @rules.with_arguments
    def __init__(
        self,
        dataframe: Any,
        directory: Any = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = "channels_last",
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        dtype: Any = "float32",
        validate_filenames: bool = True,
        keep_aspect_ratio: bool = False,
    ) -> None:
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
        )
        _check_class_mode(class_mode, self.allowed_class_modes)
        self.directory = directory or ""
        self.class_mode = class_mode
        self.dtype = floatx() if dtype is None else dtype

        names = list(_column(dataframe, x_col))
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"All values in column x_col={x_col} must be strings.")
        rows = np.arange(len(names))
        if validate_filenames:
            rows = self._rows_with_files(names, rows, x_col)
        if class_mode in self._class_modes_with_classes:
            rows = self._set_classes(list(_column(dataframe, y_col)), rows, y_col, classes)
        elif classes:
            warnings.warn(f'`classes` will be ignored given the class_mode="{class_mode}"', stacklevel=3)
        if self.split is not None:
            start, stop = (int(edge * len(rows)) for edge in self.split)
            rows = rows[start:stop]

        if class_mode in self._class_modes_with_classes:
            self.classes = [self._row_classes[row] for row in rows.tolist()]
            del self._row_classes
        elif class_mode in ("raw", "multi_output"):
            self._targets = self._target_columns(dataframe, y_col, rows)
        self._sample_weight = self._weights(dataframe, weight_col, rows)
        self.filenames = [names[row] for row in rows]
        self.samples = len(self.filenames)
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        self._say_what_was_found(validate_filenames)
        super().__init__(self.samples, batch_size, shuffle, seed)

    def _rows_with_files(self, names: list[str], rows: np.ndarray, x_col: str) -> np.ndarray:
        valid = np.array([is_image_file(os.path.join(self.directory, name)) for name in names], dtype=bool)
        if not valid.all():
            warnings.warn(
                f'Found {np.sum(~valid)} invalid image filename(s) in x_col="{x_col}". '
                "These filename(s) will be ignored.",
                stacklevel=4,
            )
        return rows[valid]

    def _set_classes(
        self, labels: list[Any], rows: np.ndarray, y_col: Any, classes: Sequence[str] | None
    ) -> np.ndarray:
        """Number the classes and keep each row's in ``_row_classes``; returns the rows that have one."""
        kinds = (str, list, tuple) if self.class_mode == "categorical" else (str,)
        if not all(isinstance(label, kinds) for label in labels):
            expected = "type string, list or tuple" if self.class_mode == "categorical" else "strings"
            raise TypeError(
                f'If class_mode="{self.class_mode}", y_col="{y_col}" column values must be {expected}.'
            )
        if self.class_mode == "binary":
            count = len(set(classes or labels))
            if count != 2:
                found = f"{count} class/es were given" if classes else f"Found {count} classes"
                raise ValueError(f'If class_mode="binary" there must be 2 classes. {found}.')
        used = classes or {name for row in rows for name in _as_names(labels[row])}
        self.class_indices = {name: index for index, name in enumerate(sorted(set(used)))}
        self._row_classes: dict[int, Any] = {}
        for row in rows.tolist():
            indices = [
                self.class_indices[name] for name in _as_names(labels[row]) if name in self.class_indices
            ]
            if indices or not (classes or isinstance(labels[row], str)):
                self._row_classes[row] = indices[0] if isinstance(labels[row], str) else indices
        return np.array(list(self._row_classes), dtype=rows.dtype)

    def _target_columns(self, dataframe: Any, y_col: Any, rows: np.ndarray) -> Any:
        if self.class_mode == "multi_output":
            if not isinstance(y_col, list):
                raise TypeError(
                    f'If class_mode="{self.class_mode}", y_col must be a list. Received '
                    f"{type(y_col).__name__}."
                )
            return [np.array([list(_column(dataframe, name))[row] for row in rows]) for name in y_col]
        if not isinstance(y_col, (list, tuple)):
            return np.asarray(_column(dataframe, y_col))[rows]
        columns = [np.asarray(_column(dataframe, name)) for name in y_col]
        if any(column.dtype.kind not in "biufc" for column in columns):
            columns = [column.astype(object) for column in columns]
        return np.stack(columns, axis=1)[rows]

    def _weights(self, dataframe: Any, weight_col: str | None, rows: np.ndarray) -> np.ndarray | None:
        if not weight_col:
            return None
        weights = np.asarray(_column(dataframe, weight_col))
        if not np.issubdtype(weights.dtype, np.number):
            raise TypeError(f"Column weight_col={weight_col} must be numeric.")
        return weights[rows]

    def _say_what_was_found(self, validated: bool) -> None:
        what = "validated" if validated else "non-validated"
        classes = ""
        if self.class_mode in self._class_modes_with_classes:
            classes = f" belonging to {len(self.class_indices)} classes"
        print_msg(f"Found {self.samples} {what} image filenames{classes}.")

    @property
    def filepaths(self) -> list[str]:
        """Path of each file."""
        return self._filepaths

    @property
    def labels(self) -> Any:
        """Targets of each file: values of the columns for "raw" and "multi_output", else class indices."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    @property
    def sample_weight(self) -> np.ndarray | None:
        """Weight of each file, None without ``weight_col``."""
        return self._sample_weight


def _as_names(label: Any) -> Iterable[Any]:
    return label if isinstance(label, (list, tuple)) else (label,)


def _column(table: Any, name: Any) -> Any:
    try:
        return table[name]
    except KeyError:
        known = [str(column) for column in getattr(table, "columns", table)]
        hint = did_you_mean(str(name), known, 3) or f" Its columns: {', '.join(known)}."
        raise ValueError(f"The table has no column {name!r}.{hint}") from None


registry.register(globals())
