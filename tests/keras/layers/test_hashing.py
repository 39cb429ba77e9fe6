"""Hashing and HashedCrossing give the bins of TensorFlow, of text and in graphs of whole numbers."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

import kcompile.tf_keras.tensorflow as tf
from kcompile import keras, tf_keras
from kcompile.keras import layers
from kcompile.keras.utils.fingerprints import fingerprints

FOX = b"The quick brown fox jumps over the lazy dog"
TEXT = [
    *(b"", b"a", b"ab", b"abc", b"abcd", b"hello", b"hello world", b"x" * 16, b"0123456789abcdefg"),
    *(b"q" * 24, b"w" * 32, b"e" * 33, FOX, b"z" * 63, b"z" * 64, b"z" * 65, b"y" * 128, bytes(range(256))),
    *(FOX * 20, "äöü".encode()),
]
#: What tf_keras 2.21 answers for TEXT in 7 bins, and for -5 to 19.
BINS = {
    "plain": ({}, [6, 5, 0, 1, 5, 5, 0, 0, 2, 3, 1, 2, 0, 6, 1, 0, 2, 2, 0, 4]),
    "salt": ({"salt": [1, 2]}, [5, 1, 3, 1, 1, 6, 3, 4, 3, 3, 3, 2, 2, 3, 5, 1, 2, 5, 0, 4]),
    "mask": ({"mask_value": ""}, [0, 4, 5, 6, 4, 5, 4, 3, 3, 1, 2, 1, 1, 2, 3, 2, 3, 2, 1, 3]),
}
BINS_OF_NUMBERS = {
    "plain": ({}, [0, 3, 4, 0, 4, 2, 5, 5, 2, 6, 1, 5, 2, 4, 3, 3, 4, 3, 2, 4, 3, 6, 2, 1, 1]),
    "mask": ({"mask_value": 3}, [1, 5, 4, 2, 1, 2, 4, 2, 0, 6, 2, 6, 5, 2, 6, 3, 2, 5, 6, 4, 3, 4, 1, 5, 1]),
}
#: And for these in 2**31 - 1 bins, without and with the salt 5.
NUMBERS = np.array(
    [0, 1, -1, 9, 10, 99, -99, 999, 1000, -1000, 123456, 1234567, 12345678, -12345678, 10**15, 10**16 - 1]
    + [-(10**15), -(10**16), 10**17, 2**63 - 1, -(2**63)]
)
MANY = 2**31 - 1
LARGE = {
    None: [
        *(1633463888, 342560855, 1833158626, 1126629959, 1761066310, 2006678775, 2023132980, 73863083),
        *(116085397, 1117347203, 788128577, 2014225347, 692280247, 557182415, 553894075, 1612469770),
        *(1374815589, 593863612, 340581387, 1686013924, 379302079),
    ],
    5: [
        *(838674652, 1171344447, 1423876356, 1607249874, 268751078, 606313616, 1872388871, 1709796929),
        *(2126029479, 1028188515, 1605905366, 1277559768, 1550957655, 1797686644, 218617283, 724044975),
        *(1484335668, 1536935847, 719396530, 1743132334, 477882817),
    ],
}


@pytest.mark.parametrize("case", sorted(BINS))
def test_bins_of_text_are_those_of_tensorflow(case):
    arguments, expected = BINS[case]
    np.testing.assert_array_equal(layers.Hashing(7, **arguments)(TEXT), expected)
    inputs = keras.Input((), dtype="string")
    model = keras.Model(inputs, layers.Hashing(7, **arguments)(inputs))
    np.testing.assert_array_equal(model.predict(np.array(TEXT, object)), expected)


@pytest.mark.parametrize("case", sorted(BINS_OF_NUMBERS))
def test_bins_of_numbers_are_those_of_tensorflow(case):
    arguments, expected = BINS_OF_NUMBERS[case]
    np.testing.assert_array_equal(layers.Hashing(7, **arguments)(np.arange(-5, 20)), expected)


@pytest.mark.parametrize("salt", LARGE)
def test_numbers_of_any_length_hash_exactly_at_once_in_graphs_and_in_files(salt, tmp_path):
    layer = layers.Hashing(MANY, salt=salt)
    inputs = keras.Input((), dtype="int64")
    model = keras.Model(inputs, layer(inputs))
    np.testing.assert_array_equal(model.predict(NUMBERS), LARGE[salt])
    np.testing.assert_array_equal(layer(tf.constant(NUMBERS)).numpy(), LARGE[salt])
    model.export(str(tmp_path / "m.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    (found,) = session.run(None, {session.get_inputs()[0].name: NUMBERS})
    np.testing.assert_array_equal(found, LARGE[salt])
    key = None if salt is None else [salt, salt]
    np.testing.assert_array_equal(fingerprints([str(n).encode() for n in NUMBERS], key) % MANY, LARGE[salt])


def test_a_model_trains_on_bins_and_its_configuration_comes_back():
    inputs = keras.Input((2,), dtype="int64")
    counts = layers.Hashing(5, salt=[3, 4], output_mode="count")(inputs)
    model = keras.Model(inputs, layers.Dense(1)(counts))
    model.compile("sgd", "mse")
    x = np.arange(20).reshape(10, 2)
    model.fit(x, np.ones((10, 1)), verbose=0)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_what_tf_keras_writes_is_read():
    config = {"name": "h", "trainable": True, "dtype": "int64", "num_bins": 3, "salt": [4, 4]}
    layer = layers.Hashing.from_config({**config, "mask_value": None, "output_mode": "int", "sparse": False})
    assert layer.salt == [4, 4] and layer.dtype == "int64"
    assert layers.HashedCrossing.from_config({"num_bins": 3, "dtype": "int64", "sparse": False}).num_bins == 3


ONES = np.array([1, 0, 1, 1, 2])
#: Of tf_keras 2.21.
CROSSES = [
    (5, (ONES, list("ABABA")), [2, 4, 2, 2, 0]),
    (1000, (ONES, np.array([4, 5, 6, 7, 8])), [725, 98, 652, 889, 12]),
    (1000, (["A", "bb", "", "B", "A"], list("ABABA")), [228, 786, 409, 688, 228]),
]


@pytest.mark.parametrize(("bins", "inputs", "expected"), CROSSES, ids=["mixed", "numbers", "text"])
def test_crosses_are_those_of_tensorflow(bins, inputs, expected):
    np.testing.assert_array_equal(layers.HashedCrossing(bins)(inputs), expected)
    hot = np.asarray(layers.HashedCrossing(bins, output_mode="one_hot")(inputs))
    np.testing.assert_array_equal(hot, np.eye(bins)[expected])
    arrays = [np.array(entry, object if isinstance(entry, list) else None) for entry in inputs]
    given = [keras.Input((1,), dtype="string" if a.dtype == object else "int64") for a in arrays]
    model = keras.Model(given, layers.HashedCrossing(bins)(given))
    np.testing.assert_array_equal(model.predict([a[:, None] for a in arrays])[:, 0], expected)


@pytest.mark.parametrize("layer", [layers.Hashing(3), layers.HashedCrossing(3)], ids=["hashing", "crossing"])
def test_a_file_cannot_hash_text_and_says_what_to_do(layer, tmp_path):
    inputs = [keras.Input((1,), dtype="string") for _ in range(2)]
    outputs = layer(inputs[0] if isinstance(layer, layers.Hashing) else inputs)
    model = keras.Model(inputs, outputs)
    with pytest.raises(ValueError, match=r"ONNX has no operators for the bytes of text.*Model\(layer.output"):
        model.export(str(tmp_path / "m.onnx"))


#: Of tf_keras 2.21: without a mask, and with the mask "" in place 0.
OOV = [(None, [5, 0, 0, 2, 6, 1]), ("", [6, 1, 1, 3, 0, 2])]


@pytest.mark.parametrize(("mask", "expected"), OOV)
def test_unknown_text_is_parted_among_places_as_in_tensorflow(mask, expected):
    layer = layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=5, mask_token=mask)
    text = ["a", "x", "y", "z", "b" if mask is None else "", "hello"]
    np.testing.assert_array_equal(layer(text), expected)


def test_buckets_of_text_are_those_of_tensorflow():
    assert tf.strings.to_hash_bucket_fast(["hello", "a"], 2**62).numpy().tolist() == [
        3786372426573024488,
        3694432073954588131,
    ]
    strong = tf.strings.to_hash_bucket_strong(["hello"], 2**62, key=[133, 137])
    assert strong.numpy().tolist() == [1067426241479190957]


WRONG = [
    (lambda: layers.Hashing(0), "num_bins"),
    (lambda: layers.Hashing(3, salt=[1, 2, 3]), "one or two whole numbers"),
    (lambda: layers.Hashing(3, output_mode="tf_idf"), "output_mode must be"),
    (lambda: layers.Hashing(3, output_mode="count", sparse=True), "sparse"),
    (lambda: layers.Hashing(3)(np.array([1.5])), "text or whole numbers"),
    (lambda: layers.HashedCrossing(3)([ONES]), "two inputs or more"),
    (lambda: layers.HashedCrossing(3)([ONES, ONES[:, None]]), "all alike"),
    (lambda: layers.HashedCrossing(3)([np.array([0.5]), np.array([1])]), "text and whole numbers"),
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_what_does_not_fit_is_said(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- RandomFourierFeatures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "scale", "expected"),
    [("gaussian", None, np.sqrt(2.5)), ("laplacian", 2.0, 2.0), ("laplacian", None, 1.0)],
)
def test_random_features_are_cosines_of_projections(kernel, scale, expected, tmp_path):
    layer = tf_keras.layers.experimental.RandomFourierFeatures(4, kernel_initializer=kernel, scale=scale)
    x = np.random.RandomState(0).randn(3, 5).astype("float32")
    inputs = keras.Input((5,))
    model = keras.Model(inputs, layer(inputs))
    assert [w.shape for w in layer.weights] == [(1,), (5, 4), (4,)] and not layer.trainable_weights
    wanted = np.cos(x @ (layer.unscaled_kernel.numpy() / expected) + layer.bias.numpy())
    np.testing.assert_allclose(model.predict(x), wanted, atol=1e-5)
    config = layer.get_config()
    assert {name: config[name] for name in ("output_dim", "kernel_initializer", "scale", "trainable")} == {
        "output_dim": 4,
        "kernel_initializer": kernel,
        "scale": pytest.approx(expected),
        "trainable": False,
    }
    model.export(str(tmp_path / "m.onnx"))


def test_many_random_features_approximate_the_kernel():
    x = np.random.RandomState(0).randn(4, 3).astype("float32")
    layer = layers.RandomFourierFeatures(20_000, scale=1.5)
    features = np.asarray(layer(x))
    distances = np.square(x[:, None] - x[None]).sum(-1)
    products = 2 * features @ features.T / 20_000
    np.testing.assert_allclose(products, np.exp(-distances / (2 * 1.5**2)), atol=0.05)


def test_the_scale_is_learnt_where_it_is_trainable():
    model = keras.Sequential(
        [layers.RandomFourierFeatures(8, trainable=True, input_shape=(3,)), layers.Dense(1)]
    )
    before = model.layers[0].kernel_scale.numpy()
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
    assert model.layers[0].kernel_scale.numpy() != before
    with pytest.raises(ValueError, match="kernel_initializer must be one of gaussian, laplacian"):
        layers.RandomFourierFeatures(3, kernel_initializer="uniform")
