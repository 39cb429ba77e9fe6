"""Writes what tf.keras and Keras 3 make of models in half precision: files, losses and predictions.

Run in the environment of `make peers`: python tests/golden/precision/make_precision.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras
import numpy as np
import rule
import tf_keras

HERE = Path(__file__).parent


def found(k, policy):
    x, y = rule.data()
    model = rule.network(k, policy)
    history = model.fit(x, y, batch_size=8, epochs=4, shuffle=False, verbose=0)
    return model, {
        "losses": history.history["loss"],
        "predicted": np.asarray(model.predict(x[:4], verbose=0)).astype("float64").tolist(),
        "policies": [layer.dtype_policy.name for layer in model.layers][1:],
        "compute": [layer.compute_dtype for layer in model.layers][1:],
        "variable": [layer.variable_dtype for layer in model.layers][1:],
    }


def main():
    result = {}
    for name, k in (
        ("tf_keras-mixed_float16.h5", tf_keras),
        ("tf_keras-mixed_bfloat16.keras", tf_keras),
        ("keras-mixed_float16.keras", keras),
        ("keras-mixed_bfloat16.keras", keras),
    ):
        policy = name.partition("-")[2].partition(".")[0]
        model, result[name] = found(k, policy)
        model.save(HERE / name)
    (HERE / "precision.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    main()
