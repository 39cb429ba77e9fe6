"""Data made ready for models: sequences, text and images."""

from __future__ import annotations

from . import image, sequence, text
from .directories import (
    audio_dataset_from_directory,
    image_dataset_from_directory,
    text_dataset_from_directory,
)
from .timeseries import timeseries_dataset_from_array

__all__ = [
    "audio_dataset_from_directory",
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
