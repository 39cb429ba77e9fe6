"""Where tf.keras 2.9 and 2.10 had the optimizers of 2.11."""

from __future__ import annotations

from .adaptive import Adadelta, Adagrad, RMSprop
from .base import Optimizer
from .factored import Adafactor
from .gradient_descent import SGD
from .moments import Adam, Adamax, AdamW, Nadam
from .proximal import Ftrl

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Nadam",
    "Optimizer",
    "RMSprop",
]
