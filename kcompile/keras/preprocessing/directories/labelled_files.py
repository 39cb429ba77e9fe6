"""The files of a folder with their labels, divided into training and validation, as datasets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data import AUTOTUNE, Dataset
from ...data.stages import Columns, Rows, Stage
from ...data.transformations import Batched
from ...utils.interactive import print_msg
from ...utils.np_utils import to_categorical

_LABEL_MODES = ("int", "categorical", "binary", None)


@dataclass
class Folder:
    """What of a folder makes a dataset; the arguments that all kinds of files share.

    Attributes:
        path: the folder.
        extensions: of its files, in small letters with the dot.
        labels: "inferred" from the names of subfolders, None for none, or one number for each file in the
            order of their paths.
        label_mode: "int", "categorical" (rows), "binary" (0.0 or 1.0), or None for no labels.
        class_names: the subfolders in the order of their numbers; None for that of their names.
        batch_size: None for single files.
        shuffle: whether each pass has an order of its own.
        seed: of the shuffling.
        validation_split: fraction of the files that is for validation.
        subset: "training", "validation", or "both" for a pair of datasets.
        follow_links: whether links to folders are entered.
        verbose: whether to print how many files there are.
    """

    path: Any
    extensions: tuple[str, ...]
    labels: Any
    label_mode: str | None
    class_names: Sequence[str] | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool = True

    def __post_init__(self) -> None:
        self._check_labels()
        self._check_split()
        if self.labels is None or self.label_mode is None:
            self.labels = self.label_mode = None
        if self.seed is None and self.shuffle:
            self.seed = int(np.random.randint(1_000_000))

    def _check_labels(self) -> None:
        if self.labels not in ("inferred", None) if isinstance(self.labels, str | None) else False:
            raise ValueError(f'labels must be a list, "inferred" or None; found {self.labels!r}.')
        if self.class_names is not None and not (isinstance(self.labels, str) and self.labels == "inferred"):
            raise ValueError(
                'You can only pass `class_names` if `labels="inferred"`: the subfolders in an order of yours.'
            )
        if self.label_mode not in _LABEL_MODES:
            raise ValueError(
                'label_mode must be one of "int", "categorical", "binary" or None; found '
                f"{self.label_mode!r}."
            )

    def _check_split(self) -> None:
        split, subset = self.validation_split, self.subset
        if split is not None and not 0 < split < 1:
            raise ValueError(f"validation_split must be between 0 and 1, found {split!r}.")
        if (split is None) != (subset is None):
            raise ValueError("If `subset` is set, `validation_split` must be set, and inversely.")
        if subset not in ("training", "validation", "both", None):
            raise ValueError(f'subset must be "training", "validation" or "both", found {subset!r}.')
        if split and self.shuffle and self.seed is None:
            raise ValueError(
                "If using `validation_split` and shuffling the data, you must provide a `seed`, so "
                "that there is no overlap between the training and validation subsets."
            )

    def datasets(self, contents: Callable[[Stage], Stage]) -> Any:
        """The dataset, or for "both" that for training and that for validation.

        Args:
            contents: from a step of paths, or of (path, label), to one of what is in the files.
        """
        paths, labels, names = self._found()
        if self.label_mode == "binary" and len(names) != 2:
            raise ValueError(
                f'When passing `label_mode="binary"`, there must be exactly 2 `class_names`; found {names!r}.'
            )
        subsets = ("training", "validation") if self.subset == "both" else (self.subset,)
        made: list[Dataset] = []
        for subset in subsets:
            part = slice(None) if subset is None else self._part(subset, len(paths))
            chosen = paths[part]
            if not len(chosen):
                raise ValueError(f"No {self._what()} files found in directory {os.fspath(self.path)}.")
            own = None if labels is None else self._encoded(np.asarray(labels)[part], len(names))
            # the second of two is for validation, and keeps its order
            made.append(self._dataset(chosen, own, names, contents, self.shuffle and not made))
        return made if self.subset == "both" else made[0]

    def _what(self) -> str:
        return "/".join(self.extensions)

    def _found(self) -> tuple[np.ndarray, Any, list[str]]:
        folder = os.fspath(self.path)
        inferred = isinstance(self.labels, str)
        folders = sorted(name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name)))
        folders = [name for name in folders if not name.startswith(".")]
        if inferred:
            names = folders if self.class_names is None else list(self.class_names)
            if set(names) != set(folders):
                raise ValueError(
                    "The `class_names` passed did not match the names of the subdirectories of the target "
                    f"directory. Expected: {folders} (or a subset of it), but received: {names}"
                )
            by_class = {name: list(self._files(os.path.join(folder, name))) for name in folders}
            paths = [path for files in by_class.values() for path in files]
            numbers = np.array([names.index(name) for name in folders], np.int32)
            labels: Any = np.repeat(numbers, [len(files) for files in by_class.values()])
        else:
            names = [""] if self.labels is None else sorted(set(self.labels))
            paths = list(self._files(folder))
            labels = None if self.labels is None else np.asarray(self.labels, np.int32)
            if labels is not None and len(labels) != len(paths):
                raise ValueError(
                    "Expected the lengths of `labels` to match the number of files in the target directory. "
                    f"len(labels) is {len(labels)} while we found {len(paths)} files in directory {folder}."
                )
        if self.verbose:
            print_msg(
                f"Found {len(paths)} files" + (f" belonging to {len(names)} classes." if inferred else ".")
            )
        return *self._shuffled(np.array(paths, object), labels), names

    def _files(self, folder: str) -> Iterator[str]:
        """The files in a folder and those in it, folder by folder."""
        for inner, _, names in sorted(os.walk(folder, followlinks=self.follow_links)):
            for name in sorted(names):
                if name.lower().endswith(self.extensions):
                    yield os.path.join(inner, name)

    def _shuffled(self, paths: np.ndarray, labels: Any) -> tuple[np.ndarray, Any]:
        if not self.shuffle:
            return paths, labels
        np.random.RandomState(self.seed).shuffle(paths)
        if labels is not None:
            np.random.RandomState(self.seed).shuffle(labels)
        return paths, labels

    def _part(self, subset: str, count: int) -> slice:
        held_out = int((self.validation_split or 0) * count)
        if self.verbose:
            used = held_out if subset == "validation" else count - held_out
            print_msg(f"Using {used} files for {subset}.")
        return slice(count - held_out, None) if subset == "validation" else slice(0, count - held_out)

    def _encoded(self, labels: np.ndarray, classes: int) -> np.ndarray:
        if self.label_mode == "binary":
            return labels.astype(np.float32)[:, np.newaxis]
        return (
            to_categorical(labels, classes).astype(np.float32) if self.label_mode == "categorical" else labels
        )

    def _dataset(
        self,
        paths: np.ndarray,
        labels: Any,
        names: list[str],
        contents: Callable[[Stage], Stage],
        shuffle: bool,
    ) -> Dataset:
        encoded = np.array([os.fsencode(path) for path in paths] + [None], object)[:-1]
        dataset = Dataset(Rows(Columns(encoded if labels is None else (encoded, labels))))
        if shuffle:
            # paths, not what is in the files, wait in the buffer
            dataset = dataset.shuffle(8 * self.batch_size if self.batch_size else 1024, self.seed)
        made: Any = Dataset(contents(dataset._stage)).prefetch(AUTOTUNE)
        made.class_names = names
        made.file_paths = [os.fspath(path) for path in paths]
        return made


def batched(stage: Stage, size: int | None) -> Stage:
    """Batches of the elements, or the elements themselves."""
    return stage if size is None else Batched(stage, size)
