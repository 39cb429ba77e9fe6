"""Reports of what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CommandError
from .tables import console, say

if TYPE_CHECKING:
    from ..optimize.report import Report


def check_page(output: Path | None) -> None:
    """
    Raises:
        CommandError: a report cannot be written there; said before anything is measured.
    """
    if output is None:
        return
    if output.suffix.lower() not in (".html", ".htm", ".json"):
        raise CommandError(f"-o {output}: a report is written as .html or .json.")
    if not output.absolute().parent.is_dir():
        raise CommandError(f"-o {output}: there is no folder {output.parent}.")


def tell_report(report: Report, output: Path | None, as_json: bool) -> None:
    """Prints a report, as JSON or for people, and writes it to a file as well if one is given."""
    if output is not None:
        report.save(output)
    if as_json:
        say(report.to_json())
        return
    report.print_on(console())
    if output is not None:
        say(f"{output} has all of it")
