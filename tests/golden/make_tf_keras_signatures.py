"""Writes files_of_tf_keras/signatures.json: what tf_keras has by which name, and what its calls take.

    python tests/golden/make_tf_keras_signatures.py        (in the environment of `make peers`)

By module, by name: the parameters with their defaults, in order. A default that JSON has no word for is
written as the name of its type or of itself; "*" and "**" begin the names of what takes any number.
"""

import inspect
import json
import pathlib
import types

import tf_keras

MODULES = [
    "", "activations", "applications", "backend", "callbacks", "constraints", "datasets", "experimental",
    "initializers", "layers", "losses", "metrics", "mixed_precision", "models", "optimizers",
    "optimizers.legacy", "optimizers.experimental", "optimizers.schedules", "preprocessing",
    "preprocessing.image", "preprocessing.sequence", "preprocessing.text", "regularizers", "saving", "utils",
    "layers.experimental", "layers.experimental.preprocessing",
]  # fmt: skip
#: Classes whose methods are part of what programs call.
METHODS = [
    "Model", "Sequential", "layers.Layer", "metrics.Metric", "losses.Loss", "optimizers.Optimizer",
    "optimizers.legacy.Optimizer", "callbacks.Callback",
]  # fmt: skip
REQUIRED = "(required)"


def module(path):
    """The module at a dotted path below tf_keras."""
    found = tf_keras
    for part in filter(None, path.split(".")):
        found = getattr(found, part)
    return found


def written(default):
    """A default as JSON has it."""
    if default is inspect.Parameter.empty:
        return REQUIRED
    if isinstance(default, (list, tuple)):
        return [written(item) for item in default]
    if default is None or isinstance(default, (bool, int, float, str)):
        return default
    return getattr(default, "__name__", type(default).__name__)


def parameters(function):
    """Parameter -> default of a call, without self; None where Python does not know."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return {
        stars.get(p.kind, "") + p.name: written(p.default) for p in found if p.name not in ("self", "cls")
    }


def signatures():
    """Module -> name -> parameters; modules within are left out."""
    facts = {}
    for path in MODULES:
        home = module(path)
        names = [name for name in dir(home) if not name.startswith("_")]
        objects = {name: getattr(home, name) for name in names}
        facts[path] = {
            name: parameters(obj)
            for name, obj in sorted(objects.items())
            if callable(obj) and not isinstance(obj, types.ModuleType)
        }
    for path in METHODS:
        cls = module(path)
        names = [name for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name))]
        facts[path + "()"] = {
            name: parameters(getattr(cls, name)) for name in names if not hasattr(type, name)
        }
    return facts


def modules():
    """Module -> the modules in it."""
    return {
        path: sorted(
            name
            for name in dir(module(path))
            if not name.startswith("_") and isinstance(getattr(module(path), name), types.ModuleType)
        )
        for path in MODULES
    }


def facts_of_all():
    """All that the file holds."""
    return {"version": tf_keras.__version__, "modules": modules(), "signatures": signatures()}


def lines(facts):
    """JSON of a line to each name."""
    calls = facts.pop("signatures")
    text = json.dumps(facts)[:-1] + ', "signatures": {\n'
    parts = []
    for path, names in calls.items():
        rows = [json.dumps(name) + ": " + json.dumps(names[name]) for name in names]
        parts.append(json.dumps(path) + ": {\n" + ",\n".join(rows) + "\n}")
    return text + ",\n".join(parts) + "\n}}\n"


if __name__ == "__main__":
    folder = pathlib.Path(__file__).parent / "files_of_tf_keras"
    folder.mkdir(exist_ok=True)
    (folder / "signatures.json").write_text(lines(facts_of_all()))
