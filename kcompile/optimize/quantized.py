"""A model in fewer bits, made, proved and described in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast, get_args

import numpy as np
import onnx

from .. import __version__, onnx_io
from ..ir import OperatorError
from ..onnx_io.comparing import compare
from ..onnx_io.reading import read_graph
from . import precision, quantizing
from .calibrating import Calibrating, calibrated
from .compact import compact
from .details import Speed, Spread, report_of, speeds, spreads
from .errors import OptimizeError
from .machine import saturates
from .quantizing import weighted_nodes
from .ranges import Calibration, Ranges
from .report import Report
from .running import Runner
from .samples import Arrays, Samples, SamplesError
from .scoring import Difference, Judge, Score, difference
from .search import hold
from .sensitivity import Sensitivity, sensitivities, with_quantized_nodes
from .sources import carries_states, check_quantizable, onnx_model
from .steps import add_step, take_entries

Method = Literal["static", "dynamic", "weights8", "weights4", "float16", "bfloat16"]
METHODS: tuple[str, ...] = get_args(Method)

#: Fewer samples say too little of what a tensor may hold.
LEAST_SAMPLES = 8
_COMPARED = 64  # samples on which outputs are compared


@dataclass(frozen=True)
class Layer:
    """A layer with weights: where it stands after quantisation.

    Attributes:
        name: of the layer.
        operators: those of its nodes that have weights.
        quantized: whether its weights have fewer bits now.
        reason: why not, where they do not.
    """

    name: str
    operators: tuple[str, ...]
    quantized: bool
    reason: str = ""


@dataclass(frozen=True)
class Measured:
    """A metric before and after.

    Attributes:
        metric: its name.
        samples: how many it was taken on.
        before, after: of the float32 model and of the other one.
        drop: how much worse it became; negative where it is better.
        max_drop: what was allowed, None for anything.
        held: whether the drop is no larger.
        tried: (layers in float32, metric) of all models that were tried.
    """

    metric: str
    samples: int
    before: float
    after: float
    drop: float
    max_drop: float | None
    held: bool
    tried: list[tuple[int, float]]


@dataclass
class Quantized:
    """A model in fewer bits, and what that cost.

    Attributes:
        model: the ONNX model.
        method: how it was made.
        bytes_before, bytes_after: of the files.
        layers: those that have weights, in the order of computation.
        differences: of each output from the float32 model's, where they were compared.
        unproved: why outputs were not compared; empty where they were.
        sensitivities: of the layers, where a search asked for them; the most sensitive first.
        measured: the metric, where there was one to hold.
        speeds, spreads: time of runs, and what tensors held, where details were asked for.
        step: what the file's metadata says.
    """

    model: onnx.ModelProto
    method: Method
    bytes_before: int
    bytes_after: int
    layers: list[Layer]
    step: dict[str, Any]
    differences: list[Difference] = field(default_factory=list)
    unproved: str = ""
    sensitivities: list[Sensitivity] = field(default_factory=list)
    measured: Measured | None = None
    speeds: list[Speed] = field(default_factory=list)
    spreads: list[Spread] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether the drop that was allowed holds."""
        return self.measured is None or self.measured.held

    @property
    def float_layers(self) -> list[Layer]:
        """The layers that stayed as they were."""
        return [layer for layer in self.layers if not layer.quantized]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model; a crash leaves an older file whole."""
        onnx_io.save(self.model, path)

    def report(self, title: str = "A model in fewer bits") -> Report:
        """All of it as tables and pictures; most of them need ``details``."""
        return report_of(self, title)

    def as_dict(self) -> dict[str, Any]:
        """All but the model, as plain data for JSON."""
        fields = {name: value for name, value in vars(self).items() if name not in ("model", "step")}
        return cast(dict[str, Any], _plain(fields))


def quantize(
    model: Any,
    method: Method | None = None,
    *,
    calibrate: Arrays | None = None,
    calibration: Calibration | None = None,
    percentile: float = 99.999,
    keep: Collection[str] = (),
    reduce_range: bool | None = None,
    equalize: bool | None = None,
    max_drop: float | None = None,
    metric: str | Score = "accuracy",
    labels: np.ndarray | None = None,
    evaluate: Arrays | None = None,
    details: bool = False,
) -> Quantized:
    """Makes a model smaller, and faster where the machine has kernels for that.

    Args:
        model: an ``onnx.ModelProto``, the path of a .onnx, .keras or .h5 file, or a Keras model.
        method: "static": weights and activations of 8 bits, with ranges taken on ``calibrate``; of LSTM, for
            which there are no other kernels, of each batch. "dynamic": the same for Dense, Embedding and
            LSTM, with ranges of each batch. "weights8", "weights4":
            matrices stored so, computed in float32. "float16"; "bfloat16": weights stored so. By default
            "static" with samples, "dynamic" without.
        calibrate: arrays (samples, ...) for the inputs: one, a list, or a dict by name; 100 to 500 samples as
            the model meets them.
        calibration: "minmax", "percentile" or "entropy", see ``Ranges``; by default "minmax", or one of the
            others where outputs on the samples gain by it.
        percentile: of the numbers that "percentile" keeps.
        keep: names of layers that stay float32.
        reduce_range: whether weights have 7 bits; by default where the processor here would cut sums of 8.
        equalize: whether channels between layers are brought to like ranges first ("static"); by default
            where outputs on the samples gain by it.
        max_drop: layers are put back to float32 until the metric drops by no more.
        metric: "accuracy", "top_5", "mae", "mse" or a function (labels, outputs) -> number of which more is
            better.
        labels: (samples, ...), of ``evaluate`` or else of ``calibrate``.
        evaluate: samples that the metric is taken on.
        details: with samples, whether runs are timed, each layer's sensitivity is measured and histograms are
            taken: what a report shows besides.

    Returns:
        the model and what it cost. ``held`` is False where the drop could not be held; then the model is the
        best that was found.

    Raises:
        OptimizeError: the model is quantized already, of an old operator set, or has nothing to quantize.
        SamplesError: samples or labels that do not fit, too few of them, NaN.
    """
    source = onnx_model(model)
    check_quantizable(source)
    if carries_states(source) and (calibrate is not None or evaluate is not None):
        raise OptimizeError(
            "The model carries states from call to call, which samples do not have: quantize it without "
            "samples."
        )
    samples = None if calibrate is None else _calibration_samples(source, calibrate)
    judged = samples if evaluate is None else Samples(source, evaluate, "evaluation")
    if method is None:
        method = "dynamic" if samples is None else "static"
    how = Calibrating(calibration, percentile, equalize)
    recipe = _Recipe(source, method, samples, how, reduce_range)
    kept = recipe.nodes_of(_known_layers(keep, recipe.layers))

    def make(layers: Sequence[str]) -> onnx.ModelProto:
        return recipe.make([*kept, *recipe.nodes_of(layers)])

    found_sensitivities: list[Sensitivity] = []
    measured, put_back = None, []
    if max_drop is None and labels is None:
        made = make([])
    else:
        judge = _judge(source, samples, judged, labels, metric)

        def order() -> list[Sensitivity]:
            found_sensitivities[:] = recipe.sensitivities(judge.samples, _candidates(recipe, keep))
            return found_sensitivities

        search = hold(make, judge, order, np.inf if max_drop is None else max_drop)
        made, put_back = search.model, search.float_layers
        measured = Measured(
            judge.name, len(judge.samples), judge.base, search.score, judge.drop(search.score), max_drop,
            search.held, search.tried,
        )  # fmt: skip
    reasons = dict.fromkeys(put_back, "put back for the metric") | dict.fromkeys(keep, "asked for")
    result = _described(recipe, made, judged, reasons, measured, found_sensitivities)
    if details and judged is not None:
        _detail(result, recipe, judged, keep)
    return result


def _calibration_samples(source: onnx.ModelProto, calibrate: Arrays) -> Samples:
    samples = Samples(source, calibrate)
    if len(samples) < LEAST_SAMPLES:
        raise SamplesError(f"calibration: expected at least {LEAST_SAMPLES} samples, found {len(samples)}.")
    return samples


def _candidates(recipe: _Recipe, keep: Collection[str]) -> Collection[str]:
    """The layers that would be quantized if none but those of ``keep`` stayed."""
    return recipe.layers.keys() - set(keep) - _unchanged(recipe, recipe.make(recipe.nodes_of(keep)))


def _detail(result: Quantized, recipe: _Recipe, samples: Samples, keep: Collection[str]) -> None:
    result.speeds = speeds(recipe.source, result.model, samples)
    if not result.sensitivities:
        result.sensitivities = recipe.sensitivities(samples, _candidates(recipe, keep))
    if recipe.method == "static":
        read = (node.input[0] for nodes in recipe.layers.values() for node in nodes)
        few = cast(Samples, recipe.samples).subset(_COMPARED)
        result.spreads = spreads(cast(Ranges, recipe.ranges), recipe.base, read, few)


class _Recipe:
    """One way to quantize one model, for any choice of nodes that stay float32.

    Attributes:
        base: the float32 model whose nodes are named: prepared, where the method wants it so.
        layers: its nodes with weights, by layer.
    """

    def __init__(
        self,
        source: onnx.ModelProto,
        method: Method,
        samples: Samples | None,
        how: Calibrating,
        reduce_range: bool | None,
    ) -> None:
        if method not in METHODS:
            raise OptimizeError(f"method: expected {', '.join(METHODS)}; found {method!r}.")
        self.source, self.method, self.samples = source, method, samples
        self.reduce_range = saturates() if reduce_range is None else reduce_range
        self.base = (
            quantizing.prepare(source) if method in ("static", "dynamic") else quantizing.named(source)
        )
        self.layers = weighted_nodes(self.base)
        if not self.layers:
            raise OptimizeError(
                "There is nothing to quantize: the model has no "
                f"{', '.join(quantizing.WEIGHTED)} with weights."
            )
        self.equalized = False
        self.ranges = self._ranges(how)
        self.wide = (
            [] if self.ranges is None or method != "float16" else precision.too_large(self.base, self.ranges)
        )
        self._whole: onnx.ModelProto | None = None

    def _ranges(self, how: Calibrating) -> Ranges | None:
        """Taken on the base, which becomes the equalized one where that is better."""
        if self.method == "static":
            if self.samples is None:
                raise SamplesError(
                    "calibration: ranges of static quantisation are taken on samples; give some."
                )
            found = calibrated(self.source, self.base, self.samples, how, self.reduce_range)
            self.base, self.equalized = found.base, found.equalized
            return found.ranges
        if self.method == "float16" and self.samples is not None:
            return Ranges(quantizing.shaped(self.base), self.samples)
        return None

    def nodes_of(self, layers: Iterable[str]) -> list[str]:
        """The names of the nodes of layers."""
        return [node.name for layer in layers for node in self.layers[layer]]

    def make(self, keep: Collection[str]) -> onnx.ModelProto:
        """The model in fewer bits but for nodes of these names."""
        if self.method == "static":
            return quantizing.static(self.base, cast(Ranges, self.ranges), keep, self.reduce_range)
        if self.method == "dynamic":
            return quantizing.dynamic(self.base, keep, self.reduce_range)
        if self.method in ("weights8", "weights4"):
            return quantizing.weights(self.base, 8 if self.method == "weights8" else 4, keep)
        narrow = precision.float16 if self.method == "float16" else precision.bfloat16
        return narrow(self.base, [*keep, *self.wide])

    def alone(self, names: Collection[str]) -> onnx.ModelProto:
        """The float32 model in which the nodes of these names alone have fewer bits."""
        if self.method == "static":
            if self._whole is None:
                self._whole = self.make(())
            made = with_quantized_nodes(self.base, self._whole, names)
            return quantizing.by_batch(made, self._others(names), self.reduce_range)
        return self.make(self._others(names))

    def _others(self, names: Collection[str]) -> list[str]:
        """The names of the nodes with weights that are not among these."""
        return [node.name for nodes in self.layers.values() for node in nodes if node.name not in names]

    def sensitivities(self, samples: Samples, layers: Collection[str]) -> list[Sensitivity]:
        """Of these layers."""
        chosen = {layer: nodes for layer, nodes in self.layers.items() if layer in layers}
        return sensitivities(self.base, chosen, self.alone, samples)


def _known_layers(keep: Collection[str], layers: Collection[str]) -> Collection[str]:
    if unknown := [layer for layer in keep if layer not in layers]:
        known = ", ".join(list(layers)[:20])
        raise OptimizeError(f"keep: there is no layer {unknown[0]!r} with weights; there are {known}.")
    return keep


def _judge(
    source: onnx.ModelProto,
    calibration: Samples | None,
    judged: Samples | None,
    labels: np.ndarray | None,
    metric: str | Score,
) -> Judge:
    if judged is None:
        raise SamplesError("evaluation: a metric is taken on samples; there are none.")
    if calibration is not None and judged is not calibration:
        _check_range(calibration, judged)
    return Judge(source, judged, labels, metric)


def _check_range(calibration: Samples, judged: Samples) -> None:
    """Ranges of numbers 0 to 1 are of no use for numbers 0 to 255."""
    for name, array in calibration.arrays.items():
        if array.dtype.kind != "f":
            continue
        own, other = (float(np.abs(a).max(initial=0.0)) for a in (array, judged.arrays[name]))
        if other > 10 * own:
            raise SamplesError(
                f"calibration: the numbers for {name!r} are no larger than {own:.3g}, those that the model "
                f"is judged on reach {other:.3g}: bring both into the range that the model was trained on."
            )


def _unchanged(recipe: _Recipe, made: onnx.ModelProto) -> set[str]:
    """The layers whose weights a quantized model has as they were."""
    if recipe.method == "bfloat16":  # there the reader of narrow weights stays
        still = {i.name for i in made.graph.initializer if i.data_type == onnx.TensorProto.FLOAT and i.dims}
        return {
            layer
            for layer, nodes in recipe.layers.items()
            if all(still.intersection(_weights_of(recipe.base, node)) for node in nodes)
        }
    return set(recipe.layers) & set(weighted_nodes(made))


def _weights_of(model: onnx.ModelProto, node: onnx.NodeProto) -> set[str]:
    return {i.name for i in model.graph.initializer}.intersection(node.input)


def _described(
    recipe: _Recipe,
    made: onnx.ModelProto,
    judged: Samples | None,
    reasons: Mapping[str, str],
    measured: Measured | None,
    sensitivities: list[Sensitivity],
) -> Quantized:
    """The proved model with its metadata and its description.

    Args:
        reasons: why layers stay float32, where that was decided.
    """
    source, method = recipe.source, recipe.method
    take_entries(made, source, keras=method in ("float16", "bfloat16"))
    layers = _layers(recipe, _unchanged(recipe, made), reasons)
    if not any(layer.quantized for layer in layers):
        raise OptimizeError(f"No layer can be quantized by {method!r}: {layers[0].reason}.")
    compact(made)
    step = _step(recipe, layers)
    add_step(made, step)
    result = Quantized(made, method, onnx_io.size_of(source), onnx_io.size_of(made), layers, step)
    result.measured, result.sensitivities = measured, sensitivities
    result.differences, result.unproved = _proved(source, made, judged or recipe.samples)
    return result


def _layers(recipe: _Recipe, unchanged: Collection[str], reasons: Mapping[str, str]) -> list[Layer]:
    layers = []
    for name, nodes in recipe.layers.items():
        operators = tuple(dict.fromkeys(node.op_type for node in nodes))
        reason = reasons.get(name) or _reason(recipe.method, operators)
        layers.append(Layer(name, operators, name not in unchanged, reason if name in unchanged else ""))
    return layers


def _step(recipe: _Recipe, layers: Iterable[Layer]) -> dict[str, Any]:
    """What the file's metadata says of it."""
    step: dict[str, Any] = {
        "step": "quantize",
        "method": recipe.method,
        "float_layers": [layer.name for layer in layers if not layer.quantized],
        "kcompile": __version__,
    }
    if recipe.method in ("static", "dynamic"):
        step["reduce_range"] = recipe.reduce_range
    if recipe.method == "static":
        step["calibration"] = cast(Ranges, recipe.ranges).calibration
        step["samples"] = len(cast(Samples, recipe.samples))
        step["equalized"] = recipe.equalized
    return step


def _reason(method: str, operators: Iterable[str]) -> str:
    """Why a layer of these operators stays float32."""
    supported = {
        "static": (*quantizing.STATIC, *quantizing.BY_BATCH),
        "dynamic": quantizing.DYNAMIC,
        "weights8": ("Gemm", "MatMul", "Gather"),
        "weights4": ("Gemm", "MatMul", "Gather"),
    }.get(method, quantizing.WEIGHTED)
    missing = [operator for operator in operators if operator not in supported]
    if missing:
        return (
            f"no kernel of 8 bits for {missing[0]}"
            if method == "static"
            else f"{method} has none for {missing[0]}"
        )
    return (
        "too few weights to be worth it"
        if method.startswith(("weights", "bfloat"))
        else "not supported there"
    )


def _proved(
    source: onnx.ModelProto, made: onnx.ModelProto, samples: Samples | None
) -> tuple[list[Difference], str]:
    """How far each output is from the source's, and why that is not known where it is not.

    Raises:
        OptimizeError: the model does not run, or gives NaN where the source gives numbers.
    """
    names = [output.name for output in source.graph.output]
    if samples is not None:
        few = samples.subset(_COMPARED)
        pairs = list(zip(Runner(source).outputs(few), Runner(made).outputs(few), strict=True))
    else:
        pairs, why = _pairs_on_random_inputs(source, made)
        if not pairs:
            return [], why
    found = []
    for name, (expected, got) in zip(names, pairs, strict=True):
        if expected.shape != got.shape or not np.isfinite(got[np.isfinite(expected)]).all():
            raise OptimizeError(
                f"The rewritten model gives NaN or infinite numbers in {name!r}; nothing is made of it."
            )
        finite = np.isfinite(expected) & np.isfinite(got)
        found.append(difference(name, expected[finite], got[finite]))
    return found, ""


def _pairs_on_random_inputs(
    source: onnx.ModelProto, made: onnx.ModelProto
) -> tuple[list[tuple[np.ndarray, np.ndarray]], str]:
    try:
        graph = read_graph(onnx_io.without_weights(source) if onnx_io.is_large(source) else source)
    except (OperatorError, onnx_io.FormatError) as error:
        return [], str(error)
    runners = [Runner(model) for model in (source, made)]
    names = [value.name for value in graph.inputs]

    def run(runner: Runner) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
        return lambda arrays: runner.run(dict(zip(names, arrays, strict=True)))

    result = compare([graph], run(runners[0]), run(runners[1]))
    if result.failed is not None:
        raise OptimizeError(f"The rewritten model does not run where its source does: {result.failed}")
    return result.outputs, result.reason


def _plain(value: Any) -> Any:
    """Numbers, texts, lists and dicts: what JSON has."""
    if hasattr(value, "__dataclass_fields__"):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
