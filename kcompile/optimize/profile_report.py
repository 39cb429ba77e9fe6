"""A profile as a report: layers, operators, a flame graph, what bounds each layer, and measured advice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .costs import moves_only
from .peaks import Peaks
from .profiling import Operator, Profile
from .report import (
    Bars,
    Column,
    Fact,
    Facts,
    Flame,
    Frame,
    Notes,
    Report,
    Roofline,
    Table,
    Work,
    shown,
)
from .timing import about_load
from .trials import Trial

_HEAVY = 0.05  # of the time: what is worth advice
_WORTH = 1.1  # times as fast
_FAR_FROM_ROOF = 0.1
_MOST_BARS = 40


@dataclass
class LayerTime:
    """The operators of one layer in one run, and the nodes of the model that they come from."""

    name: str
    operators: list[Operator] = field(default_factory=list)
    nodes: list[Operator] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Of all of them."""
        return sum(operator.seconds for operator in self.operators)

    @property
    def flops(self) -> int:
        """Additions and multiplications."""
        return sum(node.flops for node in self.nodes)

    @property
    def traffic(self) -> int:
        """Bytes that they read and write at least."""
        packed = self.weight_bytes - sum(operator.weight_bytes for operator in self.operators)
        return sum(operator.traffic for operator in self.operators) + max(0, packed)

    @property
    def weight_bytes(self) -> int:
        """Of the weights that they read."""
        return sum(node.weight_bytes for node in self.nodes)

    @property
    def output_bytes(self) -> int:
        """Of all that they write."""
        return sum(operator.output_bytes for operator in self.operators)

    @property
    def types(self) -> str:
        """Their types, the most frequent first."""
        counts = Counter(operator.op_type for operator in self.operators)
        return ", ".join(kind if n == 1 else f"{n} {kind}" for kind, n in counts.most_common())

    def bound(self, peaks: Peaks) -> str:
        """What keeps them from being faster: "arithmetic" or "memory", as the machine's peaks say, or
        "neither", where they are far from both."""
        if self.seconds and peaks.seconds(self.flops, self.traffic) < _FAR_FROM_ROOF * self.seconds:
            return "neither"
        return "arithmetic" if self.flops / peaks.flops >= self.traffic / peaks.bytes else "memory"


def layers_of(operators: Iterable[Operator], nodes: Iterable[Operator] = ()) -> list[LayerTime]:
    """The layers that take time, the one that takes longest first.

    Args:
        operators: as they are deployed.
        nodes: as the file has them, see `profiling.profile_nodes`. Those of a layer that was fused into
            another one are left out.
    """
    layers: dict[str, LayerTime] = {}
    for operator in operators:
        layers.setdefault(operator.layer, LayerTime(operator.layer)).operators.append(operator)
    for node in nodes:
        if node.layer in layers:
            layers[node.layer].nodes.append(node)
    return sorted(layers.values(), key=lambda layer: -layer.seconds)


def profile_report(
    title: str,
    profile: Profile,
    nodes: Sequence[Operator],
    peaks: Peaks,
    inputs: Mapping[str, tuple[int, ...]],
    trials: Sequence[Trial] = (),
    gain: float | None = None,
) -> Report:
    """The report of a prediction's profile.

    Args:
        title: the model's name.
        profile: what was measured.
        nodes: of the model as the file has them.
        peaks: of the machine, with as many threads.
        inputs: shapes of a run, by name.
        trials: single operators in other types.
        gain: how many times as fast as on one thread a run is, where more were used.
    """
    layers, whole = layers_of(profile.operators, nodes), profile.seconds
    samples = next((shape[0] for shape in inputs.values() if shape), 1)
    facts = [
        *(Fact(name, str(shape)) for name, shape in inputs.items()),
        Fact("latency", profile.latency, "s"),
        Fact("throughput", samples / profile.latency, "samples/s"),
        Fact("in operators", whole, "s"),
        *(
            [Fact("memory of onnxruntime's arena, at most", profile.peak_bytes, "B")]
            if profile.peak_bytes
            else []
        ),
        Fact("threads of an operator", profile.threads or "one for each core"),
        Fact("provider", profile.provider),
        Fact("peak of arithmetic, measured", peaks.flops, "FLOP/s"),
        Fact("peak of memory, measured", peaks.bytes, "B/s"),
        Fact("arithmetic of the model", sum(node.flops for node in nodes), "FLOP"),
    ]
    return Report(
        title,
        [
            Facts("One run", facts),
            Notes("Advice, as measured here", list(_advice(layers, profile, trials, gain))),
            _layer_table(layers, whole, peaks),
            _operator_table(profile.operators, whole),
            *([_trial_table(trials)] if trials else []),
            _bars(layers),
            Flame("Flame graph", flame_of(title, profile.operators)),
            Roofline(
                "Roofline",
                peaks.flops,
                peaks.bytes,
                [Work(layer.name, layer.flops, layer.traffic, layer.seconds) for layer in layers],
            ),
        ],
    )


def flame_of(title: str, operators: Iterable[Operator]) -> Frame:
    """Layers within models, operators within layers, bodies within operators."""
    root: _Branch = _Branch()
    for operator in operators:
        path = [
            *operator.layer.strip("/").split("/")[:_DEEPEST],
            *operator.within[1:_DEEPEST],
            operator.op_type,
        ]
        if operator.within:
            path.append(operator.name)
        branch = root
        for name in path:
            branch = branch.parts.setdefault(name, _Branch())
        branch.seconds += operator.seconds
    return root.frame(title)


_DEEPEST = 20


@dataclass
class _Branch:
    seconds: float = 0.0
    parts: dict[str, _Branch] = field(default_factory=dict)

    def frame(self, name: str) -> Frame:
        children = [branch.frame(part) for part, branch in self.parts.items()]
        return Frame(name, self.seconds + sum(child.value for child in children), children)


def _layer_table(layers: Sequence[LayerTime], whole: float, peaks: Peaks) -> Table:
    columns = [
        Column("layer"),
        Column("operators"),
        Column("time", "s"),
        Column("share", "%"),
        Column("weights", "B"),
        Column("outputs", "B"),
        Column("arithmetic", "FLOP/s"),
        Column("bound by"),
        Column("of the roof", "%"),
    ]
    rows = [
        (
            layer.name,
            layer.types,
            layer.seconds,
            layer.seconds / whole if whole else 0.0,
            layer.weight_bytes,
            layer.output_bytes,
            layer.flops / layer.seconds if layer.seconds else 0.0,
            layer.bound(peaks),
            peaks.seconds(layer.flops, layer.traffic) / layer.seconds if layer.seconds else 0.0,
        )
        for layer in layers
    ]
    return Table("Layers", columns, rows)


def _operator_table(operators: Iterable[Operator], whole: float) -> Table:
    counts: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for operator in operators:
        counts[operator.op_type] += 1
        seconds[operator.op_type] += operator.seconds  # type: ignore[assignment]  # a Counter of floats
    columns = [Column("operator"), Column("count"), Column("time", "s"), Column("share", "%")]
    rows = [
        (kind, counts[kind], taken, taken / whole if whole else 0.0) for kind, taken in seconds.most_common()
    ]
    return Table("Operators", columns, rows)


def _trial_table(trials: Sequence[Trial]) -> Table:
    columns = [
        Column("layer"),
        Column("operator"),
        Column("float32", "s"),
        Column("int8", "s"),
        Column("int8 with conversions", "s"),
        Column("float16 with conversions", "s"),
    ]
    rows = [(t.layer, t.title, t.float32, t.int8, t.int8_alone, t.float16) for t in trials]
    return Table("Operators alone, in other types", columns, rows)


def _bars(layers: Sequence[LayerTime]) -> Bars:
    shown_layers = layers[:_MOST_BARS]
    title = "Time of each layer" + (f", the first {_MOST_BARS}" if len(layers) > _MOST_BARS else "")
    return Bars(
        title,
        [layer.name for layer in shown_layers],
        {"seconds": [layer.seconds for layer in shown_layers]},
        "s",
    )


def _advice(
    layers: Sequence[LayerTime], profile: Profile, trials: Sequence[Trial], gain: float | None
) -> Iterator[str]:
    if busy := about_load():
        yield busy
    whole = profile.seconds or 1.0
    shares = {layer.name: layer.seconds / whole for layer in layers}
    for trial in trials:
        yield f"{trial.title} in {trial.layer}: {100 * shares.get(trial.layer, 0):.0f} %; {_of(trial)}."
    if gain is not None:
        yield _about_threads(gain, profile.threads)
    moving = sum(o.seconds for o in profile.operators if moves_only(o.op_type)) / whole
    if moving >= _HEAVY:
        yield f"{100 * moving:.0f} % of the time moves data and computes nothing (Transpose, Concat ...)."
    if profile.outside >= 2 * _HEAVY:
        yield (
            f"{100 * profile.outside:.0f} % of a run is outside of operators, which are so short that "
            "calling them counts; larger batches share it."
        )


def _of(trial: Trial) -> str:
    """What other types would give, in words."""
    found = []
    if trial.int8 is None:
        found.append("int8 does not run")
    elif trial.float32 / trial.int8 < _WORTH:
        found.append(f"int8 would gain nothing here ({shown(trial.float32 / trial.int8, 'x')} as fast)")
    else:
        around = (
            ""
            if trial.int8_alone is None
            else f", {trial.float32 / trial.int8_alone:.1f} with conversions around it"
        )
        found.append(f"int8 would be {trial.float32 / trial.int8:.1f} times as fast here{around}")
    if trial.float16 is not None and trial.float32 / trial.float16 >= _WORTH:
        found.append(f"float16 {trial.float32 / trial.float16:.1f} times")
    return "; ".join(found)


def _about_threads(gain: float, threads: int) -> str:
    count = f"{threads} threads" if threads else "a thread for each core"
    if gain < _WORTH:
        return f"One thread is as fast as {count}: `kcompile tune` finds how many pay."
    return f"With {count} a run is {gain:.1f} times as fast as with one."
