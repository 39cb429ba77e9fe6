"""Runs the benchmarks that are named, or all of them."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from . import soak
from .measuring import Row
from .results import ResultsError, cells, entry, environment, figure, load, merge, read

#: topic -> module
TOPICS = {
    "predict": "predict",
    "train": "train",
    "data": "data",
    "steps": "steps",
    "precision": "precision",
    "peers": "peers",
    "keras3": "keras3",
    "keras3_export": "keras3_export",
    "parallel": "parallel",
    "export": "export",
    "applications": "applications",
    "import": "imports",
    "memory": "memory",
    "files": "files",
    "serve": "serve",
    "optimize": "optimize",
    "optimize_transformers": "optimize_transformers",
    "trained": "trained_smaller",
    "soak": "soak",
}
#: measured only when named
LONG = ("soak",)
RESULTS = Path(__file__).resolve().parent / "results.json"


def main(argv: list[str] | None = None) -> int:
    """Measures, prints, writes the results. Returns 0 whether or not targets are reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "topics",
        nargs="*",
        metavar="TOPIC",
        help=f"of {', '.join(TOPICS)}; default all but {', '.join(LONG)}",
    )
    parser.add_argument(
        "--json",
        type=Path,
        default=RESULTS,
        metavar="FILE",
        help="where the results go, after each topic; those of others in it stay (default: %(default)s)",
    )
    parser.add_argument(
        "--cpus", type=int, metavar="N", help="work on N of the CPUs; steadier on a busy machine"
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="with the topic applications: measure every architecture, too, and write docs/applications.md",
    )
    parser.add_argument(
        "--long", action="store_true", help="with the topic serve: the overload lasts 60 s in place of 8"
    )
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="with the topic soak: how long each goes on (default: 1)"
    )
    parser.add_argument(
        "--what",
        action="append",
        choices=soak.WORKS,
        help="with the topic soak: train, predict, load or serve; may be repeated (default: all of them)",
    )
    arguments = parser.parse_args(argv)
    if arguments.cpus is not None:
        pin(arguments.cpus)
    unknown = [topic for topic in arguments.topics if topic not in TOPICS]
    if unknown:
        parser.error(f"unknown topic {unknown[0]!r}: expected {', '.join(TOPICS)}")
    if arguments.write and "applications" not in arguments.topics:
        parser.error("--write goes with the topic applications")
    try:
        read(arguments.json)  # before anything is measured
    except ResultsError as error:
        parser.error(str(error))
    start = time.perf_counter()
    rows: list[Row] = []
    about: dict[str, Any] = {}
    options: dict[str, dict[str, Any]] = {
        "serve": {"overload_s": 60.0 if arguments.long else 8.0},
        "soak": {"minutes": arguments.minutes, "what": arguments.what or soak.WORKS},
    }
    for topic in arguments.topics or [topic for topic in TOPICS if topic not in LONG]:
        module = importlib.import_module(f".{TOPICS[topic]}", __package__)
        before, found = load(), []
        for row in module.rows(**options.get(topic, {})):
            print(f"  {row.what}: {figure(row.ours, row.unit)}", file=sys.stderr)
            found.append(row)
        about = environment(before)
        merge(arguments.json, topic, entry(found, _command(topic, options.get(topic, {}), arguments), about))
        rows += found
    show(rows, about, time.perf_counter() - start)
    if arguments.write:
        from .applications_table import write

        write(about)
    return 0


def pin(cpus: int) -> None:
    """Keeps this process and those it starts on the last so many CPUs; threads follow.

    Must come before torch is imported.
    """
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[-max(1, cpus) :])
    os.environ["OMP_NUM_THREADS"] = str(cpus)


def _command(topic: str, options: dict[str, Any], arguments: argparse.Namespace) -> str:
    """What measures a topic as it was measured now."""
    words = [f"python -m benchmarks {topic}"]
    if arguments.cpus is not None:
        words.append(f"--cpus {arguments.cpus}")
    if topic == "serve" and arguments.long:
        words.append("--long")
    if topic == "soak":
        words += [f"--what {kind}" for kind in arguments.what or ()]
        words.append(f"--minutes {options['minutes']:g}")
    return " ".join(words)


def show(rows: list[Row], about: dict[str, Any], seconds: float) -> None:
    """Prints one table a topic."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    for topic in dict.fromkeys(row.topic for row in rows):
        table = Table(title=topic, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("", "kcompile", "other", "ratio", "target", "reached"):
            table.add_column(name, justify="left" if not name else "right")
        for row in rows:
            if row.topic == topic:
                table.add_row(*map(escape, cells(row)))
        console.print(table)
    where = f"{about['cpus']} CPUs ({about['machine']}), torch on {about['device']}"
    threads = f"{about['torch_threads']} threads in torch, onnxruntime's own choice"
    console.print(f"{where}, {threads}, load {about['load_average']}, {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
