"""Makes ``import keras`` and ``import tensorflow`` mean what is here: the same modules by other names.

``keras.x`` is ``kcompile.keras.x``, ``tensorflow.x`` is ``kcompile.tf_keras.tensorflow.x``, and
``tensorflow.keras.x`` is ``kcompile.keras.x`` again, so that a class has one identity by all of its names.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from . import brought_names

TARGET = "kcompile.keras"
_TF_KERAS = "kcompile.tf_keras"
_TENSORFLOW = "kcompile.tf_keras.tensorflow"

#: What programs call a package -> the package here. What lies below follows from it.
PACKAGES = {
    "keras": TARGET,
    "keras.src": TARGET,
    "keras_applications": f"{TARGET}.applications",
    "keras_preprocessing": f"{TARGET}.preprocessing",
    "tf_keras": _TF_KERAS,
    "tf_keras.src": _TF_KERAS,
    "tensorflow": _TENSORFLOW,
    "tensorflow_addons": "kcompile.tf_keras.addons",
    "tensorflow_model_optimization": "kcompile.tf_keras.model_optimization",
    "tensorflow.keras": _TF_KERAS,
    "tensorflow.python": "kcompile.tf_keras.python_modules",
    "tensorflow.python.keras": _TF_KERAS,
}
#: Parts of Keras and of tf.keras that were packages of their own.
_OF_BOTH = ("keras_applications", "keras_preprocessing")
#: Programs that take one of several Kerases ask the package for its name.
_ASKED_FOR_NAMES = ("keras", "tf_keras", "tensorflow", "tensorflow.keras")
#: Distributions whose versions programs ask for, and the packages that know them.
_DISTRIBUTIONS = {
    "tensorflow": _TENSORFLOW,
    "tensorflow-cpu": _TENSORFLOW,
    "tensorflow-model-optimization": "kcompile.tf_keras.model_optimization",
    "tf-keras": _TF_KERAS,
    "keras": TARGET,
}


class AliasFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the packages above and what is below them; put first on ``sys.meta_path`` by :func:`install`."""

    def __init__(self) -> None:
        self.loaded: dict[str, ModuleType] = {}
        self.on_first_import: Callable[[str], None] | None = None

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """A spec for the alias; None for other names and for modules that are not here."""
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        if self.on_first_import is not None and fullname.partition(".")[0] not in _OF_BOTH:
            told, self.on_first_import = self.on_first_import, None
            told(fullname)
        module = _found(fullname)
        if module is None:
            return None
        own = module.__spec__
        return importlib.machinery.ModuleSpec(
            fullname, self, origin=own.origin if own else None, is_package=_has_modules(module)
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """The module itself, imported under its own name."""
        module = _found(spec.name)
        if module is not None:
            spec.loader_state = module.__spec__
            self.loaded[spec.name] = module
            _give_later_modules(spec.name, module)
            if spec.name.startswith("keras."):
                brought_names.give(spec.name.removeprefix("keras."), module)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """The module has run already; importing it by its alias must not change its spec."""
        spec = module.__spec__
        if spec is None or spec.loader is not self:
            return
        if spec.name in _ASKED_FOR_NAMES:
            module.__name__ = spec.name
        if spec.loader_state is not None:
            module.__spec__ = spec.loader_state

    def find_distributions(self, context: Any = None) -> Iterator[importlib.metadata.Distribution]:
        """What ``importlib.metadata.version("tensorflow")`` reads."""
        name = (getattr(context, "name", None) or "").replace("_", "-").lower()
        if name in _DISTRIBUTIONS:
            yield _Distribution(name)


class _Distribution(importlib.metadata.Distribution):
    """A distribution of which nothing but name and version is there."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        version = importlib.import_module(_DISTRIBUTIONS[self._name]).__version__
        return f"Metadata-Version: 2.1\nName: {self._name}\nVersion: {version}\n"

    def locate_file(self, path: str | os.PathLike[str]) -> Any:
        raise FileNotFoundError(f"{path}: kcompile stands in for {self._name}, of which no files are here.")


def _found(name: str) -> ModuleType | None:
    """The module that an alias stands for: a package of the table, or what its parent knows by that name.

    The parent has been imported, as Python does it before it asks for what is below.
    """
    if name in PACKAGES:
        return importlib.import_module(PACKAGES[name])
    parent, _, last = name.rpartition(".")
    package = sys.modules[parent]
    found = getattr(package, last, None)
    if isinstance(found, ModuleType):
        return found
    home = package.__spec__.name if package.__spec__ is not None else ""
    if home.startswith("kcompile.") and importlib.util.find_spec(f"{home}.{last}") is not None:
        return importlib.import_module(f"{home}.{last}")
    path = _below_keras(name)
    return importlib.import_module(f"{_TF_KERAS}.later_paths").module_of(path) if path else None


def _below_keras(name: str) -> str | None:
    """A module's path below ``keras``, by whichever name of the package: "" for itself, None for others."""
    for package in sorted(PACKAGES, key=len, reverse=True):
        if "keras" in package and f"{name}.".startswith(f"{package}."):
            return name[len(package) + 1 :]
    return None


def _give_later_modules(name: str, module: ModuleType) -> None:
    """``from keras.utils import tf_utils`` asks the module, not for a module."""
    path = _below_keras(name)
    if path is None:
        return
    later = importlib.import_module(f"{_TF_KERAS}.later_paths")
    for last in later.below(path):
        if last not in vars(module):
            setattr(module, last, later.module_of(f"{path}.{last}".lstrip(".")))


def _has_modules(module: ModuleType) -> bool:
    """Whether imports may ask for what is below: of packages, and of modules that are made of tables."""
    return hasattr(module, "__path__") or not hasattr(module, "__file__")


def install(on_first_import: Callable[[str], None] | None = None) -> None:
    """From now on the names of the table mean what is here, in this process, whatever else is installed.

    Args:
        on_first_import: is told the first of these names that is imported, before it is.
    """
    finder = next((finder for finder in sys.meta_path if isinstance(finder, AliasFinder)), None)
    if finder is None:
        finder = AliasFinder()
        sys.meta_path.insert(0, finder)
    finder.on_first_import = on_first_import
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        if sys.modules[name] is not finder.loaded.get(name):
            del sys.modules[name]
