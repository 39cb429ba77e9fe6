"""Configurations that stay in Python (deepcopy, pickle, clone_model): they hold functions themselves where a
file has names or bytecode, and remember the classes that they name."""

from __future__ import annotations

import pickle
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .. import registry


class Living:
    """What the configurations made within a scope refer to.

    Attributes:
        classes: the classes by the names that the configurations have for them; two of one name are told
            apart.
        functions: the functions that are no part of this package.
    """

    def __init__(self) -> None:
        self.classes: dict[str, type] = {}
        self.functions: list[Any] = []

    def add(self, function: Any) -> None:
        """Remembers a function, once."""
        if not any(function is known for known in self.functions):
            self.functions.append(function)

    def name_of(self, cls: type, name: str) -> str:
        """The name by which a configuration may refer to a class."""
        unique, number = name, 1
        while self.classes.setdefault(unique, cls) is not cls:
            number += 1
            unique = f"{name}#{number}"
        return unique

    def of_users(self) -> dict[str, type]:
        """The classes without those that this package has under the same name."""
        return {
            name: cls
            for name, cls in self.classes.items()
            if not registry.is_built_in(cls) or name != cls.__name__
        }


_SCOPE: ContextVar[Living | None] = ContextVar("kcompile_living", default=None)


@contextmanager
def living() -> Iterator[Living]:
    """Within, ``get_config`` and ``serialize`` give functions themselves."""
    scope = Living()
    token = _SCOPE.set(scope)
    try:
        yield scope
    finally:
        _SCOPE.reset(token)


def class_name(instance: Any, name: str | None = None) -> str:
    """The name of an object's class for its configuration: its ``written_as``, if it says one itself.

    Args:
        name: where it is neither that nor ``__name__``.
    """
    cls, scope = type(instance), _SCOPE.get()
    name = name or vars(cls).get("written_as") or cls.__name__
    return name if scope is None else scope.name_of(cls, name)


def goes_itself(function: Any, own: bool = False) -> bool:
    """Whether a configuration holds a function itself: within ``living``, one of the user's.

    Args:
        own: whether one of this package's does, too, as it has no name in files.
    """
    scope = _SCOPE.get()
    if scope is None or isinstance(function, type) or not callable(function):
        return False
    if registry.is_built_in(function):
        return own
    scope.add(function)
    return True


def carried_by_name(scope: Living, told: Callable[[Any], str]) -> list[Any]:
    """The functions and classes that the configurations refer to and no module has: pickle carries those
    that a module has, by their name there, and picklers that carry more (cloudpickle, dill) carry all.

    Of these a pickle has the bare name, as a file would, for custom_objects to say what it means. A warning
    says so.

    Args:
        told: says where a function or class is used.

    Raises:
        pickle.PicklingError: for a function without a name, and the second class of one name, naming where
            it is and what to do.
    """
    found = []
    for known in [*scope.functions, *scope.of_users().values()]:
        if isinstance(known, types.FunctionType | type) and not _is_found(known) and not _carries_more():
            what = f"{'class' if isinstance(known, type) else 'function'} {known.__qualname__}"
            what = f"{told(known)} the {what} of {known.__module__}"
            ambiguous = isinstance(known, type) and scope.classes.get(known.__name__) is not known
            if ambiguous or not known.__name__.isidentifier():
                raise pickle.PicklingError(
                    f"The model cannot be pickled: {what}, which pickle cannot carry. It carries "
                    "functions and classes by the name that a module has for them. Define it in a module, "
                    "under its own name. Within this process copy.deepcopy(model) copies it as it is; "
                    "cloudpickle carries it elsewhere; or save the weights, and make the model in code."
                )
            warnings.warn(
                f"Pickled by its name alone: {what}, which no module has under it. Load the pickle "
                f"within custom_object_scope({{{known.__name__!r}: ...}}), or define it in a module.",
                stacklevel=5,
            )
            found.append(known)
    return found


def _is_found(known: Any) -> bool:
    """Whether a module has it under its name."""
    found: Any = sys.modules.get(known.__module__)
    for part in known.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is known


def _carries_more() -> bool:
    """Whether the pickler at work is one with reductions of its own for functions."""
    frame = sys._getframe(1)
    while frame is not None:
        pickler = frame.f_locals.get("self")
        if isinstance(pickler, pickle.Pickler | pickle._Pickler):  # type: ignore[attr-defined]
            own = type(pickler)
            if own is not pickle._Pickler and (  # type: ignore[attr-defined]
                hasattr(own, "reducer_override") or types.FunctionType in getattr(own, "dispatch", {})
            ):
                return own.__module__.split(".")[0] not in ("pickle", "multiprocessing")
        frame = frame.f_back  # type: ignore[assignment]
    return False
