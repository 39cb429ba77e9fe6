"""Who wrote a file is found from what the file says of itself, and decides whose rules its models follow."""

from __future__ import annotations

import pytest

from kcompile.keras import activations, layers, rules
from kcompile.keras.saving.versions.writer import writer_of


@pytest.mark.parametrize(
    "metadata, program",
    [
        ({"keras_version": "2.3.1"}, "keras_2"),
        ({"keras_version": "2.2.4"}, "keras_2"),
        ({"keras_version": "2.2.4-tf"}, "tf_keras"),
        ({"keras_version": "2.4.0"}, "tf_keras"),
        ({"keras_version": "2.21.0", "backend": "tensorflow"}, "tf_keras"),
        ({"keras_version": "3.15.0"}, "keras_3"),
        ({"keras_version": "1"}, "keras_1"),
        ({"keras_version": "0.3.2"}, "keras_1"),
        ({"keras_version": "1.2.2", "backend": "theano"}, "keras_1"),
        ({"keras_version": "x.y"}, "keras_2"),
        ({"keras_version": 3.0}, "keras_2"),
        ({}, "keras_2"),
        ({"module": "keras.layers"}, "keras_3"),
        ({"module": "keras", "keras_version": "2.15.0"}, "tf_keras"),
    ],
)
def test_writer_is_found_by_what_a_file_says(metadata, program):
    writer = writer_of(metadata)
    assert (writer.program, writer.backend) == (program, metadata.get("backend"))
    assert writer.rules.name == (program if program in ("tf_keras", "keras_3") else "keras_2")


@pytest.mark.parametrize("version, half", [("2.3.1", False), ("2.4.0", True), ("3.0.5", True), (None, False)])
def test_bilinear_upsampling_samples_as_the_version_that_wrote_the_file(version, half):
    with rules.following(writer_of({"keras_version": version}).rules):
        layer = layers.UpSampling2D.from_config({"size": [2, 2], "interpolation": "bilinear"})
    assert layer.half_pixel_centers is half
    assert layers.UpSampling2D.from_config(layer.get_config()).half_pixel_centers is half


def test_hard_sigmoid_is_that_of_the_version_that_wrote_the_file():
    with rules.following(rules.TF_KERAS):
        assert activations.get("hard_sigmoid") is activations.hard_sigmoid
    with rules.following(rules.KERAS_3):
        assert activations.get("hard_sigmoid") is activations.hard_sigmoid_3
