"""The table of docs/supported.md, made of what ran."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .floors import ROOT

RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs" / "supported.md"
COLUMNS = ("numpy", "onnx", "onnxruntime", "torch")
_TABLE = re.compile(r"(?<=<!-- matrix: (\w{7}) -->\n\n).*?(?=\n\n<!-- end -->)", re.DOTALL)


@dataclass
class Row:
    """One environment.

    Attributes:
        kind: "kcompile" or "runtime": the distribution that was installed.
        python: as "3.11".
        name: what it has of each: "lowest", "newest", "newest, lowest numpy" ...
        versions: package -> version, as installed.
        did: what ran there, by name.
        failed: the last line of what went wrong; "" if all is well.
        conflict: why pip does not install these versions together; "" if it does.
        tests: what pytest said of a part of the suite there; "" if that was not run.
    """

    kind: str
    python: str
    name: str
    versions: dict[str, str] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)
    failed: str = ""
    conflict: str = ""
    tests: str = ""


def read() -> list[Row]:
    """What has been run so far."""
    if not RESULTS.is_file():
        return []
    return [Row(**entry) for entry in json.loads(RESULTS.read_text(encoding="utf-8"))]


def write(rows: Iterable[Row]) -> None:
    """Puts rows in place of those of the same environment, and makes the page anew."""
    kept = {(row.kind, row.python, row.name): row for row in [*read(), *rows]}
    order = sorted(
        kept.values(), key=lambda row: (row.kind, tuple(map(int, row.python.split("."))), row.name)
    )
    RESULTS.write_text(json.dumps([asdict(row) for row in order], indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), order), encoding="utf-8")


def rendered(page: str, rows: list[Row]) -> str:
    """The page with its tables."""
    return _TABLE.sub(lambda found: "\n".join(_table([r for r in rows if r.kind[:7] == found[1]])), page)


def _table(rows: list[Row]) -> list[str]:
    columns = [name for name in COLUMNS if any(name in row.versions for row in rows)]
    lines = [
        f"| Python | set | {' | '.join(columns)} | ran |",
        f"| --- | --- |{' --- |' * (len(columns) + 1)}",
    ]
    for row in rows:
        versions = [row.versions.get(name, "not tried").partition("+")[0] for name in columns]
        ran = f"**fails**: {row.failed}" if row.failed else ", ".join(row.did)
        ran = f"pip does not install it: {row.conflict}" if row.conflict else ran
        tests = f"; {row.tests}" if row.tests else ""
        lines.append(f"| {row.python} | {row.name} | {' | '.join(versions)} | {ran}{tests} |")
    return lines
