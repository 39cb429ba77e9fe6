"""The floors: an import may only go down, and heavy libraries load only when they are needed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

FLOORS = {
    "kcompile.cli": 4,
    "kcompile.convert": 3,
    "kcompile.keras": 2,
    "kcompile.devices": 2,
    "kcompile.formats": 1,
    "kcompile.torch_bridge": 1,
    "kcompile.onnx_io": 1,
    "kcompile.atomic": 0,
    "kcompile.optional": 0.5,
    "kcompile.progress": 0,
    "kcompile.ir": 0,
    "kcompile_runtime": 0,
}
#: The front door itself: it stands above every floor, and nothing below may go through it.
TOP = ("kcompile", "kcompile.__main__", "kcompile.__init__")
#: What the lowest floor may import besides the standard library.
ALLOWED = {
    "kcompile.atomic": set(),
    "kcompile.progress": set(),
    "kcompile.ir": {"numpy", "onnx"},
    "kcompile_runtime": {"numpy", "onnxruntime"},
}
TORCH_ROOM = "kcompile.torch_bridge"


def module_files() -> dict[str, Path]:
    """Every module of both distributions, by its dotted name."""
    found = {}
    for base in (ROOT, ROOT / "runtime"):
        package = base / ("kcompile" if base == ROOT else "kcompile_runtime")
        for path in package.rglob("*.py"):
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = module_files()


def imports(module: str, source: str, is_package: bool) -> Iterator[tuple[str, int]]:
    """(absolute dotted name, line) of everything that a module imports, also inside functions.

    `from a import b` gives both `a` and `a.b`: b may be a module. Names under `if TYPE_CHECKING` count too,
    since a type is knowledge as well.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                keep = len(parts) - node.level + (1 if is_package else 0)
                base = ".".join([*parts[:keep], *([base] if base else [])])
            yield base, node.lineno
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            target = node.args[0].value
            if name in ("import_module", "__import__") and isinstance(target, str):
                yield target.lstrip(".") if not target.startswith(".") else f"{module}{target}", node.lineno


def room(name: str) -> str | None:
    """The package of FLOORS that a module belongs to."""
    return next((package for package in FLOORS if name == package or name.startswith(package + ".")), None)


def violations(module: str, source: str, is_package: bool = False) -> list[str]:
    """What a module's imports break, one line each."""
    own = room(module)
    found = []
    for target, line in imports(module, source, is_package):
        top = target.split(".")[0]
        other = room(target)
        where = f"{module}:{line} imports {target}"
        if top == "torch" and own != TORCH_ROOM:
            found.append(f"{where}: torch belongs to {TORCH_ROOM} alone")
        if own is None:
            continue
        if other is not None and other != own and FLOORS[other] >= FLOORS[own]:
            found.append(f"{where}: floor {FLOORS[own]} may not import floor {FLOORS[other]}")
        if own in ALLOWED and top not in {*ALLOWED[own], "kcompile", "kcompile_runtime"}:
            if top not in sys.stdlib_module_names:
                found.append(f"{where}: {own} may import {', '.join(sorted(ALLOWED[own]))} only")
        if own in ALLOWED and top in ("kcompile", "kcompile_runtime") and other != own:
            # `from . import x` at the top of a package names the package itself, which is fine.
            if not f"{own}.".startswith(f"{target}."):
                found.append(f"{where}: {own} stands on nothing of ours")
    return list(dict.fromkeys(found))


def test_every_package_of_the_floors_is_there() -> None:
    missing = [package for package in FLOORS if package not in MODULES]
    assert not missing


def test_every_package_has_a_floor() -> None:
    homeless = sorted(name for name in MODULES if room(name) is None and name not in TOP)
    assert not homeless


def test_the_table_of_the_architecture_page_shows_these_floors() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d.]+) \| (.*?) \|", page, re.MULTILINE)
    shown = {name: float(floor) for floor, names in rows for name in re.findall(r"`([\w.]+)`", names)}
    assert shown == {name.removeprefix("kcompile."): floor for name, floor in FLOORS.items()}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_only_go_down(module: str) -> None:
    path = MODULES[module]
    broken = violations(module, path.read_text(encoding="utf-8"), path.name == "__init__.py")
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("kcompile.ir.op", "import torch", "torch belongs"),
        ("kcompile.keras.training.model", "def f():\n    import torch.nn as nn", "torch belongs"),
        ("kcompile.keras.backend", "import importlib\nimportlib.import_module('torch')", "torch belongs"),
        ("kcompile.ir.op", "from ..keras import layers", "floor 0 may not import floor 2"),
        ("kcompile.ir.op", "from .. import keras", "floor 0 may not import floor 2"),
        ("kcompile.ir.op", "import h5py", "numpy, onnx only"),
        ("kcompile.ir.op", "import kcompile_runtime", "floor 0 may not import floor 0"),
        ("kcompile.formats.hdf5", "from kcompile import onnx_io", "floor 1 may not import floor 1"),
        ("kcompile.onnx_io.write", "from ..torch_bridge.lower import x", "floor 1 may not import floor 1"),
        ("kcompile.torch_bridge.ops", "from kcompile.keras import losses", "floor 1 may not import floor 2"),
        ("kcompile.keras.models", "def f():\n    from ..cli import main", "floor 2 may not import floor 4"),
        ("kcompile.convert.weights", "from ..cli import app", "floor 3 may not import floor 4"),
        ("kcompile_runtime.executor", "import onnx", "numpy, onnxruntime only"),
        ("kcompile_runtime.executor", "from kcompile.ir import Graph", "floor 0 may not import floor 0"),
        ("kcompile_runtime.executor", "import kcompile", "stands on nothing of ours"),
    ],
)
def test_an_import_that_goes_up_is_found(module: str, source: str, expected: str) -> None:
    broken = violations(module, source)
    assert any(expected in line for line in broken), broken


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("kcompile.torch_bridge.ops", "import torch\nfrom ..ir import op\nimport numpy"),
        (
            "kcompile.keras.training.model",
            "def f():\n    from ...torch_bridge import lower\n    import h5py",
        ),
        ("kcompile.ir.op", "from .value import Value\nfrom . import op\nimport onnx.defs, numpy, json"),
        ("kcompile.cli.main", "import typer\nfrom kcompile import keras, formats"),
        ("kcompile_runtime.session", "import onnxruntime, ctypes\nfrom .errors import InputError"),
    ],
)
def test_an_import_that_goes_down_passes(module: str, source: str) -> None:
    assert violations(module, source) == []


def loaded_after(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    path = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'runtime')!r}]\n"
    result = subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


HEAVY = {"torch", "h5py", "onnxruntime", "yaml", "requests", "urllib3", "pooch", "rich", "typer", "sklearn"}


@pytest.mark.parametrize(
    "statement", ["import kcompile", "from kcompile import keras", "import kcompile_runtime"]
)
def test_importing_loads_nothing_heavy(statement: str) -> None:
    assert not loaded_after(statement) & HEAVY


def test_importing_the_runtime_loads_nothing_of_the_compiler() -> None:
    assert not loaded_after("import kcompile_runtime") & {"kcompile", "onnx"}
