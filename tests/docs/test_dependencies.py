"""CONTRIBUTING.md says which packages are imported where, as the modules do."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPORTED_AS = {
    "Pillow": "PIL",
    "PyYAML": "yaml",
    "onnxruntime or onnxruntime-gpu": "onnxruntime",
    "opentelemetry-sdk": "opentelemetry",
    "prometheus-client": "prometheus_client",
    "protobuf": "google",
}


def _table() -> dict[str, set[str]]:
    """Imported name -> where; without what is imported everywhere, or by tests and tools alone."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Dependencies")[2]
    found = {}
    for packages, where in re.findall(r"^\| ([\w ,-]+) \| .* \| (`.*`) \|$", page, re.MULTILINE):
        places = set(re.findall(r"`([\w.]+)`", where))
        if "tests" not in places:
            names = [packages] if packages in IMPORTED_AS else packages.split(", ")
            found.update({IMPORTED_AS.get(name, name): places for name in names})
    return found


@lru_cache(maxsize=1)
def _imports() -> dict[str, set[str]]:
    """Module, without ``kcompile.`` -> top-level packages that it imports."""
    found = {}
    for base, package in ((ROOT, "kcompile"), (ROOT / "runtime", "kcompile_runtime")):
        for path in sorted((base / package).rglob("*.py")):
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
            names |= {
                node.module
                for node in nodes
                if isinstance(node, ast.ImportFrom) and node.module and not node.level
            }
            module = ".".join(path.relative_to(base).with_suffix("").parts).removeprefix("kcompile.")
            found[module] = {name.partition(".")[0] for name in names}
    return found


@pytest.mark.parametrize("package, places", _table().items(), ids=_table())
def test_the_table_says_where_a_package_is_imported(package, places):
    modules = {module for module, names in _imports().items() if package in names}
    assert {
        place for place in places if any(f"{module}.".startswith(f"{place}.") for module in modules)
    } == places
    assert [
        module for module in modules if not any(f"{module}.".startswith(f"{place}.") for place in places)
    ] == []
