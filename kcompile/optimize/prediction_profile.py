"""A model's prediction on this machine, measured and explained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kcompile_runtime import Executor
from kcompile_runtime.session_settings import processors

from ..onnx_io import load
from .peaks import measure_peaks
from .profile_report import layers_of, profile_report
from .profiling import deployed_options, profile_file, profile_nodes
from .report import Report
from .timing import side_by_side
from .trials import Trial, try_types

_TRIED_LAYERS, _LEAST_SHARE = 5, 0.03


def profile_prediction(
    path: Path,
    inputs: Mapping[str, np.ndarray],
    *,
    title: str | None = None,
    threads: int | None = None,
    advise: bool = True,
    seconds: float = 2.0,
) -> Report:
    """Where the time of a run goes, what bounds it, and what would make it faster.

    Args:
        path: of an .onnx file.
        inputs: of one run, by name.
        title: of the report; by default the file's name.
        threads: of one operator; by default those of the settings beside the file, or onnxruntime's.
        advise: whether the heaviest operators are also run in other element types, which takes some seconds.
        seconds: for measuring the model, about.

    Inputs have the shapes that the file declares.

    Raises:
        ExecutorError: the model cannot be loaded, does not take the inputs, or fails.
    """
    profile = profile_file(path, inputs, threads, seconds=seconds)
    used = profile.threads or None
    nodes = profile_nodes(path, inputs)
    peaks = measure_peaks(used, profile.provider)
    trials: list[Trial] = []
    gain = None
    if advise:
        layers = layers_of(profile.operators)[:_TRIED_LAYERS]
        heaviest = [layer.name for layer in layers if layer.seconds >= _LEAST_SHARE * profile.seconds]
        trials = list(try_types(load(path, external_data=True), nodes, heaviest, used))
        if (profile.threads or processors()) > 1:
            gain = _gain_by_threads(path, inputs, threads, seconds / 2)
    shapes = {name: array.shape for name, array in inputs.items()}
    return profile_report(title or path.name, profile, nodes, peaks, shapes, trials, gain)


def _gain_by_threads(
    path: Path, inputs: Mapping[str, np.ndarray], threads: int | None, seconds: float
) -> float:
    """How many times as fast as on one thread a run is, measured in turns."""
    many, one = (Executor(path, session_options=deployed_options(path, n)) for n in (threads, 1))
    feed = many.accept(inputs)
    taken = side_by_side({"many": lambda: many.run(feed), "one": lambda: one.run(feed)}, seconds / 2)
    return taken["one"] / taken["many"]
