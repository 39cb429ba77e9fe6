"""Writes the functions of Keras 3's keras.ops and keras.random with their arguments.

Run in the environment of `make peers`: python tests/golden/keras_ops/make_keras_ops.py
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import keras


def arguments(module):
    found = {}
    for name, function in sorted(vars(module).items()):
        if inspect.isfunction(function) and not name.startswith("_"):
            parameters = inspect.signature(function).parameters.values()
            found[name] = [
                p.name if p.default is p.empty else f"{p.name}={p.default!r}"
                for p in parameters
                if p.kind is not p.VAR_KEYWORD
            ]
    return found


if __name__ == "__main__":
    result = {
        "version": keras.__version__,
        "ops": arguments(keras.ops),
        "image": arguments(keras.ops.image),
        "random": arguments(keras.random),
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in result.items()]
    Path(__file__).with_name("keras_ops.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
