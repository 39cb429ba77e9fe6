"""The weights files of Keras 3 (``.weights.h5``, and ``model.weights.h5`` within ``.keras``).

The file mirrors the objects of the model. Each has a group at its place in its owner, and in it a group
``vars`` with its own variables by number, and its name as an attribute:

    /vars                               the model itself
    /layers/dense_1/vars/0, 1           by class in snake case, numbered in the order of the layers
    /layers/lstm/cell/vars/0, 1, 2      by the attribute of the owner
    /layers/functional/layers/...       nested models
    /optimizer/vars/0, 1, 2 ...         iterations, learning rate, slots

Keras 2.12 to 2.15 wrote ``_layer_checkpoint_dependencies`` where Keras 3 writes ``layers``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from h5py import h5o

from kcompile.formats.archive import Array, LayerWeights

if TYPE_CHECKING:
    from kcompile.formats.hdf5 import _Reader

#: Groups of layers in a model, as the versions of Keras call them.
CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
VARIABLES = "vars"
#: More groups than this are refused; a model of a thousand layers has some four thousand.
MAX_GROUPS = 50_000
MAX_DEPTH = 100


def is_one(root: h5py.Group) -> bool:
    """Whether the groups at the root are those of a Keras 3 weights file."""
    return any(root.id.links.exists(name.encode()) for name in (*CONTAINERS, VARIABLES, "optimizer"))


def read(reader: _Reader) -> dict[str, LayerWeights]:
    """Path of each object -> its variables in their order, and its name ("" where the file has none)."""
    objects: dict[str, LayerWeights] = {}
    waiting: list[tuple[str, Any, int]] = [("", reader.root, 0)]
    seen: set[int] = set()
    while waiting:
        path, group, depth = waiting.pop()
        address = h5o.get_info(group.id).addr
        if address in seen:  # a hard link may lead back up
            raise reader.error(f"object {path!r}", "the group is linked twice.")
        seen.add(address)
        if len(seen) > MAX_GROUPS or depth > MAX_DEPTH:
            raise reader.error("", f"more than {MAX_GROUPS} groups, or nested over {MAX_DEPTH} levels deep.")
        for key in group:
            below = f"{path}/{key}" if path else key
            item = reader.item(group, key, f"object {below!r}")
            if key == VARIABLES and isinstance(item, h5py.Group):
                objects[path] = _own_variables(reader, item, path)
            elif isinstance(item, h5py.Group):
                waiting.append((below, item, depth + 1))
            else:
                raise reader.error(f"object {below!r}", "expected a group, found a dataset.")
    return objects


def _own_variables(reader: _Reader, group: h5py.Group, path: str) -> LayerWeights:
    found: list[tuple[str, Array]] = []
    for key in sorted(group, key=by_number):
        where = f"variable {key!r} of {path or 'the model'!r}"
        item = reader.item(group, key, where)
        if isinstance(item, h5py.Dataset):
            found.append((key, reader.values(item, where)))
    return LayerWeights(reader.text(group, "name") or "", found)


def by_number(key: str) -> tuple[int, str]:
    """The place of a variable in its object: by number, other keys last."""
    return (int(key), key) if re.fullmatch(r"[0-9]{1,9}", key) else (10**9, key)


def write(objects: Mapping[str, LayerWeights], root: h5py.Group) -> None:
    """Write the groups and datasets of all objects."""
    for path, entry in objects.items():
        group = root.create_group(f"{path}/{VARIABLES}" if path else VARIABLES)
        if entry.name:
            group.attrs["name"] = entry.name
        for key, stored in entry.weights:
            values = np.asarray(stored)
            group.create_dataset(key, data=values, dtype=values.dtype.newbyteorder("="))
