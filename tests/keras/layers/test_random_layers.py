"""Random layers pass images on at inference, and change each of them within bounds while training."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras, torch_bridge
from kcompile.ir import Graph
from kcompile.keras import layers

LAYERS = [
    layers.RandomFlip(seed=1),
    layers.RandomContrast(0.5, value_range=(0, 1), seed=1),
    layers.RandomBrightness(0.5, value_range=(0, 1), seed=1),
    layers.RandomTranslation(0.5, 0.5, seed=1),
    layers.RandomRotation(0.5, fill_mode="nearest", seed=1),
    layers.RandomZoom(0.5, 0.5, fill_mode="constant", seed=1),
]


def images(count=16, rows=6, columns=6):
    return np.random.default_rng(0).random((count, rows, columns, 2)).astype("float32")


def augmented(layer, x):
    inputs = layers.Input(x.shape[1:])
    module = torch_bridge.lower(Graph([layer(inputs)], [inputs], phase="train"))
    return np.asarray(torch_bridge.run(module, x)[0])


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_inference_passes_images_on(layer):
    inputs = layers.Input((6, 6, 2))
    x = images()
    np.testing.assert_array_equal(keras.models.Model(inputs, layer(inputs)).predict(x), x)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_training_changes_images_each_in_its_own_way(layer):
    x = np.repeat(images(1), 16, axis=0)
    y = augmented(layer, x)
    assert y.shape == x.shape and np.isfinite(y).all() and y.min() >= 0 and y.max() <= 1
    assert len({image.tobytes() for image in y}) > 1


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_configuration_makes_the_same_layer(layer):
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_a_flipped_image_is_the_mirror_image():
    x = images()
    flipped = augmented(layers.RandomFlip("horizontal"), x)
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(flipped, x, strict=True)]
    same = [np.array_equal(a, b) for a, b in zip(flipped, x, strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True)) and any(mirrored) and any(same)


def test_a_known_translation_moves_down_and_right():
    x = images()
    moved = augmented(layers.RandomTranslation((0.5, 0.5), (1 / 3, 1 / 3), fill_mode="constant"), x)
    np.testing.assert_allclose(moved[:, 3:, 2:], x[:, :3, :4], atol=1e-5)
    np.testing.assert_allclose(moved[:, :3], 0, atol=1e-5)


def test_what_lies_beyond_the_edges_is_a_number_or_the_other_side():
    x = images()
    moves = {"height_factor": (0.5, 0.5), "width_factor": (0.0, 0.0)}
    filled = augmented(layers.RandomTranslation(**moves, fill_mode="constant", fill_value=0.75), x)
    np.testing.assert_allclose(filled[:, :3], 0.75, atol=1e-6)
    wrapped = augmented(layers.RandomTranslation(**moves, fill_mode="wrap", interpolation="nearest"), x)
    np.testing.assert_allclose(wrapped, np.roll(x, 3, axis=1), atol=1e-6)


def test_a_quarter_turn_is_counter_clockwise():
    x = images()
    turned = augmented(layers.RandomRotation((0.25, 0.25)), x)
    np.testing.assert_allclose(turned, np.rot90(x, axes=(1, 2)), atol=1e-4)


def test_zooming_out_by_one_shows_the_image_at_half_its_size():
    x = np.ones((2, 8, 8, 1), "float32")
    small = augmented(layers.RandomZoom((1.0, 1.0), fill_mode="constant"), x)
    assert small.sum() == pytest.approx(2 * 16, rel=0.3)
    np.testing.assert_allclose(small[:, 3:5, 3:5], 1.0)


def test_brightness_and_contrast_of_known_factors():
    x = images()
    bright = augmented(layers.RandomBrightness((0.25, 0.25), value_range=(0, 1)), x)
    np.testing.assert_allclose(bright, np.clip(x + 0.25, 0, 1), atol=1e-6)
    layer = layers.RandomContrast(0.5, value_range=(0, 1))
    means = augmented(layer, x).mean((1, 2))
    np.testing.assert_allclose(means, x.mean((1, 2)), atol=0.05)  # but for what is cut off


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.RandomFlip("diagonal"), "mode"),
        (lambda: layers.RandomContrast((0.5, 0.2, 0.1)), "pair"),
        (lambda: layers.RandomContrast(-0.5), "between 0 and"),
        (lambda: layers.RandomZoom("much"), "height_factor"),
        (lambda: layers.RandomRotation(0.1, fill_mode="mirror"), "fill_mode"),
        (lambda: layers.RandomRotation(0.1, interpolation="cubic"), "interpolation"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
