"""Classes and functions of the front end as code of another version of Keras has them.

There is one set of classes. Where all code of a process is of one dialect, ``rules.follow`` says so, and
nothing here is used. Elsewhere a dialect has a thin class for each of ours: a call of it makes an object of
our class by the rules of the dialect, ``isinstance`` asks for our class, and classes that users derive from
it carry the rules to their objects.
"""

from __future__ import annotations

import copyreg
import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

from . import registry, rules
from .rules import Rules

_ORIGINAL = "_class_of_all_dialects"
_made: dict[tuple[int, str, bool], Any] = {}


class _Dialect(type):
    """The class of thin classes, and of those that derive from them."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        with rules.following(getattr(cls, "_rules_of_dialect")):  # noqa: B009  no attribute of all classes
            if _ORIGINAL in vars(cls):
                return vars(cls)[_ORIGINAL](*args, **kwargs)
            return super().__call__(*args, **kwargs)

    @property
    def __signature__(cls) -> inspect.Signature:
        """That of the constructor; a class that derives from a thin class has one of its own."""
        if "__signature__" in vars(cls):
            found: inspect.Signature = vars(cls)["__signature__"]
            return found
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __instancecheck__(cls, instance: Any) -> bool:
        if _ORIGINAL in vars(cls):
            return isinstance(instance, vars(cls)[_ORIGINAL])
        return super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: Any) -> bool:
        if _ORIGINAL in vars(cls):
            return issubclass(subclass, vars(cls)[_ORIGINAL])
        return super().__subclasscheck__(subclass)


def as_in(its: Rules, obj: Any) -> Any:
    """A built-in class or a function as code that follows these rules has it.

    Functions that configurations name are themselves in every dialect.
    """
    if not isinstance(obj, type | FunctionType) or isinstance(obj, _Dialect):
        return obj
    key = (id(obj), its.name, its.later_optimizers)
    if key not in _made:
        _made[key] = _thin_class(its, obj) if isinstance(obj, type) else _function(its, obj)
    return _made[key]


def _thin_class(its: Rules, cls: type) -> type:
    if not registry.is_built_in(cls) or type(cls) is not type:  # what is of a kind of its own has no defaults
        return cls
    namespace = {
        _ORIGINAL: cls,
        "_rules_of_dialect": its,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        "__signature__": _signature(its, cls),
    }
    return _Dialect(cls.__name__, (cls,), namespace)


def _signature(its: Rules, cls: type) -> inspect.Signature:
    signature = inspect.signature(cls)
    other = its.defaults.get(cls.__name__, {})
    changed = [p.replace(default=other.get(p.name, p.default)) for p in signature.parameters.values()]
    return signature.replace(parameters=changed)


def _function(its: Rules, function: Callable[..., Any]) -> Callable[..., Any]:
    if registry.is_named(function):
        return function

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with rules.following(its):
            return function(*args, **kwargs)

    return called


def _pickled(cls: Any) -> Any:
    original = vars(cls).get(_ORIGINAL)
    return cls.__qualname__ if original is None else (as_in, (vars(cls)["_rules_of_dialect"], original))


copyreg.pickle(_Dialect, _pickled)
