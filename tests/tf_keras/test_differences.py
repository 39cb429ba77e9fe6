"""docs/tf-keras.md says all that tf.keras has otherwise, and the facts are those of the live program."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from kcompile.keras.rules import TF_KERAS

from . import differences, differences_page


def test_the_page_shows_every_difference():
    page = differences_page.PAGE.read_text(encoding="utf-8")
    assert page == differences_page.with_tables(page), (
        "Something has come to tf.keras's dialect, or gone: python -m tests.tf_keras.differences_page"
    )


def test_defaults_of_the_dialect_are_those_of_tf_keras():
    told = {name.rpartition(".")[2]: {} for name in TF_KERAS.defaults}
    for names in differences.calls().values():
        for name in names.keys() & TF_KERAS.defaults.keys():
            told[name] |= names[name] or {}
    found = {name: {a: told[name][a] for a in row} for name, row in TF_KERAS.defaults.items()}
    assert found == TF_KERAS.defaults


@pytest.mark.parametrize("path", ["layers", "losses", "metrics", "optimizers", "models", "callbacks"])
def test_all_names_but_one_are_here(path):
    assert len(differences.missing_names().get(path, [])) <= 1


@pytest.mark.peers
def test_the_facts_are_those_of_the_live_program():
    script = str(differences.ROOT / "tests/golden/make_tf_keras_signatures.py")
    code = f"import json, runpy\nprint(json.dumps(runpy.run_path({script!r})['facts_of_all']()))"
    command = [os.environ["KCOMPILE_PEERS_PYTHON"], "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == differences.facts()
