"""The settings with which a file runs fastest on this machine, found by running it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kcompile_runtime import Executor
from kcompile_runtime.session import default_options, load_onnxruntime
from kcompile_runtime.session_settings import (
    MOST_BATCH,
    PROVIDERS,
    SessionSettings,
    path_beside,
    processors,
)

from ..atomic import replacing
from .inputs import plain_executor, repeated
from .timing import Step, side_by_side, step

_LEAST_GAIN = 0.03
"""What differs by less is noise: the plainer settings stay."""
_DEFAULTS = SessionSettings()


@dataclass(frozen=True)
class Tuned:
    """What was found for a file.

    Attributes:
        path: of the file.
        settings: the best.
        steps: what was tried, in order.
        default: seconds of a run by the defaults.
        best: seconds of a run by the settings, measured in turns with the defaults.
        samples: of these runs.
        throughput: samples a second by size of batch, with the settings; empty where the model fixes it.
    """

    path: Path
    settings: SessionSettings
    steps: Sequence[Step]
    default: float
    best: float
    samples: int
    throughput: Mapping[int, float]

    def write(self) -> Path:
        """Writes the settings beside the file, where `kcompile_runtime.Executor` and the server find them."""
        target = Path(path_beside(self.path))
        measured = {"default_seconds": self.default, "seconds": self.best, "samples": self.samples}
        if self.settings.batch_size is not None:
            measured["samples_per_second"] = self.throughput[self.settings.batch_size]
        with replacing(target) as temporary:
            Path(temporary).write_text(self.settings.to_json(self.path, measured), encoding="utf-8")
        return target


def tune_file(
    path: Path,
    inputs: Mapping[str, np.ndarray],
    batch_size: int = 1,
    seconds: float = 0.5,
    report: Callable[[str], None] = lambda what: None,
) -> Tuned:
    """Measures one setting after the other and keeps what is faster.

    Threads come first, since what else there is depends on them; then providers, spinning, the level of
    optimisation, operators side by side, and the size of batches.

    Args:
        path: of an .onnx file.
        inputs: samples to run it on, by name; they are repeated where a batch needs more.
        batch_size: samples of the run whose latency counts.
        seconds: for each measurement, about.
        report: told what is being tried.

    Inputs have the shapes that the file declares.

    Raises:
        ExecutorError: the model cannot be loaded or fails.
    """
    feed = repeated(inputs, batch_size)
    best, steps = _DEFAULTS, []
    runner = _runner(path, best, feed)
    for what, changed in _candidates():
        candidate = changed(best)
        if candidate == best:
            continue
        report(what)
        other = _runner(path, candidate, feed)
        tried = step(what, runner, other, seconds, _LEAST_GAIN)
        steps.append(tried)
        if tried.kept:
            best, runner = candidate, other
    report("the defaults")
    taken = side_by_side({"default": _runner(path, _DEFAULTS, feed), "best": runner}, 2 * seconds)
    if taken["best"] >= (1 - _LEAST_GAIN) * taken["default"]:
        best, taken["best"] = _DEFAULTS, taken["default"]
    throughput = dict(_throughputs(path, best, inputs, seconds, report))
    if throughput:
        best = replace(best, batch_size=_least_of_the_best(throughput))
    return Tuned(path, best, steps, taken["default"], taken["best"], batch_size, throughput)


def _candidates() -> Iterator[tuple[str, Callable[[SessionSettings], SessionSettings]]]:
    """What is tried: a title, and a change of the best until then."""
    count = processors()
    for threads in sorted({*(1 << i for i in range(count.bit_length())), count}):
        yield counted_threads(threads), _setting(intra_op_num_threads=threads)
    available = load_onnxruntime().get_available_providers()
    for provider in PROVIDERS:
        if provider in available and len(set(available) & set(PROVIDERS)) > 1:
            yield provider, _setting(provider=provider)
    yield "no spinning", _setting(allow_spinning=False)
    for level in (2, 1):
        yield f"optimisation level {level}", _setting(graph_optimization_level=level)
    if count > 1:
        yield (
            f"{count} operators side by side",
            _setting(execution_mode=1, inter_op_num_threads=count, intra_op_num_threads=1),
        )


def counted_threads(count: int) -> str:
    """``1 thread``, ``2 threads``."""
    return f"{count} thread" + "s" * (count != 1)


def _setting(**changes: Any) -> Callable[[SessionSettings], SessionSettings]:
    return lambda settings: replace(settings, **changes)


def _runner(path: Path, settings: SessionSettings, feed: Mapping[str, np.ndarray]) -> Callable[[], Any]:
    """A run of the file, as an Executor with these settings beside it would do it."""
    ort = load_onnxruntime()
    options = default_options(ort)
    settings.apply(ort, options)
    providers = None if settings.provider is None else [settings.provider]
    executor = Executor(path, providers, session_options=options)
    arrays = executor.accept(feed)
    return lambda: executor.run(arrays)


def _throughputs(
    path: Path,
    settings: SessionSettings,
    inputs: Mapping[str, np.ndarray],
    seconds: float,
    report: Callable[[str], None],
) -> Iterator[tuple[int, float]]:
    """Samples a second by size of batch, doubled until twice in a row it gains nothing."""
    executor = plain_executor(path)
    if executor.states or any(isinstance((info.shape or (0,))[0], int) for info in executor.inputs):
        return
    best, worse, size = 0.0, 0, 1
    while size <= MOST_BATCH and worse < 2:
        report(f"batches of {size}")
        run = _runner(path, settings, repeated(inputs, size))
        found = size / side_by_side({"": run}, seconds)[""]
        yield size, found
        worse = 0 if found > (1 + _LEAST_GAIN) * best else worse + 1
        best, size = max(best, found), 2 * size


def _least_of_the_best(throughput: Mapping[int, float]) -> int:
    """The smallest batch that is as fast as any, but for noise."""
    most = max(throughput.values())
    return min(size for size, found in throughput.items() if found >= (1 - _LEAST_GAIN) * most)
