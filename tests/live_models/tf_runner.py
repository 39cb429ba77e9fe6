"""Takes live models of tf_keras over, one after the other, and prints what differed as JSON: a line each."""

from __future__ import annotations

import json
import sys

import numpy as np
import tf_keras

import kcompile
from tests.live_models.comparing import difference, of_file
from tests.live_models.tf_models import MODELS


def elements(live):
    """How many numbers the weights of a live model have, without those of its metrics."""
    known = {id(v) for layer in live._flatten_layers() for v in layer._metrics for v in v.variables}
    return sum(int(np.prod(v.shape)) for v in live.weights if id(v) not in known)


def judged(name, exports):
    """What ``from_keras`` gives next to the live model: outputs, after weights were changed, in the file."""
    tf_keras.utils.set_random_seed(1)
    live, x = MODELS[name]()
    calls = [len(layer._inbound_nodes) for layer in live._flatten_layers()]
    model = kcompile.from_keras(live)
    found = {"outputs": difference(model.predict(x, verbose=0), live.predict(x, verbose=0))}
    found["unknown_weights"] = elements(live) - sum(w.size for w in model.get_weights())
    if exports:
        found["file"] = of_file(model, x)
    model.set_weights([w + 0.01 if w.dtype.kind == "f" else w for w in model.get_weights()])
    kcompile.push_weights(model)
    found["pushed"] = difference(model.predict(x, verbose=0), live.predict(x, verbose=0))
    found["calls_left"] = calls != [len(layer._inbound_nodes) for layer in live._flatten_layers()]
    return found


def main(names, exports):
    for name in names or MODELS:
        try:
            print(json.dumps({"model": name, **judged(name, exports)}), flush=True)
        except Exception as error:
            print(json.dumps({"model": name, "error": f"{type(error).__name__}: {error}"}), flush=True)


if __name__ == "__main__":
    main([a for a in sys.argv[1:] if a != "--export"], "--export" in sys.argv)
