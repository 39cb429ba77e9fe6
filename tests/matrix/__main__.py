"""Installs both distributions with the lowest and the newest of their dependencies, and uses them.

    python -m tests.matrix [--python 3.12 ...] [--torch 3.11 ...] [--torch-release 2.14.1 ...] [--tests]
                           [--kind runtime] [--set lowest] [--missing] [--folder FOLDER]

Each environment is made, used and removed again. What ran goes into tests/matrix/results.json and into the
tables of docs/supported.md. It needs build (`make dist` installs it), packaging and a package index.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from . import page
from .floors import PYTHONS, ROOT, floors
from .page import Row

SMOKE = ROOT / "tests" / "release" / "smoke.py"
NEWEST = ROOT / "constraints.txt"
#: The part of the suite that runs with the lowest and the newest of all, where PyTorch is tried.
TESTS = ("tests/runtime", "tests/formats", "tests/ir", "tests/onnx_io")
TOOLS = ("pytest", "pytest-benchmark", "hypothesis", "scikit-learn", "pytest-xdist", "grpcio")
EXTRAS = ("cpu", "serve")
DISTRIBUTIONS = {"kcompile": "kcompile", "runtime": "kcompile-runtime"}
SMOKE_OF = {"kcompile": "model", "runtime": "runtime"}
VARIED = {"kcompile": ("numpy", "onnx", "onnxruntime"), "runtime": ("numpy", "onnxruntime")}


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if every environment that should work does."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument(
        "--python", nargs="+", default=PYTHONS, metavar="X.Y", help=f"default: those of {PYTHONS}"
    )
    parser.add_argument(
        "--torch", nargs="+", default=[], metavar="X.Y", help="where PyTorch is tried too: it is large"
    )
    parser.add_argument(
        "--torch-release", nargs="+", default=[], metavar="X.Y.Z", help="next to that of constraints.txt"
    )
    parser.add_argument("--tests", action="store_true", help=f"run {', '.join(TESTS)} where PyTorch is tried")
    parser.add_argument("--kind", choices=[*VARIED], nargs="+", default=[*VARIED])
    parser.add_argument("--set", choices=["lowest", "newest", "mixed"], nargs="+", help="default: all")
    parser.add_argument("--missing", action="store_true", help="only what has not worked yet")
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv-matrix", help="default: .venv-matrix")
    arguments = parser.parse_args(argv)
    folder = arguments.folder.resolve()
    wheels = _wheels(folder)
    tried = {(row.kind, row.python, row.name) for row in page.read() if arguments.missing and not row.failed}
    failed = False
    for version in arguments.python:
        program = shutil.which(f"python{version}")
        if program is None or subprocess.run([program, "-c", ""], capture_output=True).returncode:
            print(f"python{version}: not here, not tried")
            continue
        for kind in arguments.kind:
            torch = kind == "kcompile" and version in arguments.torch
            for name, pins in sets(kind, version, arguments.torch_release if torch else ()):
                if arguments.set and ("mixed" if "," in name else name) not in arguments.set:
                    continue
                if (kind, version, name) in tried:
                    continue
                row = Row(kind, version, name)
                tests = arguments.tests and torch and "," not in name
                _try(row, pins, program, folder, wheels, torch, tests)
                page.write([row])
                print(row, flush=True)
                failed = failed or bool(row.failed)
    return int(failed)


def sets(kind: str, python: str, torch: Sequence[str] = ()) -> Iterator[tuple[str, list[str]]]:
    """Names of the combinations of a Python, and the lines of constraints that each is made with.

    ``torch`` has releases of PyTorch that are tried with the newest of all else.
    """
    lowest = floors(DISTRIBUTIONS[kind], python, (*EXTRAS, "train"))
    newest = NEWEST.read_text(encoding="utf-8").splitlines()
    yield "lowest", [f"{name}=={version}" for name, version in lowest.items() if name != "torch"]
    for varied in VARIED[kind]:
        # what these stand on is left to pip: its newest release may refuse the lowest of this one
        others = [line for line in newest if _package(line) in lowest.keys() - {varied, "torch"}]
        yield f"newest, lowest {varied}", [*others, f"{varied}=={lowest[varied]}"]
    yield "newest", newest
    for release in torch:
        others = [line for line in newest if _package(line) in lowest.keys() - {"torch"}]
        yield f"newest, torch {release}", [*others, f"torch=={release}"]


def _package(line: str) -> str:
    """Of a line of constraints."""
    return canonicalize_name(re.split(r"[=;#]", line)[0].strip())


def _wheels(folder: Path) -> Path:
    """Both distributions as wheels."""
    output = folder / "wheels"
    shutil.rmtree(output, ignore_errors=True)
    for source in (ROOT / "runtime", ROOT):
        _run(sys.executable, "-m", "build", "--wheel", "--outdir", output, source)
    return output


def _try(
    row: Row, pins: list[str], program: str, folder: Path, wheels: Path, torch: bool, tests: bool
) -> None:
    """Makes the environment of a row and fills in what it did, or how it failed."""
    own = folder / f"{row.kind}-{row.python}-{re.sub(r'[, ]+', '-', row.name)}"
    shutil.rmtree(own, ignore_errors=True)
    try:
        _run(program, "-m", "venv", "--without-pip", own)
        python = own / ("Scripts" if os.name == "nt" else "bin") / "python"
        constraints = own / "constraints.txt"
        if torch and not any(_package(line) == "torch" for line in pins):
            pins = [*pins, *(line for line in NEWEST.read_text().splitlines() if line.startswith("torch=="))]
        constraints.write_text("\n".join(pins) + "\n", encoding="utf-8")
        pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
        install = (*pip, "install", "--no-compile", "-c", constraints)
        extras = ",".join((*EXTRAS, *(["train"] if torch else [])))
        (wheel,) = wheels.glob(f"{DISTRIBUTIONS[row.kind].replace('-', '_')}-[0-9]*.whl")
        _run(*install, "--only-binary", ":all:", "--find-links", wheels, f"{wheel}[{extras}]")
        # what the runtime predicts with was written by the compiler in an environment before
        model = (folder / "models" if row.kind == "runtime" else own) / "model.onnx"
        said = json.loads(_run(python, SMOKE, SMOKE_OF[row.kind], model).splitlines()[-1])
        row.versions, row.did = said["versions"], said["did"]
        if row.kind == "kcompile":
            (folder / "models").mkdir(exist_ok=True)
            for file in ("model.onnx", "model.npy"):
                shutil.copy(own / file, folder / "models" / file)
        if tests:
            _run(*install, *TOOLS)
            row.tests = _tested(python)
            row.failed = "" if "failed" not in row.tests and "error" not in row.tests else row.tests
    except _FailedError as error:
        row.conflict = conflict(error.output)
        row.failed = "" if row.conflict else str(error)
        row.versions = row.versions or _pinned(pins, row)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _tested(python: Path) -> str:
    """The last line of pytest, without its time."""
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", *TESTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines() or [done.stderr]
    if done.returncode:
        print("\n".join(lines[-40:]), flush=True)
    return (
        re.sub(r" in [\d.]+s.*|=+ ?", "", lines[-1]) if done.returncode in (0, 1) else f"error: {lines[-1]}"
    )


def conflict(output: str) -> str:
    """Which package but ours, as pip printed, asks for other versions than a set has; "" if none does."""
    found = re.search(r"The conflict is caused by:\n(.+?)\n *\n", output, re.DOTALL)
    if found is None:
        return ""
    lines = [line.strip() for line in found[1].splitlines()]
    return "; ".join(line for line in lines if not line.startswith(("The user requested", "kcompile")))


def _pinned(pins: list[str], row: Row) -> dict[str, str]:
    """What a set asks for of the packages that vary."""
    lines = [Requirement(line) for line in pins if line and not line.startswith("#")]
    return {
        line.name: str(line.specifier).removeprefix("==")
        for line in lines
        if line.name in VARIED[row.kind]
        and (line.marker is None or line.marker.evaluate({"python_version": row.python}))
    }


class _FailedError(Exception):
    """A program failed; the message is the last line of what it printed."""

    def __init__(self, output: str, errors: str) -> None:
        lines = (errors.strip() or output.strip() or "no reason given").splitlines()
        super().__init__(lines[-1].replace("|", "\\|"))
        self.output = output


def _run(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), cwd=ROOT.parent, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", flush=True)
        raise _FailedError(done.stdout, done.stderr)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
