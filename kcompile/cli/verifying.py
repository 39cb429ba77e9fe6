"""``kcompile verify``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..ir import Graph
from .errors import CommandError
from .loading import ModelFile, inference_graph, kind_of, load
from .predicting import Predictor, model_predictor, open_predictor
from .tables import console, say, table, tell

if TYPE_CHECKING:
    from ..onnx_io.comparing import Comparison


def verify_models(
    a: ModelFile, b: ModelFile, tolerance: float, samples: int, seed: int, as_json: bool = False
) -> bool:
    """Runs two models on the same random inputs and prints the largest difference of each output.

    Args:
        a, b: the models; one may be a file of weights alone, which are compared in the
            other's architecture.
        tolerance: largest difference allowed, relative to the largest value of an output in A.
        samples: number of random samples, where the models do not fix it.
        seed: of the random inputs.
        as_json: print JSON in place of a table.

    Returns:
        whether all outputs agree.

    Raises:
        CommandError: a file cannot be compared at all.
    """
    from ..onnx_io.comparing import compare

    first, second = _open(a, b), _open(b, a)
    problem = _signature_problem(first, second)
    files = {"a": str(a.path), "b": str(b.path)}
    if problem:
        if as_json:
            tell({**files, "equal": False, "reason": problem}, "", as_json)
        say(f"different: {problem}", file=sys.stderr)
        return False
    result = compare(
        _graphs(a, b, first, second),
        lambda arrays: _outputs(first, arrays),
        lambda arrays: _outputs(second, _for_second(first, second, arrays)),
        samples=samples,
        seed=seed,
    )
    if result.failed is not None:
        raise CommandError(f"{second.path} does not run where {first.path} does: {result.failed}")
    if result.reason:
        raise CommandError(f"{a.path} and {b.path} cannot be compared: {result.reason}.")
    rows, found, equal = [], [], True
    for i, name in enumerate(first.output_names):
        row, agrees = _row(result, i, tolerance)
        equal &= agrees
        rows.append((name, *row))
        relative = result.worst[i]
        found.append({"name": name, "shape": row[0], "relative_difference": relative, "within": row[-1]})
    if as_json:
        number = {"samples": _samples(result), "tolerance": tolerance}
        tell({**files, **number, "equal": equal, "outputs": found}, "", as_json)
        return equal
    columns = ["output", "shape", "largest difference", "relative", f"within {tolerance:g}"]
    console().print(table(f"{a.path} and {b.path}, {_samples(result)} samples", columns, rows, right=(2, 3)))
    say("equal" if equal else "different")
    return equal


def _row(result: Comparison, i: int, tolerance: float) -> tuple[tuple[str, ...], bool]:
    """What the table says of an output, and whether it agrees (or could not be compared)."""
    expected, got = result.outputs[i]
    worst = result.worst[i]
    if worst is None:
        return (_shapes(expected, got), "-", "-", "random" if result.random[i] else "only NaN"), True
    agrees = worst <= tolerance
    return (
        _shapes(expected, got),
        _largest(expected, got),
        f"{worst:.2g}",
        "yes" if agrees else "NO",
    ), agrees


def _samples(result: Comparison) -> int:
    return len(result.inputs[0][0]) if result.inputs and result.inputs[0] else 0


def _open(file: ModelFile, other: ModelFile) -> Predictor:
    """The predictor of a file; weights alone go into the architecture of the other one."""
    path = file.path
    if not _holds_weights_alone(path):
        return open_predictor(file)
    if file.weights is not None or _holds_weights_alone(other.path):
        raise CommandError(
            f"{path} holds weights alone; compare it with a model, which has the architecture."
        )
    if other.path.suffix.lower() == ".py":
        raise CommandError(
            f"{path} holds weights alone, and {other.path} is PyTorch source, which takes none but its own."
        )
    model = load(other)
    if isinstance(model, Graph):
        raise CommandError(f"{path} holds weights alone, and {other.path} is no Keras model that takes them.")
    model.load_weights(path)
    return model_predictor(path, model)


def _holds_weights_alone(path: Path) -> bool:
    if path.suffix.lower() == ".py":
        return False
    return path.name.lower().endswith(".weights.h5") or kind_of(path) in ("torch", "safetensors")


def _signature_problem(first: Predictor, second: Predictor) -> str:
    for what in ("input", "output"):
        counts = [len(getattr(predictor, f"{what}_names")) for predictor in (first, second)]
        if counts[0] != counts[1]:
            return f"{first.path} has {counts[0]} {what}s, {second.path} has {counts[1]}."
    for name, shape, other in zip(first.input_names, first.input_shapes, second.input_shapes, strict=True):
        if shape is None or other is None:
            continue
        sizes = zip(shape, other, strict=False)
        if len(shape) != len(other) or any(
            isinstance(m, int) and isinstance(n, int) and m != n for m, n in sizes
        ):
            return f"the input {name!r} of {first.path} has the shape {shape}, that of {second.path} {other}."
    return ""


def _graphs(a: ModelFile, b: ModelFile, first: Predictor, second: Predictor) -> list[Graph]:
    """The graphs of the two, with inputs in the first one's order: one where the other has none (weights
    alone are compared in the other's graph, and PyTorch source says nothing of its inputs).

    Raises:
        CommandError: neither has a graph.
    """
    graphs = []
    for file, predictor in ((a, first), (b, second)):
        if file.path.suffix.lower() == ".py" or _holds_weights_alone(file.path):
            continue
        graph = inference_graph(load(file))
        if predictor is second and set(first.input_names) == set(second.input_names):
            order = [second.input_names.index(name) for name in first.input_names]
            inputs = [graph.inputs[i] for i in order]
            graph = Graph(graph.outputs, inputs, graph.updates, silent=True, replaced=graph.replaced)
        graphs.append(graph)
    if not graphs:
        raise CommandError("one of the two must be a model: .py source alone does not say what to give.")
    return graphs


def _for_second(first: Predictor, second: Predictor, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """The inputs in the second model's order, by name where both have the same names."""
    if set(first.input_names) != set(second.input_names):
        return inputs
    return [inputs[first.input_names.index(name)] for name in second.input_names]


def _outputs(predictor: Predictor, inputs: list[np.ndarray]) -> list[np.ndarray]:
    predictor.reset_states()
    return predictor.predict(inputs)


def _shapes(expected: np.ndarray, got: np.ndarray) -> str:
    text = str(expected.shape)
    return text if expected.shape == got.shape else f"{text} and {got.shape}"


def _largest(expected: np.ndarray, got: np.ndarray) -> str:
    if expected.shape != got.shape:
        return "-"
    both = np.isfinite(expected) & np.isfinite(got)
    difference = np.abs(expected[both].astype(np.float64) - got[both].astype(np.float64))
    return f"{float(np.max(difference, initial=0.0)):.3g}"
