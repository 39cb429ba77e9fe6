"""Models that read text: Python looks the text up before the graph runs; a file has operators for that."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
from keras import layers

from kcompile.keras3 import tensorflow as small

small.provide()
tf = pytest.importorskip("tensorflow")
onnxruntime = pytest.importorskip("onnxruntime")

WORDS = ["a b c", "b, C!", "z"]


def _vectorized(**options):
    layer = layers.TextVectorization(**options)
    layer.adapt(["a b c", "b c d"])
    return layer


#: A layer, and what it reads; whether a file can say it.
LAYERS = {
    "words": (lambda: _vectorized(output_sequence_length=3), [[x] for x in WORDS], True),
    "words of any number": (lambda: _vectorized(), [[x] for x in WORDS], True),
    "counted words": (lambda: _vectorized(output_mode="count"), WORDS, True),
    "weighed words": (lambda: _vectorized(output_mode="tf_idf"), WORDS, True),
    "words by a function of tf.strings": (
        lambda: _vectorized(standardize=tf.strings.lower, output_sequence_length=2), WORDS, True,
    ),
    "words by a function of NumPy": (
        lambda: _vectorized(standardize=np.char.upper, output_sequence_length=2), WORDS, False,
    ),
    "letters": (lambda: _vectorized(split="character", output_sequence_length=2), WORDS, False),
    "names": (lambda: layers.StringLookup(vocabulary=["a", "z"]), [["a", "b"], ["z", "z"], ["", "a"]], True),
    "one-hot names": (
        lambda: layers.StringLookup(vocabulary=["a", "z"], output_mode="one_hot"), ["a", "b", "z"], True,
    ),
    "numbers": (
        lambda: layers.IntegerLookup(vocabulary=[7, 9], output_mode="multi_hot"),
        [[7, 1], [9, 9], [2, 7]],
        True,
    ),
    "hashed names": (lambda: layers.Hashing(5, output_mode="one_hot"), [["a"], ["b"], ["z"]], False),
    "hashed numbers": (lambda: layers.Hashing(5, output_mode="one_hot"), [[3], [4], [5]], True),
}  # fmt: skip


def _network(layer, given):
    kind = "string" if given.dtype.kind in "OU" else "int64"
    inputs = keras.Input(given.shape[1:], dtype=kind)
    found = layer(inputs)
    if found.dtype == "int64":
        found = layers.GlobalAveragePooling1D()(layers.Embedding(9, 4)(found))
    model = keras.Model(inputs, layers.Dense(2)(found))
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("layer, given, in_file", LAYERS.values(), ids=list(LAYERS))
def test_a_model_with_such_a_layer_trains_predicts_and_exports(layer, given, in_file, tmp_path):
    given = np.array(given)
    model = _network(layer(), given)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of steps that run operator by operator
        model.fit(given, np.ones((3, 2)), epochs=2, verbose=0)
        predicted = model.predict(given, verbose=0)
    called = model(given).detach().numpy()  # Keras's own layer, at once
    np.testing.assert_allclose(predicted, called, atol=1e-6)
    path = str(tmp_path / "model.onnx")
    if not in_file:
        with pytest.raises(ValueError, match="ONNX has no operators"):
            model.export(path, verbose=False)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the file is not compared with PyTorch, which has no text
        model.export(path, verbose=False)
    session = onnxruntime.InferenceSession(path)
    fed = given.astype(object) if given.dtype.kind == "U" else given
    (found,) = session.run(None, {session.get_inputs()[0].name: fed})
    np.testing.assert_allclose(found, predicted, atol=1e-6)


def test_text_of_a_dataset_trains_beside_numbers():
    text, size = keras.Input((), dtype="string", name="text"), keras.Input((1,), name="size")
    names = layers.StringLookup(vocabulary=["a", "z"], output_mode="one_hot")(text)
    model = keras.Model({"text": text, "size": size}, layers.Dense(1)(layers.concatenate([names, size])))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    columns = {"text": ["a", "z", "b", "a"], "size": [[1.0], [2.0], [3.0], [4.0]]}
    data = tf.data.Dataset.from_tensor_slices((columns, [1.0, 2.0, 3.0, 4.0])).batch(3)
    history = model.fit(data, epochs=9, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert model.predict(data, verbose=0).shape == (4, 1)
    assert model({"text": tf.constant(["a"]), "size": tf.ones((1, 1))}).shape == (1, 1)


def test_text_is_a_tensor_of_keras():
    from keras import ops

    found = ops.convert_to_tensor(np.array(["a", "bc"]))
    assert keras.backend.standardize_dtype(found.dtype) == "string" and ops.is_tensor(found)
    assert ops.expand_dims(found, 1).shape == (2, 1)
    assert ops.convert_to_numpy(ops.reshape(found, (2, 1)))[1, 0] == b"bc"
    assert ops.convert_to_numpy(ops.equal(found, found)).tolist() == [True, True]
