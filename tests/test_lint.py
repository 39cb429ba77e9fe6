"""What is checked before a commit is what `make lint` checks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def test_hooks_run_the_commands_of_make_lint_and_download_nothing():
    if not (ROOT / ".pre-commit-config.yaml").exists():
        pytest.skip("not a checkout")
    recipe = re.search(
        r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    ours = re.findall(r"python -m (.*)", recipe.group(1))
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [entry["repo"] for entry in repositories] == ["local"]
    hooks = repositories[0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    said = [re.sub(r"^\.venv/bin/python -m | --force-exclude$", "", hook["entry"]) for hook in hooks]
    assert said == [re.sub(r" --check| \.$", "", re.sub(r" \.$", "", command)) for command in ours]
