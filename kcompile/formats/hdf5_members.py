"""What is at a path of an HDF5 file, without leaving the file: links, virtual and external datasets can."""

from __future__ import annotations

from typing import Any

import h5py
from h5py import h5d, h5l

from kcompile.formats.archive import UnsafeFileError

#: Deflate packs at most 1032 bytes into one; a dataset that declares more than this per stored byte is a
#: bomb.
MAX_COMPRESSION = 1100

_MAX_SOFT_LINKS = 32


def member(group: h5py.Group, path: str, source: str, where: str = "", soft_links: bool = True) -> Any:
    """The group or dataset at a path below ``group``.

    Args:
        group: where the path starts; one with a leading ``/`` starts at the root only where a soft link says
            so.
        path: names with ``/`` between them.
        source: name of the file, for errors.
        where: what is looked for, for errors; by default the path.
        soft_links: whether links within the file are followed; those out of it never are.

    Raises:
        KeyError: there is nothing.
        kcompile.formats.UnsafeFileError: it is behind a link to another file (or a soft link, unless these
            are followed), its values lie in another file, or soft links go in circles.
    """
    where = where or repr(path)
    item: Any = group
    parts = _parts(path)
    links = 0
    while parts:
        part = parts.pop(0)
        key = part.encode("utf-8")
        if not isinstance(item, h5py.Group) or part in ("", ".") or not item.id.links.exists(key):
            raise KeyError(f"{source}: nothing is stored at {path!r}.")
        kind = item.id.links.get_info(key).type
        if kind == h5l.TYPE_HARD:
            item = item[part]
            continue
        if kind != h5l.TYPE_SOFT or not soft_links:
            raise UnsafeFileError(
                source,
                f"{where}: {part!r} is a soft or external link, and links are not followed."
                if not soft_links
                else f"{where}: {part!r} is an external link, and links out of the file are not followed.",
            )
        links += 1
        if links > _MAX_SOFT_LINKS:
            raise UnsafeFileError(source, f"{where}: over {_MAX_SOFT_LINKS} soft links lead to one another.")
        target = item.id.links.get_val(key).decode("utf-8", "surrogateescape")
        item = item.file["/"] if target.startswith("/") else item
        parts = [part for part in target.split("/") if part not in ("", ".")] + parts
    if isinstance(item, h5py.Dataset):
        check_own_values(item, source, where)
    return item


def has_member(group: h5py.Group, path: str, source: str) -> bool:
    """Whether there is something at a path, found as by ``member``; a link out of the file counts as such."""
    try:
        member(group, path, source)
    except KeyError:
        return False
    except UnsafeFileError:
        return True
    return True


def check_own_values(dataset: h5py.Dataset, source: str, where: str) -> None:
    """Refuses a dataset whose values are in another file, before anything is asked that would open it.

    Raises:
        kcompile.formats.UnsafeFileError: if it is a virtual dataset, or has external storage.
    """
    properties = dataset.id.get_create_plist()
    if properties.get_layout() == h5d.VIRTUAL or properties.get_external_count() > 0:
        raise UnsafeFileError(source, f"{where}: the data are in another file, which is not read.")


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part] or [path]
