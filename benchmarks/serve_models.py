"""The files that the servers of ``python -m benchmarks serve`` are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .networks import MODELS


@dataclass(frozen=True)
class Served:
    """A model to serve: its file, the name and the sizes of its input, of one sample of float32."""

    path: Path
    input: str
    sizes: tuple[int, ...]

    @property
    def name(self) -> str:
        """What clients call it."""
        return self.path.stem


def written(name: str, folder: Path) -> Served:
    """``digits_cnn`` or ``lstm`` of models/, or ``resnet50`` of the applications, with weights drawn anew."""
    from kcompile import keras

    if name == "resnet50":
        model = keras.applications.ResNet50(weights=None)
    else:
        model = keras.models.load_model(MODELS / f"{name}.yaml")
    path = folder / f"{name}.onnx"
    model.export(path, verify=False)
    return Served(path, model.input_names[0], tuple(model.input_shape[1:]))
