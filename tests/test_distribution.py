"""The two distributions agree with each other and with what they promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kcompile
import kcompile_runtime

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = {"cpu", "gpu", "train", "serve", "viz", "test"}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_both_have_one_version() -> None:
    assert kcompile.__version__ == kcompile_runtime.__version__
    pinned = re.findall(r'"kcompile-runtime(?:\[\w+\])?==([^"]+)"', text("pyproject.toml"))
    assert pinned and set(pinned) == {kcompile.__version__}


def test_both_are_typed() -> None:
    for package in (kcompile, kcompile_runtime):
        assert (Path(package.__file__ or "").parent / "py.typed").is_file()


def test_the_extras_are_there() -> None:
    section = text("pyproject.toml").split("[project.optional-dependencies]")[1].split("\n[")[0]
    assert set(re.findall(r"^(\w+) = \[", section, re.MULTILINE)) >= EXTRAS


@pytest.mark.parametrize("name", ["pyproject.toml", "runtime/pyproject.toml"])
def test_constraints_fix_every_dependency(name: str) -> None:
    """Else two machines could test different versions."""
    fixed = {normal(line) for line in text("constraints.txt").splitlines() if "==" in line}
    wanted = {
        normal(entry) for entry in re.findall(r'"([A-Za-z][\w.-]*(?:\[[\w,]+\])?[><=]=[^"]*)"', text(name))
    }
    wanted -= {"kcompile-runtime", "hatchling"}
    assert wanted and wanted <= fixed, sorted(wanted - fixed)


def normal(requirement: str) -> str:
    """Name of a requirement, as package indexes spell it."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_kcompile_names_what_it_has() -> None:
    assert "keras" in dir(kcompile)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        kcompile.nonsense  # noqa: B018
