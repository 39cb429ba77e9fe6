"""What tf.keras has otherwise: ``kcompile.tf_keras`` held to the names and calls of the live program."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from kcompile import keras, tf_keras
from kcompile.keras import declaration, rules

ROOT = Path(__file__).parents[2]
REQUIRED = "(required)"


@cache
def facts() -> dict[str, Any]:
    """What ``make_tf_keras_signatures.py`` found in the live program."""
    found: dict[str, Any] = json.loads((ROOT / "tests/golden/files_of_tf_keras/signatures.json").read_text())
    return found


def calls() -> dict[str, dict[str, dict[str, Any] | None]]:
    """Module, or class with ``()`` behind it -> name -> parameter -> default, in tf_keras."""
    found: dict[str, Any] = facts()["signatures"]
    return found


def home(path: str) -> Any:
    """The module or class here; None if there is none."""
    found: Any = tf_keras
    for name in filter(None, path.removesuffix("()").split(".")):
        found = getattr(found, name, None)
    return found


def missing_modules() -> list[str]:
    """Modules of tf_keras that are not here."""
    inner = [f"{path}.{name}".lstrip(".") for path, names in facts()["modules"].items() for name in names]
    return sorted(path for path in inner if not isinstance(home(path), types.ModuleType))


def missing_names() -> dict[str, list[str]]:
    """Module or class -> names of its calls that are not here, of those that are here."""
    found = {
        path: [n for n in names if not hasattr(home(path), n)]
        for path, names in calls().items()
        if home(path)
    }
    return {path: sorted(names) for path, names in found.items() if names}


def _pairs() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Dotted name, what it is here, and the parameters that it has there."""
    for path, names in calls().items():
        for name, parameters in names.items():
            ours = getattr(home(path), name, None)
            if callable(ours) and parameters is not None:
                yield f"{path.removesuffix('()')}.{name}".lstrip("."), ours, parameters


def _signature(ours: Any) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(ours).parameters)


def written(default: Any) -> Any:
    """A default as JSON has it."""
    if default is inspect.Parameter.empty:
        return REQUIRED
    if isinstance(default, list | tuple):
        return [written(item) for item in default]
    if default is None or isinstance(default, bool | int | float | str):
        return default
    return getattr(default, "__name__", type(default).__name__)


def missing_arguments() -> dict[str, list[str]]:
    """Dotted name -> parameters that a call of it does not take."""
    found = {}
    for name, ours, parameters in _pairs():
        own = _signature(ours)
        renamed = rules.TF_KERAS.renamed.get(place_of(ours), {}) if rules.takes_by_rules(ours) else {}
        lacking = [p for p in parameters if not p.startswith("*") and renamed.get(p, p) not in own]
        lacking = [p for p in lacking if not _takes(ours, own, p, parameters[p])]
        if lacking:
            found[name] = lacking
    return found


#: What is given first to classes that are not made of twos.
_FIRST: dict[str, Callable[[], tuple[Any, ...]]] = {
    "CategoryEncoding": lambda: (2,),
    "Discretization": lambda: ([1.0],),
    "InputLayer": lambda: ((2,),),
    "RNN": lambda: (tf_keras.layers.LSTMCell(2),),
}


def place_of(ours: Any) -> str:
    """What rules call a class or function; "" for what is not of Keras."""
    function = ours if inspect.isclass(ours) else inspect.unwrap(ours)
    module = getattr(function, "__module__", None) or ""
    return rules.place_of(function) if module.startswith("kcompile.keras.") else ""


def _takes(ours: Any, own: dict[str, inspect.Parameter], argument: str, default: Any) -> bool:
    """Whether a class takes an argument that its signature leaves to ``**kwargs``."""
    if not inspect.isclass(ours) or not any(p.kind is p.VAR_KEYWORD for p in own.values()):
        return False
    required = [p for p in own.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    first = _FIRST[ours.__name__]() if ours.__name__ in _FIRST else [2 for _ in required]
    try:
        ours(*first, **{argument: None if default == REQUIRED else default})
    except Exception:  # whatever a constructor raises for what it does not know
        return False
    return True


def arguments_at_default() -> dict[str, dict[str, Any]]:
    """Dotted name -> parameter that a class takes at one value alone -> that value."""
    found: dict[str, dict[str, Any]] = {}
    for name, ours, parameters in _pairs():
        if not inspect.isclass(ours):
            continue
        said = {a: how.value for d in declaration._declarations(ours) for a, how in d.only.items()}
        if issubclass(ours, keras.layers.RNN):
            said["time_major"] = False
        its = {a: v for a, v in said.items() if a in parameters and v is not declaration.ANY}
        if its:
            found[name] = its
    return found


def other_defaults() -> dict[str, dict[str, tuple[Any, Any]]]:
    """Dotted name -> parameter -> its default here and there, where these are written otherwise."""
    found: dict[str, dict[str, tuple[Any, Any]]] = {}
    for name, ours, parameters in _pairs():
        said = rules.TF_KERAS.defaults.get(name.rpartition(".")[2], {})  # of functions no signature says it
        for argument, parameter in _signature(ours).items():
            here = written(said.get(argument, parameter.default))
            if argument in parameters and here != parameters[argument]:
                found.setdefault(name, {})[argument] = (here, parameters[argument])
    return found
