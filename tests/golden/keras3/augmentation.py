"""Augmentation layers, asked of Keras 3.15 while training.

Random numbers are pinned (a range of one number), so the answer is one; where they cannot be, ``variants``
counts calls on the same images, and the answer is the set of different results.
"""

from __future__ import annotations

import numpy as np

from tests.golden import cases as base
from tests.golden import runner
from tests.golden.cases import layer

BYTES, UNIT = (0.0, 255.0), (0.0, 1.0)
CASES = []


def _case(
    name, class_name, shape=(6, 5, 3), values=BYTES, count=3, variants=0, same=False, judge="keras",
    training=True, **kwargs,
):  # fmt: skip
    """``same``: all images are equal, and each is a result of its own; else the whole batch is one.
    ``judge``: tf_keras where Keras 3 has no such layer, or gives a shape that it does not declare."""
    CASES.append(
        {
            "name": "augmentation_" + name,
            "layer": layer(class_name, **kwargs),
            "shape": list(shape),
            "values": list(values),
            "count": count,
            "variants": variants,
            "same": same,
            "judge": judge,
            "training": training,
        }
    )


def _colors():
    unit = {"values": UNIT, "value_range": [0.0, 1.0]}
    _case("brightness", "RandomBrightness", factor=[0.2, 0.2])
    _case("brightness_unit", "RandomBrightness", factor=[-0.3, -0.3], **unit)
    _case("contrast_none", "RandomContrast", factor=[0.0, 0.0])
    _case("degeneration", "RandomColorDegeneration", factor=[0.4, 0.4])
    _case("degeneration_gray", "RandomColorDegeneration", factor=[1.0, 1.0], **unit)
    for factor in (0.0, 0.3, 0.8):
        _case(f"saturation_{factor}", "RandomSaturation", factor=[factor, factor], **unit)
    _case("saturation_bytes", "RandomSaturation", factor=[0.3, 0.3])
    _case("hue", "RandomHue", factor=[1.0, 1.0])
    _case("hue_unit", "RandomHue", factor=[1.0, 1.0], **unit)
    _case("hue_both_ways", "RandomHue", factor=[0.3, 0.3], count=12, variants=2, same=True)
    _case("posterization", "RandomPosterization", factor=[3, 3])
    _case("posterization_unit", "RandomPosterization", factor=[2, 2], **unit)
    _case("posterization_drawn", "RandomPosterization", factor=[1, 4], count=12, variants=4, same=True)
    _case("grayscale", "RandomGrayscale", factor=1.0)
    _case("grayscale_never", "RandomGrayscale", factor=0.0)
    _case("grayscale_first", "RandomGrayscale", (3, 6, 5), factor=1.0, data_format="channels_first")
    _case("grayscale_drawn", "RandomGrayscale", factor=0.5, count=12, variants=2, same=True)
    _case("invert", "RandomInvert", factor=[1.0, 1.0])
    _case("invert_unit", "RandomInvert", factor=[1.0, 1.0], **unit)
    _case("invert_drawn", "RandomInvert", factor=[0.5, 0.5], count=12, variants=2, same=True)
    _case("solarization", "Solarization")
    _case("solarization_unit", "Solarization", **unit)
    _case("jitter", "RandomColorJitter", brightness_factor=[0.1, 0.1], saturation_factor=[0.3, 0.3])
    _case("jitter_hue", "RandomColorJitter", hue_factor=[1.0, 1.0], saturation_factor=[0.4, 0.4], **unit)


def _histograms():
    _case("auto_contrast", "AutoContrast", values=(30.0, 90.0))
    _case("auto_contrast_unit", "AutoContrast", values=(0.2, 0.5), value_range=[0.0, 1.0])
    _case("equalization", "Equalization", values=(30.0, 90.0))
    _case("equalization_bins", "Equalization", values=(30.0, 90.0), bins=64)
    _case("equalization_first", "Equalization", (3, 6, 5), data_format="channels_first")
    tiles = "ContrastLimitedAdaptiveHistogramEqualization"
    _case("clahe", tiles, (12, 10, 3), tile_grid_size=[3, 2])
    _case("clahe_padded", tiles, (11, 9, 2), tile_grid_size=[3, 2], clip_limit=1.5, values=(30.0, 90.0))
    _case(
        "clahe_unit",
        tiles,
        (8, 8, 1),
        tile_grid_size=[2, 2],
        clip_limit=0.0,
        values=UNIT,
        value_range=[0.0, 1.0],
    )
    _case("clahe_first", tiles, (2, 8, 6), tile_grid_size=[2, 3], data_format="channels_first")


def _filters():
    for factor in (0.0, 0.2, 1.0):
        _case(f"sharpness_{factor}", "RandomSharpness", factor=[factor, factor])
    _case("sharpness_first", "RandomSharpness", (3, 6, 5), factor=[0.9, 0.9], data_format="channels_first")
    _case("blur", "RandomGaussianBlur", factor=[1.0, 1.0], sigma=[0.7, 0.7])
    _case("blur_wide", "RandomGaussianBlur", factor=[1.0, 1.0], sigma=[1.0, 1.0], kernel_size=[5, 5])
    _case("blur_never", "RandomGaussianBlur", factor=[0.0, 0.0])
    _case("erasing_all", "RandomErasing", factor=[1.0, 1.0], scale=[1.0, 1.0], fill_value=9.0)
    _case(
        "erasing_colors", "RandomErasing", factor=[1.0, 1.0], scale=[1.0, 1.0], fill_value=[9.0, 300.0, -2.0]
    )
    _case("erasing_never", "RandomErasing", factor=[0.0, 0.0])


def _moves():
    for mode in ("reflect", "nearest", "constant"):
        fill = {"fill_mode": mode, "fill_value": 7.0}
        move = {"height_factor": [0.25, 0.25], "width_factor": [-0.3, -0.3]}
        _case("translation_" + mode, "RandomTranslation", **move, **fill)
        _case("rotation_" + mode, "RandomRotation", factor=[0.1, 0.1], **fill)
        _case("zoom_out_" + mode, "RandomZoom", height_factor=[0.3, 0.3], **fill)
        _case("shear_" + mode, "RandomShear", x_factor=[0.3, 0.3], count=12, variants=2, same=True, **fill)
    _case("translation_whole", "RandomTranslation", height_factor=[0.5, 0.5], width_factor=[0.2, 0.2])
    _case("rotation_first", "RandomRotation", (3, 6, 5), factor=[-0.2, -0.2], data_format="channels_first")
    _case("rotation_nearest_pixel", "RandomRotation", factor=[0.07, 0.07], interpolation="nearest")
    _case("zoom_in", "RandomZoom", height_factor=[-0.4, -0.4], width_factor=[-0.2, -0.2])
    both = {"x_factor": [0.2, 0.2], "y_factor": [0.4, 0.4]}
    _case("shear_both", "RandomShear", count=12, variants=2, same=True, **both)
    _case("flip", "RandomFlip", mode="horizontal", count=12, variants=2, same=True)
    _case("perspective_none", "RandomPerspective", factor=[1.0, 1.0], scale=0.0)
    _case("elastic_never", "RandomElasticTransform", factor=[0.0, 0.0])
    _case("crop", "RandomCrop", height=4, width=3, variants=60)
    crop = {"judge": "tf_keras", "class_name": "RandomCrop"}
    _case("crop_small", **crop, height=8, width=7)
    _case("crop_inference", **crop, height=4, width=3, training=False)
    _case("crop_inference_wide", **crop, height=2, width=5, training=False)
    for name, size in (("height", -0.5), ("height", 0.4), ("width", 0.7)):
        _case(
            f"{name}_{size}",
            "Random" + name.title(),
            judge="tf_keras",
            factor=[size, size],
            interpolation="nearest" if size == 0.4 else "bilinear",
        )
    _case("rand_augment", "RandAugment", num_ops=1, factor=[0.0, 0.0], variants=120, count=2)


_colors()
_histograms()
_filters()
_moves()

CORNERS = [[1.0, 1.0, 1.0], [0.7, 1.3, 0.9], [1.2, 0.8, 1.1], [0.9, 0.6, 1.4], [1.1, 1.3, 0.8]]
PERSPECTIVE = [
    {
        "name": "perspective_" + interpolation,
        "shape": [6, 5, 3],
        "moved": CORNERS[1:],  # of right, low, far right and far low, per image
        "interpolation": interpolation,
        "fill_value": 3.0,
    }
    for interpolation in ("bilinear", "nearest")
]


def images(case):
    shape = [1 if case.get("same") else case.get("count", 3), *case["shape"]]
    low, high = case.get("values", BYTES)
    x = base.array(case["name"], "images", shape, low, high)
    return np.repeat(x, case["count"], 0) if case.get("same") else x


def _distinct(results):
    found = []
    for result in results:
        if not any(np.allclose(result, other, atol=1e-3) for other in found):
            found.append(result)
    return np.array(found)


def run_augmentation(keras, case):
    """Arrays: ``train``; with ``variants`` the different results."""
    made = runner.make_layer(keras, case["layer"], "layer")
    x = images(case)
    train = trainer(keras, made, case["shape"], case["training"])
    calls = case["variants"] if case["variants"] and not case["same"] else 4 if case["same"] else 1
    results = [np.asarray(train(x)) for _ in range(calls)]
    if case["variants"]:
        results = _distinct(np.concatenate(results) if case["same"] else results)
    else:
        results = results[0]
    return {"train": results}, {"config": runner.plain(made.get_config())}


def trainer(keras, made, shape, training=True):
    """The layer in the training phase, or at inference, as a function of a batch."""
    if not keras.__name__.startswith("kcompile"):
        return lambda x: made(x, training=training)
    inputs = keras.layers.Input(tuple(shape))
    run = keras.backend.function([inputs, keras.backend.learning_phase()], [made(inputs)])
    return lambda x: run([x, int(training)])[0]


def run_perspective(keras, case):
    """Arrays: ``train``, the images with corners moved by these factors."""
    rows, columns = case["shape"][:2]
    right, low, far_right, far_low = np.array(case["moved"], "float32")
    corners = np.array([[0, 0], [columns - 1, 0], [0, rows - 1], [columns - 1, rows - 1]], "float32")
    ones = np.ones(3, "float32")
    moved = np.array([[ones, ones], [right, ones], [ones, low], [far_right, far_low]]).transpose(2, 0, 1)
    y = keras.ops.image.perspective_transform(
        images(case),
        np.repeat(corners[None], 3, 0),
        corners * moved,
        interpolation=case["interpolation"],
        fill_value=case["fill_value"],
    )
    return {"train": np.asarray(y)}, {}


GROUPS = {"keras3_augmentation": CASES, "keras3_perspective": PERSPECTIVE}
RUNNERS = {"keras3_augmentation": run_augmentation, "keras3_perspective": run_perspective}
