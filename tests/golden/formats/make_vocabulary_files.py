"""Writes .keras files of tf_keras whose layers learnt their vocabularies from data, and what the models give.

``python -m tests.golden.formats.make_vocabulary_files`` (in the environment of `make peers`).
"""

import json
import os
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent / "vocabularies"
TEXTS = ["a b b c c c", "c d", "b a zz"]
NUMBERS = [[12], [7], [7]]


def models(keras):
    """Name -> model and what it is asked."""
    L = keras.layers

    def adapted(layer, data):
        layer.adapt(np.array(data))
        return layer

    text = L.Input((1,), dtype="string")
    number = L.Input((1,), dtype="int64")
    words = adapted(L.TextVectorization(output_sequence_length=4), TEXTS)
    letters = adapted(L.StringLookup(output_mode="multi_hot"), ["x", "y", "y", "a"])
    inner = keras.Sequential([L.Input((1,), dtype="string"), letters])
    joined = L.Concatenate()(
        [
            L.Dense(2)(L.Flatten()(L.Embedding(8, 2)(words(text)))),
            inner(text),
            adapted(L.IntegerLookup(output_mode="one_hot"), NUMBERS)(number),
            adapted(L.IntegerLookup(output_mode="one_hot"), [[1], [2]])(number),
            L.StringLookup(vocabulary=["q", "a"], output_mode="multi_hot")(text),
        ]
    )
    asked = [np.array([["a b"], ["y"], ["q"]]), np.array([[7], [12], [2]])]
    weighted = adapted(L.TextVectorization(output_mode="tf_idf"), TEXTS)
    return {
        "functional": (keras.Model([text, number], L.Dense(2)(joined)), asked),
        "sequential": (
            keras.Sequential([L.Input((1,), dtype="string"), weighted, L.Dense(1)]),
            [np.array([["a b"], ["c"], ["q"]])],
        ),
    }


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    import tf_keras

    HERE.mkdir(exist_ok=True)
    found = {}
    for name, (model, asked) in models(tf_keras).items():
        for i, weight in enumerate(model.trainable_weights):
            weight.assign(np.random.RandomState(i).normal(size=weight.shape))
        model.save(HERE / f"{name}.keras")
        given = [tf.constant(x) for x in asked]
        found[name] = np.asarray(model(given if len(given) > 1 else given[0])).astype("float64").tolist()
    (HERE / "answers.json").write_text(json.dumps(found) + "\n")
