"""Files of models made by the rules of tf.keras, opened by live tf_keras: equal predictions, and the
optimizer's state to the last bit. Run by `make peers-test`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from kcompile import tf_keras
from tests.peers import compiled_models

PEERS = os.environ.get("KCOMPILE_PEERS_PYTHON")
ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PEERS, reason="needs KCOMPILE_PEERS_PYTHON: run `make peers-test`"),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """(what a model answers here, what tf_keras finds in its files) by name."""
    folder = tmp_path_factory.mktemp("files")
    own = {}
    for name, build in compiled_models.MODELS.items():
        model = build(tf_keras)
        own[name] = {**compiled_models.answer(model), **compiled_models.state(model.optimizer)}
        model.save(folder / f"{name}.keras")
        model.save_weights(folder / f"{name}.weights.h5")
    done = subprocess.run(
        [PEERS, "-m", "tests.peers.compiled_models", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, own


@pytest.mark.parametrize("name", sorted(compiled_models.MODELS))
def test_tf_keras_finds_the_same_model(name, opened):
    folder, own = opened
    failed = folder / f"{name}.txt"
    assert not failed.exists(), failed.read_text()[-2000:]
    with np.load(folder / f"{name}.npz") as stored:
        found = dict(stored)
    expected = own[name]
    if name == "legacy":  # of which tf_keras writes and reads no state
        expected = {key: value for key, value in expected.items() if not key.startswith("state_")}
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if key.startswith("predicted_"):
            np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=1e-6, err_msg=key)
        else:
            np.testing.assert_array_equal(found[key], value, err_msg=key)
