"""What the random layers of Keras 2.3.1 do while training: what they draw once, which values come out and how
often.

Random streams cannot be compared; these facts can. Each case feeds one number, so that all differences are
drawn. Where keras==2.3.1 is installed, this writes random_layers.json:

    python3.7 tests/golden/random_layers.py
"""

from __future__ import absolute_import, division, print_function

import json
import os
import sys

import numpy as np

STORED = os.path.splitext(os.path.abspath(__file__))[0] + ".json"


def _case(name, class_name, shape, value=2.0, batch=400, **kwargs):
    return {
        "name": name, "class": class_name, "kwargs": kwargs, "shape": shape, "value": value, "batch": batch
    }  # fmt: skip


CASES = [
    _case("dropout", "Dropout", [60], rate=0.3),
    _case("dropout_most", "Dropout", [60], rate=0.9),
    _case("dropout_3d", "Dropout", [10, 12], rate=0.5),
    _case("dropout_shared_steps", "Dropout", [10, 12], rate=0.4, noise_shape=[None, 1, 12]),
    _case("dropout_shared_batch", "Dropout", [30, 40], rate=0.4, noise_shape=[1, 30, 40]),
    _case("dropout_shared_features", "Dropout", [10, 12], rate=0.4, noise_shape=[None, 10, 1]),
    _case("dropout_none", "Dropout", [60], rate=0.0),
    _case("spatial_1d", "SpatialDropout1D", [7, 20], rate=0.3),
    _case("spatial_2d", "SpatialDropout2D", [3, 4, 20], rate=0.3, data_format="channels_last"),
    _case("spatial_2d_first", "SpatialDropout2D", [20, 3, 4], rate=0.6, data_format="channels_first"),
    _case("spatial_3d", "SpatialDropout3D", [2, 3, 2, 20], rate=0.3, data_format="channels_last"),
    _case("spatial_3d_first", "SpatialDropout3D", [20, 2, 3, 2], rate=0.3, data_format="channels_first"),
    _case("gaussian_noise", "GaussianNoise", [60], stddev=0.5),
    _case("gaussian_noise_at_zero", "GaussianNoise", [5, 12], value=0.0, stddev=2.0),
    _case("gaussian_dropout", "GaussianDropout", [60], rate=0.2),
    _case("gaussian_dropout_negative", "GaussianDropout", [5, 12], value=-3.0, rate=0.6),
    _case("gaussian_dropout_at_zero", "GaussianDropout", [60], value=0.0, rate=0.5),
    _case("gaussian_dropout_none", "GaussianDropout", [60], rate=0.0),
    _case("alpha_at_zero", "AlphaDropout", [60], value=0.0, rate=0.3),
    _case("alpha", "AlphaDropout", [60], value=1.5, rate=0.1),
    _case("alpha_negative", "AlphaDropout", [60], value=-2.0, rate=0.5),
    _case("alpha_shared_steps", "AlphaDropout", [10, 12], rate=0.5, noise_shape=[400, 1, 12]),
    _case("alpha_none", "AlphaDropout", [60], rate=0.0),
]


def facts(keras, case):
    """``shared``: axes along which nothing differs; ``values`` and ``parts``: the different results, if few,
    and how often each is; ``mean``, ``std``; ``redrawn``: the next step differs; ``inference``: nothing
    changes."""
    kwargs = {k: tuple(v) if isinstance(v, list) else v for k, v in case["kwargs"].items()}
    layer = getattr(keras.layers, case["class"])(**kwargs)
    inputs = keras.layers.Input(tuple(case["shape"]))
    run = keras.backend.function([inputs, keras.backend.learning_phase()], [layer(inputs)])
    x = np.full([case["batch"]] + case["shape"], case["value"], "float32")
    first, second, inference = (np.asarray(run([x, phase])[0]) for phase in (1, 1, 0))
    values, counts = np.unique(np.round(first, 5), return_counts=True)
    few = len(values) < 5
    return {
        "shared": [i for i in range(first.ndim) if (first.max(axis=i) == first.min(axis=i)).all()],
        "values": [float(v) for v in values] if few else None,
        "parts": [float(c) / first.size for c in counts] if few else None,
        "mean": float(first.mean()),
        "std": float(first.std()),
        "redrawn": bool((first != second).any()),
        "inference": bool((inference == x).all()),
    }


def main():
    import keras

    answers = {case["name"]: facts(keras, case) for case in CASES}
    with open(STORED, "w") as stream:
        json.dump({"judge": "keras " + keras.__version__, "cases": answers}, stream, indent=1, sort_keys=True)
        stream.write("\n")
    print(len(answers), "answers", file=sys.stderr)


if __name__ == "__main__":
    main()
