"""``kcompile optimize``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .arrays import read_arrays, shaped
from .errors import NEGATIVE, OK, CommandError
from .loading import ModelFile, kind_of, load
from .tables import console, format_bytes, say, table, tell

if TYPE_CHECKING:
    import onnx

    from ..optimize import Quantized


class Precision(NamedTuple):
    """Which numbers the file is to have: at most one of these is asked for."""

    int8: bool = False
    dynamic: bool = False
    weights: int | None = None
    float16: bool = False
    bfloat16: bool = False

    def method(self, calibrated: bool) -> str:
        """What `kcompile.optimize.quantize` calls it.

        Raises:
            CommandError: none is asked for, or several.
        """
        asked = {
            "--int8": self.int8 or self.dynamic,
            "--weights": self.weights is not None,
            "--float16": self.float16,
            "--bfloat16": self.bfloat16,
        }
        names = [name for name, wanted in asked.items() if wanted]
        if not names:
            raise CommandError(f"say what to do: one of {', '.join([*asked, '--for'])}.")
        if len(names) > 1:
            raise CommandError(f"{' and '.join(names)} exclude each other: a file has one precision.")
        if names[0] == "--int8":
            return "static" if calibrated and not self.dynamic else "dynamic"
        return f"weights{self.weights}" if names[0] == "--weights" else names[0].removeprefix("--")


class Calibrating(NamedTuple):
    """Where samples come from, and how ranges are taken of them."""

    data: Path | None = None
    calibration: str | None = None
    percentile: float = 99.999
    reduce_range: bool | None = None
    equalize: bool | None = None


class Judging(NamedTuple):
    """What the result is judged by."""

    max_drop: float | None = None
    metric: str = "accuracy"
    labels: Path | None = None
    evaluate: Path | None = None
    write_anyway: bool = False


def optimize_model(
    file: ModelFile,
    output: Path,
    precision: Precision,
    calibrating: Calibrating,
    judging: Judging,
    keep: list[str],
    report: Path | None = None,
    as_json: bool = False,
) -> int:
    """Writes a model in fewer bits, and says what that cost.

    Returns:
        the exit code: 1 where the drop of the metric cannot be held; then nothing is written unless asked.

    Raises:
        CommandError: options that exclude each other, files of the wrong kind.
        kcompile.optimize.OptimizeError: a model that cannot be quantized.
        kcompile.optimize.SamplesError: samples or labels that do not fit.
    """
    if output.suffix.lower() != ".onnx":
        raise CommandError(f"-o {output}: the output is an ONNX file; name it {output.stem}.onnx.")
    for option, path in (("-o", output), ("--report", report)):
        if path is not None and not path.absolute().parent.is_dir():
            raise CommandError(f"{option} {path}: there is no folder {path.parent}.")
    method = precision.method(calibrating.data is not None)
    from ..onnx_io import located
    from ..optimize import OptimizeError, SamplesError, quantize

    source = source_of(file)
    calibrate, evaluate = (_samples(path, source) for path in (calibrating.data, judging.evaluate))
    labels = None if judging.labels is None else read_arrays(judging.labels)
    if isinstance(labels, dict):
        labels = _only(labels, judging.labels)
    options: dict[str, Any] = {
        "calibrate": calibrate,
        "calibration": calibrating.calibration,
        "percentile": calibrating.percentile,
        "reduce_range": calibrating.reduce_range,
        "equalize": calibrating.equalize,
        "keep": keep,
        "max_drop": judging.max_drop,
        "metric": judging.metric,
        "labels": labels,
        "evaluate": evaluate,
        "details": report is not None,
    }
    with located(str(file.path), own=(OptimizeError, SamplesError)):
        result = quantize(source, method, **options)  # type: ignore[arg-type] # checked there
    written = result.held or judging.write_anyway
    if written:
        result.save(output)
    if report is not None:
        result.report(f"{file.path}: {method}").save(report)
    _tell(result, output, written, as_json)
    return OK if result.held else NEGATIVE


def source_of(file: ModelFile) -> onnx.ModelProto:
    """The model as ONNX."""
    from .. import onnx_io
    from ..optimize.sources import exported

    if kind_of(file.path) == "onnx":
        return onnx_io.load(file.path, external_data=True)
    return exported(load(file))


def _samples(path: Path | None, model: onnx.ModelProto) -> Any:
    """The arrays of a file, flat ones in the shapes of the model's inputs."""
    if path is None:
        return None
    arrays = read_arrays(path)
    shapes = {
        i.name: [dim.dim_value or None for dim in i.type.tensor_type.shape.dim] for i in model.graph.input
    }
    if isinstance(arrays, dict):
        return {name: shaped(array, shapes.get(name)) for name, array in arrays.items()}
    return shaped(arrays, next(iter(shapes.values()), None))


def _only(arrays: dict[str, np.ndarray], path: Path | None) -> np.ndarray:
    if len(arrays) != 1:
        raise CommandError(f"--labels {path}: expected one array, found {', '.join(arrays) or 'none'}.")
    return next(iter(arrays.values()))


def _tell(result: Quantized, output: Path, written: bool, as_json: bool) -> None:
    if as_json:
        tell({"file": str(output) if written else None, **result.as_dict()}, "", as_json)
        return
    if result.float_layers:
        rows = [(layer.name, ", ".join(layer.operators), layer.reason) for layer in result.float_layers]
        console().print(table("layers in float32", ["layer", "operators", "why"], rows))
    if result.sensitivities:
        costs = [
            (one.layer, ", ".join(one.operators), f"{one.sqnr:.1f} dB", f"{one.change:.2g}")
            for one in result.sensitivities
        ]
        columns = ["layer", "operators", "its output", "change of the model's"]
        console().print(table("layers by what they cost alone", columns, costs, right=(2, 3)))
    for line in _lines(result, output, written):
        say(line)


def _lines(result: Quantized, output: Path, written: bool) -> list[str]:
    count = len(result.layers) - len(result.float_layers)
    lines = [
        f"outputs: {one.name} {one.sqnr:.1f} dB, largest difference {one.largest:.2g}"
        for one in result.differences
    ]
    if result.unproved:
        lines.append(f"outputs were not compared: {result.unproved}")
    if (found := result.measured) is not None:
        allowed = "" if found.max_drop is None else f", {found.max_drop:g} allowed"
        lines.append(
            f"{found.metric} on {found.samples} samples: {found.after:.4f} (float32 {found.before:.4f}, drop "
            f"{found.drop:.4f}{allowed})"
        )
    size = f"{format_bytes(result.bytes_after)} of {format_bytes(result.bytes_before)}"
    what = f"{size}, {result.method}, {count} of {len(result.layers)} layers"
    if not written:
        return [
            *lines,
            f"the drop cannot be held; the best found: {what}; nothing was written (--write-anyway does)",
        ]
    return [*lines, f"{output}: {what}" + ("" if result.held else "; the drop is not held")]
