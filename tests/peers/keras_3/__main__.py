"""Runs the test suite of Keras 3.15.1 with kcompile as its backend, next to the same run on PyTorch.

    python -m tests.peers.keras_3 [--folder FOLDER] [--only WORD ...] [--jobs N] [--torch] [--resume]
                                  [--record]

Keras's distributions are fetched by pip into a folder outside of the repository; nothing of them is copied,
and no test is changed (to one file that imports its backend by name, ours is added). A test that fails on
this backend must be listed in ``differences.txt`` with its reason, else it is an error; so is one that is
listed and passes. At least 98 % of what passes on Keras's own PyTorch backend must pass here.
``--record`` writes docs/keras3-tests.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..suites import compare, matches, read_differences, read_outcomes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
VERSION = "3.15.1"
SHA256 = {
    f"keras-{VERSION}.tar.gz": "92ae7c1dd7f61041953dc2d42253181ee099086f0b58ae36fcf98147a6f08a29",
    f"keras-{VERSION}-py3-none-any.whl": "836460e480930acbd19bb7a17e62f9ecad40e8a9af9a651fc8d0586a96d27e20",
}
FOLDERS = (
    "activations callbacks constraints export initializers layers legacy losses metrics models ops "
    "optimizers quantizers random regularizers saving trainers tree utils"
).split()
#: Needs another backend by name, or the network for weights.
LEFT_OUT = ("utils/jax_layer_test.py", "utils/torch_utils_test.py", "export/tf2onnx_lib_test.py")
#: A file of tests that knows its backends by name, before its first test: ours is put beside them.
NAMED = "keras/src/trainers/trainer_test.py"
ELSE = 'else:\n    raise ImportError(f"Invalid backend'
OURS = """elif backend.backend() == "kcompile":
    from keras.src.backend.kcompile.trainer import KCompileTrainer as Trainer
"""
MINUTES = 40
FLOOR = 0.98
DIFFERENCES = HERE / "differences.txt"
RECORDED = HERE / "recorded.json"
PAGE = ROOT / "docs" / "keras3-tests.md"


def fetch(folder: Path) -> Path:
    """The installed package with its tests beside it, downloaded and checked if it is not there yet."""
    tree = folder / f"keras-{VERSION}"
    if (tree / ".complete").is_file():
        return tree
    folder.mkdir(parents=True, exist_ok=True)
    for name, sha256 in SHA256.items():
        path = folder / name
        if not path.is_file():
            only = "--no-binary=:all:" if name.endswith(".gz") else "--only-binary=:all:"
            arguments = ["download", "--quiet", "--no-deps", only, "-d", str(folder), f"keras=={VERSION}"]
            subprocess.run([sys.executable, "-m", "pip", *arguments], check=True)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256:
            raise SystemExit(f"{path} is not the one that is expected: its SHA-256 is {found}.")
    with zipfile.ZipFile(folder / f"keras-{VERSION}-py3-none-any.whl") as wheel:
        wheel.extractall(tree)
    prefix = f"keras-{VERSION}/"
    with tarfile.open(folder / f"keras-{VERSION}.tar.gz") as source:
        tests = [member for member in source if member.name.endswith("_test.py")]
        for member in tests:
            member.name = member.name.removeprefix(prefix)
        source.extractall(tree, members=tests, filter="data")
    named = (tree / NAMED).read_text()
    assert named.count(ELSE) == 1
    (tree / NAMED).write_text(named.replace(ELSE, OURS + ELSE))
    (tree / ".complete").touch()
    return tree


def test_files(tree: Path, words: list[str]) -> list[str]:
    """The files with tests of FOLDERS, relative to ``keras/src``, in which one of the words occurs."""
    source = tree / "keras" / "src"
    found = sorted(path for folder in FOLDERS for path in (source / folder).rglob("*_test.py"))
    names = [path.relative_to(source).as_posix() for path in found]
    return [name for name in names if name not in LEFT_OUT and (not words or any(w in name for w in words))]


def run(tree: Path, folder: Path, backend: str, name: str) -> dict[str, str]:
    """The outcome of each test of a file: passed, failed or skipped."""
    outcomes = _outcomes(folder, backend, name)
    outcomes.parent.mkdir(parents=True, exist_ok=True)
    outcomes.unlink(missing_ok=True)
    paths = [tree, HERE, *([ROOT, ROOT / "runtime"] if backend == "kcompile" else [])]
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "KERAS_HOME": str(folder / "home"),
        "KERAS_OUTCOMES": str(outcomes),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    own = ["-m", "kcompile.keras3"] if backend == "kcompile" else []
    command = [sys.executable, *own, "-m", "pytest", "-c", os.devnull, f"--rootdir={tree}", "-p", "outcomes"]
    command += ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"keras/src/{name}"]
    try:
        with outcomes.with_suffix(".txt").open("w") as output:
            done = subprocess.run(
                command,
                cwd=tree,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=60 * MINUTES,
                check=False,
            )
        is_whole = done.returncode in (0, 1, 5)  # all passed, some failed, there were none
    except subprocess.TimeoutExpired:
        is_whole = False
    found = _tests(outcomes)
    if is_whole and found:
        return found
    outcomes.unlink(missing_ok=True)
    return {**found, f"{name}::(all)": "failed"}


def _outcomes(folder: Path, backend: str, name: str) -> Path:
    """Where the outcomes of a file are written."""
    return (folder / backend / name.replace("/", "_")).with_suffix(".outcomes")


def _tests(path: Path) -> dict[str, str]:
    found = read_outcomes(path)
    return {test.removeprefix("keras/src/"): outcome for test, outcome in found.items()}


def run_all(tree: Path, folder: Path, backend: str, names: list[str], jobs: int) -> dict[str, str]:
    """The outcomes of all files, which are printed as they come."""
    outcomes: dict[str, str] = {}
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        results = pool.map(lambda name: run(tree, folder, backend, name), names)
        for name, found in zip(names, results, strict=True):
            print(f"{backend}: {name}: {dict(Counter(found.values()))}", flush=True)
            outcomes.update(found)
    return outcomes


def by_folder(outcomes: dict[str, str]) -> dict[str, dict[str, int]]:
    """How many tests of each folder passed, failed and were skipped."""
    counts: dict[str, Counter[str]] = {}
    for test, outcome in outcomes.items():
        counts.setdefault(test.split("/")[0], Counter())[outcome] += 1
    return {folder: dict(sorted(found.items())) for folder, found in sorted(counts.items())}


def share(here: dict[str, str], there: dict[str, str]) -> float:
    """Of the tests that pass there, the part that passes here."""
    passing = [test for test, outcome in there.items() if outcome == "passed"]
    return sum(here.get(test) == "passed" for test in passing) / max(1, len(passing))


def main() -> int:
    """Fetches, runs, compares, prints; 0 if all is as ``differences.txt`` says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kcompile" / "keras_3"
    parser.add_argument("--folder", type=Path, default=cache, help="for Keras's files and for results")
    parser.add_argument("--only", nargs="*", default=[], help="words in the names of the files to run")
    parser.add_argument("--jobs", type=int, default=1, help="files to run at the same time")
    parser.add_argument("--torch", action="store_true", help="run PyTorch's backend again, for comparison")
    parser.add_argument(
        "--resume", action="store_true", help="run only files without outcomes of an earlier run"
    )
    parser.add_argument("--record", action="store_true", help="write the table of docs/keras3-tests.md")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if folder == ROOT or ROOT in folder.parents:
        raise SystemExit("Keras's files are not to lie in the repository; choose another --folder.")
    tree = fetch(folder)
    names = test_files(tree, arguments.only)
    here = outcomes_of("kcompile", tree, folder, names, arguments.jobs, again=not arguments.resume)
    there = outcomes_of("torch", tree, folder, names, arguments.jobs, again=arguments.torch)
    unexpected, idle, counts = compare(here, read_differences(DIFFERENCES.read_text()))
    part = share(here, there)
    print(f"\nkcompile: {dict(Counter(here.values()))}; torch: {dict(Counter(there.values()))}")
    print(f"{part:.2%} of what passes on PyTorch's backend passes here. Differences with a reason:")
    for reason, count in counts.most_common():
        print(f"  {count:4}  {reason}")
    for title, tests in (("Failures without a reason", unexpected), ("Listed, but passing", idle)):
        if tests:
            print(f"\n{title}; what was printed is in {folder / 'kcompile'}:", *tests, sep="\n  ")
    if arguments.record:
        record(here, there)
    return 1 if unexpected or idle or part < FLOOR else 0


def outcomes_of(
    backend: str, tree: Path, folder: Path, names: list[str], jobs: int, again: bool
) -> dict[str, str]:
    """The outcomes on a backend, of each file's last run if there was one and it is not to run again."""
    known = {name: {} if again else _tests(_outcomes(folder, backend, name)) for name in names}
    found = {test: outcome for tests in known.values() for test, outcome in tests.items()}
    return found | run_all(tree, folder, backend, [name for name in names if not known[name]], jobs)


def record(here: dict[str, str], there: dict[str, str]) -> None:
    """Writes the counts of a whole run, and the page that shows them."""
    found = summary(here, there)
    RECORDED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(page(found, read_differences(DIFFERENCES.read_text())))


def summary(here: dict[str, str], there: dict[str, str]) -> dict[str, Any]:
    """What is recorded of a whole run: counts, by name what failed, and what did not run but passes there."""
    passing = {test for test, outcome in there.items() if outcome == "passed"}
    return {
        "version": VERSION,
        "share": round(share(here, there), 4),
        "kcompile": by_folder(here),
        "torch": by_folder(there),
        "failed": sorted(test for test, outcome in here.items() if outcome == "failed"),
        "not_run": sorted(test for test in passing if here.get(test, "skipped") == "skipped"),
    }


def page(found: dict[str, Any], reasons: dict[str, str]) -> str:
    """docs/keras3-tests.md."""
    lines = [
        "# Keras 3's own tests",
        "",
        f"The tests of Keras {found['version']}, with [kcompile as the backend](keras3-backend.md), and",
        "next to it the same tests on Keras's own PyTorch backend. `make keras3-tests ARGS=--record` writes",
        "this page; nothing on it is edited by hand.",
        "",
        f"**{found['share']:.1%} of what passes on PyTorch's backend passes here.**",
        "",
        "| folder | passed | failed | skipped | passed on torch | failed | skipped |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    kinds = ("passed", "failed", "skipped")
    for folder in sorted(found["kcompile"]):
        numbers = [found[b].get(folder, {}).get(kind, 0) for b in ("kcompile", "torch") for kind in kinds]
        lines.append(f"| {folder} | " + " | ".join(f"{n:,}" for n in numbers) + " |")
    totals = [
        sum(counts.get(kind, 0) for counts in found[b].values())
        for b in ("kcompile", "torch")
        for kind in kinds
    ]
    lines += ["| **all** | " + " | ".join(f"**{n:,}**" for n in totals) + " |", "", "## What fails", ""]
    by_reason: dict[str, list[str]] = {}
    for test in found["failed"]:
        reason = next(
            (why for pattern, why in reasons.items() if matches(test, pattern)), "No reason is known"
        )
        by_reason.setdefault(reason, []).append(test)
    for reason, tests in by_reason.items() or [("Nothing", [])]:
        lines += [f"**{reason}.**", "", *(f"- `{test}`" for test in tests), ""]
    if found["not_run"]:
        lines += ["## What passes on PyTorch's backend and does not run here", ""]
        lines += ["Keras skips these, or does not make them, where the backend's name is another.", ""]
        lines += [f"- `{test}`" for test in found["not_run"]]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
