"""The modules of tf.keras, which give what is in the modules of ``kcompile.keras`` as tf.keras has it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from .. import keras
from ..keras import dialects, rules

#: Those that import statements may name, below ``kcompile.tf_keras``.
MODULES = (
    "activations", "applications", "backend", "backend.experimental", "callbacks", "callbacks.experimental",
    "constraints", "datasets",
    "initializers", "layers", "layers.experimental", "layers.experimental.preprocessing", "losses", "metrics",
    "mixed_precision", "models", "optimizers", "optimizers.experimental", "optimizers.legacy",
    "optimizers.schedules", "preprocessing", "preprocessing.image", "preprocessing.sequence",
    "preprocessing.text", "regularizers", "saving", "utils", "utils.legacy",
    *(f"applications.{name}" for name in (
        "convnext", "densenet", "efficientnet", "efficientnet_v2", "imagenet_utils", "inception_resnet_v2",
        "inception_v3", "mobilenet", "mobilenet_v2", "mobilenet_v3", "nasnet", "regnet", "resnet",
        "resnet50", "resnet_rs", "resnet_v2", "vgg16", "vgg19", "xception",
    )),
    *(f"datasets.{name}" for name in (
        "boston_housing", "cifar10", "cifar100", "fashion_mnist", "imdb", "mnist", "reuters",
    )),
)  # fmt: skip
#: Whose functions compute alike in every dialect: they are the functions themselves, unless their arguments
#: differ.
_ALIKE = ("activations", "backend", "datasets", "utils")


class Module(ModuleType):
    """A module of tf.keras.

    Args:
        path: below ``kcompile.tf_keras``, as below ``kcompile.keras``.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"kcompile.tf_keras.{path}")
        self.__dict__.update(__path__=[], __package__=self.__name__, _path=path)

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return public_names(module_of(self.__dict__["_path"]))
        if name.startswith("__"):
            raise AttributeError(name)
        path = f"{self.__dict__['_path']}.{name}"
        if rules.of_process() is None and path in MODULES:
            return sys.modules[f"kcompile.tf_keras.{path}"]
        home = module_of(self.__dict__["_path"])
        if path.partition(".")[0] in _ALIKE and not rules.takes_by_rules(getattr(home, name)):
            return getattr(home, name)
        return member(home, name)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *dir(module_of(self.__dict__["_path"]))})


def public_names(module: ModuleType) -> list[str]:
    """What ``from module import *`` takes."""
    names = [name for name in dir(module) if not name.startswith("_")]
    return list(getattr(module, "__all__", names))


def module_of(path: str) -> Any:
    """The module of ``kcompile.keras`` at a path."""
    found: Any = keras
    for name in path.split("."):
        found = getattr(found, name)
    return found


def member(home: Any, name: str) -> Any:
    """What a module of ``kcompile.keras`` has by a name, as tf.keras has it; itself where all code of the
    process follows one set of rules."""
    try:
        found = getattr(home, name)
    except AttributeError:
        raise AttributeError(f"module {home.__name__!r} has no attribute {name!r}") from None
    if isinstance(found, ModuleType) or rules.of_process() is not None:
        return found
    return dialects.as_in(rules.TF_KERAS, found)
