"""``kcompile compile``."""

from __future__ import annotations

import os
import time
from pathlib import Path

from .errors import CommandError
from .loading import ModelFile, load
from .tables import format_bytes, tell


def compile_model(
    file: ModelFile,
    output: Path,
    new_weights: bool,
    opset: int,
    verify: bool,
    as_json: bool = False,
) -> None:
    """Writes a model file as ONNX, and says so in one line.

    Raises:
        CommandError: the output is not called .onnx.
        kcompile.onnx_io.ExportError: the model cannot be exported, or differs from the exported one.
    """
    if output.suffix.lower() != ".onnx":
        raise CommandError(f"-o {output}: the output is an ONNX file; name it {output.stem}.onnx.")
    from ..ir import Graph
    from ..onnx_io.opsets import supported_opsets

    allowed = supported_opsets()
    if opset not in allowed:
        raise CommandError(f"--opset {opset}: expected a version from {allowed[0]} to {allowed[-1]}.")
    model = load(file, new_weights)
    start = time.perf_counter()
    if isinstance(model, Graph):
        from ..onnx_io import export, located

        with located(str(file.path), "it cannot be written as ONNX"):
            export(
                model,
                output,
                input_names=[value.name for value in model.inputs],
                output_names=[value.name for value in model.outputs],
                opset=opset,
                name=file.path.stem,
            )
        how = "checked"
    else:
        compared = model.export(output, opset=opset, verify=verify)
        how = "verified" if compared else "checked, not compared" if verify else "not verified"
    seconds = time.perf_counter() - start
    size = os.path.getsize(output)
    found = {"file": str(output), "bytes": size, "opset": opset, "comparison": how, "seconds": seconds}
    tell(found, f"{output}: {format_bytes(size)}, opset {opset}, {how}, {seconds:.2f} s", as_json)
