"""A small TensorFlow: what Keras code uses of it, over the operators of ``kcompile.ir``.

Functions compute at once on numbers, by PyTorch, and emit a graph on symbolic tensors. A name that is not
here is an AttributeError that names it and the nearest one.
"""

from __future__ import annotations

from typing import Any

from .namespace import Namespace, root

__version__ = "2.15.0"


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(root(), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(root())})


__all__ = ["Namespace"]

# ``tf.dtypes`` is TensorFlow's module, not our file of that name
globals().pop("dtypes", None)
