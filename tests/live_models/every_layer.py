"""Takes every layer of the golden cases over from live models, and prints what differed as JSON."""

from __future__ import annotations

import json

import keras
import numpy as np

import kcompile
from tests.golden import runner as base
from tests.golden.keras3 import cases, runner


def judged(case):
    """The largest difference of the outputs, by their size where that is above 1; None where this backend of
    Keras has not got the layer."""
    feeds = base.one_or_list(base.layer_inputs(case))
    try:
        live, _ = runner.build_layer(keras, case)
        expected = base.as_list(live.predict(feeds, verbose=0))
    except (ImportError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return None
    found = base.as_list(kcompile.from_keras(live).predict(feeds, verbose=0))
    pairs = [
        (np.asarray(a, "float64"), np.asarray(b, "float64")) for a, b in zip(found, expected, strict=True)
    ]
    return max(float((np.abs(a - b) / np.maximum(1, np.abs(b))).max()) for a, b in pairs)


def main():
    for case in cases.LAYERS:
        try:
            print(json.dumps({"layer": case["name"], "difference": judged(case)}), flush=True)
        except Exception as error:
            print(
                json.dumps({"layer": case["name"], "error": f"{type(error).__name__}: {error}"}), flush=True
            )


if __name__ == "__main__":
    main()
