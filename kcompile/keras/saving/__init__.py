"""Models to files and back; the files themselves are kcompile.formats' business.

Beside its modules this package has the names of ``keras.saving``, each loaded when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..utils.generic_utils import CustomObjectScope as CustomObjectScope
    from ..utils.generic_utils import custom_object_scope as custom_object_scope
    from ..utils.generic_utils import get_custom_objects as get_custom_objects
    from ..utils.generic_utils import register_keras_serializable as register_keras_serializable
    from ..utils.objects import deserialize_keras_object as deserialize_keras_object
    from ..utils.objects import get_registered_name as get_registered_name
    from ..utils.objects import get_registered_object as get_registered_object
    from ..utils.objects import serialize_keras_object as serialize_keras_object
    from .saving_api import load_model as load_model
    from .saving_api import save_model as save_model

_NAMES = {
    "CustomObjectScope": "utils.generic_utils",
    "custom_object_scope": "utils.generic_utils",
    "deserialize_keras_object": "utils.objects",
    "get_custom_objects": "utils.generic_utils",
    "get_registered_name": "utils.objects",
    "get_registered_object": "utils.objects",
    "load_model": "saving.saving_api",
    "register_keras_serializable": "utils.generic_utils",
    "save_model": "saving.saving_api",
    "serialize_keras_object": "utils.objects",
}

__all__ = sorted(_NAMES)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _NAMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"..{_NAMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
