"""Makes ``import keras`` come up with kcompile as its backend, or says why it cannot."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

from .import_hook import BackendFinder
from .patches import PATCHES

NAME = "kcompile"
#: Versions of Keras whose source the patches were written for: from, and up to below.
SUPPORTED = (3, 15), (3, 17)


class BackendError(ImportError):
    """Keras cannot run on kcompile in this process; nothing of it has been changed."""


def activate() -> None:
    """From now on ``import keras`` has this backend, in this process and in those that it starts by fork.

    Raises:
        BackendError: Keras is loaded with another backend, is not installed, or is a version whose source is
            not known; PyTorch is missing.
    """
    if any(isinstance(finder, BackendFinder) for finder in sys.meta_path):
        return
    _check_not_loaded()
    if importlib.util.find_spec("torch") is None:
        raise BackendError(
            "The backend computes with PyTorch, which is not installed: pip install 'kcompile[train,keras3]'"
        )
    source = _source()
    _check_version(source)
    found = {name: _patched(name, source) for name in PATCHES}
    os.environ["KERAS_BACKEND"] = NAME
    sys.meta_path.insert(0, BackendFinder(found))


def _check_not_loaded() -> None:
    config = sys.modules.get("keras.src.backend.config")
    if config is None:
        return
    loaded = config.backend()
    if loaded != NAME:
        raise BackendError(
            f"Keras is loaded already, with the backend {loaded!r}, and a process has one. Import "
            "kcompile.keras3 before keras (or before what imports it). A model that lives in this process "
            "needs no backend: kcompile.from_keras(model) takes it."
        )


def _source() -> Path:
    spec = importlib.util.find_spec("keras")
    places = None if spec is None else spec.submodule_search_locations
    if not places:
        raise BackendError("Keras is not installed: pip install 'kcompile[keras3]'")
    return Path(next(iter(places)))


def _check_version(source: Path) -> None:
    stated = source / "src" / "version.py"
    found = re.search(r'__version__ = "([^"]+)"', stated.read_text()) if stated.is_file() else None
    version = found[1] if found else "of unknown version"
    numbers = tuple(int(n) for n in re.findall(r"\d+", version)[:2])
    if not SUPPORTED[0] <= numbers < SUPPORTED[1]:
        low, high = (".".join(map(str, each)) for each in SUPPORTED)
        raise BackendError(
            f"kcompile is a backend of Keras from {low} to below {high}; found Keras {version} in {source}: "
            f"pip install 'keras>={low},<{high}'"
        )


def _patched(name: str, source: Path) -> str:
    """The source of a module of Keras with its patches, each of which must fit in exactly one place."""
    path = source.parent.joinpath(*name.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not path.is_file():
        raise BackendError(f"{name} is not in {source}, though the version of Keras says so.")
    text = path.read_text(encoding="utf-8")
    for patch in PATCHES[name]:
        if text.count(patch.anchor) != 1:
            raise BackendError(
                f"{path} does not look as Keras released it: expected once, found {text.count(patch.anchor)} "
                f"times: {patch.anchor!r}. Install Keras anew."
            )
        text = text.replace(patch.anchor, patch.replacement)
    return text
