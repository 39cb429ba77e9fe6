"""The keywords that the functions of the applications take besides their own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ..utils.generic_utils import close_names

# What code for the package keras-applications passes beside the arguments; nothing depends on it here.
_MODULES = {"backend", "layers", "models", "utils"}
Function = TypeVar("Function", bound=Callable[..., Any])


def refusing_unknown(function: Function) -> Function:
    """The function, which takes no other ``**kwargs`` than the modules that keras-applications took.

    Raises:
        TypeError: when it is called with another keyword, with the nearest of its own.
    """
    known = {
        name for name, p in inspect.signature(function).parameters.items() if p.kind is not p.VAR_KEYWORD
    }

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name not in known and name not in _MODULES:
                near = close_names(name, known)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument {name!r}.{hint}")
        return function(*args, **kwargs)

    return cast(Function, checked)
