"""What tuning found, as a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kcompile_runtime.session_settings import SessionSettings, processors

from .report import Bars, Column, Fact, Facts, Notes, Part, Report, Table
from .timing import Step, about_load
from .tuning import Tuned, counted_threads


def tuning_report(
    tuned: Sequence[Tuned], written: Sequence[Path], differences: Mapping[Path, float] | None = None
) -> Report:
    """The report of one file, or of several forms of one.

    Args:
        tuned: what was found for each, the model itself first.
        written: the files of settings.
        differences: of the other forms' outputs from the first's, relative to the largest value.
    """
    first = tuned[0]
    fastest = min(tuned, key=lambda found: found.best)
    lines = [f"{path} has the settings; Executor and the server read them." for path in written]
    if busy := about_load():
        lines.append(busy)
    if len(tuned) > 1:
        gain = first.best / fastest.best
        lines.append(
            f"{fastest.path.name} is the fastest form, {gain:.2f} times as fast as {first.path.name}."
            if fastest is not first
            else f"{first.path.name} itself is the fastest form."
        )
    parts: list[Part] = [
        Facts(
            "Measured",
            [Fact("samples of a run", first.samples), Fact("processors", processors())],
        ),
        _forms(tuned, differences or {}),
        Notes("Result", lines),
    ]
    for found in tuned:
        parts += _parts_of(found)
    return Report(f"Tuning of {first.path.name}", parts)


def _forms(tuned: Sequence[Tuned], differences: Mapping[Path, float]) -> Table:
    columns = [
        Column("file"),
        Column("size", "B"),
        Column("by default", "s"),
        Column("tuned", "s"),
        Column("faster", "x"),
        Column("best throughput", "samples/s"),
        Column("at batch"),
        Column("outputs differ by"),
        Column("settings"),
    ]
    rows = [
        (
            found.path.name,
            found.path.stat().st_size,
            found.default,
            found.best,
            found.default / found.best,
            max(found.throughput.values(), default=None),
            found.settings.batch_size,
            differences.get(found.path),
            described(found.settings),
        )
        for found in tuned
    ]
    return Table("Files", columns, rows)


def described(settings: SessionSettings) -> str:
    """``2 threads, no spinning``; ``defaults`` where nothing differs from them."""
    found = []
    if settings.provider is not None:
        found.append(settings.provider)
    if settings.intra_op_num_threads is not None:
        found.append(counted_threads(settings.intra_op_num_threads))
    if settings.execution_mode == 1:
        found.append(f"{settings.inter_op_num_threads} operators side by side")
    if settings.allow_spinning is not None:
        found.append("spinning" if settings.allow_spinning else "no spinning")
    if settings.graph_optimization_level is not None:
        found.append(f"optimisation level {settings.graph_optimization_level}")
    return ", ".join(found) or "defaults"


def steps_table(title: str, steps: Sequence[Step]) -> Table:
    """What was tried, a row each."""
    columns = [
        Column("tried"),
        Column("before", "s"),
        Column("with", "s"),
        Column("faster", "x"),
        Column("kept"),
    ]
    return Table(title, columns, [(s.what, s.before, s.seconds, s.before / s.seconds, s.kept) for s in steps])


def _parts_of(found: Tuned) -> list[Part]:
    parts: list[Part] = [steps_table(f"{found.path.name}: settings", found.steps)]
    if found.throughput:
        sizes = list(found.throughput)
        parts.append(
            Bars(
                f"{found.path.name}: samples a second by size of batch",
                [f"batch {size}" for size in sizes],
                {"throughput": [found.throughput[size] for size in sizes]},
                "samples/s",
            )
        )
    return parts
