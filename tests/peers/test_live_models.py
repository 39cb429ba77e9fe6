"""Live models of stock Keras 3 on its backends and of tf_keras, taken over in real Keras's environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = os.environ.get("KCOMPILE_PEERS_PYTHON", "")
pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not PYTHON, reason="needs KCOMPILE_PEERS_PYTHON: run `make peers-test`"),
]

#: Layers whose backends compute otherwise themselves: those here are as TensorFlow's.
OTHERWISE = {
    "jax": {"mel_options"},
    "numpy": {"mel_options"},
    "tensorflow": set(),
    "torch": {
        "mel_options", "resizing_bicubic_2_11", "resizing_bicubic_3_4", "resizing_bicubic_8_9",
        "resizing_first",
    },
}  # fmt: skip


def lines(module, backend, *options):
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": f"{ROOT}:{ROOT / 'runtime'}"}
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-m", f"tests.live_models.{module}", *options],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert found, done.stderr[-3000:]
    return found


#: Models that Keras itself does not build on a backend: on NumPy it infers no shapes of Embedding.
UNBUILT = {
    "numpy": {
        "text_classification_with_transformer",
        "miniature_gpt_of_any_length",
        "translation_with_encoder_and_decoder",
    }
}


@pytest.mark.parametrize("backend", ["jax", "numpy", "tensorflow", "torch"])
def test_models_with_layers_of_ones_own_compute_the_same(backend):
    found = lines("runner", backend)
    assert {e["model"] for e in found if "unbuilt" in e} == UNBUILT.get(backend, set())
    wrong = [
        entry
        for entry in found
        if "unbuilt" not in entry
        and ("error" in entry or max(entry["outputs"], entry["pushed"]) > 2e-2 or entry["unknown_weights"])
    ]
    assert wrong == []


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_architectures_of_keras_hub_compute_the_same(backend):
    found = lines("runner", backend, "--hub")
    assert len(found) > 8
    wrong = [
        entry
        for entry in found
        if "outputs" not in entry or max(entry["outputs"], entry["pushed"]) > 1e-5 or entry["unknown_weights"]
    ]
    assert wrong == []


@pytest.mark.parametrize("backend", ["jax", "numpy", "tensorflow", "torch"])
def test_every_layer_computes_the_same(backend):
    found = [e for e in lines("every_layer", backend) if e["layer"] not in OTHERWISE[backend]]
    wrong = [e for e in found if "error" in e or e["difference"] is not None and e["difference"] > 1e-3]
    assert wrong == []
    assert sum(e["difference"] is not None for e in found) > 120


def test_models_of_tf_keras_with_layers_of_ones_own_compute_the_same():
    wrong = [
        entry
        for entry in lines("tf_runner", "tensorflow")
        if "error" in entry
        or max(entry["outputs"], entry["pushed"]) > 1e-4
        or entry["unknown_weights"]
        or entry["calls_left"]
    ]
    assert wrong == []


def test_every_layer_of_tf_keras_computes_the_same():
    found = lines("tf_every_layer", "tensorflow")
    wrong = [e for e in found if "error" in e or e["difference"] is not None and e["difference"] > 1e-4]
    # the golden case sets the weights of words, which are no weights here, to other numbers
    assert [e["layer"] for e in wrong] in ([], ["keras_3/lookup_tf_idf"])
    assert sum(e.get("difference") is not None for e in found) > 490


def test_single_live_models_of_tf_keras():
    (found,) = lines("tf_checks", "tensorflow")
    assert {name: raised for name, raised in found.items() if raised} == {}
