"""TextVectorization and StringLookup compute what tf_keras does: on text, in models, in exported files."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import kcompile.tf_keras.tensorflow as tf
from kcompile import tf_keras
from kcompile.ir import StringTensor, TextNode, TextStage
from kcompile.keras import Input, backend, layers
from kcompile.keras.models import Model, Sequential, load_model

ANSWERS = json.loads((Path(__file__).parents[2] / "golden" / "text" / "answers.json").read_text("utf-8"))
VECTORIZATIONS = ANSWERS["vectorizations"]
LOOKUPS = ANSWERS["lookups"]
TEXT = np.array([["a cat"], ["a dog, a cat!"], [""], ["Cats & dogs"]])


def _id(case):
    return ",".join(f"{key}={value}" for key, value in case[0].items()) or "default"


def _model(layer, shape=(1,), after=()):
    text = Input(shape, dtype="string", name="text")
    output = layer(text)
    for step in after:
        output = step(output)
    return Model(text, output)


def _exported(model, path, text):
    with pytest.warns(UserWarning, match="not compared"):
        model.export(path)
    return onnxruntime.InferenceSession(path).run(None, {"text": text.astype(object)})[0]


@pytest.mark.parametrize("case", VECTORIZATIONS, ids=_id)
def test_text_becomes_the_places_that_tf_keras_gives(case):
    arguments, vocabulary, answer = case
    layer = layers.TextVectorization(**arguments)
    layer.adapt(ANSWERS["texts"])
    assert layer.get_vocabulary() == vocabulary
    found = np.asarray(layer(ANSWERS["asked"]))
    np.testing.assert_allclose(found, answer, rtol=1e-6)
    assert np.asarray(layer(StringTensor(ANSWERS["asked"]))).tolist() == found.tolist()
    again = layers.TextVectorization.from_config(layer.get_config())
    assert np.asarray(again(np.array(ANSWERS["asked"]))).tolist() == found.tolist()


@pytest.mark.parametrize("case", VECTORIZATIONS, ids=_id)
def test_a_model_reads_text_and_so_does_its_file_where_onnx_can_say_it(case, tmp_path):
    arguments, _, answer = case
    layer = layers.TextVectorization(**arguments)
    layer.adapt(ANSWERS["texts"])
    asked = np.array(ANSWERS["asked"])[:, None]
    model = _model(layer)
    answer = np.reshape(answer, (2, -1))
    np.testing.assert_allclose(model.predict(asked), answer, rtol=1e-6)
    path = str(tmp_path / "model.onnx")
    if layer.split == "character" or layer.split is None:
        with pytest.raises(ValueError, match="ONNX has no operators for"):
            model.export(path)
        return
    np.testing.assert_allclose(_exported(model, path, asked), answer, rtol=1e-6)


@pytest.mark.parametrize("case", LOOKUPS, ids=_id)
def test_a_lookup_gives_the_places_that_tf_keras_gives(case, tmp_path):
    arguments, text, vocabulary, answer = case
    layer = layers.StringLookup(vocabulary=["a", "b", "c"], **arguments)
    assert layer.get_vocabulary() == vocabulary
    assert np.asarray(layer(text)).tolist() == answer
    text = np.array(text)
    model = _model(layer, text.shape[1:])
    assert model.predict(text).tolist() == answer
    assert _exported(model, str(tmp_path / "model.onnx"), text).tolist() == answer


def test_places_become_text_again():
    layer = layers.StringLookup(vocabulary=["a", "b"], invert=True)
    assert layer([[1, 2, 0, 7]]).numpy().tolist() == [[b"a", b"b", b"[UNK]", b"[UNK]"]]
    masked = layers.StringLookup(vocabulary=["a", "b"], invert=True, mask_token="")
    assert masked(np.arange(4)).numpy().tolist() == [b"", b"[UNK]", b"a", b"b"]


def test_functions_of_text_standardize_and_split():
    layer = layers.TextVectorization(
        standardize=lambda text: StringTensor([entry.replace(b"-", b" ") for entry in text.array]),
        split=lambda text: [entry.split(b"|") for entry in text.array],
    )
    layer.adapt(["a-b|c", "c"])
    assert layer.get_vocabulary() == ["", "[UNK]", "c", "a b"]
    assert _model(layer).predict(np.array([["a-b|c|d"]])).tolist() == [[3, 2, 1]]


def test_a_model_trains_on_text_beside_numbers_and_comes_back_from_its_file(tmp_path):
    words = layers.TextVectorization(output_sequence_length=4)
    words.adapt(TEXT)
    text, number = Input((1,), dtype="string", name="text"), Input((1,), name="number")
    pooled = layers.GlobalAveragePooling1D()(layers.Embedding(words.vocabulary_size(), 3)(words(text)))
    model = Model([text, number], layers.Dense(1)(layers.concatenate([pooled, number])))
    model.compile("sgd", "mse")
    x = {"text": TEXT[:, 0], "number": np.arange(4.0)}
    before = model.evaluate(x, np.arange(4.0), verbose=0)
    model.fit(x, np.arange(4.0), epochs=20, verbose=0, validation_split=0.25)
    assert model.evaluate(x, np.arange(4.0), verbose=0) < before
    assert np.isfinite(model.train_on_batch(x, np.arange(4.0)))
    expected = model.predict(x)
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        np.testing.assert_allclose(load_model(tmp_path / name).predict(x), expected, rtol=1e-6)


def test_a_model_is_put_behind_a_layer_that_reads_text():
    words = layers.TextVectorization(output_sequence_length=4, vocabulary=["cat", "dog"])
    inner = Sequential([layers.Embedding(4, 2, input_shape=(4,)), layers.GlobalAveragePooling1D()])
    outer = Sequential([Input((1,), dtype="string"), words, inner])
    expected = inner.predict(np.array([[1, 2, 0, 0]]))
    np.testing.assert_allclose(outer.predict(np.array(["a cat"])), expected, rtol=1e-6)
    np.testing.assert_allclose(np.asarray(outer(np.array(["a cat"]))), expected, rtol=1e-6)


def test_numbers_are_no_text_and_text_is_no_number():
    words = layers.StringLookup(vocabulary=["a"])
    with pytest.raises(ValueError, match="dtype='string'"):
        words(Input((1,)))
    with pytest.raises(ValueError, match="must hold text"):
        _model(words).predict(np.zeros((2, 1)))
    with pytest.raises(ValueError, match="Read the file"):
        layers.StringLookup(vocabulary="words.txt")
    with pytest.raises(ValueError, match="adapt"):
        layers.TextVectorization()(["a"])


_PAIRS = np.array([["a", "b"], ["zz", "a"], ["b", "b"]], dtype=object)
#: What comes before the layer, and the places of _PAIRS then.
MOVED = {
    "a new axis": (lambda x: x[:, :1][:, None], [[[1]], [[0]], [[2]]]),
    "one row": (lambda x: x[:, 1], [2, 1, 2]),
    "expand_dims": (lambda x: backend.expand_dims(x, -1), [[[1], [2]], [[0], [1]], [[2], [2]]]),
    "reshape": (lambda x: backend.reshape(x, (-1, 1)), [[1], [2], [0], [1], [2], [2]]),
    "Reshape": (lambda x: layers.Reshape((2, 1))(x), [[[1], [2]], [[0], [1]], [[2], [2]]]),
    "Permute": (lambda x: layers.Permute((2, 1))(layers.Reshape((2, 1))(x)), [[[1, 2]], [[0, 1]], [[2, 2]]]),
    "Flatten": (lambda x: layers.Flatten()(x), [[1, 2], [0, 1], [2, 2]]),
    "Concatenate": (lambda x: layers.Concatenate()([x, x]), [[1, 2, 1, 2], [0, 1, 0, 1], [2, 2, 2, 2]]),
}


@pytest.mark.parametrize("case", sorted(MOVED))
def test_text_goes_through_operators_that_move_it(case, tmp_path):
    move, expected = MOVED[case]
    text = Input((2,), dtype="string")
    model = Model(text, layers.StringLookup(vocabulary=["a", "b"])(move(text)))
    np.testing.assert_array_equal(model.predict(_PAIRS), expected)
    again = Model.from_config(model.get_config())
    np.testing.assert_array_equal(again.predict(_PAIRS), expected)
    model.export(str(tmp_path / "m.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    (found,) = session.run(None, {session.get_inputs()[0].name: _PAIRS})
    np.testing.assert_array_equal(found, expected)


def _cleaned(text):
    """As the tutorials of tf.keras standardize reviews."""
    text = tf.strings.regex_replace(tf.strings.lower(text), "<br />", " ")
    return tf.strings.regex_replace(text, f"[{re.escape(string.punctuation)}]", "")


#: Functions of ``tf.strings`` that a file can say.
STANDARDS = {
    "a tutorial's": _cleaned,
    "capitals": lambda text: tf.strings.upper(text),
    "a longer text": lambda text: tf.strings.regex_replace(text, "a", "aa b"),
    "escapes": lambda text: tf.strings.regex_replace(text, r"\.\-", "x"),
    "a set": lambda text: tf.strings.regex_replace(text, "[ab]", " "),
}
_REVIEWS = ["Hello, World<br />a b", "<br /><br />x<br />", "", "a-b c!", "aaa.-b<br", "nothing"]


@pytest.mark.parametrize("case", sorted(STANDARDS))
def test_a_function_that_standardizes_is_written_to_files(case, tmp_path):
    layer = layers.TextVectorization(standardize=STANDARDS[case], output_sequence_length=6)
    layer.adapt(_REVIEWS)
    text = Input((1,), dtype="string")
    model = Model(text, layer(text))
    reviews = np.array(_REVIEWS, object)[:, None]
    expected = model.predict(reviews)
    assert len(np.unique(expected)) > 4
    model.export(str(tmp_path / "m.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    (found,) = session.run(None, {session.get_inputs()[0].name: reviews})
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "pattern",
    ["a+", "a|b", "[^a]", "[a-c]", r"\d", "(a)"],
    ids=["many", "or", "not", "range", "class", "group"],
)
def test_a_pattern_that_a_file_cannot_say_is_named(pattern, tmp_path):
    layer = layers.TextVectorization(standardize=lambda text: tf.strings.regex_replace(text, pattern, " "))
    layer.adapt(_REVIEWS)
    text = Input((1,), dtype="string")
    with pytest.raises(ValueError, match=r"no operators for standardize=.*neither literal text nor a set"):
        Model(text, layer(text)).export(str(tmp_path / "m.onnx"))


def test_a_model_called_on_text_gains_the_axis_that_its_input_has():
    inputs = tf_keras.Input((1,), dtype="string")
    model = tf_keras.Model(inputs, tf_keras.layers.StringLookup(vocabulary=["a", "b"])(inputs))
    for text in (["b", "a"], [["b"], ["a"]]):
        np.testing.assert_array_equal(model(tf.constant(text)), [[2], [1]])


def test_a_model_trains_on_text_that_operators_moved():
    text = Input((), dtype="string")
    hot = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(backend.expand_dims(text, -1))
    model = Model([text, Input((1,))], layers.Dense(1)(hot))
    model.compile("sgd", "mse")
    model.fit([_PAIRS[:, 0], np.ones((3, 1))], np.ones((3, 1)), verbose=0)


def test_text_that_no_operator_gives_is_refused():
    text = Input((2,), dtype="string")
    upper = TextNode("Upper", text, np.char.upper, lambda x: x, object, text.dims).outputs[0]
    places = TextNode("Places", upper, lambda x: x == "A", lambda x: x, bool, text.dims).outputs[0]
    with pytest.raises(ValueError, match="Places reads text that a layer gives .* reads inputs of the model"):
        TextStage([places], [text])([_PAIRS])


def test_a_sequential_model_that_begins_with_such_a_layer_takes_text():
    def model():
        return Sequential([layers.StringLookup(vocabulary=["a", "b"]), layers.Embedding(3, 2)])

    called = model()
    text = Input((), dtype="string")
    assert Model(text, called(text)).predict(np.array(["b"])).shape == (1, 2)
    assert model().predict(np.array(["b", "a"])).shape[0] == 2


@pytest.mark.parametrize("dtype", [object, "U", bytes])
def test_predict_finds_the_words_however_an_array_holds_them(dtype):
    layer = layers.StringLookup(vocabulary=["x", "y"], mask_token=None, num_oov_indices=0)
    text = np.array([["y"], ["x"]]).astype(dtype)
    assert _model(layer).predict(text).tolist() == [[1], [0]]
