"""The lowest versions that the two distributions declare."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = {"kcompile": ROOT / "pyproject.toml", "kcompile-runtime": ROOT / "runtime" / "pyproject.toml"}
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def project(name: str) -> dict[str, Any]:
    """The table [project] of a distribution."""
    found: dict[str, Any] = tomllib.loads(PROJECTS[name].read_text(encoding="utf-8"))["project"]
    return found


def requirements(name: str, python: str, extras: Collection[str]) -> list[Requirement]:
    """What a distribution asks for under one Python, with its own extras and those of ours that it names."""
    table = project(name)
    lines = [*table["dependencies"]]
    for extra in extras:
        lines += table.get("optional-dependencies", {}).get(extra, [])
    found = []
    for requirement in map(Requirement, lines):
        if requirement.marker is not None and not requirement.marker.evaluate({"python_version": python}):
            continue
        if requirement.name in PROJECTS:
            found += requirements(requirement.name, python, requirement.extras)
        else:
            found.append(requirement)
    return found


def floors(name: str, python: str, extras: Collection[str] = ()) -> dict[str, str]:
    """Package -> the lowest version that is allowed: the highest of what is asked for."""
    lowest: dict[str, str] = {}
    for requirement in requirements(name, python, extras):
        package = canonicalize_name(requirement.name)
        for bound in requirement.specifier:
            if bound.operator == ">=" and Version(bound.version) >= Version(lowest.get(package, "0")):
                lowest[package] = bound.version
    return lowest
