"""``kcompile tune``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..progress import report as show_progress
from .errors import CommandError
from .loading import kind_of
from .profiling import samples_for
from .reports import check_page, tell_report


def tune_files(
    paths: Sequence[Path],
    data: Path | None,
    batch_size: int,
    seconds: float,
    dry_run: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Tunes a file and other forms of it, and writes the settings of each beside it.

    Args:
        paths: .onnx files with the same inputs and outputs, the model itself first.
        data: a file with samples; random ones where it is None.
        batch_size: samples of the run whose latency counts.
        seconds: for each measurement.
        dry_run: write no settings.
        output: where the report is written.
        as_json: print JSON.

    Raises:
        CommandError: a file is no ONNX file, or is another model than the first.
    """
    check_page(output)
    for path in paths:
        if kind_of(path) != "onnx":
            raise CommandError(
                f"{path}: tune takes .onnx files; write one by kcompile compile {path} -o OUT.onnx."
            )
    from kcompile_runtime import InputError

    from ..onnx_io.comparing import difference
    from ..optimize.inputs import plain_executor
    from ..optimize.tuning import tune_file
    from ..optimize.tuning_report import tuning_report

    inputs = samples_for(paths[0], data, batch_size)
    expected = plain_executor(paths[0]).new_session().run(inputs)
    tuned, differences = [], {}
    for path in paths:
        try:
            found = plain_executor(path).new_session().run(inputs)
        except InputError as error:
            raise CommandError(f"{path} is no form of {paths[0]}: {error}") from error
        if len(found) != len(expected):
            raise CommandError(f"{path} is no form of {paths[0]}: it has {len(found)} outputs.")
        if path != paths[0]:
            differences[path] = max(map(difference, expected, found), default=0.0)
        tuned.append(tune_file(path, inputs, len(next(iter(inputs.values()))), seconds, show_progress))
    written = [] if dry_run else [found.write() for found in tuned]
    tell_report(tuning_report(tuned, written, differences), output, as_json)
