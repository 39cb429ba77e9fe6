"""``K``, the Keras backend: a thin vocabulary over ONNX operators.

Every function takes values, numbers and numpy arrays alike and returns values of the graph, which train,
export and run like any layer. Names, parameters and defaults are those of ``keras.backend`` in Keras 2.3.
"""

from __future__ import annotations

import builtins as _builtins

from ...ir import name_scope as name_scope
from .. import registry
from ..legacy.old_names import answer_old_names
from . import experimental as experimental
from .config import *
from .configuration import load_configuration as _load_configuration
from .convolution import *
from .ctc import *
from .functions import *
from .losses import *
from .manipulation import *
from .math import *
from .nn import *
from .random import *
from .recurrent import *
from .sessions import get_session as get_session
from .sessions import set_session as set_session
from .variables import *

_load_configuration()

py_all, py_any, py_sum, py_slice = _builtins.all, _builtins.any, _builtins.sum, _builtins.slice

answer_old_names(__name__)
registry.publish(
    globals(), "get_session", "name_scope", "py_all", "py_any", "py_slice", "py_sum", "set_session"
)
