"""Runs the files of ``backend/``, in groups, by ``python -m kcompile.keras3 -m pytest``, as users do."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(path.stem.removeprefix("test_") for path in (HERE / "backend").glob("test_*.py"))
#: Each is a process, which imports Keras and PyTorch once. What provides a TensorFlow has one for itself.
GROUPS = {
    "arrays": ["control_flow", "images", "math", "numpy", "random", "variables"],
    "layers": ["benchmarks", "export", "networks", "recurrent", "text_models"],
    "training": ["optimizers", "trainer"],
    "tensorflow": ["small_tensorflow"],
}

pytestmark = pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras 3 is not installed")


@pytest.mark.parametrize("group", GROUPS)
def test_on_stock_keras(group: str) -> None:
    command = [sys.executable, "-m", "kcompile.keras3", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "KCOMPILE_KERAS3_TESTS": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("KERAS_BACKEND", None)
    done = subprocess.run(
        [*command, "-p", "no:xdist", *(str(HERE / "backend" / f"test_{name}.py") for name in GROUPS[group])],
        cwd=HERE.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"


def test_every_file_is_run_once() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == FILES
