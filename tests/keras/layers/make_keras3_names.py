"""Writes keras3_names.json: the layers of Keras 3 and tf_keras with their constructor arguments and defaults.

Run it where both are installed: ``python tests/keras/layers/make_keras3_names.py``.
"""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path


def plain(value):
    """``(True, value)`` of a default that JSON can hold."""
    try:
        return True, json.loads(json.dumps(value))
    except TypeError:
        return False, None


def arguments_of(cls) -> dict:
    """Defaults by argument; "required" lists those without."""
    found: dict = {"required": [], "defaults": {}}
    for name, parameter in list(inspect.signature(cls.__init__).parameters.items())[1:]:
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if parameter.default is parameter.empty:
            found["required"].append(name)
            continue
        known, default = plain(parameter.default)
        if known:
            found["defaults"][name] = default
    return found


def main() -> None:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras
    import tf_keras

    found = {}
    for module in (keras, tf_keras):
        names = [n for n in sorted(dir(module.layers)) if inspect.isclass(getattr(module.layers, n))]
        found[f"{module.__name__} {module.__version__}"] = {
            name: arguments_of(getattr(module.layers, name)) for name in names
        }
    text = json.dumps(found, indent=None, separators=(",", ":"))
    Path(__file__).with_name("keras3_names.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
