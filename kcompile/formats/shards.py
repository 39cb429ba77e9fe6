"""Sharded weights of Keras 3: ``name.weights.json`` says which of the files beside it has which object.

    {"metadata": {"total_size": bytes}, "weight_map": {"/layers/dense/vars": ["name_00000.weights.h5"], ...}}

The one format that names other files. They must be in the same folder, by a plain name ending in
``.weights.h5``.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from kcompile.formats import hdf5, json
from kcompile.formats.archive import Archive, FileFormatError, LayerWeights, UnsafeFileError
from kcompile.formats.object_tree import by_number

if TYPE_CHECKING:
    from kcompile.formats.registry import Source

MAX_SHARDS = 10_000
_NAME = re.compile(r"[^/\\:\x00]+\.weights\.h5")


def read(source: Source, lazy: bool = False) -> Archive:
    """Read the weights of all shards. See :func:`kcompile.formats.read`.

    Raises:
        FileFormatError: not such a file, or a shard is missing or damaged.
        UnsafeFileError: a shard's name leads out of the folder.
    """
    index = json.parse(source.read_text(json.MAX_CONFIG_BYTES), source.name)
    names = _shard_names(index, source)
    if source.path is None:
        raise FileFormatError(source.name, "sharded weights are read from a path: the shards lie beside it.")
    folder = os.path.dirname(os.path.abspath(source.path))
    result = Archive(objects={}, metadata={"format": "weights.json"})
    with ExitStack() as stack:
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path):
                raise FileFormatError(source.name, f"its shard {name!r} is not a file beside it.")
            shard = hdf5.read(type(source)(path), lazy)
            stack.callback(shard.close)
            _add(result, shard, path)
        if lazy:
            result._close = stack.pop_all().close
    return result


def _shard_names(index: Any, source: Source) -> list[str]:
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict):
        raise FileFormatError(source.name, "expected a mapping with 'weight_map'.")
    names: dict[str, None] = {}
    for found in shards.values():
        for name in found if isinstance(found, list) else [found]:
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise UnsafeFileError(
                    source.name,
                    f"a shard is called {name!r}; expected the name of a .weights.h5 file in the same "
                    "folder.",
                )
            names[name] = None
    if len(names) > MAX_SHARDS:
        raise UnsafeFileError(source.name, f"{len(names)} shards are named, more than {MAX_SHARDS}.")
    return sorted(names)


def _add(result: Archive, shard: Archive, path: str) -> None:
    """The variables of one object may lie in several shards."""
    if shard.objects is None or result.objects is None:
        raise FileFormatError(path, "not a weights file of Keras 3, though it is named as a shard.")
    for place, entry in shard.objects.items():
        known = result.objects.setdefault(place, LayerWeights(entry.name))
        double = {name for name, _ in known.weights} & {name for name, _ in entry.weights}
        if double:
            raise FileFormatError(path, f"variable {min(double)!r} of {place!r} is in two shards.")
        known.weights = sorted(known.weights + entry.weights, key=lambda pair: by_number(pair[0]))
