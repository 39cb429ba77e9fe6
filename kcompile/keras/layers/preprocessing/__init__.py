"""Preprocessing and augmentation as layers."""

from .audio import MelSpectrogram, STFTSpectrogram
from .categories import CategoryEncoding, Discretization
from .histograms import AutoContrast, ContrastLimitedAdaptiveHistogramEqualization, Equalization
from .lookup import IntegerLookup
from .pipeline import Pipeline
from .random_colors import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomPosterization,
    RandomSaturation,
    Solarization,
)
from .random_filters import RandomErasing, RandomGaussianBlur, RandomSharpness
from .random_geometry import RandomFlip, RandomRotation, RandomShear, RandomTranslation, RandomZoom
from .random_mixing import CutMix, MixUp
from .random_policies import AugMix, RandAugment
from .random_warps import RandomCrop, RandomElasticTransform, RandomHeight, RandomPerspective, RandomWidth
from .resizing import CenterCrop, Resizing
from .scaling import Normalization, Rescaling

__all__ = [
    "AugMix",
    "AutoContrast",
    "CategoryEncoding",
    "CenterCrop",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Discretization",
    "Equalization",
    "IntegerLookup",
    "MelSpectrogram",
    "MixUp",
    "Normalization",
    "Pipeline",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHeight",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomWidth",
    "RandomZoom",
    "Rescaling",
    "Resizing",
    "STFTSpectrogram",
    "Solarization",
]
