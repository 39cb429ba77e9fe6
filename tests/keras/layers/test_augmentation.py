"""Augmentation layers change images while training as Keras 3.15 does, and pass them on at inference."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras, torch_bridge
from kcompile.ir import Graph, op
from kcompile.keras import layers
from kcompile.keras.layers.preprocessing.random_mixing import beta_draw
from tests.golden import runner as base
from tests.golden.keras3 import augmentation
from tests.golden.keras3.load_keras3 import load
from tests.keras.layers.keras3_golden import name_of

CASES = load("keras3_augmentation")
ALWAYS = ("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "RandomCrop")


def made(golden):
    return base.make_layer(keras, golden.case["layer"], "layer")


def through_torch(layer, x, phase="train"):
    inputs = layers.Input(x.shape[1:])
    module = torch_bridge.lower(Graph([layer(inputs)], [inputs], phase=phase))
    return np.asarray(torch_bridge.run(module, x)[0])


def through_onnxruntime(layer, x, phase="train"):
    return augmentation.trainer(keras, layer, x.shape[1:], phase == "train")(x)


def phase_of(golden):
    return "train" if golden.case["training"] else "inference"


def compare(golden, y, tolerance=2e-3):
    """Equal to Keras's answer; to one of its answers where the layer draws."""
    expected = golden.arrays["train"]
    scale = max(1.0, float(np.abs(expected).max()))
    if not golden.case["variants"]:
        np.testing.assert_allclose(y, expected, atol=tolerance * scale / 255, rtol=1e-4)
        return
    for result in y if golden.case["same"] else [y]:
        assert (
            np.abs(expected - result).max(axis=tuple(range(1, expected.ndim))).min()
            <= tolerance * scale / 255
        )


@pytest.mark.parametrize("run", [through_onnxruntime, through_torch], ids=name_of)
@pytest.mark.parametrize("golden", CASES, ids=name_of)
def test_training_changes_images_as_keras_does(golden, run):
    compare(golden, run(made(golden), augmentation.images(golden.case), phase_of(golden)))


@pytest.mark.parametrize("golden", [g for g in CASES if g.case["variants"]], ids=name_of)
def test_every_result_of_keras_occurs(golden):
    x = augmentation.images(golden.case)
    train = augmentation.trainer(keras, made(golden), x.shape[1:])
    results = [np.asarray(train(x)) for _ in range(golden.case["variants"] if not golden.case["same"] else 6)]
    results = np.concatenate(results) if golden.case["same"] else results
    assert len(augmentation._distinct(results)) == len(golden.arrays["train"])


@pytest.mark.parametrize("golden", [g for g in CASES if g.case["layer"]["class"] not in ALWAYS], ids=name_of)
def test_inference_passes_images_on(golden):
    x = augmentation.images(golden.case)
    np.testing.assert_array_equal(through_torch(made(golden), x, "inference"), x)


@pytest.mark.parametrize("golden", [g for g in CASES if g.case["layer"]["class"] in ALWAYS[:2]], ids=name_of)
def test_contrast_is_stretched_at_inference_too(golden):
    x = augmentation.images(golden.case)
    inputs = layers.Input(x.shape[1:])
    model = keras.models.Model(inputs, made(golden)(inputs))
    compare(golden, model.predict(x))
    compare(golden, through_torch(made(golden), x, "inference"))


@pytest.mark.parametrize("golden", CASES, ids=name_of)
def test_configs_of_keras_make_the_same_layer(golden):
    layer = made(golden)
    copy = type(layer).from_config(golden.meta["config"])
    own, other = base.plain(layer.get_config()), base.plain(copy.get_config())
    assert list(own) == list(other)
    for key in set(own) - {"seed"}:
        pair = isinstance(other[key], list) and not isinstance(own[key], list)  # Keras writes bounds
        assert own[key] == other[key] or pair, key
    compare(golden, through_torch(copy, augmentation.images(golden.case), phase_of(golden)))
    assert base.plain(type(copy).from_config(copy.get_config()).get_config()) == other


@pytest.mark.parametrize("golden", load("keras3_perspective"), ids=name_of)
def test_perspective_with_known_corners(golden, monkeypatch):
    case = golden.case
    layer = layers.RandomPerspective([1.0, 1.0], 1.0, case["interpolation"], case["fill_value"])
    corners = iter(np.array(case["moved"], "float32"))
    moved = lambda self, x: op.Identity(keras.backend.constant(next(corners).reshape(3, 1, 1)))  # noqa: E731
    monkeypatch.setattr(layers.RandomPerspective, "_moved", moved)
    y = through_torch(layer, augmentation.images(case))
    np.testing.assert_allclose(y, golden.arrays["train"], atol=2e-2)


def batch(count=64, rows=8, columns=8):
    """Images that each have one value, 0 to count - 1."""
    return np.broadcast_to(
        np.arange(count, dtype="float32")[:, None, None, None], (count, rows, columns, 3)
    ).copy()


def test_mixup_is_a_mean_of_two_images():
    x = batch()
    y = through_torch(layers.MixUp(alpha=0.3, seed=1), x)
    assert (y.min((1, 2, 3)) == y.max((1, 2, 3))).all() and 0 <= y.min() and y.max() <= 63
    assert y.mean() == pytest.approx(x.mean(), abs=6.0)
    assert (np.abs(y - x) > 0.5).any() and not np.allclose(y[1:] - y[:-1], 1.0, atol=1e-3)
    half = through_torch(layers.MixUp(alpha=1e5, seed=1), x)[:, 0, 0, 0]
    others = half * 2 - x[:, 0, 0, 0]  # each of them once
    np.testing.assert_allclose(np.sort(others), np.arange(64), atol=1.5)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_weights_have_the_beta_distribution(alpha):
    inputs = layers.Input((1,))
    weights = beta_draw(layers.MixUp(seed=3), [20000], alpha)
    module = torch_bridge.lower(Graph([weights], [inputs], phase="train"))
    (found,) = torch_bridge.run(module, np.zeros((1, 1), "float32"))
    assert 0 <= found.min() and found.max() <= 1
    assert found.mean() == pytest.approx(0.5, abs=0.01)
    assert found.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)


def test_cutmix_takes_one_box_from_another_image():
    y = through_torch(layers.CutMix(factor=(1.0, 1.0), seed=2), batch())
    for i, image in enumerate(y[..., 0]):
        other = image != i
        rows, columns = other.any(1), other.any(0)
        assert len(np.unique(image)) <= 2
        np.testing.assert_array_equal(other, rows[:, None] & columns)
    assert (y != batch()).any((1, 2, 3)).mean() > 0.5


def test_erasing_fills_a_box_of_the_wanted_area():
    x = batch(200, 20, 20) + 300
    y = through_torch(layers.RandomErasing((1.0, 1.0), (0.2, 0.3), seed=2, value_range=(0, 255)), x)
    erased = (y != x).any(-1)
    np.testing.assert_array_equal(erased, erased.any(2)[:, :, None] & erased.any(1)[:, None])
    assert 0.12 < erased.mean((1, 2)).min() and erased.mean((1, 2)).max() < 0.36
    assert erased.mean((1, 2)).mean() == pytest.approx(0.25, abs=0.02)
    assert y[erased].min() >= 0 and y[erased].max() <= 255 and y[erased].std() > 50


def test_elastic_fields_are_smooth_and_of_the_wanted_strength():
    ramp = np.broadcast_to(np.arange(40, dtype="float32")[:, None], (4, 40, 40))[..., None].copy()
    layer = layers.RandomElasticTransform((1.0, 1.0), (1.0, 1.0), fill_mode="nearest", seed=5)
    y = through_torch(layer, ramp)
    moved = (y - ramp)[:, 10:-10, 10:-10, 0]
    assert 0.3 < moved.std() < 4.0  # 4 pixels times noise of deviation 2, smoothed over 2 pixels
    assert np.abs(np.diff(moved, axis=2)).mean() < moved.std()
    still = through_torch(layers.RandomElasticTransform((1.0, 1.0), (0.0, 0.0)), ramp)
    np.testing.assert_array_equal(still, ramp)


@pytest.mark.parametrize("mode", ["reflect", "wrap", "constant", "nearest", "mirror"])
def test_elastic_transform_fills_in_every_way(mode):
    y = through_torch(
        layers.RandomElasticTransform(1.0, 1.0, fill_mode=mode, seed=5), augmentation.images(CASES[0].case)
    )
    assert y.shape == (3, 6, 5, 3) and np.isfinite(y).all()


@pytest.mark.parametrize("run", [through_onnxruntime, through_torch], ids=name_of)
@pytest.mark.parametrize(
    "layer",
    [layers.RandAugment(seed=1), layers.AugMix(seed=1), layers.AugMix(all_ops=False, num_chains=1, seed=4)],
    ids=name_of,
)
def test_policies_change_images_within_their_range(layer, run):
    x = augmentation.images(CASES[0].case)
    results = [run(layer, x) for _ in range(2)]
    for y in results:
        assert y.shape == x.shape and np.isfinite(y).all() and -1e-3 <= y.min() and y.max() <= 255.001
        assert np.abs(y - x).max() > 0.5
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_contrast_scales_between_one_less_lower_and_one_more_upper():
    x = np.tile(np.array([-1.0, 1.0], "float32").reshape(1, 1, 2, 1), (400, 1, 1, 1))
    scales = through_torch(layers.RandomContrast((0.2, 0.6), value_range=(-9, 9), seed=1), x)[:, 0, 1, 0]
    assert 0.8 <= scales.min() < 0.83 and 1.57 < scales.max() <= 1.6


def test_gradients_reach_what_comes_before_an_augmentation():
    x = augmentation.images(CASES[0].case) / 255
    inputs = layers.Input(x.shape[1:])
    scaled = layers.Dense(3, name="before")(inputs)
    kinds = [
        layers.RandomHue(0.5, (0, 1)), layers.RandomSharpness(0.5, (0, 1)), layers.RandomShear(0.3),
        layers.RandomPerspective(), layers.MixUp(), layers.CutMix(), layers.RandomCrop(4, 3),
        layers.AutoContrast((0, 1)),
    ]  # fmt: skip
    for kind in kinds:
        model = keras.models.Model(inputs, kind(scaled))
        model.compile("sgd", "mse")
        before = model.get_weights()
        y = np.full((len(x), *model.output_shape[1:]), 5.0, "float32")
        assert np.isfinite(model.train_on_batch(x, y))
        assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True)), kind.name


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.RandomHue(1.5), "between 0 and 1"),
        (lambda: layers.RandomHue("much"), "factor must be a number or a pair"),
        (lambda: layers.RandomPosterization(9), "between 1 and 8"),
        (lambda: layers.RandomInvert(value_range=(1, 1)), "value_range"),
        (lambda: layers.RandomGaussianBlur(kernel_size=4), "odd"),
        (lambda: layers.RandomErasing(fill_value=[1.0, 2.0]), "fill_value"),
        (lambda: layers.RandomPerspective(interpolation="bicubic"), "interpolation"),
        (lambda: layers.RandomElasticTransform(fill_mode="edge"), "fill_mode"),
        (lambda: layers.RandomHeight(0.5, interpolation="lanczos3"), "interpolation"),
        (lambda: layers.RandAugment(num_ops=0), "num_ops"),
        (lambda: layers.RandomHue(0.5)(layers.Input((4, 4, 1))), "RGB"),
        (lambda: layers.RandomShear(0.5)(layers.Input((None, 4, 1))), "known size"),
        (
            lambda: layers.ContrastLimitedAdaptiveHistogramEqualization()(layers.Input((None, 4, 1))),
            "known size",
        ),
        (lambda: layers.RandomCrop(0, 4), "height"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_default_that_keras_3_writes_into_calls_is_not_passed_on():
    inputs = layers.Input((6, 5, 3))
    model = keras.models.Model(inputs, layers.RandomFlip()(inputs, training=True))
    assert (
        model.get_config()["layers"][1]["inbound_nodes"][0][0][3] == {}
    )  # tf_keras would augment at inference
    x = augmentation.images(CASES[0].case)
    np.testing.assert_array_equal(model.predict(x), x)
