"""What programs use of TensorFlow Addons, under ``kcompile run``: ``import tensorflow_addons as tfa``.

The real package stands on kernels of TensorFlow. A name that is not here is an AttributeError that says what
there is.
"""

from __future__ import annotations

from typing import Any

from . import activations, layers, losses, metrics, optimizers

__version__ = "0.23.0"
__all__ = ["activations", "layers", "losses", "metrics", "optimizers"]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(
        f"tensorflow_addons.{name} is not here; of TensorFlow Addons there are {', '.join(__all__)}."
    )
