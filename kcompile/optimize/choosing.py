"""Of several forms of a model that compute the same, the one that is fastest on this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from kcompile_runtime import Executor, ExecutorError
from kcompile_runtime.session import load_onnxruntime

from ..ir import Graph
from ..onnx_io import readable
from ..onnx_io.comparing import difference
from ..progress import report
from .fusion import WAYS, Rewritten, Target, rewritten
from .inputs import draw
from .timing import Step, step

_LEAST_GAIN = 0.01
"""What is faster by less is not taken: the usual form is the one that most versions of onnxruntime run."""
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@dataclass
class Chosen:
    """What came of it.

    Attributes:
        rewritten: the fastest form; None where the model as it is was the fastest.
        steps: what was tried, in order.
        before, after: seconds of a run of the source and of the form, measured in turns.
        samples: of these runs.
        unmeasured: why nothing was measured; empty where it was.
    """

    rewritten: Rewritten | None
    steps: list[Step] = field(default_factory=list)
    before: float | None = None
    after: float | None = None
    samples: int = 0
    unmeasured: str = ""


def fastest_form(
    source: onnx.ModelProto,
    graph: Graph | None,
    target: Target,
    seconds: float,
    tolerance: float,
) -> Chosen:
    """Tries one form after the other next to the best until then, on random inputs of one sample.

    Args:
        source: the model as it is.
        graph: of it, to draw inputs for; None where it cannot be read.
        target: where it will run.
        seconds: for each measurement of each model, about; 0 takes the usual forms as they are.
        tolerance: the largest difference of an output, relative to its largest value; what differs by more is
            not taken.
    """
    usual = rewritten(source, target)
    why = _not_measurable(target, graph, seconds)
    if why:
        return Chosen(usual, unmeasured=why)
    assert graph is not None
    provider = _PROVIDERS[target]
    plain = _Runner(source, provider)
    try:
        plain.arrays = draw(graph, plain.plain_run)
    except ValueError as error:
        return Chosen(usual, unmeasured=str(error))
    return _search(source, target, plain, usual, seconds, tolerance)


def _not_measurable(target: Target, graph: Graph | None, seconds: float) -> str:
    if seconds <= 0:
        return "nobody asked for it"
    if graph is None:
        return "its operators are not known"
    if target not in _PROVIDERS:
        return "onnxruntime-web does not run here"
    if _PROVIDERS[target] not in load_onnxruntime().get_available_providers():
        return f"there is no {_PROVIDERS[target]} here"
    return ""


def _search(
    source: onnx.ModelProto,
    target: Target,
    plain: _Runner,
    usual: Rewritten,
    seconds: float,
    tolerance: float,
) -> Chosen:
    best, runner, steps = usual, _Runner(usual.model, plain.provider, plain.arrays), list[Step]()
    for name in WAYS:
        for forms in best.forms.others(name):
            what = f"{name}: {getattr(forms, name)}"
            report(what)
            other = rewritten(source, target, forms)
            if other.counts == best.counts:  # there is nothing of the kind
                continue
            candidate = _Runner(other.model, plain.provider, plain.arrays)
            if not candidate.agrees_with(plain, tolerance):
                continue
            tried = step(what, runner, candidate, seconds, _LEAST_GAIN)
            steps.append(tried)
            if tried.kept:
                best, runner = other, candidate
    report("the model as it was")
    samples = len(plain.arrays[0]) if plain.arrays and plain.arrays[0].ndim else 1
    last = step("the model as it was", runner, plain, 2 * seconds, _LEAST_GAIN)
    if last.kept:
        return Chosen(None, [*steps, last], last.seconds, last.seconds, samples)
    return Chosen(best, steps, last.seconds, last.before, samples)


class _Runner:
    """A model and inputs for it; a call is a run."""

    def __init__(self, model: onnx.ModelProto, provider: str, arrays: list[np.ndarray] | None = None) -> None:
        self._model: onnx.ModelProto | None = model
        self.provider = provider
        self.arrays = arrays or []
        self._executor: Executor | None = None

    @property
    def executor(self) -> Executor:
        if self._executor is None:
            assert self._model is not None
            providers = list(dict.fromkeys([self.provider, "CPUExecutionProvider"]))
            with readable(self._model) as source:
                self._executor, self._model = Executor(source, providers), None
        return self._executor

    def __call__(self) -> Any:
        return self.executor.run(self.arrays)

    def plain_run(self, arrays: list[np.ndarray]) -> Any:
        self.executor.reset_states()
        return self.executor.run(arrays)

    def agrees_with(self, other: _Runner, tolerance: float) -> bool:
        """Whether it runs, and its outputs are the other's but for rounding."""
        try:
            found = self.plain_run(self.arrays)
        except ExecutorError:
            return False
        expected = other.plain_run(self.arrays)
        return all(difference(a, b) <= tolerance for a, b in zip(expected, found, strict=True))


__all__ = ["Chosen", "fastest_form"]
