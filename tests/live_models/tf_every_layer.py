"""Takes every layer of the golden cases over from live models of tf_keras; prints what differed as JSON."""

from __future__ import annotations

import json

import numpy as np
import tf_keras

import kcompile
from tests.golden import cases as keras_2
from tests.golden import runner as base
from tests.golden.keras3 import cases as keras_3
from tests.golden.keras3 import runner

CASES = [(f"keras_2/{case['name']}", base, case) for case in keras_2.LAYERS]
CASES += [(f"keras_3/{case['name']}", runner, case) for case in keras_3.LAYERS]


def judged(module, case):
    """The largest difference of the outputs; None where tf_keras has not got the layer, or not so."""
    feeds = base.one_or_list(base.layer_inputs(case))
    try:
        live, _ = module.build_layer(tf_keras, case)
        expected = base.as_list(live(feeds, training=False))  # a tenth of the time of predict
    except Exception:
        return None
    found = base.as_list(kcompile.from_keras(live).predict(feeds, verbose=0))
    pairs = zip(found, expected, strict=True)
    return max(float(np.abs(np.asarray(a, "float64") - np.asarray(b, "float64")).max()) for a, b in pairs)


def main():
    for name, module, case in CASES:
        tf_keras.backend.clear_session()
        try:
            found = {"layer": name, "difference": judged(module, case)}
        except Exception as error:
            found = {"layer": name, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
