"""Saves models in the middle of training with real Keras, one for each optimizer, and how training goes on.

python -m tests.golden.keras3.make_states keras        # .keras and legacy .h5 of Keras 3.15
python -m tests.golden.keras3.make_states tf_keras     # .h5 of tf_keras 2.21, both kinds of optimizers

``states_<judge>.zip`` has the files; ``states_<judge>.npz`` the weights after two more steps, and the judge's
name. All models are ``state_cases.MODEL``, all batches ``state_cases.batch``.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import zipfile

import numpy as np

from tests.golden.keras3 import state_cases as cases

FOLDER = os.path.dirname(os.path.abspath(__file__))


def main(judge):
    keras = __import__(judge)
    arrays, files = {}, {}
    for kind, ending in cases.KINDS[judge]:
        for case in cases.CASES:
            if kind in case["not_in"] or f"{kind}.{ending}" in case["not_in"]:
                continue
            name = f"{case['name']}.{kind}.{ending}"
            content, weights = saved_and_continued(keras, case, kind, ending)
            files[name] = content
            arrays.update({f"{name}/{i}": w for i, w in enumerate(weights)})
    with zipfile.ZipFile(
        os.path.join(FOLDER, f"states_{judge}.zip"), "w", zipfile.ZIP_DEFLATED, True, 9
    ) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 9)
    meta = json.dumps({"judge": f"{judge} {keras.__version__}"})
    np.savez_compressed(os.path.join(FOLDER, f"states_{judge}.npz"), meta=np.array(meta), **arrays)
    print(len(files), "files")


def saved_and_continued(keras, case, kind, ending):
    """A file's bytes, and the weights two steps after it was written."""
    keras.backend.clear_session()
    model = cases.model(keras)
    model.compile(cases.optimizer(keras, case, kind), "mse")
    if hasattr(model.optimizer, "build"):
        model.optimizer.build(model.trainable_variables)
    for step in range(cases.STEPS):
        model.train_on_batch(*cases.batch(step))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"model.{ending}")
        model.save(path)
        with open(path, "rb") as file:
            content = file.read()
    for step in range(cases.STEPS, cases.STEPS + 2):
        model.train_on_batch(*cases.batch(step))
    return repacked(content) if ending == "keras" else content, model.get_weights()


def repacked(content):
    """A .keras file with its parts deflated and without dates."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as new:
        for name, part in parts.items():
            new.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), part)
    return buffer.getvalue()


if __name__ == "__main__":
    main(sys.argv[1])
