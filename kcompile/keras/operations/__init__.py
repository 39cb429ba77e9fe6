"""Functions of ``keras.ops`` and TensorFlow that files call, by name, and what each of them emits.

Its modules are imported when they are first used: most models call none of the functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcompile_runtime.lazy_packages import attach

if TYPE_CHECKING:
    from .keras_layers import equivalent_layer as equivalent_layer
    from .rows import OPERATIONS as OPERATIONS
    from .rows import ROWS as ROWS
    from .rows import TF_NAMES as TF_NAMES
    from .tensorflow import FUNCTIONS as FUNCTIONS
    from .tensorflow_names import TF_FUNCTIONS as TF_FUNCTIONS
    from .tensorflow_names import in_keras_3 as in_keras_3

attach(
    globals(),
    {
        "equivalent_layer": "keras_layers",
        "OPERATIONS": "rows",
        "ROWS": "rows",
        "TF_NAMES": "rows",
        "FUNCTIONS": "tensorflow",
        "TF_FUNCTIONS": "tensorflow_names",
        "in_keras_3": "tensorflow_names",
    },
)
