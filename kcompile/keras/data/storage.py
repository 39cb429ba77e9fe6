"""Elements in files: ``cache(filename)``, ``save`` and ``load``, and patterns of names.

A file (.npz) holds each component of all elements as one array of its numbers and one of shapes, without
pickles; of texts, their bytes and lengths.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...atomic import replacing
from ..utils.npz_files import read_npz
from .composites import Composite
from .stages import Items, Stage, cache
from .structures import flatten, keys_of, pack

#: The file in the folder that ``save`` makes.
_NAME = "elements.npz"


def matching(patterns: list[bytes]) -> list[str]:
    """The files that match patterns, sorted.

    Raises:
        ValueError: if there are none.
    """
    names = [os.fsdecode(pattern) for pattern in patterns]
    found = sorted({path for name in names for path in glob.glob(name)})
    if not found:
        raise ValueError(f"No files matched pattern: {', '.join(names)}")
    return found


def save(stage: Stage, folder: str) -> None:
    """Writes all elements of a pass into a folder."""
    os.makedirs(folder, exist_ok=True)
    _write(list(stage), os.path.join(folder, _NAME))


def saved(folder: str) -> Stage:
    """The elements that ``save`` wrote.

    Raises:
        FileNotFoundError: if the folder has no such file. ValueError: if it is damaged.
    """
    path = os.path.join(folder, _NAME)
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"{folder} holds no dataset of Dataset.save ({_NAME}); those that TensorFlow saved are not read."
        )
    elements = _read(path)
    return Items(lambda: elements, None, len(elements))


def cached(source: Stage, filename: str) -> Stage:
    """The elements of the first whole pass, from a file from then on."""
    path = f"{filename}.npz"
    return cache(
        Items(lambda: source, lambda: source.spec, source.cardinality),
        lambda: _read(path) if os.path.exists(path) else None,
        lambda elements: _write(elements, path),
    )


def _write(elements: list[Any], path: str) -> None:
    arrays: dict[str, np.ndarray] = {}
    if elements:
        arrays["structure"] = np.frombuffer(json.dumps(_described(elements[0])).encode(), np.uint8)
        for i, leaves in enumerate(zip(*map(flatten, elements), strict=True)):
            arrays |= {f"{i}/{name}": array for name, array in _component(leaves).items()}
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _component(leaves: tuple[Any, ...]) -> dict[str, np.ndarray]:
    if any(hasattr(leaf, "_stage") for leaf in leaves):
        raise ValueError("Datasets at the leaves (windows) are not saved; flat_map makes elements of them.")
    if any(isinstance(leaf, Composite) for leaf in leaves):
        raise ValueError(
            "Ragged and sparse tensors are not saved; to_tensor() and tf.sparse.to_dense fill up."
        )
    arrays = [np.asarray(leaf, object if isinstance(leaf, bytes) else None) for leaf in leaves]
    shapes = np.array([a.shape for a in arrays], np.int64).reshape(len(arrays), -1)
    values = np.concatenate([a.reshape(-1) for a in arrays])
    if values.dtype != object:
        return {"shapes": shapes, "values": values}
    lengths = np.array([len(text) for text in values], np.int64)
    return {"shapes": shapes, "lengths": lengths, "bytes": np.frombuffer(b"".join(values), np.uint8)}


def _described(structure: Any) -> Any:
    """A nest as JSON has it: lists for tuples, pairs for dicts, null at the leaves."""
    if isinstance(structure, tuple):
        return {"tuple": [_described(entry) for entry in structure]}
    if isinstance(structure, dict):
        return {"dict": [[key, _described(structure[key])] for key in keys_of(structure)]}
    return None


def _structure(described: Any) -> Any:
    if described is None:
        return None
    if "tuple" in described:
        return tuple(_structure(entry) for entry in described["tuple"])
    return {key: _structure(entry) for key, entry in described["dict"]}


def _read(path: str) -> list[Any]:
    try:
        arrays = read_npz(path)
        if not arrays:
            return []
        like = _structure(json.loads(arrays["structure"].tobytes()))
        components = [list(_leaves(arrays, i)) for i in range(len(flatten(like)))]
        return [pack(like, iter(leaves)) for leaves in zip(*components, strict=True)]
    except (KeyError, TypeError, ValueError, EOFError, RecursionError) as error:
        raise ValueError(f"{path} is no file of a dataset, or damaged: {error}") from error


def _leaves(arrays: dict[str, np.ndarray], component: int) -> Iterator[Any]:
    values = arrays[f"{component}/values"] if f"{component}/values" in arrays else _texts(arrays, component)
    start, shapes = 0, arrays[f"{component}/shapes"]
    if not shapes.size and len(shapes) != len(values):  # shapes of scalars take no room in a file
        raise ValueError(f"there are {len(values)} numbers for {len(shapes)} elements.")
    for shape in shapes.tolist():
        stop = start + int(np.prod(shape, dtype=np.int64))
        yield values[start:stop].reshape(shape)[()]
        start = stop


def _texts(arrays: dict[str, np.ndarray], component: int) -> np.ndarray:
    joined = arrays[f"{component}/bytes"].tobytes()
    ends = np.cumsum(arrays[f"{component}/lengths"]).tolist()
    found = np.empty(len(ends), object)
    found[:] = [joined[start:stop] for start, stop in zip([0, *ends[:-1]], ends, strict=True)]
    return found
