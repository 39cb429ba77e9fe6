"""Runs published programs, unmodified: those of the tf.keras 2 era under ``kcompile run``; with ``--keras3``
Keras's own for Keras 3 under ``kcompile run --keras3``.

    make programs PROGRAMS=FOLDER [ARGS="--keras3 --only WORD --packages FOLDER --record"]

The programs are not part of this repository. A manifest says where each was published; FOLDER holds a
checkout of each of those repositories under its name. What a program downloads, stand-ins make; how long it
trains is limited from outside (``stand_ins``). What it trained is exported and compared with onnxruntime.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .manifest import KERAS3, TF_KERAS, Collection, Program, programs
from .page import page
from .running import SECONDS, Result, run


def results(collection: Collection = TF_KERAS) -> dict[str, Result]:
    """The results that were recorded, by program."""
    path = collection.results
    data = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {name: Result(**values) for name, values in data.items()}


def record(collection: Collection, found: dict[str, Result], listed: list[Program]) -> None:
    """Writes the results of the programs listed, and the page that shows them."""
    kept = {program.name: found[program.name].as_data() for program in listed if program.name in found}
    collection.results.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    collection.page.write_text(page(listed, found, collection.keras3), encoding="utf-8")


def main() -> int:
    """The number of programs that failed, at most 1."""
    parser = argparse.ArgumentParser(prog="make programs", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the repositories of the programs lie")
    parser.add_argument("--keras3", action="store_true", help="programs for Keras 3, on this backend")
    parser.add_argument("--only", action="append", default=[], help="programs whose name has this in it")
    parser.add_argument("--packages", type=Path, help="a folder of packages that programs import")
    parser.add_argument("--logs", type=Path, help="a folder for what they print (default: FOLDER/logs)")
    parser.add_argument("--record", action="store_true", help="write the results and their page in docs")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="the longest that a program may take")
    options = parser.parse_args()
    collection = KERAS3 if options.keras3 else TF_KERAS
    listed = programs(collection)
    chosen = [
        program
        for program in listed
        if not options.only or any(word in program.name for word in options.only)
    ]
    found, failed = results(collection), 0
    for program in chosen:
        log = (options.logs or options.folder / "logs") / f"{program.name.replace('/', '_')}.txt"
        result = found[program.name] = run(program, options.folder, options.packages, log, options.seconds)
        failed += not result.ok
        print(f"{program.name}: {result.line()}", flush=True)
        if options.record:
            record(collection, found, listed)
    print(f"{len(chosen) - failed} of {len(chosen)} programs run, and what they trained exports.")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
