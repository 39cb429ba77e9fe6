"""Training goes on from files of every Keras, and from files written here, as if it had not stopped."""

from __future__ import annotations

import io
import warnings
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from tests.golden.later import state_cases as cases

FOLDER = Path(cases.__file__).parent
FILES = [(judge, name, case) for judge in cases.KINDS for name, case in cases.files(judge)]


@cache
def answers(judge):
    with np.load(FOLDER / f"states_{judge}.npz") as stored:
        return {name: stored[name] for name in stored.files}


def file_of(judge, name):
    with zipfile.ZipFile(FOLDER / f"states_{judge}.zip") as archive:
        return io.BytesIO(archive.read(name))


def loaded(source):
    """The model; a warning that its optimizer starts afresh is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return keras.models.load_model(source)


def trained(model, steps):
    for step in steps:
        model.train_on_batch(*cases.batch(step))
    return model


def resumed(model):
    return trained(model, range(cases.STEPS, cases.STEPS + 2)).get_weights()


@pytest.mark.parametrize("judge, name, case", FILES, ids=[f[1] for f in FILES])
def test_training_goes_on_from_files_of_keras(judge, name, case):
    found = resumed(loaded(file_of(judge, name)))
    for own, theirs in zip(found, cases.weights_after(answers(judge), name), strict=True):
        np.testing.assert_allclose(own, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("judge, name, case", FILES, ids=[f[1] for f in FILES])
def test_what_was_loaded_can_be_saved_again(judge, name, case, ending, tmp_path):
    model = loaded(file_of(judge, name))
    model.save(tmp_path / f"model.{ending}")
    again = loaded(tmp_path / f"model.{ending}")
    for one, other in zip(resumed(again), resumed(model), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
