"""tf.keras 2 without TensorFlow: the classes of ``kcompile.keras`` by its defaults, names and rules.

``kcompile.tf_keras.layers.GRU(4)`` is a ``kcompile.keras.layers.GRU``, made as tf.keras 2.15 makes it. What
differs is data: ``TF_KERAS`` in ``kcompile.keras.rules``. ``tensorflow`` has what Keras code uses of
TensorFlow.
"""

from __future__ import annotations

import sys
from typing import Any

from .. import keras
from ..keras import rules
from .keras_modules import MODULES, Module, member
from .later_paths import below
from .later_paths import module_of as later_module

__version__ = "2.15.0"

for _path in MODULES:
    sys.modules[f"{__name__}.{_path}"] = Module(_path)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if rules.of_process() is None and name in MODULES:
        return sys.modules[f"kcompile.tf_keras.{name}"]
    if name in below(""):
        return later_module(name)
    return member(keras, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(keras)})
