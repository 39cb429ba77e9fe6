"""Weights of an Embedding for a vocabulary that has changed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .. import initializers, registry


def warmstart_embedding_matrix(
    base_vocabulary: Any,
    new_vocabulary: Any,
    base_embeddings: Any,
    new_embeddings_initializer: Any = "uniform",
) -> np.ndarray:
    """The rows of an embedding matrix in the order of another vocabulary.

    Args:
        base_vocabulary: the entries of the matrix: a list, an array, or the path of a file with one in each
            line.
        new_vocabulary: those that are wanted, likewise.
        base_embeddings: (entries, features).
        new_embeddings_initializer: makes the rows of entries that the matrix lacks; None for "uniform".

    Returns:
        (new entries, features), in the type of the matrix.

    Raises:
        ValueError: for a vocabulary without entries, a file that is not there, or anything else.
    """
    base, new = _entries(base_vocabulary), _entries(new_vocabulary)
    matrix = np.asarray(base_embeddings)
    initializer = initializers.get(new_embeddings_initializer or "uniform")
    found = initializers.initial_value(initializer, (len(new), matrix.shape[1]), matrix.dtype.name).copy()
    places = {entry: place for place, entry in enumerate(base)}
    for row, entry in enumerate(new):
        if entry in places:
            found[row] = matrix[places[entry]]
    return found


def _entries(vocabulary: Any) -> list[Any]:
    """The entries of a vocabulary; text as it is or as bytes comes out alike."""
    if isinstance(vocabulary, str):
        if not os.path.exists(vocabulary):
            raise ValueError(f"There is no file {vocabulary!r} with a vocabulary.")
        with open(vocabulary, encoding="utf-8") as file:
            found: list[Any] = file.read().splitlines()
    else:
        found = list(np.asarray(vocabulary).ravel().tolist())
    if not found:
        raise ValueError("A vocabulary has at least one entry; found none.")
    return [entry.decode() if isinstance(entry, bytes) else entry for entry in found]


registry.register(globals())
