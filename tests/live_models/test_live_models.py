"""Live models of Keras 3 on its backend of PyTorch, taken over: outputs, files, weights both ways, errors.

Keras has one backend in each process, so they run in one of their own.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("keras", "torch")),
    reason="needs stock Keras 3 and PyTorch",
)

#: Rounding to half precision, which is left out here.
TOLERANCES = {"mixed_precision": 2e-2, "half_precision": 2e-2}


def names_of_models():
    tree = ast.parse((ROOT / "tests/live_models/models.py").read_text())
    marked = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.decorator_list]
    return [n.name for n in marked]


def run(*arguments, backend="torch"):
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": f"{ROOT}:{ROOT / 'runtime'}"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="session")
def judged():
    done = run("-m", "tests.live_models.runner", "--export")
    assert done.returncode == 0, done.stderr[-3000:]
    found = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            entry = json.loads(line)
            found[entry.pop("model")] = entry
    return found


@pytest.mark.parametrize("name", names_of_models())
def test_a_live_model_gives_equal_outputs_exports_and_takes_its_weights_back(judged, name):
    found = judged[name]
    assert "error" not in found, found["error"]
    tolerance = TOLERANCES.get(name, 1e-5)
    assert found["outputs"] < tolerance
    assert found["file"] < 1e-5
    assert found["pushed"] < tolerance
    assert found["unknown_weights"] == 0


@pytest.mark.parametrize("name", names_of_models())
def test_recording_leaves_nothing_behind_on_the_live_model(judged, name):
    assert not judged[name]["seeds_moved"]
    assert not judged[name]["calls_left"]


CHECKS = ROOT / "tests/live_models/checks.py"


def names_of_checks():
    return [n.name for n in ast.parse(CHECKS.read_text()).body if isinstance(n, ast.FunctionDef)]


@pytest.fixture(scope="session")
def checked():
    done = run("-m", "tests.live_models.checks")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", [n for n in names_of_checks() if n.startswith("it_")])
def test_of_a_live_model(checked, name):
    assert checked[name] == "", checked[name]


def test_nothing_imports_keras_before_a_model_of_it_is_given():
    code = (
        "import sys, kcompile; kcompile.from_keras, kcompile.export, kcompile.predict\n"
        "try: kcompile.from_keras(3)\n"
        "except TypeError as error: print(error)\n"
        "print('keras' in sys.modules)"
    )
    lines = run("-c", code).stdout.splitlines()
    expected = "A live model of stock Keras 3 or tf_keras was expected, found builtins.int."
    assert lines == [expected, "False"]
