"""The configuration file ``keras.json``: read when the backend is imported, and created where absent."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...atomic import replacing
from . import config

_FIELDS = {
    "floatx": config.set_floatx,
    "epsilon": config.set_epsilon,
    "image_data_format": config.set_image_data_format,
}


def keras_home(folder: str | os.PathLike[str] | None = None) -> Path:
    """The folder of configuration and caches: the one given, else $KERAS_HOME, else ~/.keras.

    Where nothing can be written there, it is .keras in the temporary folder. Nothing is created here.
    """
    home = Path(os.path.expanduser(folder or os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")))
    existing = next((path for path in (home, *home.parents) if path.exists()), home)
    if existing.is_dir() and os.access(existing, os.W_OK):
        return home
    return Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()) / ".keras"


def load_configuration() -> None:
    """Applies keras.json; a field that makes no sense is reported and left at its default.

    The backend that the file names does not matter. An existing file is never written to.
    """
    path = keras_home() / "keras.json"
    if not path.exists():
        _create(path)
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        warnings.warn(f"{path} cannot be read ({error}); defaults are used.", stacklevel=2)
        return
    if not isinstance(found, dict):
        warnings.warn(
            f"{path}: expected an object with fields, found {found!r}; defaults are used.", stacklevel=2
        )
        return
    for name, apply in _FIELDS.items():
        if name in found:
            _apply(apply, found[name], path, name)


def _apply(apply: Any, value: Any, path: Path, name: str) -> None:
    try:
        apply(value)
    except (TypeError, ValueError) as error:
        warnings.warn(f"{path}: {name}: {error} The default is used.", stacklevel=2)


def _create(path: Path) -> None:
    """Writes the four fields as Keras does, whole or not at all."""
    fields = {
        "floatx": config.floatx(),
        "epsilon": config.epsilon(),
        "backend": "tensorflow",  # Keras itself reads the file too, and knows no other name
        "image_data_format": config.image_data_format(),
    }
    with suppress(OSError):  # a read-only disk is no reason to refuse to compute
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.write(json.dumps(fields, indent=4) + "\n")
