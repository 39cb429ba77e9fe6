"""The table of file formats, and reading and writing by it.

A reader is chosen by what the file holds, never by its name. A further format is one module with
``read(source, lazy)`` and ``write(archive, target)``, and one row in :data:`FORMATS`.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
import sys
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO

from kcompile.atomic import replacing
from kcompile.formats.archive import Archive, FileFormatError, UnsupportedFormatError
from kcompile_runtime.mistaken import mistaken_for_model

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEAD = 4096


class Source:
    """A file to read: a path, the content of a binary file object, or an open HDF5 group.

    Attributes:
        name: what errors call it.
        path: the path, or None.
        group: the h5py.Group, or None.
        size: bytes in the file.
        head: its first bytes, at most 4096.

    Raises:
        FileFormatError: for a web page or a Git LFS pointer under the name of a model.
    """

    def __init__(self, file: Any) -> None:
        self.path: str | None = None
        self.group: Any = None
        self._data = b""
        if is_h5py_group(file):
            self._from_group(file)
        elif isinstance(file, (str, os.PathLike)):
            self._from_path(os.fspath(file))
        elif callable(getattr(file, "read", None)):
            self._from_stream(file)
        else:
            raise TypeError(
                "Expected a path, a binary file object or an h5py File or Group to read a model from, "
                f"found {type(file).__name__}."
            )
        mistaken = mistaken_for_model(self.head)
        if mistaken:
            raise FileFormatError(self.name, f"this is {mistaken}.")

    def _from_group(self, group: Any) -> None:
        if not group:
            raise ValueError("Expected an open h5py File or Group, found a closed one.")
        filename = os.fsdecode(group.file.filename)
        self.name = filename if group.name == "/" else f"{filename}, group {group.name}"
        self.group = group
        self.size = group.file.id.get_filesize()
        self.head = _HDF5_SIGNATURE

    def _from_path(self, path: str) -> None:
        self.name = os.fsdecode(path)
        self.path = self.name
        with _open_regular(self.name) as file:
            self.size = os.fstat(file.fileno()).st_size
            self.head = file.read(_HEAD)

    def _from_stream(self, stream: Any) -> None:
        name = getattr(stream, "name", None)
        self.name = name if isinstance(name, str) else f"<{type(stream).__name__}>"
        data = None if isinstance(stream, io.TextIOBase) else stream.read()
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"Expected a file object in binary mode, found {self.name}; open it with mode 'rb'."
            )
        self._data = bytes(data)
        self.size = len(self._data)
        self.head = self._data[:_HEAD]

    def open(self) -> BinaryIO:
        """The content from its start, as a new binary file object."""
        return io.BytesIO(self._data) if self.path is None else open(self.path, "rb", buffering=0)

    def read_text(self, limit: int) -> str:
        """The whole content as UTF-8 text, if it has no more than ``limit`` bytes."""
        if self.size > limit:
            raise FileFormatError(
                self.name, f"the config has {self.size} bytes, more than the {limit} allowed."
            )
        with self.open() as file:
            data = file.read(limit + 1)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise FileFormatError(
                self.name, f"not UTF-8 text ({error.reason} at byte {error.start})."
            ) from error


class Target:
    """Where a format's module writes: ``place`` is a path or a buffer, as h5py.File takes either."""

    def __init__(self, place: str | io.BytesIO) -> None:
        self.place = place

    def write(self, data: bytes) -> None:
        """Write the whole content at once."""
        self.write_parts([data])

    def write_parts(self, parts: Iterable[bytes]) -> None:
        """Write the whole content, one part after the other."""
        if isinstance(self.place, io.BytesIO):
            self.place.writelines(parts)
        else:
            with open(self.place, "wb") as file:
                file.writelines(parts)


@dataclass(frozen=True)
class Format:
    """One row of the table.

    Attributes:
        name: what ``read(..., format=...)`` and ``write(..., format=...)`` call it.
        title: what errors call it.
        matches: whether a file is of this format, from its content.
        extensions: those of paths that :func:`write` saves in this format, lower case with the dot.
        module: the module that reads and writes it; None for one that is recognised, in order to say so, and
            no more.
    """

    name: str
    title: str
    matches: Callable[[Source], bool]
    extensions: tuple[str, ...] = ()
    module: str | None = None


def _is_hdf5(source: Source) -> bool:
    if source.group is not None or source.head.startswith(_HDF5_SIGNATURE):
        return True
    if source.head.startswith(b"PK\x03\x04"):
        return False  # a zip archive, whose member of weights may begin at just such a place
    # HDF5 lets a foreign header come first: the signature may then stand at 512, 1024, 2048 ... bytes.
    offset = 512
    with source.open() as file:
        while offset + len(_HDF5_SIGNATURE) <= source.size:
            file.seek(offset)
            if file.read(len(_HDF5_SIGNATURE)) == _HDF5_SIGNATURE:
                return True
            offset *= 2
    return False


def _is_zip_with(*patterns: str) -> Callable[[Source], bool]:
    def matches(source: Source) -> bool:
        if not source.head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return False
        try:
            with source.open() as file, zipfile.ZipFile(file) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
            names = []  # truncated: the list of members stands at the end
        return all(any(re.fullmatch(pattern, name) for name in names) for pattern in patterns)

    return matches


def _is_onnx(source: Source) -> bool:
    # ModelProto begins with field 1, ir_version, a small integer; then comes another of its fields.
    head = source.head
    return (
        len(head) > 2
        and head[0] == 0x08
        and 0 < head[1] < 0x20
        and head[2] in b"\x12\x1a\x22\x28\x32\x3a\x42\x72"
    )


def _is_safetensors(source: Source) -> bool:
    head = source.head
    return head[8:10] == b'{"' and 2 <= int.from_bytes(head[:8], "little") <= source.size - 8


def _is_torch(source: Source) -> bool:
    # Since PyTorch 1.6 a zip archive; before, pickles of which the first is a number.
    magic = rb"\x80[\x02-\x05](\x95.{8})?\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
    return re.match(magic, source.head, re.DOTALL) is not None or _is_zip_with(r".*/data\.pkl")(source)


def _starts_with(*prefixes: bytes) -> Callable[[Source], bool]:
    return lambda source: source.head.startswith(prefixes)


def _text_head(source: Source) -> str | None:
    if b"\x00" in source.head:
        return None
    try:
        # The head may end within a character of up to four bytes.
        return source.head.decode("utf-8-sig", errors="strict" if source.size < _HEAD else "ignore")
    except UnicodeDecodeError:
        return None


def _is_json(source: Source) -> bool:
    text = _text_head(source)
    return text is not None and text.lstrip()[:1] in ("{", "[")


def _is_shard_index(source: Source) -> bool:
    text = _text_head(source)
    start = r'\s*\{\s*("metadata"\s*:\s*\{[^{}]*\}\s*,\s*)?"weight_map"'
    return text is not None and re.match(start, text) is not None


def _is_yaml(source: Source) -> bool:
    text = _text_head(source)
    return text is not None and re.search(r"""(?m)^["']?\w+["']?[ \t]*:(?=\s|$)""", text) is not None


#: Tried from the top.
FORMATS: tuple[Format, ...] = (
    Format("hdf5", "HDF5", _is_hdf5, (".h5", ".hdf5"), "kcompile.formats.hdf5"),
    Format(
        "keras",
        "Keras 3 archive (.keras)",
        _is_zip_with(r"config\.json", r"metadata\.json"),
        (".keras",),
        "kcompile.formats.keras_zip",
    ),
    Format("torch", "PyTorch checkpoint", _is_torch, (".pt", ".pth")),
    Format("numpy", "numpy archive (.npz)", _is_zip_with(r".*\.npy"), (".npz",)),
    Format("zip", "zip archive", _is_zip_with()),
    Format(
        "pickle", "Python pickle", _starts_with(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), (".pkl",)
    ),
    Format("gzip", "gzip file", _starts_with(b"\x1f\x8b"), (".gz", ".tgz")),
    Format("onnx", "ONNX model", _is_onnx, (".onnx",)),
    Format(
        "safetensors", "safetensors file", _is_safetensors, (".safetensors",), "kcompile.formats.safetensors"
    ),
    Format("shards", "sharded weights of Keras 3", _is_shard_index, (), "kcompile.formats.shards"),
    Format("json", "JSON model config", _is_json, (".json",), "kcompile.formats.json"),
    Format("yaml", "YAML model config", _is_yaml, (".yaml", ".yml"), "kcompile.formats.yaml"),
)


#: Read, and not written.
_READ_ONLY = {"shards"}


def detect(file: Any) -> str | None:
    """Name of the format that a file's content shows (``"hdf5"``, ``"json"``, ``"onnx"`` ...), or None.

    The names of recognised formats are given too where this package has no reader for them. A file object is
    read and put back to its position, if it can seek.

    Raises:
        FileNotFoundError, PermissionError, IsADirectoryError: as ``open`` does.
        UnsupportedFormatError: a folder that is a TensorFlow SavedModel.
        FileFormatError: a web page or a Git LFS pointer under the name of a model.
    """
    position = file.tell() if hasattr(file, "seekable") and file.seekable() else None
    found = _detect(Source(file))
    if position is not None:
        file.seek(position)
    return found.name if found else None


def read(file: Any, *, lazy: bool = False, format: str | None = None) -> Archive:
    """Read a model file: the whole model, its weights alone, or its config alone, as far as the file goes.

    Args:
        file: a path (str or os.PathLike), a binary file object (read from its position to its end), or an
            open h5py.File or h5py.Group (left open).
        lazy: leave the weights in the file as :class:`StoredArray` until they are asked for. The archive then
            holds the file: use it in a ``with`` statement or call its ``close()``.
        format: name of the format; by default it is found from the content, whatever the file is called.

    Raises:
        FileFormatError: foreign, truncated or damaged.
        UnsupportedFormatError: recognised, and there is no reader for it here.
        UnsafeFileError: the file links out of itself, names Python objects, or declares more than it can
            hold.
        FileNotFoundError, PermissionError, IsADirectoryError: as ``open`` does.
        TypeError: ``file`` is none of the above.
    """
    source = Source(file)
    if source.size == 0:
        raise FileFormatError(source.name, "the file is empty.")
    row = _detect(source) if format is None else _by_name(format)
    if row is None:
        start = source.head[:8].hex(" ")
        raise FileFormatError(
            source.name,
            f"not a model file that is known here (it starts with the bytes {start}). {_readable()}",
        )
    if row.module is None:
        raise UnsupportedFormatError(
            source.name, f"this is a {row.title}, which is not read here. {_readable()}"
        )
    return import_module(row.module).read(source, lazy)


def write(archive: Archive, file: Any, *, format: str | None = None) -> None:
    """Write a model file. A path is replaced as a whole or, on any failure, left as it was.

    Args:
        archive: what to write.
        file: a path, a binary file object (written at once, at the end), or an open h5py.File or h5py.Group,
            which is left open and gets the model's groups added.
        format: name of the format; by default it follows from the path's extension, and is ``"hdf5"`` for any
            other extension (as in Keras 2.3) and for file objects.

    Raises:
        UnsupportedFormatError: the extension or ``format`` is known, and there is no writer for it here.
        ValueError: the archive does not fit the format (names that collide, object arrays, no config).
        OSError: as ``open`` does.
    """
    if is_h5py_group(file):
        if format not in (None, "hdf5"):
            raise ValueError(f"An h5py File or Group takes the format 'hdf5', found format={format!r}.")
        import_module("kcompile.formats.hdf5").write_group(archive, file)
        return
    is_path = isinstance(file, (str, os.PathLike))
    if not is_path and not callable(getattr(file, "write", None)):
        raise TypeError(
            "Expected a path, a binary file object or an h5py File or Group to write a model to, "
            f"found {type(file).__name__}."
        )
    name = os.fsdecode(os.fspath(file)) if is_path else f"<{type(file).__name__}>"
    row = _by_name(format) if format is not None else _by_extension(name if is_path else "")
    if row.module is None or row.name in _READ_ONLY:
        raise UnsupportedFormatError(name, f"a {row.title} is not written here. {_readable()}")
    module = import_module(row.module)
    if is_path:
        with replacing(name, archive.nbytes) as temporary:
            module.write(archive, Target(temporary))
    else:
        buffer = io.BytesIO()
        module.write(archive, Target(buffer))
        file.write(buffer.getvalue())


def is_h5py_group(file: Any) -> bool:
    """Whether ``file`` is an h5py.File or h5py.Group, without importing h5py."""
    h5py = sys.modules.get("h5py")
    return h5py is not None and isinstance(file, h5py.Group)


def _detect(source: Source) -> Format | None:
    return next((row for row in FORMATS if row.matches(source)), None)


def _by_name(name: str) -> Format:
    for row in FORMATS:
        if row.name == name:
            return row
    raise ValueError(f"Unknown file format {name!r}. {_readable()}")


def _by_extension(path: str) -> Format:
    extension = os.path.splitext(path)[1].lower()
    return next((row for row in FORMATS if extension in row.extensions), _by_name("hdf5"))


def _readable(rows: Sequence[Format] = FORMATS) -> str:
    return "Supported here: " + ", ".join(f"{row.title} ({row.name!r})" for row in rows if row.module) + "."


def _open_regular(path: str) -> BinaryIO:
    if os.path.isdir(path):
        if os.path.exists(os.path.join(path, "saved_model.pb")):
            raise UnsupportedFormatError(
                path, f"this is a TensorFlow SavedModel, which is not read here. {_readable()}"
            )
        raise IsADirectoryError(errno.EISDIR, "Expected a model file, found a folder", path)
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        raise FileFormatError(path, "not a regular file (a device, pipe or socket).")
    return open(path, "rb")
