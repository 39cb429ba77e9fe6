"""``audio_dataset_from_directory``, of WAV files, by the standard library."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...data.stages import Stage
from ...data.structures import TensorSpec
from ...data.transformations import padded_batches
from .contents import of_files
from .labelled_files import Folder, batched


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """A dataset of the sounds (.wav, 16 bits) in a folder, whose subfolders are classes.

    Args:
        sampling_rate: None for that of the files; others are refused.
        output_sequence_length: samples that each sound is cut or filled up to; None for the longest there.
        ragged: False alone.
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset,
            follow_links, verbose: as ``labelled_files.Folder`` has them.

    Returns:
        a Dataset of sounds (batch, samples, channels), float32 from -1 to 1, or (sounds, labels); a pair of
        them for subset="both". Its ``class_names`` are the subfolders.

    Raises:
        ValueError: for arguments that do not go together, or no files; while iterating, for a file that is no
            sound of 16 bits.
    """
    if ragged or sampling_rate is not None:
        raise ValueError(
            "audio_dataset_from_directory neither resamples (sampling_rate) nor makes ragged batches: sounds "
            "are filled up, and keep the rate of their files."
        )
    folder = Folder(
        directory, (".wav",), labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links, verbose,
    )  # fmt: skip
    length = output_sequence_length

    def contents(paths: Stage) -> Stage:
        sounds = of_files(paths, lambda path: _sound(path, length), TensorSpec((length, None), "float32"))
        if length is None and batch_size is not None:
            return padded_batches(sounds, batch_size, None, None, False)
        return batched(sounds, batch_size)

    return folder.datasets(contents)


def _sound(path: str, length: int | None) -> np.ndarray:
    """(samples, channels) from -1 to 1."""
    try:
        with wave.open(path, "rb") as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes() if length is None else min(length, file.getnframes()))
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is no WAV file that can be read: {error}") from error
    if width != 2:
        raise ValueError(f"{path} has samples of {8 * width} bits; only WAV files of 16 bits are read.")
    sound = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], "<i2").reshape(-1, channels)
    sound = sound.astype(np.float32) / 32768
    return sound if length is None else np.pad(sound, ((0, length - len(sound)), (0, 0)))
