"""Where the time of a prediction goes: onnxruntime's own profile, by operator and by layer.

The session is the one that is deployed, with all of onnxruntime's optimisations: operators that it fused are
one, under the name of the first.
"""

from __future__ import annotations

import bisect
import contextlib
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from kcompile_runtime import Executor
from kcompile_runtime.session import default_options, load_onnxruntime
from kcompile_runtime.session_settings import SessionSettings, settings_beside

from .costs import Tensor, flops, traffic
from .origins import Origins
from .timing import seconds_of, typical

_KERNEL = "_kernel_time"
_WITH_BODIES = frozenset(("Scan", "Loop", "If"))
_LEAST_RUNS, _MOST_RUNS, _WARM_UPS = 8, 100, 2  # a profile of more would be a long text
_OPTIMIZED = "optimized.onnx"
_Key = tuple[tuple[str, ...], str, str]  # of an operator: what it lies in, its name and type


@dataclass(frozen=True)
class Operator:
    """One operator as onnxruntime ran it.

    Attributes:
        name: of the node.
        op_type: what it computes; onnxruntime's fused operators have names of their own.
        layer: the path of the layer whose call emitted it, or the first of what was fused.
        within: the names of the operators whose bodies it lies in, outermost first.
        seconds: of one run, without the operators of its bodies.
        calls: in one run; more than one in the body of a loop.
        inputs, outputs: as they were in its last call; weights that were packed are not among the inputs.
        weight_bytes: of the weights among its operands that were not packed.
        equation: of an Einsum, where it is known.
    """

    name: str
    op_type: str
    layer: str
    within: tuple[str, ...]
    seconds: float
    calls: float
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    weight_bytes: int
    equation: str = ""

    @property
    def flops(self) -> int:
        """Additions and multiplications of one run, see `costs.flops`."""
        return round(self.calls * flops(self.op_type, self.inputs, self.outputs, self.equation))

    @property
    def traffic(self) -> int:
        """Bytes that it reads and writes at least, see `costs.traffic`."""
        return round(self.calls * traffic(self.op_type, self.inputs, self.outputs))

    @property
    def output_bytes(self) -> int:
        """Of what it writes."""
        return round(self.calls * sum(tensor.bytes for tensor in self.outputs))


@dataclass(frozen=True)
class Profile:
    """What was measured of a model.

    Attributes:
        operators: in the order in which they ran.
        latency: seconds of a run without the profile.
        outside: the share of a run that is in no operator, with the profile.
        peak_bytes: of memory in use, weights included; 0 where onnxruntime does not tell.
        threads: of one operator; 0 for onnxruntime's default.
        provider: that ran the model.
    """

    operators: tuple[Operator, ...]
    latency: float
    outside: float
    peak_bytes: int
    threads: int
    provider: str

    @property
    def seconds(self) -> float:
        """Of all operators of one run."""
        return sum(operator.seconds for operator in self.operators)


def profile_file(
    path: Path, inputs: Mapping[str, np.ndarray], threads: int | None = None, seconds: float = 2.0
) -> Profile:
    """Runs a model and reads where its time went.

    Args:
        path: of an .onnx file.
        inputs: of one run, by name.
        threads: of one operator; by default those of the settings beside the file, or onnxruntime's.
        seconds: for measuring, about.

    Raises:
        ExecutorError: the model cannot be loaded, does not take the inputs, or fails.
    """
    plain = Executor(path, session_options=deployed_options(path, threads))
    feed = plain.accept(inputs)
    latency = seconds_of(lambda: plain.run(feed), seconds / 2)
    options = deployed_options(path, threads)
    (trace,) = _record([(path, options)], inputs, seconds / 2)
    return Profile(
        tuple(operators_of(trace.events, trace.origins, trace.warm_ups)),
        latency,
        outside_of(trace.events, trace.warm_ups),
        _peak(trace.events),
        options.intra_op_num_threads,
        trace.provider,
    )


def profile_together(
    paths: Sequence[Path], inputs: Mapping[str, np.ndarray], threads: int | None, seconds: float
) -> list[list[Operator]]:
    """The operators of several models that take the same inputs, run in turns; see `profile_file`."""
    files = [(path, deployed_options(path, threads)) for path in paths]
    return [
        list(operators_of(trace.events, trace.origins, trace.warm_ups))
        for trace in _record(files, inputs, seconds)
    ]


def profile_nodes(path: Path, inputs: Mapping[str, np.ndarray]) -> tuple[Operator, ...]:
    """The nodes of a model as the file has them, with the shapes of all their operands: one run without
    optimisation, whose times say nothing of the deployed model."""
    options = deployed_options(path)
    SessionSettings(graph_optimization_level=0).apply(load_onnxruntime(), options)
    options.add_session_config_entry("session.disable_prepacking", "1")
    (trace,) = _record([(path, options)], inputs, 0.0, warm_ups=0, least=1)
    equations = {
        node.name: attribute.s.decode("utf-8", "replace")
        for node in trace.model.graph.node
        for attribute in node.attribute
        if attribute.name == "equation"
    }
    return tuple(
        replace(operator, equation=equations.get(operator.name, ""))
        for operator in operators_of(trace.events, trace.origins)
    )


def deployed_options(path: Path, threads: int | None = None) -> Any:
    """The onnxruntime.SessionOptions with which an `Executor` runs a file, but for the number of threads."""
    ort = load_onnxruntime()
    options = default_options(ort)
    beside, asked = settings_beside(path), SessionSettings(intra_op_num_threads=threads)
    for settings in (beside, asked):
        if settings is not None:
            settings.apply(ort, options)
    return options


@dataclass(frozen=True)
class _Trace:
    """What a session wrote down of its runs.

    Attributes:
        events: of onnxruntime's profile.
        model: as the file has it, without weights.
        origins: leads operators back to its nodes.
        provider: that ran it.
        warm_ups: how many runs do not count, the first ones.
    """

    events: list[dict[str, Any]]
    model: onnx.ModelProto
    origins: Origins
    provider: str
    warm_ups: int


def _record(
    files: Sequence[tuple[Path, Any]],
    inputs: Mapping[str, np.ndarray],
    seconds: float,
    warm_ups: int = _WARM_UPS,
    least: int = _LEAST_RUNS,
) -> list[_Trace]:
    """Runs files by their options in turns, for so many seconds each, and ``least`` times at least."""
    with contextlib.ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in files]
        executors = [
            Executor(path, session_options=_recording(options, folder))
            for (path, options), folder in zip(files, folders, strict=True)
        ]
        feeds = [executor.accept(inputs) for executor in executors]
        end, runs = time.perf_counter() + seconds * len(files), 0
        while runs < warm_ups + least or (runs < _MOST_RUNS and time.perf_counter() < end):
            for executor, feed in zip(executors, feeds, strict=True):
                executor.run(feed)
            runs += 1
        traces = []
        for (path, _), folder, executor in zip(files, folders, executors, strict=True):
            events = Path(executor.session.end_profiling()).read_text(encoding="utf-8", errors="replace")
            model = onnx.load(path, load_external_data=False)
            optimized = onnx.load(folder / _OPTIMIZED, load_external_data=False)
            origins = Origins(model, optimized)
            found = json.loads(events, strict=False)  # releases before 1.27 write names as they are
            traces.append(_Trace(found, model, origins, executor.providers[0], warm_ups))
        return traces


def _recording(options: Any, folder: Path) -> Any:
    """The options with which a session also writes its profile, and the model as it is run, into a folder."""
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    options.optimized_model_filepath = str(folder / _OPTIMIZED)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "weights")
    return options


# --- onnxruntime's profile: events of Chrome's trace format ---


def operators_of(
    events: Sequence[Mapping[str, Any]], origins: Origins, skipped: int = 0
) -> Iterator[Operator]:
    """The operators in a profile, with their seconds of one run: of each the mean over the fastest quarter.

    Args:
        events: as onnxruntime writes them; times are whole microseconds.
        origins: which layers they are of.
        skipped: how many runs are passed over, the first ones.
    """
    runs = _runs(events)[skipped:]
    totals: dict[_Key, list[float]] = {}
    calls: dict[_Key, int] = {}
    last: dict[_Key, Mapping[str, Any]] = {}
    for event, within, own in _nested(events):
        run = _run_of(event, runs)
        if run < 0:
            continue
        key = (within, event["name"].removesuffix(_KERNEL), event["args"]["op_name"])
        totals.setdefault(key, [0.0] * len(runs))[run] += own
        calls[key] = calls.get(key, 0) + 1
        last[key] = event["args"]
    for (within, name, op_type), taken in totals.items():
        args = last[within, name, op_type]
        yield Operator(
            name,
            op_type,
            origins.layer(within[0], "") if within else origins.layer(name, op_type),
            within,
            1e-6 * typical(taken),
            calls[within, name, op_type] / len(runs),
            _tensors(args, "input_type_shape"),
            _tensors(args, "output_type_shape"),
            int(args.get("parameter_size", 0) or 0),
        )


def outside_of(events: Sequence[Mapping[str, Any]], skipped: int = 0) -> float:
    """The share of a run that is in no operator: what calling them takes."""
    runs = _runs(events)[skipped:]
    rest = [taken for _, taken in runs]
    for event, within, _ in _nested(events):
        run = _run_of(event, runs)
        if run >= 0 and not within:
            rest[run] -= event["dur"]
    shares = [max(0.0, left) / taken for left, (_, taken) in zip(rest, runs, strict=True) if taken]
    return typical(shares)


def _runs(events: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """When each run began, and how long it took."""
    return sorted(
        (event["ts"], event["dur"])
        for event in events
        if event.get("cat") == "Session" and event["name"] == "model_run"
    )


def _run_of(event: Mapping[str, Any], runs: Sequence[tuple[float, float]]) -> int:
    """In which run an event lies; -1 for one before them."""
    return bisect.bisect_right(runs, event["ts"], key=lambda run: run[0]) - 1


def _nested(
    events: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...], float]]:
    """Each kernel's event, the names of the operators in whose bodies it ran, and its time without those in
    its own bodies."""
    kernels = [e for e in events if e.get("cat") == "Node" and e["name"].endswith(_KERNEL)]
    kernels.sort(key=lambda event: (event["ts"], -event["dur"]))
    own = [float(event["dur"]) for event in kernels]
    open_: list[int] = []
    within: list[tuple[str, ...]] = []
    for i, event in enumerate(kernels):
        while open_ and kernels[open_[-1]]["ts"] + kernels[open_[-1]]["dur"] <= event["ts"]:
            open_.pop()
        within.append(tuple(kernels[outer]["name"].removesuffix(_KERNEL) for outer in open_))
        if open_:
            own[open_[-1]] -= event["dur"]
        if event["args"]["op_name"] in _WITH_BODIES:
            open_.append(i)
    for event, names, seconds in zip(kernels, within, own, strict=True):
        yield event, names, max(0.0, seconds)


def _tensors(args: Mapping[str, Any], key: str) -> tuple[Tensor, ...]:
    """``[{"float": [1, 3]}, ...]``; sequences and what is left out have no entry."""
    found = []
    for entry in args.get(key) or ():
        for dtype, shape in entry.items():
            if isinstance(shape, list):
                found.append(Tensor(dtype, tuple(int(size) for size in shape)))
    return tuple(found)


def _peak(events: Sequence[Mapping[str, Any]]) -> int:
    """The most memory that was in use after an operator."""
    found = (event["args"].get("mem_in_use_peak", 0) for event in events if event.get("cat") == "Node")
    return max((int(size) for size in found), default=0)
