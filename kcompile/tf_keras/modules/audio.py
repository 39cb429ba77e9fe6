"""``tf.audio``: WAV files of 16 bits."""

from __future__ import annotations

import io
import wave
from typing import Any, NamedTuple

import numpy as np

from ...ir import StringTensor, Value
from ..tensorflow.tensors import convert_to_tensor
from ..tensorflow.text import text_of
from .errors import InvalidArgumentError


class DecodedWav(NamedTuple):
    """What a WAV file says.

    Attributes:
        audio: (samples, channels) of float32 from -1 to 1.
        sample_rate: samples of a second, int32.
    """

    audio: Value
    sample_rate: Value


def decode_wav(
    contents: Any, desired_channels: int = -1, desired_samples: int = -1, name: Any = None
) -> DecodedWav:
    """The sound of a WAV file of 16 bits.

    Args:
        desired_channels: so many of its channels; -1 for all.
        desired_samples: cut or filled up with silence to so many; -1 for all.

    Raises:
        InvalidArgumentError: for other bytes.
    """
    data: Any = text_of(contents).array[()]
    try:
        with wave.open(io.BytesIO(data)) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise InvalidArgumentError(f"The bytes are no WAV file: {error}") from None
    if width != 2:
        raise InvalidArgumentError(f"A WAV file of 16 bits is expected; this one has {8 * width}.")
    audio = np.frombuffer(frames, "<i2").reshape(-1, channels).astype(np.float32) / 32768
    if desired_channels >= 0:
        if desired_channels > channels:
            raise InvalidArgumentError(f"The file has {channels} channels, not {desired_channels}.")
        audio = audio[:, :desired_channels]
    if desired_samples >= 0:
        audio = np.pad(audio[:desired_samples], [(0, max(desired_samples - len(audio), 0)), (0, 0)])
    return DecodedWav(convert_to_tensor(audio), convert_to_tensor(np.int32(rate)))


def encode_wav(audio: Any, sample_rate: Any, name: Any = None) -> StringTensor:
    """A WAV file of 16 bits of sound (samples, channels) from -1 to 1."""
    array = np.asarray(convert_to_tensor(audio))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(array.shape[1])
        file.setsampwidth(2)
        file.setframerate(int(sample_rate))
        file.writeframes(np.clip(np.round(array * 32768), -32768, 32767).astype("<i2").tobytes())
    return text_of(buffer.getvalue())


__all__ = ["decode_wav", "encode_wav"]
