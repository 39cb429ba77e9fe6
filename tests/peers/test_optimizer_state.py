"""Real Keras trains on from files that are written here, whatever the optimizer; run by `make peers-test`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from tests.golden.keras3 import state_cases as cases

PEERS = os.environ.get("KCOMPILE_PEERS_PYTHON")
ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PEERS, reason="needs KCOMPILE_PEERS_PYTHON: run `make peers-test`"),
]

CONTINUE = """
import sys, warnings
from pathlib import Path
import numpy as np
import {module} as keras
from tests.golden.keras3 import state_cases as cases
answers = {{}}
for path in sorted(Path(sys.argv[1]).iterdir()):
    keras.backend.clear_session()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = keras.models.load_model(str(path))
    for step in range(cases.STEPS, cases.STEPS + 2):
        model.train_on_batch(*cases.batch(step))
    answers.update({{f"{{path.name}}/{{i}}": w for i, w in enumerate(model.get_weights())}})
np.savez(sys.argv[2], **answers)
"""
# An argument that Keras 2.3 lacks, so that the arithmetic is that of later versions.
LATER = {"use_ema": False}
# Keras 3 has no schedule_decay; epsilon is under the root there: small differences are in order.
OF_KERAS_2 = {
    "sgd_decay": ("SGD", {"lr": 0.1, "momentum": 0.9, "decay": 0.5}),
    "rmsprop_2": ("RMSprop", {"lr": 0.02, "epsilon": 1e-9}),
    "adagrad_2": ("Adagrad", {"lr": 0.1, "epsilon": 1e-9}),
    "adadelta_2": ("Adadelta", {}),
    "adam_2": ("Adam", {"lr": 0.05, "decay": 0.1}),
    "amsgrad_2": ("Adam", {"lr": 0.05, "amsgrad": True}),
    "adamax_2": ("Adamax", {"lr": 0.05}),
    "clipvalue_2": ("SGD", {"lr": 0.1, "momentum": 0.9, "clipvalue": 0.01}),
    "nadam_2": ("Nadam", {"lr": 0.05}),
}


def optimizer_of(name):
    if name in OF_KERAS_2:
        class_name, arguments = OF_KERAS_2[name]
        return getattr(keras.optimizers, class_name)(**arguments)
    case = next(case for case in cases.CASES if case["name"] == name)
    added = {} if case["optimizer"] == "LossScaleOptimizer" else LATER
    return cases.optimizer(keras, {**case, "kwargs": {**added, **case["kwargs"]}})


# What Keras reads: the module, the ending, and the cases that it can know. Keras 3.15 builds the optimizer of
# an .h5 file for no weights, its own files included, and cannot train on.
IN_TF_KERAS = [case["name"] for case in cases.CASES if "tf" not in case["not_in"]]
READERS = {
    ("keras", "keras"): [*(case["name"] for case in cases.CASES), *(set(OF_KERAS_2) - {"nadam_2"})],
    ("tf_keras", "h5"): [*IN_TF_KERAS, *OF_KERAS_2],
}


@pytest.fixture(scope="module", params=list(READERS), ids=lambda reader: "-".join(reader))
def both(request, tmp_path_factory):
    """(weights two steps later here, the same in real Keras) by name of the case."""
    module, ending = request.param
    folder, own = tmp_path_factory.mktemp("written"), {}
    for name in READERS[request.param]:
        model = cases.model(keras)
        model.compile(optimizer_of(name), "mse")
        for step in range(cases.STEPS):
            model.train_on_batch(*cases.batch(step))
        model.save(folder / f"{name}.{ending}")
        for step in range(cases.STEPS, cases.STEPS + 2):
            model.train_on_batch(*cases.batch(step))
        own[name] = model.get_weights()
    answer = tmp_path_factory.mktemp("answer") / "answer.npz"
    done = subprocess.run(
        [PEERS, "-c", CONTINUE.format(module=module), folder, answer],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(answer) as stored:
        theirs = {name: [stored[f"{name}.{ending}/{i}"] for i in range(4)] for name in own}
    return {name: (own[name], theirs[name]) for name in own}


def test_real_keras_trains_on_from_every_optimizers_state(both):
    differing = {}
    for name, (own, theirs) in both.items():
        error = max(float(np.abs(a - b).max()) for a, b in zip(own, theirs, strict=True))
        if error > 2e-5:
            differing[name] = error
    assert not differing
