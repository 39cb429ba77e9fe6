"""HDF5 in Keras's own layout: whole models, and weights alone.

The layout (Keras 1 to 2.15, tf.keras, and Keras 3 when it saves to .h5):

    /                     attributes keras_version, backend, model_config (JSON), training_config (JSON)
    /model_weights        attributes layer_names, keras_version, backend
        /<layer>          attribute weight_names; one dataset a weight at its name ("dense_1/kernel:0")
        /top_level_model_weights    (tf.keras) weights of the model itself
    /optimizer_weights    attribute weight_names; one dataset a variable of the optimizer

The weights of Keras 3 have a layout of their own, with a group for each object (see
:mod:`kcompile.formats.object_tree`), and are read by the same rules.

A file of weights alone has at its root what ``/model_weights`` holds. Lists of names that exceed what an HDF5
object header can take (64 KB) are split over attributes ``layer_names0``, ``layer_names1`` ...
"""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from json import dumps
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5o, h5s, h5t, h5z

from kcompile.formats import json, object_tree
from kcompile.formats.archive import (
    BACKEND,
    KERAS_VERSION,
    Archive,
    Array,
    FileFormatError,
    LayerWeights,
    StoredArray,
    UnsafeFileError,
)
from kcompile.formats.hdf5_members import MAX_COMPRESSION, check_own_values, member
from kcompile.formats.hdf5_text import TextAttributes
from kcompile.ir import Names

if TYPE_CHECKING:
    from kcompile.formats.registry import Source, Target

#: Keras's own bound on the bytes of one attribute, just below the 64 KB of HDF5.
HEADER_LIMIT = 64512
_TOP_LEVEL = "top_level_model_weights"
_LZF = 32000
#: How h5py stores bfloat16, which neither HDF5 nor numpy knows: two bytes of no type.
_BFLOAT16 = np.dtype("V2")
_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, _LZF}
#: What h5py raises on damaged files.
_H5PY_ERRORS = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    MemoryError,
    OverflowError,
    NotImplementedError,
    SystemError,
)


def read(source: Source, lazy: bool = False) -> Archive:
    """Read a Keras HDF5 file or group. See :func:`kcompile.formats.read`.

    Raises:
        FileFormatError: not HDF5, truncated, damaged, or not in Keras's layout.
        UnsafeFileError: a link, a virtual or external dataset, a dataset or name larger than the file can
            hold.
    """
    if source.group is not None:
        return _Reader(source.group, source.name, source.size, lazy, None).read()
    with ExitStack() as stack:
        raw = stack.enter_context(source.open())
        with _reporting_damage(source.name):
            place = raw if source.path is None else source.path
            file = h5py.File(place, "r", locking="best-effort" if source.path else None)
            stack.callback(_close, file, source.name)
            if file.id.get_create_plist().get_sizes() != (8, 8):
                raise FileFormatError(
                    source.name, "damaged HDF5: offsets and lengths must take 8 bytes each."
                )
            texts = TextAttributes(raw, source.size, file.userblock_size, source.name)
        archive = _Reader(file, source.name, source.size, lazy, texts).read()
        if lazy:
            archive._close = stack.pop_all().close
    return archive


def write(archive: Archive, target: Target) -> None:
    """Write a Keras HDF5 file: a whole model, weights alone if the archive has no config, or the weights file
    of Keras 3 if it has objects.

    Raises:
        ValueError: names that are empty, double or in each other's way, or arrays that are not of numbers.
        OSError: the disk is full.
    """
    check(archive)
    if isinstance(target.place, io.BytesIO):
        # In memory first: an error of HDF5 inside a Python file object cannot be reported well.
        with h5py.File("model", "w", driver="core", backing_store=False, libver="earliest") as file:
            _write_model(archive, file)
            file.flush()
            target.write(file.id.get_file_image())
        return
    with h5py.File(target.place, "w", libver="earliest") as file:
        _write_model(archive, file)


def write_group(archive: Archive, group: Any) -> None:
    """Write into an open h5py.File or h5py.Group, which must not hold a model yet."""
    if not group:
        raise ValueError("Expected an open h5py File or Group, found a closed one.")
    check(archive)
    attributes = (
        "model_config",
        "training_config",
        "layer_names",
        "layer_names0",
        "keras_version",
        "backend",
    )
    layers = [layer.name.split("/")[0] for layer in archive.layer_weights] if archive.config is None else []
    taken = [name for name in attributes if name in group.attrs]
    taken += [name for name in ("model_weights", "optimizer_weights", *layers) if name in group]
    if taken:
        raise ValueError(
            f"Cannot write a model to {group.file.filename}, group {group.name}: it already holds "
            f"{taken[0]!r}. Use an empty group, or open the file with mode 'w'."
        )
    _write_model(archive, group)
    group.file.flush()


# Reading


class _Reader:
    """Reads one file, and counts what it claims to store against the file's size."""

    def __init__(
        self, root: h5py.Group, name: str, file_size: int, lazy: bool, texts: TextAttributes | None
    ) -> None:
        self.root = root
        self.name = name
        self.file_size = file_size
        self.lazy = lazy
        self.texts = texts
        self.claimed = 0

    def read(self) -> Archive:
        with _reporting_damage(self.name):
            return self._archive()

    def _archive(self) -> Archive:
        root = self.root
        config = self._json(root, "model_config")
        if config is not None:
            json.check_model_config(config, f"{self.name}, attribute 'model_config'")
        whole = self._has(root, "model_weights")
        if not whole and config is not None:
            raise self.error(
                "", "the model's config is there, but no group 'model_weights'; is the file truncated?"
            )
        if not whole and not self._has_names(root, "layer_names"):
            if object_tree.is_one(root):
                return Archive(objects=object_tree.read(self), metadata={"format": "weights.h5"})
            raise self._foreign()
        group = self._group(root, "model_weights") if whole else root
        archive = Archive(config=config, metadata={"format": "hdf5"})
        # Files of early Keras say neither, and Keras 2 takes them for files of Keras 1.
        archive.metadata["keras_version"] = self._version(group, "keras_version") or "1"
        archive.metadata["backend"] = self._version(group, "backend")
        archive.layer_weights = self._layers(group)
        if self._has(group, _TOP_LEVEL) and _TOP_LEVEL not in {layer.name for layer in archive.layer_weights}:
            archive.top_level_weights = self._weights(
                self._group(group, _TOP_LEVEL), "weights of the model itself"
            )
        if whole:
            archive.training_config = self._json(root, "training_config")
            if self._has(root, "optimizer_weights"):
                archive.optimizer_weights = self._weights(self._group(root, "optimizer_weights"), "optimizer")
        return archive

    def _version(self, group: h5py.Group, key: str) -> str | None:
        for place in (self.root, group):
            found = self.text(place, key)
            if found is not None:
                return found
        return None

    def _layers(self, group: h5py.Group) -> list[LayerWeights]:
        if not self._has_names(group, "layer_names"):
            raise self.error("model_weights", "the attribute 'layer_names' is missing.")
        layers = []
        for name in self._names(group, "layer_names"):
            layers.append(LayerWeights(name, self._weights(self._group(group, name), f"layer {name!r}")))
        return layers

    def _weights(self, group: h5py.Group, where: str) -> list[tuple[str, Array]]:
        if not self._has_names(group, "weight_names"):
            raise self.error(where, "the attribute 'weight_names' is missing.")
        weights: list[tuple[str, Array]] = []
        for name in self._names(group, "weight_names"):
            place = f"{where}, weight {name!r}"
            item = self.item(group, name, place)
            if not isinstance(item, h5py.Dataset):
                raise self.error(place, f"expected a dataset, found a {type(item).__name__.lower()}.")
            weights.append((name, self.values(item, place)))
        return weights

    # Objects and links

    def _has(self, group: h5py.Group, name: str) -> bool:
        # Not `name in group`: that follows links, out of the file if they say so.
        return bool(group.id.links.exists(name.encode("utf-8")))

    def item(self, group: h5py.Group, path: str, where: str) -> Any:
        """What is at a path below ``group``, by hard links alone."""
        try:
            return member(group, path, self.name, where, soft_links=False)
        except KeyError:
            raise self.error(where, f"nothing is stored at {path!r}, though the file lists it.") from None

    def _group(self, parent: h5py.Group, path: str) -> h5py.Group:
        item = self.item(parent, path, f"group {path!r}")
        if not isinstance(item, h5py.Group):
            raise self.error(f"group {path!r}", f"expected a group, found a {type(item).__name__.lower()}.")
        return item

    # Datasets

    def values(self, dataset: h5py.Dataset, where: str) -> Array:
        """The values of a dataset, or what reads them later if the file is read lazily."""
        stored = self._stored_array(dataset, where)
        return stored if self.lazy else stored.read()

    def _stored_array(self, dataset: h5py.Dataset, where: str) -> StoredArray:
        # Before anything else is asked: a virtual dataset opens other files to know its shape.
        check_own_values(dataset, self.name, where)
        properties = dataset.id.get_create_plist()
        dtype = self._dtype(dataset, where)
        shape = dataset.shape
        if shape is None:
            raise self.error(where, "the dataset has no values.")
        self._check_size(dataset, properties, math.prod(shape) * dtype.itemsize, where)
        name = self.name

        def fill(out: np.ndarray) -> None:
            if not dataset:
                raise FileFormatError(name, f"{where}: the archive was closed before the values were read.")
            if out.size:
                with _reporting_damage(name, where):
                    dataset.id.read(h5s.ALL, h5s.ALL, out)

        def widen(out: np.ndarray) -> None:
            halves = np.empty(shape, dtype)
            fill(halves)
            out[...] = (halves.view(np.uint16).astype(np.uint32) << 16).view(np.float32)

        if dtype == _BFLOAT16:
            return StoredArray(shape, np.dtype(np.float32), widen)
        return StoredArray(shape, dtype, fill)

    def _dtype(self, dataset: h5py.Dataset, where: str) -> np.dtype:
        dtype = dataset.dtype
        if dtype == _BFLOAT16:
            return _BFLOAT16
        if dtype.kind not in "fiub" or dtype.itemsize > 8:
            raise self.error(where, f"expected numbers of at most 64 bits, found the data type {dtype}.")
        # Without h5py's notes on enumerations, and in this machine's byte order: HDF5 converts.
        return np.dtype(dtype.str).newbyteorder("=")

    def _check_size(self, dataset: h5py.Dataset, properties: Any, declared: int, where: str) -> None:
        """Refuse, before memory is allocated, a dataset that declares more than is stored for it."""
        filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
        if not set(filters) <= _FILTERS or len(filters) != len(set(filters)):
            raise UnsafeFileError(
                self.name,
                f"{where}: compressed with the HDF5 filters {filters}; gzip, lzf, shuffle and "
                "fletcher32 are read, each once.",
            )
        stored = dataset.id.get_storage_size()
        self.claimed += stored
        ratio = MAX_COMPRESSION if {h5z.FILTER_DEFLATE, _LZF} & set(filters) else 1
        chunk = 0
        if properties.get_layout() == h5d.CHUNKED and declared:
            chunk = math.prod(properties.get_chunk()) * dataset.dtype.itemsize
        # A damaged index can claim any number of bytes for its chunks: the file's size bounds that too.
        if max(declared, chunk) > ratio * min(stored, self.file_size) or self.claimed > self.file_size:
            raise UnsafeFileError(
                self.name,
                f"{where}: declares {declared} bytes of shape {dataset.shape} in chunks of {chunk}, and "
                f"{stored} bytes are stored for it in a file of {self.file_size} bytes.",
            )

    # Attributes

    def _has_names(self, group: h5py.Group, key: str) -> bool:
        return any(h5a.exists(group.id, name.encode()) for name in (key, key + "0"))

    def _names(self, group: h5py.Group, key: str) -> list[str]:
        """A list of names, whole or in numbered parts."""
        names = self._attribute(group, key)
        if names is None:
            names, part = [], 0
            while (more := self._attribute(group, f"{key}{part}")) is not None:
                names.extend(self._as_list(more, key))
                part += 1
        texts = [self._decode(name, key) for name in self._as_list(names, key)]
        if len(set(texts)) != len(texts):
            double = next(text for text, count in Counter(texts).items() if count > 1)
            raise self.error(f"attribute {key!r} of group {group.name!r}", f"{double!r} is listed twice.")
        if sum(map(len, texts)) > self.file_size:
            raise UnsafeFileError(self.name, f"attribute {key!r}: the names are longer than the file.")
        return texts

    def _as_list(self, value: Any, key: str) -> list[Any]:
        if not isinstance(value, list):
            raise self.error(f"attribute {key!r}", "expected a list of names, found one value.")
        return value

    def text(self, group: h5py.Group, key: str) -> str | None:
        value = self._attribute(group, key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is None:
            return None
        if isinstance(value, list):
            raise self.error(f"attribute {key!r}", f"expected one text, found a list of {len(value)}.")
        return self._decode(value, key)

    def _json(self, group: h5py.Group, key: str) -> dict[str, Any] | None:
        text = self.text(group, key)
        value = None if text is None else json.parse(text, f"{self.name}, attribute {key!r}")
        if value is not None and not isinstance(value, dict):
            raise self.error(
                f"attribute {key!r}", f"expected a JSON mapping, found a {type(value).__name__}."
            )
        return value

    def _attribute(self, group: h5py.Group, key: str) -> bytes | str | list[Any] | None:
        """An attribute of text: one value, or a list; None if there is none."""
        if not h5a.exists(group.id, key.encode()):
            return None
        attribute = h5a.open(group.id, key.encode())
        if attribute.get_space().get_simple_extent_type() == h5s.NULL:
            return []
        count, kind = math.prod(attribute.shape), attribute.get_type()
        if not isinstance(kind, h5t.TypeStringID):
            if count == 0:  # Keras writes an empty list as an empty array of floats
                return []
            raise self.error(f"attribute {key!r}", f"expected text, found the data type {attribute.dtype}.")
        if kind.is_variable_str() and self.texts is not None:
            return self._variable_texts(group, key, attribute.shape)
        if count * kind.get_size() > self.file_size:
            raise UnsafeFileError(
                self.name,
                f"attribute {key!r} of group {group.name!r}: {count} texts of {kind.get_size()} bytes each "
                f"do not fit into a file of {self.file_size} bytes.",
            )
        value = group.attrs[key]
        return value.ravel().tolist() if isinstance(value, np.ndarray) else value

    def _variable_texts(self, group: h5py.Group, key: str, shape: tuple[int, ...]) -> bytes | list[Any]:
        assert self.texts is not None
        found = self.texts.read(h5o.get_info(group.id).addr, key)
        count = math.prod(shape)
        if found is None or len(found) != count:
            raise self.error(
                f"attribute {key!r} of group {group.name!r}",
                f"{count} texts are expected in the object's header, found "
                f"{'none there (dense attribute storage is not read)' if found is None else len(found)}.",
            )
        return found if shape else found[0]

    def _decode(self, value: bytes | str, key: str) -> str:
        # h5py hides bytes that are not UTF-8 in lone surrogates.
        data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.error(f"attribute {key!r}", f"the text is not UTF-8 ({error.reason}).") from error

    # Errors

    def error(self, where: str, problem: str) -> FileFormatError:
        return FileFormatError(self.name, f"{where}: {problem}" if where else problem)

    def _foreign(self) -> FileFormatError:
        found = ", ".join(repr(name) for name in islice(self.root, 8)) or "nothing"
        return self.error(
            "",
            "an HDF5 file, but not one of Keras: expected the group 'model_weights' (a whole model), the "
            "attribute 'layer_names' (weights alone) or the group 'layers' (weights of Keras 3); "
            f"found at the root: {found}.",
        )


@contextmanager
def _reporting_damage(name: str, where: str = "") -> Iterator[None]:
    """Turn what h5py raises on a damaged file into FileFormatError."""
    try:
        yield
    except FileFormatError:
        raise
    except _H5PY_ERRORS as error:
        message = re.sub(r"\s+", " ", str(error))[:300]
        place = f"{where}: " if where else ""
        raise FileFormatError(name, f"{place}truncated or damaged HDF5 ({message}).") from error


def _close(file: h5py.File, name: str) -> None:
    with _reporting_damage(name):
        file.close()


# Writing


def check(archive: Archive) -> None:
    """Find out before anything is written whether the archive fits the layout."""
    if archive.config is None and (
        archive.training_config is not None or archive.optimizer_weights is not None
    ):
        raise ValueError("An HDF5 file of weights alone takes no training config and no optimizer weights.")
    groups: set[tuple[str, ...]] = set()
    datasets: set[tuple[str, ...]] = set()
    for layer in archive.layer_weights:
        path = _path(layer.name, "layer name")
        if path in groups:
            raise ValueError(f"Two layers would be stored in the same HDF5 group: {layer.name!r}.")
        groups.add(path)
    groups |= {path[:depth] for path in set(groups) for depth in range(1, len(path))}
    scopes = [(layer.name, layer.weights) for layer in archive.layer_weights]
    if archive.top_level_weights:
        scopes.append((_TOP_LEVEL, archive.top_level_weights))
    for owner, weights in scopes:
        _check_weights(owner, weights, groups, datasets)
    _check_weights("", archive.optimizer_weights or [], set(), set())


def _check_weights(
    owner: str,
    weights: Sequence[tuple[str, Array]],
    groups: set[tuple[str, ...]],
    datasets: set[tuple[str, ...]],
) -> None:
    start = _path(owner, "layer name") if owner else ()
    where = f"layer {owner!r}" if owner else "optimizer"
    names = _unique([name for name, _ in weights])
    for name, (_, values) in zip(names, weights, strict=True):
        path = start + _path(name, f"weight name of {where}")
        above = {path[:depth] for depth in range(1, len(path))}
        if path in groups or path in datasets or above & datasets:
            raise ValueError(f"Weight {name!r} of {where} would be stored where another weight or layer is.")
        datasets.add(path)
        groups |= above
        dtype = values.dtype
        if dtype.kind not in "fiub" or dtype.itemsize > 8:
            raise ValueError(
                f"Weight {name!r} of {where}: HDF5 takes numbers of at most 64 bits, found {dtype}."
            )


def _path(name: str, what: str) -> tuple[str, ...]:
    parts = tuple(part for part in name.split("/") if part)
    if not parts or "." in parts or "\x00" in name:
        raise ValueError(f"Expected a {what} that HDF5 can store, found {name!r}.")
    if len(name.encode("utf-8")) > HEADER_LIMIT:
        raise ValueError(
            f"A {what} is longer than the {HEADER_LIMIT} bytes that HDF5 can store: {name[:60]!r}..."
        )
    return parts


def _write_model(archive: Archive, root: h5py.Group) -> None:
    if archive.objects is not None:
        object_tree.write(archive.objects, root)
        return
    if archive.config is None:
        _write_layers(archive, root)
        return
    _write_versions(archive, root)
    root.attrs["model_config"] = _json_bytes(archive.config)
    _write_layers(archive, root.create_group("model_weights"))
    if archive.training_config is not None:
        root.attrs["training_config"] = _json_bytes(archive.training_config)
    if archive.optimizer_weights is not None:
        _write_weights(root.create_group("optimizer_weights"), archive.optimizer_weights)


def _write_layers(archive: Archive, group: h5py.Group) -> None:
    _write_names(group, "layer_names", [layer.name for layer in archive.layer_weights])
    _write_versions(archive, group)
    for layer in archive.layer_weights:
        _write_weights(group.require_group(layer.name), layer.weights)
    if archive.top_level_weights:
        _write_weights(group.require_group(_TOP_LEVEL), archive.top_level_weights)


def _write_weights(group: h5py.Group, weights: Sequence[tuple[str, Array]]) -> None:
    names = _unique([name for name, _ in weights])
    _write_names(group, "weight_names", names)
    for name, (_, stored) in zip(names, weights, strict=True):
        values = np.asarray(stored)
        group.create_dataset(name, data=values, dtype=values.dtype.newbyteorder("="))


def _write_versions(archive: Archive, group: h5py.Group) -> None:
    for key, default in (("keras_version", KERAS_VERSION), ("backend", BACKEND)):
        value = archive.metadata.get(key, default)
        if value is not None:
            group.attrs[key] = str(value).encode("utf-8")


def _write_names(group: h5py.Group, key: str, names: Sequence[str]) -> None:
    """Write a list of names as bytes of fixed length, in as few attributes as hold it."""
    values = np.asarray([name.encode("utf-8") for name in names])
    parts = math.ceil(values.size / (HEADER_LIMIT // values.itemsize))
    if parts <= 1:
        group.attrs[key] = values
        return
    for index, part in enumerate(np.array_split(values, parts)):
        group.attrs[f"{key}{index}"] = part


def _json_bytes(value: Any) -> bytes:
    return dumps(value, default=json.plain_or_named).encode("utf-8")


def _unique(names: Sequence[str]) -> list[str]:
    """Number repeated names: weights of users' own layers may share one ("w", "w_1", "w_2")."""
    repeated = Names(names)
    seen: set[str] = set()
    unique = []
    for name in names:
        unique.append(repeated.unique(name) if name in seen else name)
        seen.add(name)
    return unique
