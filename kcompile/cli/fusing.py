"""``kcompile optimize --for``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from .errors import OK, CommandError
from .loading import ModelFile
from .optimizing import Precision, source_of
from .tables import say, tell

if TYPE_CHECKING:
    from ..optimize.fusion import Target


def fuse_model(
    file: ModelFile, output: Path, target: str, precision: Precision, as_json: bool = False
) -> int:
    """Writes a model with fused operators, and says which.

    Raises:
        CommandError: an output of another kind, or a precision is asked for as well.
        kcompile.optimize.OptimizeError: the outputs differ; nothing is written.
    """
    if any(precision):
        raise CommandError(
            "--for goes without a precision: fuse the float32 file, then give the result to another "
            "kcompile optimize."
        )
    if output.suffix.lower() != ".onnx":
        raise CommandError(f"-o {output}: the output is an ONNX file; name it {output.stem}.onnx.")
    if not output.absolute().parent.is_dir():
        raise CommandError(f"-o {output}: there is no folder {output.parent}.")
    from ..onnx_io import located
    from ..optimize import fuse

    source = source_of(file)
    with located(str(file.path)):
        result = fuse(source, cast("Target", target))
    result.save(output)
    if as_json:
        tell({"file": str(output), **result.as_dict()}, "", as_json)
        return OK
    for name, count in result.fused.items():
        say(f"{name}: {count}")
    if result.unproved:
        say(f"outputs were not compared: {result.unproved}")
    else:
        say(f"outputs: largest difference {result.difference or 0:.2g}, relative to the largest value")
    say(f"{output}: {result.nodes_after} nodes of {result.nodes_before}, for {target}")
    return OK


__all__ = ["fuse_model"]
