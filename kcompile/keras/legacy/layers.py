"""The path of Keras 2 to layers of Keras 1; the code is in ``layers``."""

from ..layers.convolutional.atrous import AtrousConvolution1D, AtrousConvolution2D
from ..layers.keras1 import ConvRecurrent2D, Highway, MaxoutDense, Recurrent
from .old_names import answer_old_names

__all__ = [
    "AtrousConvolution1D",
    "AtrousConvolution2D",
    "ConvRecurrent2D",
    "Highway",
    "MaxoutDense",
    "Recurrent",
]

answer_old_names(__name__)
