"""Where tf.keras 2.3 to 2.5 had the preprocessing layers."""

from __future__ import annotations

from ..preprocessing.categories import CategoryEncoding, Discretization
from ..preprocessing.hashing import HashedCrossing, Hashing
from ..preprocessing.lookup import IntegerLookup
from ..preprocessing.random_colors import RandomContrast
from ..preprocessing.random_geometry import RandomFlip, RandomRotation, RandomTranslation, RandomZoom
from ..preprocessing.random_warps import RandomCrop, RandomHeight, RandomWidth
from ..preprocessing.resizing import CenterCrop, Resizing
from ..preprocessing.scaling import Normalization, Rescaling
from ..preprocessing.text import StringLookup, TextVectorization

__all__ = [
    "CategoryEncoding",
    "CenterCrop",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "Normalization",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomHeight",
    "RandomRotation",
    "RandomTranslation",
    "RandomWidth",
    "RandomZoom",
    "Rescaling",
    "Resizing",
    "StringLookup",
    "TextVectorization",
]
