"""``get_file``: a cache of downloaded files, checked by hash and unpacked safely.

pooch fetches (retry, hash, temporary file moved into place); this module adds Keras's cache folders, its
progress bar, and unpacking in which no archive member can leave the target folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tarfile
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Generator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ...atomic import working_folder
from .. import registry
from .generic_utils import Progbar
from .home import keras_home
from .interactive import print_msg

# How long a server may say nothing before the download counts as failed; a slow one may take any time.
TIMEOUT_SECONDS = 30
_CHUNK_BYTES = 1 << 16
# The best ratio of zip's and gzip's method.
_MAX_COMPRESSION = 1100


def get_file(
    fname: Any = None,
    origin: Any = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: str | None = None,
    force_download: bool = False,
) -> str:
    """Path of a file from the cache, downloaded first if it is not there or its hash does not match.

    Args:
        fname: file name in the cache; an absolute path is taken as it is. None for the last part of the URL.
        origin: URL (http, https, ftp or file).
        untar: deprecated, use ``extract``: downloads ``fname.tar.gz``, unpacks it, returns the path
            ``fname``.
        md5_hash: deprecated, use ``file_hash``.
        file_hash: expected sha256 or md5 in hexadecimal.
        cache_subdir: folder under the cache folder, "datasets".
        hash_algorithm: "sha256", "md5" or "auto" (by the hash's length).
        extract: also unpack it beside itself.
        archive_format: "auto" (tar, then zip), "tar", "zip", a list of these, or None for no unpacking.
        cache_dir: by default $KERAS_HOME, else ~/.keras; /tmp/.keras where that cannot be written.
        force_download: whether it is downloaded again where it is there.

    A symbolic link in the place of the file counts only if what it leads to has the hash; otherwise the
    download takes its place, and what it led to stays as it is.

    Raises:
        OSError: the download failed. ValueError: the hash differs, or the archive holds an unsafe member.
    """
    if origin is None:
        raise ValueError('Please specify the "origin" argument (URL of the file to download).')
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    fname = os.fspath(fname or _name_of(origin))
    if untar:
        fname = fname.removesuffix(".tar.gz")
    folder = os.path.join(keras_home(cache_dir), cache_subdir)
    target = os.path.join(folder, fname)
    path = f"{target}.tar.gz" if untar else target
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    if force_download or _needs_download(path, file_hash, hash_algorithm):
        _download(origin, path, file_hash, hash_algorithm)
    if untar:
        if force_download or not os.path.exists(target):
            _extract_archive(path, folder, archive_format="tar")
        return target
    if extract:
        _extract_archive(path, folder, archive_format)
    return path


def _name_of(origin: str) -> str:
    """The last part of a URL, which may not be a way to another folder."""
    name = os.path.basename(urllib.parse.unquote(urllib.parse.urlsplit(origin).path))
    if name in ("", ".", ".."):
        raise ValueError(f"Can't parse the file name from the origin provided: {origin!r}; give `fname`.")
    return name


def _needs_download(path: str, file_hash: str | None, algorithm: str) -> bool:
    if not os.path.exists(path) or file_hash is None and os.path.islink(path):
        return True
    if not os.path.isfile(path):  # a pipe would wait for ever
        raise ValueError(f"{path} is in the cache, but it is no file; remove it.")
    if file_hash is None or validate_file(path, file_hash, algorithm):
        return False
    print_msg(
        f"A local file was found, but it seems to be incomplete or outdated because the {algorithm} file "
        f"hash does not match the original value of {file_hash} so we will re-download the data."
    )
    return True


class _DownloadBar:
    """The progress-bar protocol of pooch (``total``, ``update(n)``, ``reset``, ``close``) over Progbar."""

    def __init__(self) -> None:
        self.total = 0
        self._seen = 0
        self._bar: Progbar | None = None

    def update(self, n: int) -> None:
        if self._bar is None:
            self._bar = Progbar(self.total or None)
        self._seen += n
        self._bar.update(min(self._seen, self.total) if self.total else self._seen)

    def reset(self) -> None:
        # pooch resets before it fills the bar; if the last chunk has filled it, do not draw the end twice.
        self._seen = 0
        if self._bar is not None and self.total and self._bar._seen_so_far >= self.total:
            self._bar.verbose = 0

    def close(self) -> None:
        self._bar = None


def _copy_local(url: str, output_file: str, pooch: Any) -> None:
    shutil.copyfile(urllib.request.url2pathname(urllib.parse.urlsplit(url).path), output_file)


def _download(origin: str, path: str, file_hash: str | None, algorithm: str) -> None:
    try:
        import pooch
    except ImportError as error:
        raise ImportError("get_file needs pooch to download files: pip install pooch") from error
    print_msg(f"Downloading data from {origin}")
    scheme = urllib.parse.urlsplit(origin).scheme
    if scheme == "file":
        downloader: Any = _copy_local
    elif scheme in ("http", "https"):
        downloader = pooch.HTTPDownloader(
            progressbar=_DownloadBar(), chunk_size=_CHUNK_BYTES, timeout=TIMEOUT_SECONDS
        )
    else:
        downloader = None
    name = os.path.basename(path)
    known = None if file_hash is None else f"{_hash_name(file_hash, algorithm)}:{file_hash.lower()}"
    pooch.get_logger().setLevel("WARNING")
    # An old file with the wrong hash stays until the new one, complete and checked, takes its place. Nor does
    # anything see what a link of that name leads to.
    try:
        with working_folder(path) as temporary:
            cache = pooch.create(
                path=temporary, base_url="", registry={name: known}, urls={name: origin}, retry_if_failed=1
            )
            os.replace(cache.fetch(name, downloader=downloader), path)
    except OSError as error:  # requests' errors are OSErrors as well
        response = getattr(error, "response", None)
        code = getattr(response, "status_code", getattr(error, "errno", None))
        reason = getattr(response, "reason", None) or error
        raise OSError(f"URL fetch failure on {origin} : {code} -- {reason}") from error


def _hash_name(file_hash: str, algorithm: str) -> str:
    if algorithm == "sha256" or (algorithm == "auto" and len(file_hash) == 64):
        return "sha256"
    return "md5"


def _hash_file(fpath: Any, algorithm: str = "sha256", chunk_size: int = 65535) -> str:
    """Hexadecimal sha256 or md5 of a file."""
    hasher = hashlib.sha256() if algorithm in ("sha256", "auto") else hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        for chunk in iter(lambda: file.read(chunk_size), b""):
            hasher.update(chunk)
    return hasher.hexdigest()


def validate_file(fpath: Any, file_hash: str, algorithm: str = "auto", chunk_size: int = 65535) -> bool:
    """Whether the file has this sha256 or md5 (``algorithm`` "auto": told by the hash's length)."""
    return _hash_file(fpath, _hash_name(str(file_hash), algorithm), chunk_size) == str(file_hash).lower()


def _extract_archive(file_path: Any, path: Any = ".", archive_format: Any = "auto") -> bool:
    """Unpack a tar or zip file into the folder ``path``; False if it is neither.

    Members are unpacked into a temporary folder first and moved into place once all are good. A member with
    an absolute path or ``..``, a link or a device is refused (CVE-2025-12060), and so is one that would go
    through a link in the target folder, or an archive that unpacks to over 1100 times its size.

    Raises:
        ValueError: naming the archive and the member that was refused. Nothing has been placed then.
    """
    if archive_format is None:
        return False
    formats = ["tar", "zip"] if archive_format == "auto" else archive_format
    formats = [formats] if isinstance(formats, str) else list(formats)
    readers = {"tar": (tarfile.is_tarfile, _tar_members), "zip": (zipfile.is_zipfile, _zip_members)}
    for name in formats:
        if name not in readers:
            raise ValueError(f"archive_format must be 'auto', 'tar', 'zip' or None, found {name!r}.")
        matches, members = readers[name]
        if matches(file_path):
            _unpack(members(file_path), file_path, Path(path))
            return True
    return False


# A member: its name in the archive, what kind it is, and its content.
_Member = tuple[str, str, "IO[bytes] | None"]


def _tar_members(file_path: Any) -> Generator[_Member]:
    with tarfile.open(file_path) as archive:
        for info in archive:
            if info.isdir():
                yield info.name, "folder", None
            elif info.isreg():
                yield info.name, "file", archive.extractfile(info)
            else:
                yield info.name, "link" if info.issym() or info.islnk() else "device", None


def _zip_members(file_path: Any) -> Generator[_Member]:
    with zipfile.ZipFile(file_path) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if info.is_dir():
                yield info.filename, "folder", None
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                yield info.filename, "file", archive.open(info)
            else:
                yield info.filename, "link" if stat.S_ISLNK(mode) else "device", None


def _unpack(members: Generator[_Member], archive: Any, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with working_folder(target / Path(archive).name) as temporary, closing(members):
        root = Path(temporary)
        left = _MAX_COMPRESSION * max(os.path.getsize(archive), _CHUNK_BYTES)
        for name, kind, content in members:
            relative = _safe_member_path(name, kind, archive)
            place = root / relative
            if content is None:
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            with content, open(place, "wb") as out:
                left -= _copied(content, out, left)
            if left < 0:
                raise ValueError(
                    f"Refused to unpack {os.fspath(archive)}: with the member {name!r} it takes over "
                    f"{_MAX_COMPRESSION} times its own size, which no data set does."
                )
        _check_links(root, target, archive)
        _move_into_place(root, target)


def _copied(content: IO[bytes], out: IO[bytes], limit: int) -> int:
    """Copies until the limit is passed; the number of bytes."""
    done = 0
    while done <= limit and (chunk := content.read(_CHUNK_BYTES)):
        done += out.write(chunk)
    return done


def _check_links(root: Path, target: Path, archive: Any) -> None:
    """Refuses to go through a link that lies where a folder of the archive belongs."""
    for folder, folders, _ in os.walk(root):
        for name in folders:
            place = target / Path(folder, name).relative_to(root)
            if place.is_symlink():
                raise ValueError(
                    f"Refused to unpack {os.fspath(archive)}: its folder {name!r} belongs at {place}, where "
                    "a symbolic link is; remove it."
                )


def _safe_member_path(name: str, kind: str, archive: Any) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    first = path.parts[0] if path.parts else ""
    if kind not in ("file", "folder"):
        reason = f"it is a {kind}"
    elif path.is_absolute() or ".." in path.parts or first.endswith(":"):
        reason = "it would be placed outside the target folder"
    else:
        return path
    raise ValueError(f"Refused to unpack {os.fspath(archive)}: member {name!r} is not safe, {reason}.")


def _move_into_place(root: Path, target: Path) -> None:
    for folder, folders, files in os.walk(root):
        destination = target / Path(folder).relative_to(root)
        for name in folders:
            (destination / name).mkdir(exist_ok=True)
        for name in files:
            os.replace(Path(folder) / name, destination / name)


registry.register(globals())
