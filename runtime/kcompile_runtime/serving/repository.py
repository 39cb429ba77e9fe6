"""The models of a folder or of one file: which there are, which are loaded, and how versions change."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from dataclasses import dataclass, field
from typing import Any

from ..errors import ExecutorError
from ..session_settings import path_beside
from ..text import harmless
from .batching import Batcher
from .errors import bad_request, not_found, unavailable
from .limits import Settings
from .model import Model
from .model_config import CONFIG_FILE, configured

log = logging.getLogger("kcompile.serving")
MODEL_FILE = "model.onnx"
_VERSION = re.compile(r"[1-9][0-9]{0,17}")
_Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _Files:
    """Of a model: its versions, and what says how it is run."""

    versions: dict[str, str] = field(default_factory=dict)
    config: str | None = None


@dataclass
class _Entry:
    """A model by its name: versions that serve, and why others do not."""

    serving: dict[str, Batcher] = field(default_factory=dict)
    stamps: dict[str, tuple[_Stamp | None, ...]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    unloaded: bool = False

    @property
    def latest(self) -> Batcher:
        """The highest version; there is one."""
        if len(self.serving) == 1:
            (only,) = self.serving.values()
            return only
        return self.serving[max(self.serving, key=int)]


class Repository:
    """Models by name and version.

    Args:
        path: an .onnx file, which is version 1 of the model that is called after it; or a folder of
            NAME/VERSION/model.onnx, NAME/model.onnx or NAME.onnx; NAME/config.pbtxt may change the settings.
        settings: how models are run.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """

    def __init__(self, path: str, settings: Settings) -> None:
        if not os.path.exists(path):
            raise FileNotFoundError(f"there is no model or folder of models {path!r}")
        self._path = path
        self._settings = settings
        self._entries: dict[str, _Entry] = {}
        self._changing = asyncio.Lock()
        self.ready = False

    # Looking up

    def batcher(self, name: str, version: str | None = None) -> Batcher:
        """What runs a model; its highest version where none is named.

        Raises:
            ServingError: 404 where there is no such model or version, 503 where it is not loaded.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise not_found(f"there is no model {name!r}")
        if not entry.serving:
            raise unavailable(f"model {name!r} is not loaded")
        if not version:
            return entry.latest
        if version not in entry.serving:
            versions = ", ".join(sorted(entry.serving, key=int))
            raise not_found(f"model {name!r} has no version {version!r}; it serves {versions}")
        return entry.serving[version]

    def versions(self, name: str) -> list[str]:
        """The versions of a model that serve."""
        entry = self._entries.get(name)
        return sorted(entry.serving, key=int) if entry else []

    def batchers(self) -> list[Batcher]:
        """Everything that serves, by name and version."""
        return [
            self._entries[name].serving[version]
            for name in sorted(self._entries)
            for version in self.versions(name)
        ]

    def index(self, only_ready: bool = False) -> list[dict[str, str]]:
        """The protocol's list of models and their states."""
        rows = []
        for name, entry in sorted(self._entries.items()):
            for version in sorted(entry.serving.keys() | entry.failed.keys(), key=int):
                ready = version in entry.serving
                reason = entry.failed.get(version, "")
                state = "READY" if ready else "UNAVAILABLE"
                rows.append({"name": name, "version": version, "state": state, "reason": reason})
            if not entry.serving and not entry.failed:
                reason = "unloaded" if entry.unloaded else "it has no version"
                rows.append({"name": name, "version": "", "state": "UNAVAILABLE", "reason": reason})
        return [row for row in rows if row["state"] == "READY" or not only_ready]

    # Changing

    async def refresh(self) -> None:
        """Loads what is new or was replaced, and unloads what has gone.

        A version is loaded beside the one that serves and takes its place when it has run once; one that
        fails changes nothing but the index.
        """
        async with self._changing:
            found = await asyncio.to_thread(_scan, self._path)
            for name in sorted(found.keys() | self._entries.keys()):
                entry = self._entries.setdefault(name, _Entry())
                if not entry.unloaded:
                    await self._update(name, entry, found.get(name, _Files()))
                if name not in found and not entry.serving:
                    del self._entries[name]
            self.ready = True

    async def load(self, name: str) -> None:
        """Loads a model of the folder, or loads it anew.

        Raises:
            ServingError: 400 where there is none, or it cannot be loaded.
        """
        async with self._changing:
            found = await asyncio.to_thread(_scan, self._path)
            if name not in found:
                raise bad_request(f"the repository has no model {name!r}")
            entry = self._entries.setdefault(name, _Entry())
            entry.unloaded = False
            entry.stamps.clear()
            await self._update(name, entry, found[name])
            if not entry.serving or entry.failed:
                reasons = "; ".join(entry.failed.values()) or "it has no version"
                raise bad_request(f"model {name!r} cannot be loaded: {reasons}")

    async def unload(self, name: str) -> None:
        """Takes a model out of service; what waits for it is answered.

        Raises:
            ServingError: 404 where there is none.
        """
        async with self._changing:
            entry = self._entries.get(name)
            if entry is None:
                raise not_found(f"there is no model {name!r}")
            entry.unloaded = True
            await self._update(name, entry, _Files())

    async def close(self) -> None:
        """Answers what waits, and takes no more."""
        self.ready = False
        await asyncio.gather(*(batcher.close() for batcher in self.batchers()))

    async def _update(self, name: str, entry: _Entry, files: _Files) -> None:
        latest = max(files.versions, key=int, default=None)
        if latest is not None:
            await self._load_version(name, entry, latest, files)
        for version in [*entry.serving]:
            superseded = latest in entry.serving and version != latest
            if version not in files.versions or superseded:
                old = entry.serving.pop(version)
                entry.stamps.pop(version, None)
                self._retire(old)
        entry.failed = {version: why for version, why in entry.failed.items() if version == latest}

    async def _load_version(self, name: str, entry: _Entry, version: str, files: _Files) -> None:
        path, config = files.versions[version], files.config
        stamp = (_stamp(path), None if config is None else _stamp(config), _stamp(path_beside(path)))
        if stamp[0] is None or entry.stamps.get(version) == stamp:
            return
        entry.stamps[version] = stamp
        try:
            settings = self._settings if config is None else configured(self._settings, config, name)
            model = await asyncio.to_thread(Model, name, version, path, settings)
            settings = model.settings
        except (ExecutorError, OSError) as error:
            entry.failed[version] = harmless(str(error))
            log.warning("model %s version %s was not loaded: %s", name, version, error)
            return
        entry.failed.pop(version, None)
        old = entry.serving.get(version)
        entry.serving[version] = Batcher(model, settings)
        log.info("model %s version %s is ready", name, version)
        if old is not None:
            self._retire(old)

    def _retire(self, old: Batcher) -> None:
        task = asyncio.get_running_loop().create_task(old.close())
        _retiring.add(task)
        task.add_done_callback(_retiring.discard)


_retiring: set[asyncio.Task[Any]] = set()
"""Tasks that nothing else refers to would be collected."""


def _stamp(path: str) -> _Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _scan(path: str) -> dict[str, _Files]:
    """The models by name."""
    if os.path.isfile(path):
        return {_stem(path): _Files({"1": path})}
    found: dict[str, _Files] = {}
    for item in sorted(os.scandir(path), key=lambda item: item.name):
        if item.is_file() and item.name.endswith(".onnx"):
            found[_stem(item.name)] = _Files({"1": item.path})
        elif item.is_dir() and not item.name.startswith("."):
            config = os.path.join(item.path, CONFIG_FILE)
            found[item.name] = _Files(_versions(item.path), config if os.path.isfile(config) else None)
    return found


def _versions(folder: str) -> dict[str, str]:
    flat = os.path.join(folder, MODEL_FILE)
    versions = {"1": flat} if os.path.isfile(flat) else {}
    for item in os.scandir(folder):
        file = os.path.join(item.path, MODEL_FILE)
        if item.is_dir() and _VERSION.fullmatch(item.name) and os.path.isfile(file):
            versions[item.name] = file
    return versions


def _stem(path: str) -> str:
    return os.path.basename(path).removesuffix(".onnx")
