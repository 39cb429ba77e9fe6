"""Runs one program by ``kcompile run`` in a folder of its own, with stand-ins for what it downloads."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .manifest import Program, package_names
from .notebooks import as_script

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STAND_INS = HERE / "stand_ins"
SECONDS = 300
#: Tests say themselves for how long they train, and what must have come of it.
_UNLIMITED = {"epochs": 1 << 30, "steps": 1 << 30}
_RUNS_TESTS = """\
import sys

import pytest

sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=", {path!r}]))
"""
#: Commands that programs reach for, which the stand-ins answer.
COMMANDS = ("wget", "curl", "gdown", "kaggle", "pip", "unzip", "apt-get", "sudo", "dot")


@dataclass
class Result:
    """What became of a program.

    Attributes:
        ok: it ran to its end, and all that it trained exports.
        seconds: how long it ran.
        error: what stopped it, in one line.
        place: where: the line of the program, and the innermost of kcompile.
        trained: the models that it trained, each with what came of its export.
        cut: what was put in the place of what, and what was cut.
    """

    ok: bool = False
    seconds: float = 0.0
    error: str = ""
    place: str = ""
    trained: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)

    def line(self) -> str:
        """In one line."""
        if self.ok:
            return f"ok ({self.seconds:.0f} s; {', '.join(self.trained) or 'trains no model'})"
        return f"{self.error} [{self.place}] ({self.seconds:.0f} s)"

    def as_data(self) -> dict[str, Any]:
        """For the file of results."""
        return asdict(self)


def run(
    program: Program, programs: Path, packages: Path | None, log: Path, seconds: float = SECONDS
) -> Result:
    """Runs a program; its output goes to the file ``log``.

    Args:
        programs: the folder in which the programs lie.
        packages: a folder with the packages that they import; None for those of this environment.
        seconds: the longest that it may take, where the manifest says no other time.
    """
    program.check(programs)
    with tempfile.TemporaryDirectory(prefix="program-") as temporary:
        folder = Path(temporary)
        for name in ("home", "work", "bin"):
            (folder / name).mkdir()
        for command in COMMANDS:
            (folder / "bin" / command).symlink_to(STAND_INS / "command.py")
        script = _place(program, programs, folder / "work")
        environment = _environment(program, programs, folder, packages)
        for command in shell_commands(script.read_text(encoding="utf-8")):
            subprocess.run(command, shell=True, cwd=script.parent, env=environment, check=False)
        start = time.monotonic()
        options = ["--keras3"] if program.keras3 else []
        ended = _execute(
            [*options, str(script)], script.parent, environment, program.limits.get("seconds", seconds), log
        )
        result = _result(folder / "report.json", ended, time.monotonic() - start, log)
    result.error, result.place = portable(result.error, folder), shortened(result.place)
    result.trained = [portable(line, folder) for line in result.trained]
    return result


def shortened(place: str) -> str:
    """A place without most of a long line of the program."""
    return re.sub(r"^(\S+:\d+ .{60}).+?((?: \| \S+)?)$", r"\1...\2", place)


def portable(error: str, folder: Path) -> str:
    """A message without what differs from run to run and from machine to machine: folders, addresses."""
    for prefix in (folder / "work", folder, ROOT):
        error = error.replace(f"{prefix}/", "")
    return re.sub(r" at 0x[0-9a-f]+", "", error)


def _place(program: Program, programs: Path, work: Path) -> Path:
    """Copies what is run into its folder; the script to run."""
    source = programs / program.name
    if program.repository.is_package:
        work = work / program.repository.name
        shutil.copytree(programs / program.repository.name, work, ignore=shutil.ignore_patterns(".git"))
        if not program.is_tests:
            return work / program.path
        script = work / "run_tests.py"
        script.write_text(_RUNS_TESTS.format(path=program.path), encoding="utf-8")
    elif program.path.endswith(".ipynb"):
        # a notebook's own name would hide a module of that name, as numpy.ipynb does
        script = work / f"notebook_{source.stem}.py"
        script.write_text(as_script(source.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        script = Path(shutil.copy(source, work))
    return script


def shell_commands(text: str) -> list[str]:
    """What a script of keras.io has its reader run first: its blocks for the shell, and lines with "!"."""
    block = re.compile(r'^(?:"""|```)shell\n(.*?)(?:"""|```)', re.DOTALL | re.MULTILINE)
    blocks = [re.sub(r"^!+", "", found, flags=re.MULTILINE) for found in block.findall(text)]
    single: list[str] = re.findall(r"^!+([^\[!\n].*)$", block.sub("", text), re.MULTILINE)
    return [*(found for found in blocks if "$ " not in found), *single]


def _environment(program: Program, programs: Path, folder: Path, packages: Path | None) -> dict[str, str]:
    paths = [STAND_INS, ROOT, ROOT / "runtime", *([packages] if packages else [])]
    limits = {**(_UNLIMITED if program.is_tests else {}), **program.limits}
    if program.repository.is_package:
        paths += [programs / name for name in package_names()]
    return {
        "PATH": os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.defpath]),
        "HOME": str(folder / "home"),
        "cache_dir": str(folder / "home" / ".keras"),  # as scripts name it in commands of a notebook
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONFAULTHANDLER": "1",
        "PROGRAM_REPORT": str(folder / "report.json"),
        "PROGRAM_LIMITS": json.dumps(limits),
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
        "LANG": "C.UTF-8",
    }


def _execute(
    arguments: list[str], folder: Path, environment: dict[str, str], seconds: float, log: Path
) -> int | None:
    """The exit code of ``kcompile run``; None where the program took too long."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kcompile", "run", *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)  # whose handler says where the program was
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            return None


def _result(report: Path, code: int | None, seconds: float, log: Path) -> Result:
    said = json.loads(report.read_text()) if report.is_file() else {}
    result = Result(seconds=round(seconds, 1), trained=said.get("trained", []), cut=said.get("cut", []))
    result.error, result.place = said.get("error", ""), said.get("place", "")
    if code is None:
        result.error = f"not done after {seconds:.0f} s"
    elif not result.error and (code or not said.get("ended")):
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        result.error = f"exit code {code}: {lines[-1] if lines else 'no output'}"
    if not result.error:
        failed = [line for line in result.trained if "does not export" in line]
        result.error = "; ".join(failed)
    result.error = " ".join(result.error.split())[:400]
    result.ok = not result.error
    return result
