"""Takes live models over, one after the other, and prints what differed as JSON: a line for each.

Run by itself, as each process has one backend: ``KERAS_BACKEND=torch python -m tests.live_models.runner``;
``--hub`` takes those of KerasHub.
"""

from __future__ import annotations

import importlib
import json
import sys

import keras
import numpy as np

import kcompile
from tests.live_models.comparing import difference, of_file


def live_outputs(live, x):
    outputs = live.predict(x, verbose=0)
    return [keras.ops.convert_to_numpy(keras.ops.cast(y, "float32")) for y in keras.tree.flatten(outputs)]


def elements(live):
    """How many numbers the weights of a live model have."""
    return sum(int(np.prod(v.shape)) for v in live.weights)


def judged(make, exports):
    """What ``from_keras`` gives next to the live model: outputs, after weights were changed, in the file; and
    ``unbuilt`` for a model that this backend of Keras itself cannot build or run."""
    keras.utils.set_random_seed(1)
    try:
        live, x = make()
        live_outputs(live, x)
    except Exception as error:
        return {"unbuilt": f"{type(error).__name__}: {str(error)[:200]}"}
    seeds = [np.asarray(keras.ops.convert_to_numpy(v)) for v in live.variables if "seed" in v.path]
    calls = [len(layer._inbound_nodes) for layer in live._flatten_layers()]
    model = kcompile.from_keras(live)
    found = {"outputs": difference(model.predict(x, verbose=0), live_outputs(live, x))}
    found["unknown_weights"] = elements(live) - sum(w.size for w in model.get_weights())
    if exports:
        found["file"] = of_file(model, x)
    model.set_weights([w + 0.01 if w.dtype.kind == "f" else w for w in model.get_weights()])
    kcompile.push_weights(model)
    found["pushed"] = difference(model.predict(x, verbose=0), live_outputs(live, x))
    after = [np.asarray(keras.ops.convert_to_numpy(v)) for v in live.variables if "seed" in v.path]
    found["seeds_moved"] = any((a != b).any() for a, b in zip(seeds, after, strict=True))
    found["calls_left"] = calls != [len(layer._inbound_nodes) for layer in live._flatten_layers()]
    return found


def main(module, names, exports):
    models = importlib.import_module(f"tests.live_models.{module}").MODELS
    for name in names or models:
        try:
            print(json.dumps({"model": name, **judged(models[name], exports)}), flush=True)
        except Exception as error:
            print(json.dumps({"model": name, "error": f"{type(error).__name__}: {error}"}), flush=True)


if __name__ == "__main__":
    given = [a for a in sys.argv[1:] if not a.startswith("--")]
    main("hub_models" if "--hub" in sys.argv else "models", given, "--export" in sys.argv)
