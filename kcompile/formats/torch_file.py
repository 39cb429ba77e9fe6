"""PyTorch's weight files, .pt and .pth, without torch: a zip archive of a pickle and storages, or (before
1.6) pickles with the storages behind them.

Storages are read as they lie in the file and tensors are views of them, so that no file takes more memory
than it has bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from kcompile.ir import as_dtype

from .archive import FileFormatError, UnsafeFileError
from .torch_pickle import Damaged, Storage, StoredTensor, read_pickle

if TYPE_CHECKING:
    from .registry import Source

#: A tensor takes some 200 bytes.
MAX_PICKLE = 32 * 2**20
#: Storages and the few others; zipfile keeps an object for each.
MAX_MEMBERS = 200_000
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_PART = 2**24
#: Where checkpoints keep the weights.
_KEYS = ("state_dict", "model_state_dict", "model")

_DAMAGE = (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError, KeyError)

Reader = Callable[[Storage], bytearray]


def read_tensors(source: Source) -> dict[str, np.ndarray]:
    """The tensors of a .pt or .pth file by name, in the order of the file.

    A checkpoint that keeps its weights under "state_dict", "model_state_dict" or "model" is understood;
    "module." in front of every name, as DataParallel writes it, is dropped.

    Returns:
        arrays that share memory where tensors of the file do, and are read-only for that.

    Raises:
        FileFormatError: no such file, damaged, or without named tensors.
        UnsafeFileError: it names a function, which is not called; or holds tensors of a layout that is not
            read (sparse, quantized, nested), or more than the file can justify.
    """
    with ExitStack() as stack:
        file = stack.enter_context(source.open())
        try:
            if source.head.startswith(b"PK"):
                content, read = _zipped(stack.enter_context(zipfile.ZipFile(file)), source)
            else:
                content, read = _one_behind_the_other(file, source)
            found = _named(content)
            if not found:
                raise FileFormatError(source.name, "no state_dict: there are no named tensors in it.")
            return _arrays(found, read, source)
        except (FileFormatError, UnsafeFileError):
            raise
        except (Damaged, *_DAMAGE) as error:
            message = " ".join(str(error).split())[:300] or type(error).__name__
            raise FileFormatError(
                source.name, f"not a PyTorch weight file, or damaged ({message})."
            ) from error


def _named(content: Any) -> dict[str, StoredTensor]:
    """The tensors of a state_dict, which may lie within a checkpoint, by name."""
    seen: list[Any] = []
    while isinstance(content, Mapping) and not any(content is outer for outer in seen):
        seen.append(content)
        inner = next((content[key] for key in _KEYS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    else:
        return {}
    tensors = {str(name): tensor for name, tensor in content.items() if isinstance(tensor, StoredTensor)}
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    return tensors


def _arrays(tensors: Mapping[str, StoredTensor], read: Reader, source: Source) -> dict[str, np.ndarray]:
    storages: dict[str, tuple[Storage, bytearray]] = {}
    total = 0
    arrays = {}
    for name, tensor in tensors.items():
        storage = tensor.storage
        if storage.key not in storages:
            total += storage.size * _item(storage.dtype)
            if total > source.size:
                raise UnsafeFileError(
                    source.name, f"its tensors declare {total} bytes, the file has {source.size}."
                )
            storages[storage.key] = storage, read(storage)
        known, data = storages[storage.key]
        if known != storage:
            raise UnsafeFileError(source.name, "a storage has two element types or sizes.")
        arrays[name] = _view(tensor, data)
    return arrays


def _view(tensor: StoredTensor, data: bytearray) -> np.ndarray:
    dtype = as_dtype(tensor.dtype)
    if not all(tensor.shape):
        return np.empty(tensor.shape, dtype)
    strides = [step * dtype.itemsize for step in tensor.strides]
    array: np.ndarray = np.ndarray(tensor.shape, dtype, data, tensor.offset * dtype.itemsize, strides)
    array.flags.writeable = False
    return array


def _item(dtype: str) -> int:
    return as_dtype(dtype).itemsize if dtype else 1


# --- zip archives -------------------------------------------------------------------------------------------


def _zipped(archive: zipfile.ZipFile, source: Source) -> tuple[Any, Reader]:
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise UnsafeFileError(source.name, f"the archive has {len(infos)} members, more than {MAX_MEMBERS}.")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        if info.filename in members:
            raise UnsafeFileError(source.name, f"the member {info.filename!r} is there twice.")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise UnsafeFileError(
                source.name,
                f"the member {info.filename!r} is compressed; PyTorch stores its members as they are.",
            )
        members[info.filename] = info
    place = next((name for name in members if name.endswith("/data.pkl")), None)
    if place is None:
        raise Damaged("the archive has no data.pkl")
    folder = place.removesuffix("data.pkl")
    order = b""
    if f"{folder}byteorder" in members:
        with archive.open(members[f"{folder}byteorder"]) as member:
            order = member.read(10)
    if members[place].file_size > MAX_PICKLE:
        raise UnsafeFileError(
            source.name, f"its pickle has {members[place].file_size} bytes, more than {MAX_PICKLE}."
        )
    content = read_pickle(io.BytesIO(archive.read(members[place])), source.name)

    def read(storage: Storage) -> bytearray:
        info = members.get(f"{folder}data/{storage.key}")
        if info is None:
            raise Damaged(f"the storage {storage.key[:40]!r} is not in the archive")
        return _filled(archive.open(info), info.file_size, storage, order == b"big")

    return content, read


def _filled(file: Any, size: int, storage: Storage, big_endian: bool) -> bytearray:
    """The bytes of a storage, of which there must be just as many as it declares."""
    item = _item(storage.dtype)
    if size != storage.size * item:
        raise Damaged(f"a storage of {storage.size} elements has {size} bytes")
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        count = file.readinto(view[done : done + _PART])
        if not count:
            raise Damaged("the file ends within a storage")
        done += count
    if storage.dtype == "bool":  # a byte is true or false, whatever it says
        flags = np.frombuffer(data, np.uint8)
        np.minimum(flags, 1, out=flags)
    if big_endian and not storage.dtype:
        raise Damaged("bytes of a machine that is big-endian, without an element type")
    if big_endian and item > 1:
        part = item // 2 if storage.dtype.startswith("complex") else item
        np.frombuffer(data, f"u{part}").byteswap(inplace=True)
    return data


# --- before PyTorch 1.6 -------------------------------------------------------------------------------------


def _one_behind_the_other(raw: BinaryIO, source: Source) -> tuple[Any, Reader]:
    """Five pickles: a magic number, a version, facts of the machine, the content, the keys of the storages.

    Then, for each key, the number of elements and the bytes.
    """
    file: Any = io.BufferedReader(raw)  # type: ignore[type-var]
    limited: Any = _Limited(file, MAX_PICKLE, source.name)
    if read_pickle(limited, source.name) != _MAGIC or read_pickle(limited, source.name) != _PROTOCOL:
        raise Damaged("it does not begin as PyTorch's files do")
    facts = read_pickle(limited, source.name)
    content, keys = read_pickle(limited, source.name), read_pickle(limited, source.name)
    big_endian = isinstance(facts, dict) and facts.get("little_endian") is False
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise Damaged("it has no list of storages")
    known = _storages(content)
    places: dict[str, tuple[int, int]] = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "big" if big_endian else "little", signed=True)
        size = count * _item(known[key].dtype) if key in known else -1
        start = file.tell()
        if not 0 <= size <= source.size - start or key in places:
            raise Damaged(f"the storage {key[:40]!r} is there twice, has no tensor or ends beyond the file")
        places[key] = start, size
        file.seek(start + size)

    def read(storage: Storage) -> bytearray:
        if storage.key not in places:
            raise Damaged(f"the storage {storage.key[:40]!r} is not in the file")
        start, size = places[storage.key]
        file.seek(start)
        return _filled(file, size, storage, big_endian)

    return content, read


def _storages(content: Any) -> dict[str, Storage]:
    """All storages that a content refers to, by key."""
    found: dict[str, Storage] = {}
    open_, seen = [content], set()
    while open_:
        value = open_.pop()
        if isinstance(value, StoredTensor):
            found[value.storage.key] = value.storage
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            open_.extend(value.values() if isinstance(value, dict) else value)
        elif isinstance(value, Storage):
            found[value.key] = value
    return found


class _Limited:
    """A file that pickles are read from, up to a number of bytes."""

    def __init__(self, file: BinaryIO, limit: int, name: str) -> None:
        self._file, self._left, self._name = file, limit, name

    def read(self, size: int) -> bytes:
        return self._counted(self._file.read(min(size, self._left + 1)))

    def readline(self) -> bytes:
        return self._counted(self._file.readline(self._left + 1))

    def tell(self) -> int:
        return self._file.tell()

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise UnsafeFileError(self._name, f"its pickle has more than {MAX_PICKLE} bytes.")
        return data
