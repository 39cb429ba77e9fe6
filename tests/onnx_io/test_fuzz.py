"""A slice of the structured fuzzer, and that it sees what it is there to see."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kcompile.ir import OperatorError

from . import fuzz

ROOT = Path(__file__).parents[2]
PATH = os.pathsep.join([str(ROOT), str(ROOT / "runtime")])


@pytest.fixture(scope="module")
def files():
    return fuzz.seeds()


def test_mutated_models_load_or_are_one_error(tmp_path):
    """In a process that has imported little: a child is cheap then."""
    command = [sys.executable, "-m", "tests.onnx_io.fuzz", "30", "4"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=dict(os.environ, PYTHONPATH=PATH)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "30 models of seed 4 from 0: 0 failed" in done.stdout
    for stage in fuzz.STAGES:
        assert f"{stage}: accepted" in done.stdout, done.stdout
    assert "load_model: refused" in done.stdout


def test_cases_are_the_same_each_time(files):
    for number in range(20):
        assert fuzz.case(number, 1, files) == fuzz.case(number, 1, files)
    assert fuzz.case(1, 1, files) != fuzz.case(1, 2, files)


def own(path):
    raise OperatorError(f"{path}: node 'x' is wrong")


def nameless(path):
    raise OperatorError("node 'x' is wrong")


def foreign(path):
    return {}["x"]


def killed(path):
    os.kill(os.getpid(), signal.SIGSEGV)


def slow(path):
    while True:
        time.process_time()


def large(path):
    return len(bytearray(3 << 30))


@pytest.mark.parametrize(
    ("stage", "seen"),
    [
        (own, "refused"),
        (nameless, "does not name the file: OperatorError"),
        (foreign, "foreign: KeyError at test_fuzz.py"),
        (killed, "killed: SIGSEGV"),
        (slow, "killed: SIG"),  # of its own time, or of ours where the machine is busy
        (large, "foreign: MemoryError"),
    ],
)
def test_fuzzer_tells_what_happened(stage, seen, tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "SECONDS", 1)
    monkeypatch.setattr(fuzz, "STAGES", {"stage": stage})
    outcome = fuzz.try_case(b"", tmp_path, ["stage"])
    assert outcome["stage"].startswith(seen)
    assert bool(fuzz.failures(outcome)) == (seen != "refused")
