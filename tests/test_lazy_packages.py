"""Packages whose modules are imported when a name of theirs is first asked for."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from typing import Any

import pytest

from kcompile.keras import backend, layers
from kcompile.keras.utils import nested, np_utils
from kcompile.keras.utils.sequences import Sequence
from kcompile_runtime.lazy_packages import attach

from .imports import MODULES

PACKAGES = sorted(
    name
    for name, path in MODULES.items()
    if re.search(r"\battach\(\s*globals\(\)", path.read_text(encoding="utf-8"))
)


def test_these_packages_give_names_on_demand() -> None:
    assert {"kcompile", "kcompile.keras", "kcompile.keras.callbacks", "kcompile_runtime"} <= {*PACKAGES}


@pytest.mark.parametrize("package", PACKAGES)
def test_each_name_of_a_package_is_there_and_no_other(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__ and {*module.__all__} <= {*dir(module)}
    found: dict[str, object] = {}
    exec(f"from {package} import *", found)
    for name in module.__all__:
        assert found[name] is getattr(module, name)
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = module.absent


@pytest.mark.parametrize(
    ("package", "modules"),
    [
        ("kcompile_runtime", ["errors", "executor", "session", "states", "tensors"]),
        ("kcompile.onnx_io", ["errors", "passes", "reading", "writing"]),
        ("kcompile.keras.callbacks", ["base", "control", "loggers", "tensorboard"]),
        ("kcompile.keras.applications", ["layers", "resnet", "imagenet_utils"]),
    ],
)
def test_modules_of_a_package_are_its_attributes_before_anybody_imports_them(
    package: str, modules: list[str]
) -> None:
    code = f"import {package} as p\nprint(*(getattr(p, name).__name__ for name in {modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    above = package.rpartition(".")[0]
    expected = [f"{above if name == 'layers' else package}.{name}" for name in modules]
    assert done.stdout.split() == expected


def test_names_stand_for_objects_of_other_names_for_modules_and_are_listed_or_not() -> None:
    namespace: dict[str, Any] = {
        "__name__": "made",
        "__package__": "kcompile.keras.utils",
        "__all__": ["own"],
    }
    names = {"Batches": "sequences:Sequence", "numbers": "np_utils:", "layers": ".layers:", "K": ".backend:"}
    attach(namespace, names, ["nested"], ["layers"])
    found = {name: namespace["__getattr__"](name) for name in [*names, "nested"]}
    assert found == {
        "Batches": Sequence, "numbers": np_utils, "layers": layers, "K": backend, "nested": nested,
    }  # fmt: skip
    assert namespace["__all__"] == ["Batches", "K", "nested", "numbers", "own"]
