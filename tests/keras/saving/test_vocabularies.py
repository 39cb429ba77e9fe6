"""Vocabularies that a .keras file of tf_keras has beside its configuration."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.formats import FileFormatError
from tests.golden.formats import make_vocabulary_files

GOLDEN = Path(make_vocabulary_files.__file__).parent / "vocabularies"
ANSWERS = json.loads((GOLDEN / "answers.json").read_text())


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_layers_have_the_vocabularies_that_they_learnt(name):
    model = keras.models.load_model(GOLDEN / f"{name}.keras")
    _, asked = make_vocabulary_files.models(keras)[name]
    found = model.predict(asked if len(asked) > 1 else asked[0])
    np.testing.assert_allclose(found, ANSWERS[name], rtol=1e-5, atol=1e-6)


def test_a_model_with_vocabularies_is_saved_with_them(tmp_path):
    model = keras.models.load_model(GOLDEN / "functional.keras")
    _, asked = make_vocabulary_files.models(keras)["functional"]
    model.save(tmp_path / "again.keras")
    again = keras.models.load_model(tmp_path / "again.keras")
    np.testing.assert_array_equal(again.predict(asked), model.predict(asked))


def test_what_is_no_vocabulary_is_an_error_that_says_where_it_is(tmp_path):
    path = tmp_path / "model.keras"
    shutil.copy(GOLDEN / "functional.keras", path)
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    for name, content in (("layers/integer_lookup", b"[UNK]\nseven"), ("layers/text_vectorization", b"\xff")):
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in members.items():
                archive.writestr(member, content if member == f"assets/{name}/vocabulary.txt" else data)
        with pytest.raises(FileFormatError, match=f"vocabulary at '{name}' cannot be read"):
            keras.models.load_model(path)
