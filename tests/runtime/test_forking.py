"""A process that forks while a dropped session waits for the collector has children that do not hang."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("fcntl", reason="needs fork")

PROGRAM = """
import gc, os, sys, time
import numpy as np
from kcompile_runtime import Executor
from tests.runtime import models

gc.disable()
if sys.argv[1] == "frozen":
    kept = [[]]
    gc.freeze()
for _ in range(3):
    executor = Executor(models.dense(), intra_op_threads=2)
    executor.circle = executor  # freed by the collector alone
    executor.predict(np.ones((2, 4), np.float32))
    del executor
child = os.fork()
if not child:
    gc.collect()
    os._exit(0)
deadline = time.monotonic() + 20
while os.waitpid(child, os.WNOHANG) == (0, 0):
    if time.monotonic() > deadline:
        os.kill(child, 9)
        sys.exit("the child hangs")
    time.sleep(0.01)
assert gc.collect() > 0, "the parent frees them"
"""


@pytest.mark.parametrize("program", ["plain", "frozen"])
def test_a_child_does_not_free_its_parents_sessions(program):
    command = [sys.executable, "-c", PROGRAM, program]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
