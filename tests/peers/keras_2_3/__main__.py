"""Runs the test suite of Keras 2.3.1 against kcompile, and compares its failures with ``differences.txt``.

    python -m tests.peers.keras_2_3 [--folder FOLDER] [--only WORD ...] [--jobs N]

Keras's source distribution is fetched by pip into a folder outside of the repository; nothing of it is
copied. Its tests import ``keras``, which is kcompile.keras here; what they use of TensorFlow and of Keras's
helpers for tests is in ``standins.py``. A failure that ``differences.txt`` does not list is an error, and so
is a test listed there that passes.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..suites import compare, read_differences, read_outcomes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RELEASE = "Keras-2.3.1"
SHA256 = "321d43772006a25a1d58eea17401ef2a34d388b588c9f7646c34796151ebc8cc"
HELPERS = ["flaky==3.8.1", "six==1.17.0", "pandas", "requests", "Markdown"]
# documentation, downloads of models and data, and what Keras itself does not collect
LEFT_OUT = (
    "docs/*",
    "test_api.py",
    "integration_tests/applications_test.py",
    "integration_tests/imagenet_utils_test.py",
    "integration_tests/test_datasets.py",
)
#: Files whose tests run a program that may not be installed.
PROGRAMS = {"keras/utils/vis_utils_test.py": "dot"}
MINUTES = 20


def fetch(folder: Path) -> Path:
    """The unpacked distribution, downloaded and checked if it is not there yet."""
    release = (folder / RELEASE).resolve()
    if not (release / "tests").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        archive = folder / f"{RELEASE}.tar.gz"
        if not archive.is_file():
            pip("download", "--no-deps", "--no-binary=Keras", "-d", folder, "Keras==2.3.1")
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != SHA256:
            raise SystemExit(f"{archive} is not the {RELEASE} that is expected: its SHA-256 is {found}.")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    if not (folder / "helpers" / ".installed").is_file():
        pip("install", "--upgrade", "--target", folder / "helpers", *HELPERS)
        (folder / "helpers" / ".installed").touch()
    return release


def pip(*arguments: object) -> None:
    """Runs pip of this environment."""
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *map(str, arguments)], check=True)


def test_files(tests: Path, words: list[str]) -> list[str]:
    """The files with tests, relative to the folder ``tests``, in which one of the words occurs."""
    found = sorted({*tests.rglob("*_test.py"), *tests.rglob("test_*.py")})
    names = [path.relative_to(tests).as_posix() for path in found]
    names = [name for name in names if not any(fnmatch.fnmatch(name, left) for left in LEFT_OUT)]
    names = [name for name in names if name not in PROGRAMS or shutil.which(PROGRAMS[name])]
    return [name for name in names if not words or any(word in name for word in words)]


def run(release: Path, folder: Path, name: str) -> dict[str, str]:
    """The outcome of each test of a file: passed, failed or skipped."""
    log = folder / "results" / name.replace("/", "_")
    log.parent.mkdir(exist_ok=True)
    outcomes = log.with_suffix(".outcomes")
    outcomes.unlink(missing_ok=True)
    paths = [HERE, ROOT, ROOT / "runtime"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "KERAS_RELEASE": str(release),
        "KERAS_HELPERS": str(folder / "helpers"),
        "KERAS_OUTCOMES": str(outcomes),
        "KERAS_HOME": str(folder / "home"),
        "OMP_NUM_THREADS": "1",
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        os.devnull,
        f"--rootdir={release / 'tests'}",
        "-p",
        "standins",
    ]
    command += [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-o",
        "python_files=*_test.py test_*.py",
        name,
    ]
    with log.with_suffix(".txt").open("w") as output:
        try:
            subprocess.run(
                command,
                cwd=release / "tests",
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=60 * MINUTES,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {**read_outcomes(outcomes), f"{name}::(all)": "failed"}
    found = read_outcomes(outcomes)
    return found or {f"{name}::(all)": "failed"}


def main() -> int:
    """Fetches, runs, compares, prints; 0 if all is as ``differences.txt`` says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser.add_argument(
        "--folder", type=Path, default=cache / "kcompile" / "keras_2_3", help="for Keras's files"
    )
    parser.add_argument("--only", nargs="*", default=[], help="words in the names of the files to run")
    parser.add_argument("--jobs", type=int, default=1, help="files to run at the same time")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if folder == ROOT or ROOT in folder.parents:
        raise SystemExit("Keras's files are not to lie in the repository; choose another --folder.")
    release = fetch(folder)
    names = test_files(release / "tests", arguments.only)
    for name, program in PROGRAMS.items():
        if not shutil.which(program):
            print(f"{name}: left out, {program} is not installed")
    outcomes: dict[str, str] = {}
    with ThreadPoolExecutor(max(1, arguments.jobs)) as pool:
        for name, found in zip(names, pool.map(lambda name: run(release, folder, name), names), strict=True):
            print(f"{name}: {dict(Counter(found.values()))}", flush=True)
            outcomes.update(found)
    unexpected, idle, counts = compare(outcomes, read_differences((HERE / "differences.txt").read_text()))
    print(f"\n{len(outcomes)} tests: {dict(Counter(outcomes.values()))}. Failures with a reason:")
    for reason, count in counts.most_common():
        print(f"  {count:4}  {reason}")
    for title, tests in (
        ("Failures without a reason", unexpected),
        ("Passing, but listed as different", idle),
    ):
        if tests:
            print(f"\n{title}; what was printed is in {folder / 'results'}:", *tests, sep="\n  ")
    return 1 if unexpected or idle else 0


if __name__ == "__main__":
    sys.exit(main())
