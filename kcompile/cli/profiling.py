"""``kcompile profile``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..ir import Graph
from .arrays import read_arrays, shaped
from .errors import CommandError
from .loading import ModelFile, kind_of, load
from .packaging import onnx_file
from .predicting import in_order
from .reports import check_page, tell_report

_BATCH, _TRAINING_BATCH = 1, 32
_TARGETS = "y"


class Measuring(NamedTuple):
    """How it is measured.

    Attributes:
        data: a file with samples; random ones where it is None.
        batch_size: samples of a run.
        threads: of one operator.
        seconds: for a measurement.
    """

    data: Path | None = None
    batch_size: int | None = None
    threads: int | None = None
    seconds: float = 2.0


def profile_model(
    file: ModelFile, measuring: Measuring, train: bool, advice: bool, output: Path | None, as_json: bool
) -> None:
    """Measures a model and tells the report.

    Args:
        file: a model of any kind; what is no ONNX file is exported first.
        measuring: how.
        train: a training step in place of a prediction.
        advice: whether the heaviest operators are tried in other types.
        output: where the report is written.
        as_json: print JSON.

    Raises:
        CommandError: data that do not fit, or a model that cannot be trained.
    """
    check_page(output)
    if train:
        report = _training(file, measuring)
    else:
        with onnx_file(file) as path:
            from ..optimize.prediction_profile import profile_prediction

            report = profile_prediction(
                path,
                samples_for(path, measuring.data, measuring.batch_size or _BATCH),
                title=file.path.name,
                threads=measuring.threads,
                advise=advice,
                seconds=measuring.seconds,
            )
    tell_report(report, output, as_json)


def samples_for(path: Path, data: Path | None, count: int) -> dict[str, np.ndarray]:
    """Inputs of one run of an ONNX file: the first samples of the data, or random ones."""
    from ..optimize.inputs import drawn_inputs, plain_executor, repeated

    if data is None:
        return drawn_inputs(path, count)
    executor = plain_executor(path)
    names = [info.name for info in executor.inputs]
    shapes = [info.shape for info in executor.inputs]
    arrays = [shaped(a, s) for a, s in zip(in_order(read_arrays(data), names, data), shapes, strict=True)]
    if not all(len(array) for array in arrays if array.ndim):
        raise CommandError(f"{data}: there are no samples in it.")
    fixed = [shape[0] for shape in shapes if shape and isinstance(shape[0], int)]
    return repeated(dict(zip(names, arrays, strict=True)), fixed[0] if fixed else count)


def _training(file: ModelFile, measuring: Measuring) -> Any:
    model = _compiled(file)
    x, y = _batch(model, measuring)
    from ..optimize.training_profile import drawn_targets, profile_training

    if y is None:
        y = drawn_targets(model, _listed(model.predict_on_batch(x)))
    if measuring.threads is not None:
        raise CommandError("--threads is of predictions; a training step runs as OMP_NUM_THREADS says.")
    return profile_training(model, x, _one(y), seconds=measuring.seconds)


def _compiled(file: ModelFile) -> Any:
    """The Keras model of a file with what compile() was told.

    Raises:
        CommandError: it is none, or was saved without.
    """
    if kind_of(file.path) in ("hdf5", "keras", "onnx") and file.weights is None:
        from ..keras.models import load_model

        model: Any = load_model(file.path, safe_mode=file.safe_mode)
    else:
        model = load(file)
    if isinstance(model, Graph) or getattr(model, "optimizer", None) is None:
        raise CommandError(
            f"{file.path}: --train wants a compiled Keras model; save it after compile() to .keras or .h5, "
            "or name it MODULE:ATTRIBUTE."
        )
    return model


def _batch(model: Any, measuring: Measuring) -> tuple[Any, list[np.ndarray] | None]:
    """Inputs of one batch, and targets where the data have them: under ``y``, or the names of the outputs."""
    from ..optimize.inputs import draw, repeated

    count = measuring.batch_size or _TRAINING_BATCH
    if measuring.data is None:
        from .loading import inference_graph

        return _one(draw(inference_graph(model), lambda a: model.predict_on_batch(_one(a)), count)), None
    arrays = read_arrays(measuring.data)
    targets: list[np.ndarray] | None = None
    if isinstance(arrays, dict):
        names = [_TARGETS] if _TARGETS in arrays else list(model.output_names)
        if all(name in arrays for name in names):
            targets = [array for name, array in arrays.items() if name in names]
            arrays = {name: array for name, array in arrays.items() if name not in names}
    names = list(model.input_names)
    given = dict(zip(names, in_order(arrays, names, measuring.data), strict=True))
    if targets is not None:
        targets = [array[np.arange(count) % len(array)] for array in targets]
    return _one(list(repeated(given, count).values())), targets


def _one(arrays: list[np.ndarray]) -> Any:
    """As Keras takes arrays: one alone, or a list."""
    return arrays[0] if len(arrays) == 1 else arrays


def _listed(outputs: Any) -> list[np.ndarray]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
