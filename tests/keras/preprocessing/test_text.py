"""Text: what is refused, and what survives a round trip. The values themselves are in test_golden.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from kcompile.keras.preprocessing import text
from kcompile.keras.preprocessing.text import Tokenizer, tokenizer_from_json
from tests.golden.preprocessing.cases import TEXTS, TOKENIZERS


def fitted(**options):
    tokenizer = Tokenizer(**options)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


@pytest.mark.parametrize("options", TOKENIZERS.values(), ids=TOKENIZERS)
def test_a_tokenizer_comes_back_from_json_and_can_be_fitted_further(options):
    one = fitted(**options)
    other = tokenizer_from_json(one.to_json())
    assert other.get_config() == one.get_config()
    for tokenizer in (one, other):
        tokenizer.fit_on_texts(["a new bird", "a new cat"])
    assert other.get_config() == one.get_config()
    assert other.texts_to_sequences(TEXTS) == one.texts_to_sequences(TEXTS)


def test_texts_may_come_from_a_generator():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(line for line in TEXTS)
    assert tokenizer.word_index == fitted().word_index
    assert list(tokenizer.texts_to_sequences_generator(iter(["the cat"]))) == [
        [1, tokenizer.word_index["cat"]]
    ]


def test_a_tokenizer_that_knows_no_word_gives_none():
    assert Tokenizer(oov_token="?").texts_to_sequences(["a b"]) == [[]]


def test_the_old_name_of_num_words_is_taken_with_a_warning():
    with pytest.warns(UserWarning, match="nb_words"):
        assert Tokenizer(nb_words=3).num_words == 3
    with pytest.raises(TypeError, match="num_word"):
        Tokenizer(num_word=3)


@pytest.mark.parametrize(
    ("tokenizer", "mode", "message"),
    [
        (Tokenizer(), "binary", "Specify a dimension"),
        (Tokenizer(num_words=5), "tfidf", "Fit the Tokenizer"),
        (fitted(), "tf-idf", "Unknown vectorization mode: 'tf-idf'; expected one of binary"),
    ],
)
def test_a_matrix_that_cannot_be_made_is_refused(tokenizer, mode, message):
    with pytest.raises(ValueError, match=message):
        tokenizer.sequences_to_matrix([[1]], mode=mode)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"config": {}}', '{"config": {"word_counts": 1}}', '{"config": null}']
)
def test_json_of_something_else_is_refused(content):
    with pytest.raises(ValueError, match="Tokenizer.to_json"):
        tokenizer_from_json(content)


def test_json_with_an_argument_too_many_is_refused():
    content = json.loads(fitted().to_json())
    content["config"]["surprise"] = 1
    with pytest.raises(ValueError, match="surprise"):
        tokenizer_from_json(json.dumps(content))


def test_a_hash_function_is_named_or_given():
    with pytest.raises(ValueError, match="sha1"):
        text.hashing_trick("a", 5, hash_function="sha1")


def test_one_hot_is_the_same_in_every_run_with_a_hash_seed():
    code = "from kcompile.keras.preprocessing.text import one_hot; print(one_hot('the cat sat', 1000))"
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": "3"}, capture_output=True
        )
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout != b""


def test_a_matrix_has_a_row_for_an_empty_text():
    np.testing.assert_array_equal(fitted().texts_to_matrix([""]), np.zeros((1, len(fitted().word_index) + 1)))
