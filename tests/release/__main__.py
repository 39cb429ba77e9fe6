"""Builds both distributions, checks them, and uses them in an empty environment of each Python that is there.

    python -m tests.release [-o FOLDER] [--python PROGRAM ...]

FOLDER-parts has the parts of each environment (CycloneDX) and their licences. It needs build, twine,
check-wheel-contents, cyclonedx-bom and pip-licenses (`make dist` installs them) and a package index.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .version import check_tags

ROOT = Path(__file__).resolve().parents[2]
SMOKE = Path(__file__).resolve().parent / "smoke.py"
DISTRIBUTIONS = (ROOT / "runtime", ROOT)  # the first is needed by the second
SUPPORTED = ("3.10", "3.11", "3.12", "3.13")


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if all is well; a step that fails ends it, with what the step printed."""
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist", help="default: dist/")
    parser.add_argument("--python", nargs="+", help=f"interpreters to try; default: those of {SUPPORTED}")
    arguments = parser.parse_args(argv)
    output = arguments.output.resolve()
    check_tags(ROOT)
    build(output)
    check(output)
    for python in arguments.python or interpreters():
        use(output, python)
    return 0


def build(output: Path) -> None:
    """Both as sdist and wheel, twice; the second time has to give the same bytes.

    Raises:
        SystemExit: two builds of one commit differ.
    """
    shutil.rmtree(output, ignore_errors=True)
    with tempfile.TemporaryDirectory() as again:
        for folder in (output, Path(again)):
            for source in DISTRIBUTIONS:
                run(sys.executable, "-m", "build", "--outdir", folder, source, env=_dated())
        first, second = digests(output), digests(Path(again))
    if first != second:
        names = sorted(name for name in first if first[name] != second.get(name))
        raise SystemExit(f"two builds of one commit differ: {', '.join(names)}")
    for name, digest in first.items():
        print(f"{digest}  {name}")


def _dated() -> dict[str, str]:
    """The environment, with the time of the commit as that of the build."""
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True)
    return {**os.environ, "SOURCE_DATE_EPOCH": done.stdout.strip() or "315532800"}


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 by file name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def check(output: Path) -> None:
    """What an index would say of the files, and what a wheel should not have."""
    files = sorted(output.iterdir())
    run(sys.executable, "-m", "twine", "check", "--strict", *files)
    wheels = [path for path in files if path.suffix == ".whl"]
    run(sys.executable, "-m", "check_wheel_contents", *wheels)


def interpreters() -> Iterator[str]:
    """Of the supported Pythons those that start by their usual names."""
    for version in SUPPORTED:
        name = f"python{version}"
        if shutil.which(name) and subprocess.run([name, "-c", ""], capture_output=True).returncode == 0:
            yield name
        else:
            print(f"{name}: not here, not tried")


def use(output: Path, python: str) -> None:
    """Installs the wheels into empty environments of a Python, and runs ``smoke.py`` in another folder."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        for name, what in (("kcompile", "model"), ("kcompile-runtime", "runtime")):
            own = Path(folder) / name
            run(python, "-m", "venv", own)
            program = own / ("Scripts" if os.name == "nt" else "bin") / "python"
            (wheel,) = output.glob(f"{name.replace('-', '_')}-[0-9]*.whl")
            run(
                *(program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
                *("-c", ROOT / "constraints.txt", "--find-links", output, f"{wheel}[cpu]"),
            )
            run(program, SMOKE, what, model, cwd=folder)
            _list_parts(program, output.with_name(f"{output.name}-parts") / f"{name}-{Path(python).name}")
    print(f"{python}: both distributions work")


def _list_parts(program: Path, path: Path) -> None:
    """What an environment consists of, and its licences, in a folder of its own."""
    path.parent.mkdir(exist_ok=True)
    run(sys.executable, "-m", "cyclonedx_py", "environment", program, "-o", f"{path}.cdx.json")
    licences = (sys.executable, "-m", "piplicenses", f"--python={program}", "--format=markdown")
    run(*licences, f"--output-file={path}-licences.md")


def run(*command: object, env: dict[str, str] | None = None, cwd: str | None = None) -> None:
    """
    Raises:
        SystemExit: the command failed.
    """
    done = subprocess.run(list(map(str, command)), env=env, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
