"""Files of published weights: where they are, and reading them into a model."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from ..utils.download import get_file
from ..utils.home import keras_home

STORAGE = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclass(frozen=True)
class WeightsFile:
    """One published file: its name in the cache, its address, and its md5 or sha256 (None: not published)."""

    name: str
    origin: str
    file_hash: str | None = None


#: With the top, and without it.
Files = tuple[WeightsFile, WeightsFile]


def standard_files(
    stem: str,
    base: str,
    hashes: tuple[str | None, str | None] = (None, None),
    suffix: str = "_weights_tf_dim_ordering_tf_kernels",
    bottom: str = "_notop",
) -> Files:
    """The files under ``base``, named as most architectures name them."""
    with_top, without = f"{stem}{suffix}.h5", f"{stem}{suffix}{bottom}.h5"
    return WeightsFile(with_top, base + with_top, hashes[0]), WeightsFile(without, base + without, hashes[1])


def published_file(name: str, origin: str, file_hash: str | None) -> str:
    """Path of a published file, downloaded to ``models`` in the cache where it is not there yet.

    Raises:
        OSError: it is not in the cache and cannot be downloaded; says which file to put where.
        ValueError: what was downloaded has another hash.
    """
    try:
        return get_file(name, origin, cache_subdir="models", file_hash=file_hash)
    except OSError as error:
        place = os.path.join(keras_home(None), "models", name)
        found = " (what lies there now has another hash)" if os.path.exists(place) else ""
        raise OSError(
            f"{error}\nWithout a network, fetch {origin} elsewhere and put it at {place}{found}; "
            "or pass weights=None (random), or weights='path/to/file.h5'."
        ) from error
    except ValueError as error:
        raise ValueError(
            f"What {origin} sent is not the published file {name}, or was damaged on its way (twice). "
            f"It was not kept: {error}"
        ) from error


def load_weights(model: Any, weights: Any, include_top: bool, files: Files | None) -> None:
    """Fills a model: from the published file for "imagenet", from the file at a path, or not for None.

    Raises:
        OSError: the published file cannot be had. ValueError: the file does not fit the model.
    """
    if weights is None:
        return
    if weights == "imagenet":
        if files is None:
            raise ValueError(
                f"There are no published weights for {model.name} with these arguments; "
                "pass weights=None, or the path of a file."
            )
        file = files[0 if include_top else 1]
        weights = published_file(file.name, file.origin, file.file_hash)
    model.load_weights(weights)
