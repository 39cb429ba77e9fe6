"""Names that packages import when first asked, as type checkers read them and as they are.

What mypy makes of them is in front_door_types.py, which `make lint` checks.
"""

from __future__ import annotations

import ast
import importlib
import inspect

import pytest

import kcompile
from kcompile import keras
from kcompile.keras import applications, utils

PACKAGES = [kcompile, keras, applications, utils]


def _for_checkers(package):
    """Name -> module to import it from and name there (None for a module) below ``if TYPE_CHECKING``."""
    tree = ast.parse(inspect.getsource(package))
    found = {}
    for block in tree.body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for imported in block.body:
                if not isinstance(imported, ast.ImportFrom):
                    continue  # the declaration of __all__
                base = package.__name__.split(".")
                base = base[: len(base) - imported.level + 1]
                home = ".".join([*base, *([imported.module] if imported.module else [])])
                found.update({alias.asname: (home, alias.name) for alias in imported.names})
    return found


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_checkers_read_what_a_package_gives_when_asked(package):
    for name, (home, original) in _for_checkers(package).items():
        try:
            expected = importlib.import_module(f"{home}.{original}")
        except ModuleNotFoundError:
            expected = getattr(importlib.import_module(home), original)
        assert getattr(package, name) is expected, name


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_checkers_know_every_public_name(package):
    defined = {
        name
        for name, value in vars(package).items()
        if getattr(value, "__module__", None) == package.__name__
    }
    imported = {
        alias.asname or alias.name
        for node in ast.parse(inspect.getsource(package)).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    known = set(_for_checkers(package)) | imported | defined | {"__version__"}
    assert set(package.__all__) <= known


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_name_that_is_none_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nosuch'"):
        _ = package.nosuch
