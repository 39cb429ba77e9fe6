"""Writes the files of Keras 3.15 in ``keras3/``: run with the real Keras 3.15, from the repository's root.

    python -m tests.golden.formats.make_keras3_files

The models, their data and their questions are those of ``tests/golden/run_h5.py``; answers are from the run
that was never interrupted.
"""

import os

import numpy as np

from tests.golden import run_h5

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keras3")


def write_compiled(keras):
    for name, (class_name, kwargs, _, loss, metrics) in run_h5.COMPILED.items():
        model = run_h5.build(keras, name)
        model.compile(getattr(keras.optimizers, class_name)(**kwargs), loss, metrics=metrics)
        for step in range(run_h5.STEPS_BEFORE):
            run_h5._step(model, name, step)
        model.save(os.path.join(FOLDER, name + ".keras"))
        if name in ("nested_nadam", "lstm_masking_amsgrad"):
            model.save_weights(os.path.join(FOLDER, name + ".weights.h5"))
            model.save_weights(os.path.join(FOLDER, name + ".weights.json"), max_shard_size=3e-7)
        np.savez_compressed(os.path.join(FOLDER, name + ".npz"), **run_h5.question(model, name))


if __name__ == "__main__":
    import keras

    assert keras.__version__.startswith("3.15."), keras.__version__
    os.makedirs(FOLDER, exist_ok=True)
    write_compiled(keras)
