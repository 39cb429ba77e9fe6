"""Models to files and back; the files themselves are kcompile.formats' business.

Beside its modules this package has the names of ``keras.saving``, each loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcompile_runtime.lazy_packages import attach

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

attach(
    globals(),
    {
        "CustomObjectScope": ".utils.generic_utils",
        "custom_object_scope": ".utils.generic_utils",
        "deserialize_keras_object": ".utils.objects",
        "get_custom_objects": ".utils.generic_utils",
        "get_registered_name": ".utils.objects",
        "get_registered_object": ".utils.objects",
        "load_model": "saving_api",
        "register_keras_serializable": ".utils.generic_utils",
        "save_model": "saving_api",
        "serialize_keras_object": ".utils.objects",
    },
)
