"""``tf.train``: checkpoints of weights, in safetensors files."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ... import atomic, formats
from ...formats.archive import Archive, LayerWeights
from ...ir import Parameter, assign_all
from ...keras import registry
from ...keras.utils.generic_utils import did_you_mean
from ..tensorflow.dtypes import as_dtype
from .errors import NotFoundError

_SUFFIX = ".safetensors"
#: What a file of HDF5 begins with.
_HDF5 = b"\x89HDF\r\n\x1a\n"


def _parts(thing: Any, path: str) -> Iterator[tuple[str, list[Parameter]]]:
    """The weights of an object, by the path of attributes that leads to them."""
    if isinstance(thing, Parameter):
        yield path, [thing]
    elif isinstance(thing, Mapping | list | tuple):
        entries = thing.items() if isinstance(thing, Mapping) else enumerate(thing)
        for key, entry in entries:
            yield from _parts(entry, f"{path}/{key}")
    elif isinstance(getattr(thing, "weights", None), list | tuple):
        yield path, [w for w in thing.weights if isinstance(w, Parameter)]
    elif hasattr(thing, "__dict__"):
        for key, entry in sorted(vars(thing).items()):
            if not key.startswith("_"):
                yield from _parts(entry, f"{path}/{key}")


class Checkpoint:
    """Weights of models, optimizers, variables and lists or dicts of them, under names.

    Files are safetensors: ``ckpt-1`` names ``ckpt-1.safetensors``.

    Args:
        root: an object to save without a name of its own.
        **kwargs: objects by name.
    """

    def __init__(self, root: Any = None, **kwargs: Any) -> None:
        if root is not None:
            kwargs["root"] = root
        self.__dict__.update(kwargs)
        self._names = list(kwargs)
        self._count = 0

    @property
    def save_counter(self) -> np.ndarray:
        """How often ``save`` was called."""
        return np.asarray(self._count)

    def _groups(self) -> dict[str, list[Parameter]]:
        groups: dict[str, list[Parameter]] = {}
        for name in self._names:
            groups.update(_parts(getattr(self, name), name))
        return groups

    def save(self, file_prefix: Any, options: Any = None) -> str:
        """Writes a file whose name ends with a number, and makes it the latest of its folder; returns the
        name without the extension.
        """
        self._count += 1
        path = self.write(f"{os.fspath(file_prefix)}-{self._count}")
        _note_latest(path, [path])
        return path

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Writes a file; returns its name without the extension."""
        prefix = os.fspath(file_prefix)
        os.makedirs(os.path.dirname(prefix) or ".", exist_ok=True)
        stored: list[tuple[str, Any]] = [
            (f"{path}/{i:05d}", np.array(w.storage.array, order="C"))
            for path, group in self._groups().items()
            for i, w in enumerate(group)
        ]
        stored.append(("save_counter/00000", np.asarray([self._count], np.int64)))
        formats.write(Archive(layer_weights=[LayerWeights("", stored)]), prefix + _SUFFIX)
        return prefix

    def restore(self, save_path: Any, options: Any = None) -> Any:
        """Reads a file that ``save`` or ``write`` wrote; nothing for None, which ``latest_checkpoint`` gives
        where there is none.

        Raises:
            NotFoundError: (a FileNotFoundError) where there is no such file.
            ValueError: for weights of other shapes; nothing is changed then.
        """
        if save_path is None:
            return Status([], [])
        path = os.fspath(save_path).removesuffix(_SUFFIX) + _SUFFIX
        if not os.path.exists(path):
            raise NotFoundError(
                message=f"{path} is not there. Checkpoints of TensorFlow itself are not read."
            )
        stored = dict(formats.read(path).layer_weights[0].weights)
        self._count = int(np.asarray(stored.pop("save_counter/00000", [0]))[0])
        return self._take(stored)

    read = restore

    def _take(self, stored: dict[str, Any]) -> Status:
        pairs: list[tuple[Parameter, Any]] = []
        missing: list[str] = []
        for path, group in self._groups().items():
            found = _under(stored, path)
            thing = self._thing(path)
            if found and registry.is_a(thing, "optimizer", "Optimizer"):
                self._restore_optimizer(thing, path, found)
                continue
            missing += [f"{path}/{i:05d}" for i in range(len(found), len(group))]
            pairs += list(zip(group, found, strict=False))
        assign_all(pairs)
        return Status(missing, sorted(stored))

    def _thing(self, path: str) -> Any:
        found: Any = self
        for key in path.split("/"):
            if isinstance(found, Mapping):
                found = found[key]
            elif isinstance(found, list | tuple):
                found = found[int(key)]
            else:
                found = getattr(found, key)
        return found

    def _restore_optimizer(self, optimizer: Any, path: str, arrays: list[Any]) -> None:
        if optimizer.weights:
            optimizer.set_weights(arrays)
        else:
            raise ValueError(
                f"The checkpoint has the state of the optimizer {path}, which has none before it trains: "
                "optimizer.build(model.trainable_weights) makes it, or a first step of training."
            )


def _under(stored: dict[str, Any], path: str) -> list[Any]:
    """What a file has of an object, in its order; it is taken out."""
    keys = sorted(key for key in stored if re.fullmatch(re.escape(path) + r"/\d{5}", key))
    return [stored.pop(key) for key in keys]


class Status:
    """What ``restore`` found.

    Args:
        missing: weights that the file does not have.
        unused: what of the file is nowhere.
    """

    def __init__(self, missing: list[str], unused: list[str]) -> None:
        self._missing, self._unused = missing, unused

    def assert_consumed(self) -> Status:
        """Raises an AssertionError unless file and objects have the same weights."""
        if self._missing or self._unused:
            raise AssertionError(f"Not in the file: {self._missing}. Not in the objects: {self._unused}.")
        return self

    def assert_existing_objects_matched(self) -> Status:
        """Raises an AssertionError where the file does not have all weights of the objects."""
        if self._missing:
            raise AssertionError(f"Not in the file: {self._missing}.")
        return self

    def expect_partial(self) -> Status:
        """Nothing is said of what is unused in any case."""
        return self

    assert_nontrivial_match = expect_partial


class CheckpointManager:
    """Keeps the latest checkpoints of a folder.

    Args:
        checkpoint: what is saved.
        directory: where.
        max_to_keep: how many; None for all.
        checkpoint_name: how files begin.
    """

    def __init__(
        self, checkpoint: Checkpoint, directory: Any, max_to_keep: int | None,
        keep_checkpoint_every_n_hours: Any = None, checkpoint_name: str = "ckpt", step_counter: Any = None,
        checkpoint_interval: Any = None, init_fn: Any = None,
    ) -> None:  # fmt: skip
        self.checkpoint, self.directory = checkpoint, os.fspath(directory)
        self._name, self._keep = checkpoint_name, max_to_keep
        self._paths = _noted(self.directory)

    @property
    def checkpoints(self) -> list[str]:
        """The files that are kept, the latest last, without their extensions."""
        return list(self._paths)

    @property
    def latest_checkpoint(self) -> str | None:
        """The latest of them."""
        return self._paths[-1] if self._paths else None

    def save(self, checkpoint_number: Any = None, check_interval: bool = True, options: Any = None) -> str:
        """Writes a file, and removes those that are too many."""
        self.checkpoint._count += 1
        number = self.checkpoint._count if checkpoint_number is None else int(checkpoint_number)
        path = self.checkpoint.write(os.path.join(self.directory, f"{self._name}-{number}"))
        self._paths = [p for p in self._paths if p != path] + [path]
        cut = 0 if self._keep is None else max(len(self._paths) - self._keep, 0)
        gone, self._paths = self._paths[:cut], self._paths[cut:]
        _note_latest(path, self._paths)
        atomic.remove(p + _SUFFIX for p in gone)
        return path

    def restore_or_initialize(self) -> str | None:
        """Reads the latest file, if there is one."""
        if self.latest_checkpoint is not None:
            self.checkpoint.restore(self.latest_checkpoint)
        return self.latest_checkpoint


def _note_latest(path: str, kept: list[str]) -> None:
    """Says in the file ``checkpoint`` of the folder which is the latest."""
    folder = os.path.dirname(os.path.abspath(path))
    note = {"latest": os.path.basename(path), "all": [os.path.basename(p) for p in kept], "time": time.time()}
    with atomic.replacing(os.path.join(folder, "checkpoint")) as temporary, open(temporary, "w") as file:
        json.dump(note, file)


def _noted(folder: str) -> list[str]:
    """The checkpoints that the file ``checkpoint`` of a folder names, and that are there."""
    try:
        with open(os.path.join(folder, "checkpoint"), encoding="utf-8") as file:
            names = json.load(file)["all"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    plain = [name for name in names if isinstance(name, str) and os.path.basename(name) == name]
    paths = [os.path.join(folder, name) for name in plain]
    return [path for path in paths if os.path.exists(path + _SUFFIX)]


def _holds_weights(entry: os.DirEntry[str]) -> bool:
    """Whether a file has the name or, as ``cp-0001.ckpt``, the content of one with weights."""
    if entry.name.endswith((".keras", ".h5", ".hdf5", _SUFFIX, ".pt")):
        return True
    if not entry.is_file():
        return False
    with open(entry.path, "rb") as file:
        return file.read(len(_HDF5)) == _HDF5


def latest_checkpoint(checkpoint_dir: Any, latest_filename: Any = None) -> str | None:
    """The latest checkpoint of a folder, which may also be one of the callback ModelCheckpoint or of
    ``save_weights``, with its extension if it has one; None where there is none.
    """
    folder = os.fspath(checkpoint_dir)
    noted = _noted(folder)
    if noted:
        return noted[-1]
    try:
        files = [entry for entry in os.scandir(folder) if _holds_weights(entry)]
    except OSError:
        return None
    return max(files, key=lambda entry: entry.stat().st_mtime).path if files else None


class CheckpointReader:
    """The arrays of a checkpoint that was written here, by their names."""

    def __init__(self, ckpt_dir_or_file: Any) -> None:
        path = os.fspath(ckpt_dir_or_file)
        path = latest_checkpoint(path) or path if os.path.isdir(path) else path
        self._stored = dict(formats.read(path.removesuffix(_SUFFIX) + _SUFFIX).layer_weights[0].weights)

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Name -> sizes."""
        return {name: list(array.shape) for name, array in self._stored.items()}

    def get_variable_to_dtype_map(self) -> dict[str, Any]:
        """Name -> element type."""
        return {name: as_dtype(array.dtype.name) for name, array in self._stored.items()}

    def has_tensor(self, name: str) -> bool:
        """Whether there is an array of that name."""
        return name in self._stored

    def get_tensor(self, name: str) -> np.ndarray:
        """An array by its name.

        Raises:
            NotFoundError: there is none.
        """
        if name not in self._stored:
            raise NotFoundError(message=f"The checkpoint has no {name!r}.{did_you_mean(name, self._stored)}")
        return np.array(self._stored[name])


def load_checkpoint(ckpt_dir_or_file: Any) -> CheckpointReader:
    """A reader of a checkpoint that was written here, or of the latest one in a folder."""
    return CheckpointReader(ckpt_dir_or_file)


def load_variable(ckpt_dir_or_file: Any, name: str) -> np.ndarray:
    """One array of a checkpoint; see ``CheckpointReader.get_tensor``."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name)


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """Name and shape of each array of a checkpoint."""
    return list(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


__all__ = [
    "Checkpoint", "CheckpointManager", "latest_checkpoint", "list_variables", "load_checkpoint",
    "load_variable",
]  # fmt: skip
