"""Every structure in every format, both ways: weights equal to the last bit, predictions equal.

Run by `make peers-test`. One process for each real Keras does all of its work.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompile import keras, tf_keras
from kcompile.keras.models import load_model
from tests.peers import structures

PEERS = os.environ.get("KCOMPILE_PEERS_PYTHON")
ONLY = os.environ.get("KCOMPILE_PEERS_STRUCTURES", "").split()  # for one at a time
NAMES = [name for name in structures.STRUCTURES if not ONLY or name in ONLY]

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PEERS, reason="needs KCOMPILE_PEERS_PYTHON: run `make peers-test`"),
]

#: Models made by the rules of tf.keras have files of its own; those of Keras 2.3 are read there, too.
BY_RULES = ("keras", "tf.weights.h5")
READ = {"tf_keras": ["h5", "weights.h5", *BY_RULES], "keras": ["keras", "h5", "weights.h5"]}
WRITTEN = {"tf_keras": ["h5", "keras", "weights.h5"], "keras": ["keras", "h5", "weights.h5"]}

#: (module, structure, ending) -> what that Keras says to a file of its own too, or does not have.
REFUSED_THERE = {
    # Keras 3 counts the calls of a nested model from 0, Keras 2 and tf.keras from 1
    ("keras", "nested", "h5"): "graph of the Functional model either has loops or disconnected nodes",
    ("keras", "nested_twice", "h5"): "graph of the Functional model either has loops or disconnected nodes",
    ("keras", "frozen", "h5"): "graph of the Functional model either has loops or disconnected nodes",
    # Keras 3 knows no tensors beside the first argument in the lists of Keras 2 and tf.keras
    ("keras", "states", "h5"): "expects 1 input",
    ("keras", "multi_head", "h5"): "Unrecognized keyword arguments passed to MultiHeadAttention",
    ("keras", "cross_attention", "h5"): "Unrecognized keyword arguments passed to MultiHeadAttention",
    # written in the words of tf.keras, for Keras 3 has none in .h5
    ("keras", "operators", "h5"): "Unknown layer: 'TFOpLambda'",
    # Keras 3 drops `axis` of an .h5 file where it is a list
    ("keras", "normalizations", "h5"): "Shape mismatch in layer #2",
}


class Session:
    """The files of both sides in a folder, and what the real Keras answered."""

    def __init__(self, module: str, folder: Path) -> None:
        self.folder = folder
        self.jobs: list[dict] = []
        self.own: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        self.failed: dict[tuple[str, str], Exception] = {}
        for name in NAMES:
            by_rules = [ending for ending in READ[module] if module == "tf_keras" and ending in BY_RULES]
            self._write(keras, name, [ending for ending in READ[module] if ending not in by_rules])
            self._write(tf_keras, name, by_rules)
        for name in NAMES:
            self.jobs.append({"structure": name, "save": [f"theirs_{name}.{e}" for e in WRITTEN[module]]})
        (folder / "jobs.json").write_text(json.dumps(self.jobs))
        done = subprocess.run(
            [PEERS, Path(structures.__file__), module, folder],
            capture_output=True,
            text=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
            timeout=900,
        )
        assert done.returncode == 0, done.stderr[-2000:]

    def _write(self, front: Any, name: str, endings: list[str]) -> None:
        if not endings:
            return
        front.backend.clear_session()
        for ending in endings:
            try:
                model = structures.made(front, name)
                self.own[name, ending] = structures.answer(model, name)
                path = f"ours_{name}.{ending}"
                if ending.endswith("weights.h5"):
                    model.save_weights(self.folder / path)
                else:
                    model.save(self.folder / path)
                self.jobs.append({"structure": name, "file": path})
            except Exception as error:  # told by the test of this structure and ending
                self.failed[name, ending] = error

    def answer(self, job: dict) -> dict[str, np.ndarray] | str:
        number = self.jobs.index(job)
        failed = self.folder / f"answer_{number}.txt"
        if failed.exists():
            return failed.read_text()
        with np.load(self.folder / f"answer_{number}.npz") as stored:
            return dict(stored)


@pytest.fixture(scope="module", params=list(READ))
def session(request, tmp_path_factory):
    result = Session(request.param, tmp_path_factory.mktemp(request.param))
    result.module = request.param
    return result


def check(got, want):
    assert not isinstance(got, str), got[-1500:]
    assert got.keys() == want.keys()
    for key in want:
        if key.startswith("w"):
            assert np.array_equal(got[key], want[key]), key
        else:
            np.testing.assert_allclose(got[key], want[key], rtol=1e-4, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("ending", ["h5", "keras", "weights.h5", "tf.weights.h5"])
@pytest.mark.parametrize("name", NAMES)
def test_file_written_here_is_the_same_model_there(session, name, ending):
    if ending not in READ[session.module]:
        pytest.skip("not a format of Keras 3's that is written here")
    if (name, ending) in session.failed:
        raise session.failed[name, ending]
    got = session.answer({"structure": name, "file": f"ours_{name}.{ending}"})
    reason = REFUSED_THERE.get((session.module, name, ending))
    if reason is not None:
        assert isinstance(got, str) and reason in got
        return
    check(got, session.own[name, ending])


@pytest.mark.parametrize("ending", ["h5", "keras", "weights.h5"])
@pytest.mark.parametrize("name", NAMES)
def test_file_written_there_is_the_same_model_here(session, name, ending):
    job = {"structure": name, "save": [f"theirs_{name}.{e}" for e in WRITTEN[session.module]]}
    want = session.answer(job)
    assert not isinstance(want, str), want[-1500:]
    path = session.folder / f"theirs_{name}.{ending}"
    if ending.startswith("weights"):
        model = structures.STRUCTURES[name](keras)
        model.load_weights(path)
    else:
        model = load_model(path)
    check(structures.answer(model, name), want)
