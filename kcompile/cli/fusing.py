"""``kcompile optimize --for``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from ..tables import format_seconds
from .errors import OK, CommandError
from .loading import ModelFile
from .optimizing import Precision, source_of
from .reports import check_page
from .tables import say, tell

if TYPE_CHECKING:
    from ..optimize import Fused
    from ..optimize.fusion import Target


class Fusing(NamedTuple):
    """What is asked for.

    Attributes:
        target: of ``kcompile.optimize.fuse``.
        outputs: names of those that are wanted; all where there are none.
        measure: whether forms are measured.
    """

    target: str
    outputs: list[str] | None
    measure: bool


def fuse_model(
    file: ModelFile,
    output: Path,
    fusing: Fusing,
    precision: Precision,
    report: Path | None = None,
    as_json: bool = False,
) -> int:
    """Writes a model with fused operators, and says which.

    Args:
        report: a page or .json to write as well.

    Raises:
        CommandError: an output of another kind, or a precision is asked for as well.
        kcompile.optimize.OptimizeError: the outputs differ, or one is unknown; nothing is written.
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
    check_page(report)
    from ..onnx_io import located
    from ..optimize import OptimizeError, fuse

    source = source_of(file)
    with located(str(file.path), own=(OptimizeError,)):
        measuring = {} if fusing.measure else {"seconds": 0.0}
        result = fuse(source, cast("Target", fusing.target), outputs=fusing.outputs or None, **measuring)
    result.save(output)
    if report is not None:
        result.report(f"{file.path.name} for {fusing.target}").save(report)
    if as_json:
        tell({"file": str(output), **result.as_dict()}, "", as_json)
    else:
        _say(result, output)
    return OK


def _say(result: Fused, output: Path) -> None:
    for name, count in result.fused.items():
        say(f"{name}: {count}")
    for step in result.tried:
        kept = "kept" if step.kept else "not kept"
        say(f"{step.what}: {step.before / step.seconds:.2f} times as fast, {kept}")
    if result.before is not None and result.after is not None:
        say(
            f"one run: {format_seconds(result.after)}, {result.before / result.after:.2f} times as fast as "
            f"the plain file's {format_seconds(result.before)}"
        )
    else:
        say(f"forms were not measured: {result.unmeasured}")
    if result.unproved:
        say(f"outputs were not compared: {result.unproved}")
    else:
        say(f"outputs: largest difference {result.difference or 0:.2g}, relative to the largest value")
    say(f"{output}: {result.nodes_after} nodes of {result.nodes_before}, for {result.target}")


__all__ = ["Fusing", "fuse_model"]
