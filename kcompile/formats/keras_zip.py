"""The ``.keras`` file: a zip archive of ``config.json``, ``metadata.json`` and ``model.weights.h5``.

Members are read in place and nothing is ever unpacked to disk, so names in the archive lead nowhere. What is
read is bounded by what the file stores: the three members and vocabularies alone, no member over its share,
none twice.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from contextlib import ExitStack
from datetime import datetime, timezone
from json import dumps
from typing import TYPE_CHECKING, Any, BinaryIO

from kcompile.atomic import working_folder
from kcompile.formats import hdf5, json
from kcompile.formats.archive import Archive, FileFormatError, UnsafeFileError, UnsupportedFormatError

if TYPE_CHECKING:
    from kcompile.formats.registry import Source, Target

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ASSETS, VOCABULARY = "assets/", "/vocabulary.txt"
#: What the layout that is written calls itself. Keras 3 reads a file of any version.
KERAS_VERSION = "3.15.0"
#: A Keras file has three members and assets; more than this is none.
MAX_MEMBERS = 10_000
#: Weights that were compressed are unpacked into memory; Keras itself stores them as they are.
MAX_UNPACKED = 4 * 2**30
#: Deflate packs at most 1032 bytes into one.
MAX_COMPRESSION = 1100

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    IndexError,
)


def read(source: Source, lazy: bool = False) -> Archive:
    """Read a ``.keras`` file. See :func:`kcompile.formats.read`.

    Raises:
        FileFormatError: not such a file, truncated or damaged.
        UnsafeFileError: names that lead out of the archive, names twice, links, encryption, members that
            unpack to more than the file can hold.
    """
    with ExitStack() as stack:
        raw = stack.enter_context(source.open())
        try:
            archive = zipfile.ZipFile(raw)
        except _DAMAGE as error:
            raise _damaged(source.name, "", error) from error
        members = _members(archive, source)
        config = _json(archive, members, CONFIG, source)
        metadata = _json(archive, members, METADATA, source)
        if WEIGHTS not in members:
            raise _without_weights(members, source)
        config = json.check_model_config(config, f"{source.name}, {CONFIG}")
        inner = _Member(source, *_place_of(archive, members[WEIGHTS], raw, source))
        result = hdf5.read(inner, lazy)  # type: ignore[arg-type]
        if result.objects is None:
            raise FileFormatError(source.name, f"{WEIGHTS} has not the layout of Keras 3.")
        result.texts = _texts(archive, members, source)
    result.config = dict(config)
    result.training_config = result.config.pop("compile_config", None) or None
    if not isinstance(result.training_config, dict | None):
        raise FileFormatError(source.name, f"{CONFIG}: 'compile_config' is expected to be a mapping.")
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    result.metadata = {
        "format": "keras",
        "keras_version": version if isinstance(version, str) else None,
        "backend": None,
    }
    return result


def _texts(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], source: Source) -> dict[str, bytes]:
    """The vocabularies of layers, by the paths of these; together no larger than a configuration may be."""
    found: dict[str, bytes] = {}
    room = json.MAX_CONFIG_BYTES
    for name, info in members.items():
        if name.startswith(ASSETS) and name.endswith(VOCABULARY):
            found[name.removeprefix(ASSETS)] = content = _unpacked(archive, info, room, source)
            room -= len(content)
    return found


class _Member:
    """A part of a file as a Source: what lies from ``start`` on, or bytes that were unpacked."""

    path = None
    group = None

    def __init__(self, source: Source, start: int, size: int, data: bytes | None) -> None:
        self.name = f"{source.name}, {WEIGHTS}"
        self.size = size
        self._source, self._start, self._data = source, start, data

    def open(self) -> BinaryIO:
        if self._data is not None:
            return io.BytesIO(self._data)
        return _Window(self._source.open(), self._start, self.size)  # type: ignore[return-value]


class _Window(io.RawIOBase):
    """``size`` bytes of a file from ``start`` on, as a file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        done, wanted = 0, max(0, min(len(view), self._size - self._at))
        self._file.seek(self._start + self._at)
        while done < wanted:
            count = self._file.readinto(view[done:wanted])  # type: ignore[attr-defined]
            if not count:
                break
            done += count
        self._at += done
        return done

    def close(self) -> None:
        self._file.close()
        super().close()


def _members(archive: zipfile.ZipFile, source: Source) -> dict[str, zipfile.ZipInfo]:
    """The members by name, none of them a trap."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise UnsafeFileError(source.name, f"the archive has {len(infos)} members, more than {MAX_MEMBERS}.")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename
        if name in members:
            raise UnsafeFileError(source.name, f"the member {name!r} is there twice.")
        if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
            raise UnsafeFileError(source.name, f"the member {name!r} leads out of the archive.")
        if info.create_system == 3 and stat.S_ISLNK(info.external_attr >> 16):
            raise UnsafeFileError(source.name, f"the member {name!r} is a symbolic link.")
        if info.flag_bits & 0x41:
            raise UnsafeFileError(source.name, f"the member {name!r} is encrypted.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnsafeFileError(
                source.name,
                f"the member {name!r} is compressed by method {info.compress_type}; stored and deflated ones "
                "are read.",
            )
        if info.compress_size > source.size or info.file_size > MAX_COMPRESSION * info.compress_size:
            raise UnsafeFileError(
                source.name,
                f"the member {name!r} declares {info.file_size} bytes, packed into {info.compress_size}, in "
                f"a file of {source.size} bytes.",
            )
        members[name] = info
    return members


def _json(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str, source: Source
) -> dict[str, Any]:
    info = members.get(name)
    if info is None:
        raise FileFormatError(source.name, f"the archive has no {name}; is this a file that Keras 3 saved?")
    data = _unpacked(archive, info, json.MAX_CONFIG_BYTES, source)
    return json.parse(data, f"{source.name}, {name}")


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int, source: Source) -> bytes:
    """A member's content, of at most ``limit`` bytes whatever it declares."""
    if info.file_size > limit:
        raise UnsafeFileError(
            source.name, f"{info.filename} declares {info.file_size} bytes, more than the {limit} allowed."
        )
    try:
        with archive.open(info) as member:
            data = member.read(limit + 1)
    except _DAMAGE as error:
        raise _damaged(source.name, info.filename, error) from error
    if len(data) != info.file_size:
        raise FileFormatError(
            source.name, f"{info.filename} has {len(data)} bytes, declared are {info.file_size}."
        )
    return data


def _place_of(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, raw: BinaryIO, source: Source
) -> tuple[int, int, bytes | None]:
    """Where the weights lie in the file (start, size, None), or their bytes if they are compressed."""
    if info.compress_type == zipfile.ZIP_DEFLATED:
        data = _unpacked(archive, info, MAX_UNPACKED, source)
        return 0, len(data), data
    if info.file_size != info.compress_size:
        raise FileFormatError(source.name, f"{info.filename} is stored as it is, and has two sizes.")
    try:
        with archive.open(info):  # checks the member's own header
            pass
        raw.seek(info.header_offset)
        header = struct.unpack("<4s5H3I2H", raw.read(30))
    except _DAMAGE as error:
        raise _damaged(source.name, info.filename, error) from error
    start = info.header_offset + 30 + header[9] + header[10]
    if start + info.file_size > source.size:
        raise FileFormatError(source.name, f"{info.filename} ends beyond the file; is the file truncated?")
    _check_sum(raw, start, info, source)
    return start, info.file_size, None


def _check_sum(raw: BinaryIO, start: int, info: zipfile.ZipInfo, source: Source) -> None:
    raw.seek(start)
    left, value = info.file_size, 0
    while left:
        part = raw.read(min(left, 2**20))
        if not part:
            break
        value = zlib.crc32(part, value)
        left -= len(part)
    if left or value != info.CRC:
        raise FileFormatError(source.name, f"{info.filename} is damaged: its check sum is wrong.")


def _without_weights(members: dict[str, zipfile.ZipInfo], source: Source) -> FileFormatError:
    other = next((name for name in members if re.fullmatch(r"model\.weights\.(npz|json)", name)), None)
    if other == "model.weights.npz":
        return UnsupportedFormatError(
            source.name,
            f"the weights are in {other}, as a pickle of Python objects, which could run code and which no "
            f"Keras opens again either. Save the model with weights_format='h5'; {WEIGHTS} is read.",
        )
    if other is not None:
        return UnsupportedFormatError(source.name, f"the weights are in {other}; {WEIGHTS} is read.")
    return FileFormatError(source.name, f"the archive has no {WEIGHTS}.")


def _damaged(name: str, member: str, error: BaseException) -> FileFormatError:
    place = f"{member}: " if member else ""
    message = re.sub(r"\s+", " ", str(error))[:300] or type(error).__name__
    return FileFormatError(name, f"{place}truncated or damaged zip archive ({message}).")


def write(archive: Archive, target: Target) -> None:
    """Write a ``.keras`` file that Keras 3 opens. The archive's config is Keras 3's, and its weights are
    objects.

    Raises:
        ValueError: the archive has no config or no objects.
        OSError: the disk is full.
    """
    if archive.config is None or archive.objects is None:
        raise ValueError("A .keras file takes a model's config and its objects' weights; one is missing.")
    config = dict(archive.config)
    if archive.training_config is not None:
        config["compile_config"] = archive.training_config
    saved = datetime.now(timezone.utc).strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": archive.metadata.get("keras_version") or KERAS_VERSION, "date_saved": saved}
    place = target.place
    # HDF5 goes back and forth in its file, which a zip archive being written cannot.
    working = tempfile.TemporaryDirectory() if isinstance(place, io.BytesIO) else working_folder(place)
    with working as temporary:
        weights = os.path.join(temporary, WEIGHTS)
        hdf5.write(Archive(objects=archive.objects), type(target)(weights))
        with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as result:
            result.writestr(METADATA, dumps(metadata))
            result.writestr(CONFIG, dumps(config, default=json.plain_or_named))
            result.write(weights, WEIGHTS)
