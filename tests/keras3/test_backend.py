"""Runs the files of ``backend/``, each by ``python -m kcompile.keras3 -m pytest``, as users run theirs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(path.name for path in (HERE / "backend").glob("test_*.py"))

pytestmark = pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras 3 is not installed")


@pytest.mark.parametrize("name", FILES)
def test_on_stock_keras(name: str) -> None:
    command = [sys.executable, "-m", "kcompile.keras3", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "KCOMPILE_KERAS3_TESTS": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("KERAS_BACKEND", None)
    done = subprocess.run(
        [*command, "-p", "no:xdist", str(HERE / "backend" / name)],
        cwd=HERE.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def test_there_are_files_to_run() -> None:
    assert FILES
