"""Preprocessing layers equal Keras 3.15; adapted statistics are weights or config."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers
from tests.keras.layers.keras3_golden import CHECKS, goldens, name_of

CASES = goldens(
    "Rescaling", "Normalization", "Resizing", "CenterCrop", "CategoryEncoding", "Discretization",
    "IntegerLookup", "Pipeline",
)  # fmt: skip


@pytest.mark.parametrize("golden", CASES, ids=name_of)
@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_layer_equals_keras(check, golden):
    check(golden)


def run(layer, x, **kwargs):
    inputs = layers.Input(x.shape[1:], dtype=str(x.dtype))
    return keras.models.Model(inputs, layer(inputs, **kwargs)).predict(x)


def test_adapting_in_batches_is_adapting_at_once():
    data = np.random.default_rng(0).normal(3, 2, (12, 4)).astype("float32")
    whole, parts = layers.Normalization(), layers.Normalization()
    whole.adapt(data)
    parts.adapt(iter([data[:5], data[5:]]))
    for one, other in zip(whole.get_weights(), parts.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    normal = run(whole, data)
    np.testing.assert_allclose([normal.mean(0), normal.std(0)], [[0] * 4, [1] * 4], atol=1e-5)


def test_discretization_adapts_to_quantiles():
    layer = layers.Discretization(num_bins=4)
    data = np.arange(100, dtype="float32").reshape(100, 1)
    layer.adapt(data)
    assert np.bincount(run(layer, data).ravel()).tolist() == [25, 25, 25, 25]
    copy = layers.Discretization.from_config(layer.get_config())
    np.testing.assert_array_equal(run(copy, data), run(layer, data))


def test_counts_can_be_weighted():
    ids = layers.Input((3,), dtype="int32")
    weights = keras.backend.constant(np.array([[0.5, 2.0, 1.0]], "float32"))
    layer = layers.CategoryEncoding(4, output_mode="count")
    model = keras.models.Model(ids, layer(ids, count_weights=weights))
    np.testing.assert_array_equal(model.predict(np.array([[1, 1, 3]], "int32")), [[0, 2.5, 0, 1]])


def test_channels_first_resizes_rows_and_columns():
    x = np.random.default_rng(0).random((1, 4, 5, 3)).astype("float32")
    last = run(layers.Resizing(7, 3), x)
    first = run(layers.Resizing(7, 3, data_format="channels_first"), x.transpose(0, 3, 1, 2).copy())
    np.testing.assert_allclose(first.transpose(0, 2, 3, 1), last, atol=1e-6)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.Normalization(mean=1.0), "both mean and variance"),
        (lambda: layers.Normalization(axis=3)(layers.Input((2,))), "does not fit"),
        (lambda: layers.Normalization()(layers.Input((None,))), "must be known"),
        (lambda: layers.Normalization(mean=1.0, variance=1.0).adapt(np.ones((2, 2))), "nothing to adapt"),
        (lambda: layers.Normalization().adapt([]), "no data"),
        (lambda: layers.Resizing(4, 4, interpolation="cubic"), "must be one of"),
        (lambda: layers.Resizing(4, 4, interpolation="bicubic")(layers.Input((None, 4, 3))), "known size"),
        (lambda: layers.Resizing(0, 4), "height"),
        (lambda: layers.Resizing(4, 4, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "exclude"),
        (lambda: layers.CategoryEncoding(), "num_tokens"),
        (lambda: layers.CategoryEncoding(3, output_mode="tf_idf"), "output_mode"),
        (lambda: layers.CategoryEncoding(3, sparse=True), "sparse"),
        (lambda: layers.Discretization(), "give bin_boundaries"),
        (lambda: layers.Discretization(num_bins=3)(layers.Input((2,))), "adapt"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "layer, shape",
    [
        (layers.Resizing(4, 6), (4, 6, 3)),
        (layers.CenterCrop(4, 6), (4, 6, 3)),
        (layers.RandomFlip(), (8, 8, 3)),
        (layers.RandomRotation(0.1), (8, 8, 3)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one_image_is_changed_as_a_batch_of_one(layer, shape):
    image = np.random.default_rng(0).random((8, 8, 3)).astype("float32")
    assert np.shape(layer(image)) == shape
    np.testing.assert_array_equal(np.asarray(layer(image)), np.asarray(layer(image[None]))[0])


@pytest.mark.parametrize("size", [(9, 12), (4, 6), (3, 20), (12, 5), (2, 2)], ids=str)
@pytest.mark.parametrize(
    "layer",
    [
        layers.CenterCrop(4, 6),
        layers.Resizing(4, 6, crop_to_aspect_ratio=True),
        layers.Resizing(4, 6, pad_to_aspect_ratio=True, fill_value=0.5),
    ],
    ids=["crop", "crop_to_aspect", "pad_to_aspect"],
)
def test_images_of_open_size_become_what_those_of_known_size_do(layer, size):
    images = np.random.default_rng(1).random((2, *size, 3)).astype("float32")
    opened, known = layers.Input((None, None, 3)), layers.Input((*size, 3))
    found = keras.models.Model(opened, layer(opened)).predict(images)
    expected = keras.models.Model(known, layer(known)).predict(images)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_layers_adapt_to_datasets_and_loaders():
    torch = pytest.importorskip("torch")
    from kcompile.keras.data import Dataset

    x = np.arange(24.0).reshape(8, 3)
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.zeros(8))
    sources = (
        Dataset.from_tensor_slices(x).batch(3),
        Dataset.from_tensor_slices((x, np.zeros(8))).batch(3),
        torch.utils.data.DataLoader(pairs, batch_size=3),
    )
    for source in sources:
        layer = keras.layers.Normalization()
        layer.adapt(source)
        np.testing.assert_allclose(layer.mean.numpy(), x.mean(0), rtol=1e-6)
        bins = keras.layers.Discretization(num_bins=2)
        bins.adapt(source)
        np.testing.assert_allclose(bins.bin_boundaries, [np.median(x)])
    words = Dataset.from_tensor_slices(["b a", "b"]).batch(1)
    text = keras.layers.TextVectorization(output_sequence_length=2)
    text.adapt(words)
    assert text.get_vocabulary() == ["", "[UNK]", "b", "a"]
    numbers = words.map(text)
    assert [batch.tolist() for batch in numbers.as_numpy_iterator()] == [[[2, 3]], [[2, 0]]]
