"""Text as tensors: tf.strings, rows of unequal lengths, tables; compared with what TensorFlow gives."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.tf_keras import tensorflow as tf

WORDS = ["Hello World!", " a-b ", "ÄÖ ü"]


def b(*texts):
    return [x.encode() for x in texts]


#: What TensorFlow 2.21 gives: call -> result as lists.
CALLS = {
    "lower": (lambda: tf.strings.lower(WORDS), b("hello world!", " a-b ", "ÄÖ ü")),
    "lower_utf8": (lambda: tf.strings.lower(WORDS, encoding="utf-8"), b("hello world!", " a-b ", "äö ü")),
    "upper": (lambda: tf.strings.upper(["ab", "c"]), b("AB", "C")),
    "strip": (lambda: tf.strings.strip(WORDS), b("Hello World!", "a-b", "ÄÖ ü")),
    "length": (lambda: tf.strings.length(WORDS), [12, 5, 7]),
    "length_characters": (lambda: tf.strings.length(WORDS, unit="UTF8_CHAR"), [12, 5, 4]),
    "regex_replace": (lambda: tf.strings.regex_replace(WORDS, "[[:punct:]]", "."),
                      b("Hello World.", " a.b ", "ÄÖ ü")),
    "regex_groups": (lambda: tf.strings.regex_replace("a-b", r"(\w)-(\w)", r"\2+\1"), b("b+a")[0]),
    "regex_once": (lambda: tf.strings.regex_replace("aaa", "a", "b", replace_global=False), b("baa")[0]),
    "regex_full_match": (lambda: tf.strings.regex_full_match(["ab", "abc"], "a."), [True, False]),
    "substr": (lambda: tf.strings.substr(["hello", "abcdef"], 1, 3), b("ell", "bcd")),
    "substr_characters": (lambda: tf.strings.substr("äöü", -2, 1, unit="UTF8_CHAR"), b("ö")[0]),
    "join": (lambda: tf.strings.join([["a", "b"], "x"], separator="-"), b("a-x", "b-x")),
    "reduce_join": (lambda: tf.strings.reduce_join([["a", "b"], ["c", "d"]], -1, separator=" "),
                    b("a b", "c d")),
    "reduce_join_all": (lambda: tf.strings.reduce_join([["a", "b"], ["c", "d"]]), b("abcd")[0]),
    "as_string": (lambda: tf.strings.as_string([1.5, 2.0]), b("1.500000", "2.000000")),
    "as_string_digits": (lambda: tf.as_string(3.14159, precision=2), b("3.14")[0]),
    "as_string_whole": (lambda: tf.strings.as_string([1, 2]), b("1", "2")),
    "to_number": (lambda: tf.strings.to_number(["1.5", "2"]), [1.5, 2.0]),
    "to_number_whole": (lambda: tf.strings.to_number(["7"], out_type=tf.int64), [7]),
    "split": (lambda: tf.strings.split("a b  c"), b("a", "b", "c")),
    "split_at": (lambda: tf.strings.split("a/b//c", sep="/"), b("a", "b", "", "c")),
    "split_rows": (lambda: tf.strings.split(["a b", "c"]).to_list(), [b("a", "b"), b("c")]),
    "split_filled": (lambda: tf.strings.split(["a b", "c"]).to_tensor("x"), [b("a", "b"), b("c", "x")]),
    "unicode_split": (lambda: tf.strings.unicode_split("äb", "UTF-8"), b("ä", "b")),
    "unicode_decode": (lambda: tf.strings.unicode_decode("äb", "UTF-8"), [228, 98]),
    "unicode_encode": (lambda: tf.strings.unicode_encode([228, 98], "UTF-8"), b("äb")[0]),
    "bytes_split": (lambda: tf.strings.bytes_split("ab"), b("a", "b")),
    "ngrams": (lambda: tf.strings.ngrams(["a", "b", "c"], 2), b("a b", "b c")),
    "format": (lambda: tf.strings.format("{} of {}", (1, 2)), b("1 of 2")[0]),
    "equal": (lambda: tf.constant(["a", "b"]) == "b", [False, True]),
    "part_of_path": (lambda: tf.strings.split("/cats/1.png", "/")[-2] == ["cats", "dogs"], [True, False]),
    "added": (lambda: tf.constant(["a", "b"]) + ".png", b("a.png", "b.png")),
    "concat": (lambda: tf.concat([["a"], ["b", "c"]], 0), b("a", "b", "c")),
    "stack": (lambda: tf.stack(["a", "b"]), b("a", "b")),
    "expand_dims": (lambda: tf.expand_dims(tf.constant(["a"]), -1), [b("a")]),
    "reshape": (lambda: tf.reshape(tf.constant(["a", "b"]), [2, 1]), [b("a"), b("b")]),
    "gather": (lambda: tf.gather(tf.constant(["a", "b", "c"]), [2, 0]), b("c", "a")),
    "where": (lambda: tf.where(tf.constant([True, False]), tf.constant(["a", "b"]), "z"), b("a", "z")),
    "shape": (lambda: tf.shape(tf.constant([["a"], ["b"]])), [2, 1]),
    "tile": (lambda: tf.tile(tf.constant(["a"]), [2]), b("a", "a")),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CALLS))
def test_text_is_computed_as_tensorflow_does(name):
    call, expected = CALLS[name]
    found = call()
    found = found.numpy() if hasattr(found, "numpy") else found
    found = (
        found.tolist()
        if isinstance(found, np.ndarray | np.generic) and not isinstance(found, bytes)
        else found
    )
    assert found == expected


def test_text_has_the_type_string_and_what_computes_numbers_refuses_it():
    text = tf.constant(["a", "b"])
    assert text.dtype == tf.string and tf.is_tensor(text) and text.shape.as_list() == [2]
    with pytest.raises(ValueError, match="does not compute with text"):
        tf.exp(text)


def test_rows_of_unequal_lengths_are_cut_filled_and_merged():
    ragged = tf.ragged.constant([[1, 2], [3], []])
    assert ragged.to_list() == [[1, 2], [3], []] and ragged.shape.as_list() == [3, None]
    assert np.asarray(ragged.to_tensor(-1)).tolist() == [[1, 2], [3, -1], [-1, -1]]
    assert np.asarray(ragged.to_tensor(shape=[None, 3])).tolist() == [[1, 2, 0], [3, 0, 0], [0, 0, 0]]
    assert np.asarray(ragged.row_lengths()).tolist() == [2, 1, 0]
    assert np.asarray(ragged.value_rowids()).tolist() == [0, 0, 1]
    assert np.asarray(ragged[0]).tolist() == [1, 2] and ragged[:, :1].to_list() == [[1], [3], []]
    assert (ragged * 2).to_list() == [[2, 4], [6], []]
    deep = tf.ragged.constant([[["a"], ["b", "c"]], [["d"]]])
    assert deep.merge_dims(1, 2).to_list() == [b("a", "b", "c"), b("d")]
    assert deep.merge_dims(0, 1).to_list() == [b("a"), b("b", "c"), b("d")]
    assert np.asarray(deep.bounding_shape()).tolist() == [2, 2, 2]
    same = [
        tf.RaggedTensor.from_row_splits([1, 2, 3], [0, 2, 3, 3]),
        tf.RaggedTensor.from_row_lengths([1, 2, 3], [2, 1, 0]),
        tf.RaggedTensor.from_value_rowids([1, 2, 3], [0, 0, 1], nrows=3),
        tf.RaggedTensor.from_row_starts([1, 2, 3], [0, 2, 3]),
        tf.RaggedTensor.from_row_limits([1, 2, 3], [2, 3, 3]),
        tf.RaggedTensor.from_tensor([[1, 2], [3, 0], [0, 0]], padding=0),
        tf.RaggedTensor.from_tensor([[1, 2], [3, 0], [0, 0]], lengths=[2, 1, 0]),
        tf.RaggedTensor.from_sparse(tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [1, 2, 3], [3, 2])),
        tf.RaggedTensor.from_nested_row_splits([1, 2, 3], [[0, 2, 3, 3]]),
    ]
    assert all(x.to_list() == ragged.to_list() for x in same)
    assert tf.ragged.range([2, 0, 1]).to_list() == [[0, 1], [], [0]]
    rows = tf.RaggedTensor.from_nested_row_splits([1, 2, 3], [[0, 2, 3], [0, 2, 2, 3]])
    assert rows.to_list() == [[[1, 2], []], [[3]]]
    assert [np.asarray(x).tolist() for x in rows.nested_row_splits] == [[0, 2, 3], [0, 2, 2, 3]]
    assert tf.RaggedTensor.from_nested_row_lengths([1, 2, 3], [[2, 1], [2, 0, 1]]).to_list() == rows.to_list()
    with pytest.raises(ValueError, match="without gaps"):
        tf.RaggedTensor.from_sparse(tf.SparseTensor([[0, 1]], [1], [1, 2]))
    with pytest.raises(ValueError, match="row_splits must rise"):
        tf.RaggedTensor.from_row_splits([1, 2], [0, 3])


def test_distinct_words_are_counted_in_the_type_that_is_asked_for():
    words, places, counts = tf.unique_with_counts(tf.constant(["a", "b", "a"]), out_idx="int64")
    assert words.numpy().tolist() == b("a", "b") and places.dtype == counts.dtype == tf.int64
    assert np.asarray(places).tolist() == [0, 1, 0] and np.asarray(counts).tolist() == [2, 1]


#: (buckets, key) -> what TensorFlow 2.21 gives.
CROSSED = {
    (10, None): [[6, 7, 4, 6], [0, 2, 8, 5]],
    (1000, 77): [[687, 557, 832, 340], [588, 233, 717, 964]],
}


@pytest.mark.parametrize("buckets, key", CROSSED, ids=str)
def test_features_are_crossed(buckets, key):
    words, numbers = tf.constant([["a", "bc"], ["d", ""]]), tf.constant([[3, -4], [5, 6]], tf.int64)
    found = tf.sparse.to_dense(tf.sparse.cross_hashed([words, numbers], buckets, key))
    assert np.asarray(found).tolist() == CROSSED[buckets, key]


def test_tables_find_values_and_give_others_a_default(tmp_path):
    pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([1, 2], tf.int64))
    table = tf.lookup.StaticHashTable(pairs, default_value=-1)
    assert (
        np.asarray(table.lookup(tf.constant([["a", "z"]]))).tolist() == [[1, -1]] and int(table.size()) == 2
    )
    words = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1, 2], ["x", "y"]), "none")
    assert words[[2, 3]].numpy().tolist() == b("y", "none")
    vocabulary = tf.lookup.StaticVocabularyTable(pairs, num_oov_buckets=2)
    found = np.asarray(vocabulary.lookup(["a", "b", "other", "another"]))
    assert found[:2].tolist() == [1, 2] and set(found[2:]) <= {2, 3}
    (tmp_path / "vocabulary.txt").write_text("one\ntwo\n")
    index = tf.lookup.TextFileIndex
    lines = tf.lookup.TextFileInitializer(
        str(tmp_path / "vocabulary.txt"), tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
    )
    assert np.asarray(tf.lookup.StaticHashTable(lines, -1).lookup(["two", "three"])).tolist() == [1, -1]

    class Nothing(tf.lookup.KeyValueTensorInitializer):
        key_dtype, value_dtype = tf.string, tf.int64

        def __init__(self):
            pass

    assert int(tf.lookup.StaticHashTable(Nothing(), -1).size()) == 0
    changing = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    changing.insert(["k"], [5])
    assert int(changing.lookup("k")) == 5
    changing.remove(["k"])
    assert int(changing.lookup("k")) == -1
