"""kcompile as a backend of stock Keras 3: import this before ``keras``.

``import kcompile.keras3, keras`` does what ``KERAS_BACKEND`` does for the backends that Keras brings along.
Keras is the installed package, of which no file is changed.
"""

from __future__ import annotations

from .activation import BackendError as BackendError
from .activation import activate as activate

__all__ = ["BackendError", "activate"]

activate()
