"""Datasets of the files in a folder, whose subfolders are classes: images, texts and sounds."""

from __future__ import annotations

from .images import image_dataset_from_directory
from .sounds import audio_dataset_from_directory
from .texts import text_dataset_from_directory

__all__ = [
    "audio_dataset_from_directory",
    "image_dataset_from_directory",
    "text_dataset_from_directory",
]
