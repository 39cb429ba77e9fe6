"""The configuration file ``keras.json``: read when the backend is imported, and created where absent."""

from __future__ import annotations

import json
import math
import os
import reprlib
import stat
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...atomic import replacing
from ..utils.home import keras_home
from . import config

_MOST_BYTES = 1 << 16


def _set_epsilon(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"expected a number from 0 on, found {reprlib.repr(value)}.")
    config.set_epsilon(value)


_FIELDS = {
    "floatx": config.set_floatx,
    "epsilon": _set_epsilon,
    "image_data_format": config.set_image_data_format,
}


def load_configuration() -> None:
    """Applies keras.json; a field that makes no sense is reported and left at its default.

    The backend that the file names does not matter. An existing file is never written to.
    """
    path = keras_home() / "keras.json"
    if not path.exists():
        _create(path)
        return
    try:
        found = json.loads(_text_of(path))
    except (OSError, ValueError, RecursionError) as error:
        warnings.warn(f"{path} cannot be read ({error}); defaults are used.", stacklevel=2)
        return
    if not isinstance(found, dict):
        warnings.warn(
            f"{path}: expected an object with fields, found {reprlib.repr(found)}; defaults are used.",
            stacklevel=2,
        )
        return
    for name, apply in _FIELDS.items():
        if name in found:
            _apply(apply, found[name], path, name)


def _text_of(path: Path) -> str:
    """What is in a file of reasonable size; a pipe would wait for ever, a device never end.

    Raises:
        OSError, ValueError: it cannot be read, or is no such file.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")
    if status.st_size > _MOST_BYTES:
        raise ValueError(f"it has {status.st_size} bytes, more than {_MOST_BYTES}")
    return path.read_text(encoding="utf-8")


def _apply(apply: Any, value: Any, path: Path, name: str) -> None:
    try:
        apply(value)
    except (TypeError, ValueError, OverflowError) as error:
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
