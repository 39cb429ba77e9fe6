"""The optimizers of tf.keras before 2.11: ours, by its rules and defaults of that time.

Epsilon is added to roots, not under them, and ``decay`` is an argument.
"""

from __future__ import annotations

from .. import dialects
from ..rules import TF_KERAS_LEGACY
from . import adaptive, base, gradient_descent, moments, proximal

_CLASSES = (
    adaptive.Adadelta,
    adaptive.Adagrad,
    moments.Adam,
    moments.Adamax,
    proximal.Ftrl,
    moments.Nadam,
    base.Optimizer,
    adaptive.RMSprop,
    gradient_descent.SGD,
)
__all__ = [cls.__name__ for cls in _CLASSES]

globals().update({cls.__name__: dialects.as_in(TF_KERAS_LEGACY, cls) for cls in _CLASSES})
