"""Who wrote a file: found once, from what the file says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...rules import KERAS_2, KERAS_3, TF_KERAS, Rules

_RULES = {"tf_keras": TF_KERAS, "keras_3": KERAS_3}


@dataclass(frozen=True)
class Writer:
    """The program that wrote a file.

    Attributes:
        program: "keras_1", "keras_2" (also for what says nothing), "tf_keras" (from 2.0 on) or "keras_3".
        version: as the file says it ("2.3.1", "2.2.4-tf", "3.15.0"), None if it does not.
        backend: "tensorflow", "theano", ..., None if the file does not say.
    """

    program: str = "keras_2"
    version: str | None = None
    backend: str | None = None

    @property
    def rules(self) -> Rules:
        """What its program computes otherwise than Keras 2.3."""
        return _RULES.get(self.program, KERAS_2)


def writer_of(metadata: Mapping[str, Any]) -> Writer:
    """The writer of a file or text.

    Args:
        metadata: ``keras_version`` and ``backend``, where the file says them; for a configuration by itself
            the ``module`` of its class, which Keras 3 alone writes, tells as much.
    """
    version, backend = (metadata.get(key) for key in ("keras_version", "backend"))
    if version is None and isinstance(metadata.get("module"), str):
        return Writer("keras_3")
    version = version if isinstance(version, str) else None
    return Writer(_program(version or ""), version, backend if isinstance(backend, str) else None)


def _program(version: str) -> str:
    parts = version.removesuffix("-tf").split(".")
    if parts[0] in ("0", "1"):  # files of early versions have none and read as "1"
        return "keras_1"
    if len(parts) < 2 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return "keras_2"
    if int(parts[0]) >= 3:
        return "keras_3"
    # TensorFlow 2.0 to 2.4 called theirs "2.2.4-tf" to "2.4.0"
    return "tf_keras" if (int(parts[0]), int(parts[1])) >= (2, 4) or version.endswith("-tf") else "keras_2"
