"""Asks a real Keras, tf_keras or keras, what activity regularizers add to the loss:
``python -m tests.golden.activity.make_activity tf_keras``."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np

from tests.golden.activity import cases


def main(module: str) -> None:
    keras = importlib.import_module(module)
    found = {}
    for name, model in cases.models(keras).items():
        model.set_weights(cases.weights([np.shape(w) for w in model.get_weights()]))
        model(cases.inputs(name))
        model.compile("sgd", "mse")
        x = cases.inputs(name)
        loss = model.evaluate(x, model.predict(x, verbose=0), batch_size=len(x), verbose=0)
        found[name] = {"config": json.loads(model.to_json()), "loss": float(loss)}
    path = Path(__file__).parent / f"{module}.json"
    path.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
