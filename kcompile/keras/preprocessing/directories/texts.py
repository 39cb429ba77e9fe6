"""``text_dataset_from_directory``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...data.stages import Stage
from ...data.structures import TensorSpec
from .contents import of_files
from .labelled_files import Folder, batched


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """A dataset of the texts (.txt) in a folder, whose subfolders are classes.

    Args:
        max_length: bytes of a text that are kept; None for all.
        format: "tf" alone.
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset,
            follow_links, verbose: as ``labelled_files.Folder`` has them.

    Returns:
        a Dataset of texts (batch,), or (texts, labels) with labels (batch,), (batch, 1) or (batch, classes);
        a pair of them for subset="both". Its ``class_names`` are the subfolders.

    Raises:
        ValueError: for arguments that do not go together, or no files.
    """
    folder = Folder(
        directory, (".txt",), labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links, verbose,
    )  # fmt: skip

    def read(path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read() if max_length is None else file.read(max_length)

    def contents(paths: Stage) -> Stage:
        return batched(of_files(paths, read, TensorSpec((), "string")), batch_size)

    return folder.datasets(contents)
