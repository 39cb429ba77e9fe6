"""The arguments of the functions that users call: unknown ones are refused, all are shown."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from ..utils.generic_utils import did_you_mean

# What code for the package keras-applications passes beside the arguments; nothing depends on it here.
MODULES = {"backend", "layers", "models", "utils"}
Function = TypeVar("Function", bound=Callable[..., Any])


def refuse_unknown(function: str, signature: inspect.Signature, given: Mapping[str, Any]) -> None:
    """Refuses keywords that neither the signature names nor keras-applications took.

    Raises:
        TypeError: with the nearest name of the signature.
    """
    known = {name for name, p in signature.parameters.items() if p.kind is not p.VAR_KEYWORD}
    for name in given:
        if name not in known and name not in MODULES:
            hint = did_you_mean(name, known)
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}.{hint}")


def refusing_unknown(function: Function) -> Function:
    """The function, which takes no other ``**kwargs`` than the modules that keras-applications took.

    Raises:
        TypeError: when it is called with another keyword, with the nearest of its own.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        refuse_unknown(function.__name__, signature, kwargs)
        return function(*args, **kwargs)

    return cast(Function, checked)
