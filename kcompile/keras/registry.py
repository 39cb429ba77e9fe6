"""Which classes and functions are Keras's own, and the names by which configurations know them.

A module that defines classes with a configuration, or functions that a configuration may name, ends with
``registry.register(globals())``. Objects are told apart by identity: a class that users write is not built
in, under any name or ``__module__``, nor because it derives from one that is.

Names are given by kind: ``registry.name("layer", {...})``. What no kind names, no file can name, though it
lies in the same module. This module imports nothing of Keras; modules that give names are imported when a
name of theirs is first asked for.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

#: The modules that name the objects of a kind.
_MODULES = {
    "layer": ("layers", "core.layer", "training.sequential", "training.model"),
    "loss": ("losses",),
    "metric": ("metrics",),
    "optimizer": ("optimizers",),
    "schedule": ("optimizers.schedules",),
    "activation": ("activations",),
    "initializer": ("initializers",),
    "regularizer": ("regularizers",),
    "constraint": ("constraints",),
}
#: What files name beside the objects of a kind, with the module that defines it. A configuration of any kind
#: finds it.
_ELSEWHERE = {
    "ClusterWeights": "clustering.cluster_wrapper",
    "CustomScaleLayer": "applications.inception_resnet_v2",
    "FeatureSpace": "utils.feature_space",
    "LayerScale": "applications.convnext",
    "PruneLowMagnitude": "sparsity.pruning_wrapper",
    "QuantizeAnnotate": "quantization.annotating",
    "QuantizeWrapper": "quantization.quantize_wrapper",
    "QuantizeWrapperV2": "quantization.quantize_config",
    "StochasticDepth": "applications.convnext",
    "scaled_sum": "applications.inception_resnet_v2",
    "sum_over_group": "applications._grouped_convolution",
}

# By id, with the objects themselves: a metaclass may say of its classes that they equal others.
_BUILT_IN: dict[int, Any] = {}
_NAMES: dict[str, dict[str, Any]] = {kind: {} for kind in _MODULES}
_NAMED: dict[int, Any] = {}


def register(namespace: dict[str, Any], listed: bool = False) -> None:
    """Makes the classes and functions that a module defines built-in; those it imports stay what they are.

    A class with a class method ``_on_registered`` is told, bases before the classes that derive from them.

    Args:
        namespace: ``globals()`` of the module, at its end.
        listed: whether the module gets an ``__all__``: its classes, by all their public names.
    """
    for obj in list(namespace.values()):
        if not inspect.isclass(obj) and not inspect.isfunction(obj):
            continue
        if obj.__module__ != namespace["__name__"] or is_built_in(obj):
            continue
        _BUILT_IN[id(obj)] = obj
        if inspect.isclass(obj) and hasattr(obj, "_on_registered"):
            obj._on_registered()
    if listed:
        namespace["__all__"] = _public_classes(namespace)


def _public_classes(namespace: Mapping[str, Any]) -> list[str]:
    own = {key: obj for key, obj in namespace.items() if inspect.isclass(obj) and not key.startswith("_")}
    return sorted(key for key, cls in own.items() if cls.__module__ == namespace["__name__"])


def publish(package: dict[str, Any], *names: str) -> list[str]:
    """Gives a package its ``__all__``, and returns it.

    It has what the package took over from modules that list it (``from .pooling import *``), the public
    functions and classes that the package defines itself, and ``names``. Type checkers need no list: they
    read the imports.

    Args:
        package: ``globals()`` of the package, at its end.
    """
    own = package["__name__"]
    public = {*names}
    for key, obj in package.items():
        if inspect.ismodule(obj) and obj.__name__.startswith(f"{own}."):
            public.update(n for n in getattr(obj, "__all__", ()) if package.get(n) is getattr(obj, n))
        elif not key.startswith("_") and (inspect.isclass(obj) or inspect.isfunction(obj)):
            public.update([key] if obj.__module__ == own else [])
    package["__all__"] = sorted(public)
    return package["__all__"]


def is_built_in(obj: Any) -> bool:
    """Whether this very class or function is one of Keras's own; of a subclass that users write it is not."""
    return id(obj) in _BUILT_IN


def defines(cls: type, attribute: str) -> bool:
    """Whether it is a built-in class, ``cls`` or one of its bases, from which ``cls`` has an attribute."""
    owner = next((base for base in cls.__mro__ if attribute in vars(base)), None)
    return is_built_in(owner)


def name(kind: str, objects: Mapping[str, Any]) -> None:
    """Lets configurations name built-in classes and functions.

    Args:
        kind: "layer", "loss", "metric", "optimizer", "schedule", "activation", "initializer", "regularizer"
            or "constraint".
        objects: name -> class or function; several names may stand for one.

    Raises:
        ValueError: for an object that is not built in.
    """
    for key, obj in objects.items():
        if not is_built_in(obj):
            raise ValueError(f"The {kind} {key!r} ({obj!r}) is named before its module registered it.")
        _NAMES[kind][key] = obj
        _NAMED[id(obj)] = obj


def names(kind: str) -> Mapping[str, Any]:
    """Name -> class or function of all that configurations may name of a kind; it cannot be written to."""
    for module in _MODULES[kind]:
        importlib.import_module(f".{module}", __package__)
    return MappingProxyType(_NAMES[kind])


def kind_of(name: str, module: Any = None) -> str | None:
    """The kind that a name is of, None for one that nobody knows; that of the module first, where a
    configuration says one: ``MeanSquaredError`` is a loss in ``keras.losses`` and a metric in
    ``keras.metrics``."""
    said = [kind for kind in _MODULES if module in (f"keras.{_MODULES[kind][0]}", f"keras.{kind}s")]
    return next((kind for kind in (*said, *_MODULES) if name in names(kind)), None)


def kind_of_object(obj: Any) -> str | None:
    """The kind of a built-in class or function that configurations may name; None for any other."""
    named = ((kind, known) for kind, objects in _NAMES.items() for known in objects.values())
    return next((kind for kind, known in named if known is obj), None)


def public_module(kind: str) -> str:
    """The module that names the objects of a kind, as configurations call it: ``keras.layers``."""
    return f"keras.{_MODULES[kind][0]}"


def serialize(kind: str, obj: Any) -> Any:
    """What configurations say of an object of a kind, as the module that names them does."""
    return _module_of(kind).serialize(obj)


def deserialize(kind: str, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """An object of a kind from its configuration, as the module that names them reads it."""
    return _module_of(kind).deserialize(config, custom_objects)


def _module_of(kind: str) -> Any:
    return importlib.import_module(f".{_MODULES[kind][0]}", __package__)


def is_named(obj: Any) -> bool:
    """Whether this very object is one that configurations may name, of whatever kind."""
    return id(obj) in _NAMED


def is_a(obj: Any, kind: str, *names: str) -> bool:
    """Whether an object is an instance of a class that one of these names stands for, or of a subclass.

    Nothing is imported: of a class that is not there yet, there are no instances.
    """
    classes = [_NAMES[kind].get(name) for name in names]
    return isinstance(obj, tuple(cls for cls in classes if inspect.isclass(cls)))


def elsewhere(name: str) -> Any:
    """The class or function of no kind that a file names, such as one of an application; None for any other
    name.

    Only the module that defines it is imported.
    """
    if name not in _ELSEWHERE:
        return None
    return getattr(importlib.import_module(f".{_ELSEWHERE[name]}", __package__), name)
