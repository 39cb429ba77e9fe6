"""Code of tf.keras 2 without TensorFlow: ``tensorflow`` has what Keras code uses of TensorFlow."""

from __future__ import annotations

from typing import Any

from .. import keras

__version__ = "2.15.0"


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(keras, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(keras)})
