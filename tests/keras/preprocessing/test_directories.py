"""Datasets of files in folders give what they give in tf_keras."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("PIL")
from kcompile.keras import preprocessing, utils
from tests.golden.data import directories

GOLDEN = json.loads(gzip.decompress(Path(directories.__file__).with_name("directories.json.gz").read_bytes()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = str(tmp_path_factory.mktemp("files"))
    directories.write(made)
    return made


def assert_close(found: object, expected: object, atol: float = 2e-3) -> None:
    """Nests of the same form, whose numbers are equal but for the last digits."""
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            if key == "float32":
                np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=atol)
            else:
                assert_close(found[key], value, atol)
    elif isinstance(expected, list):
        assert isinstance(found, list)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other, atol)
    else:
        assert found == expected


def test_the_file_has_every_row_of_the_table() -> None:
    assert sorted(GOLDEN) == sorted(directories.TABLE)


@pytest.mark.parametrize("name", sorted(directories.TABLE))
def test_a_dataset_is_that_of_tf_keras(name: str, folder: str) -> None:
    found, expected = directories.answers(utils, folder, name), GOLDEN[name]
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        # TensorFlow cuts fractions of gray levels off, Pillow rounds them
        assert_close(ours["elements"], theirs["elements"], 1.01 if name == "images_gray" else 2e-3)
        for key in ("labels", "files", "spec", "names"):
            assert ours[key] == theirs[key], key
        assert ours["paths"] == theirs["paths"] or not theirs["paths"]


@pytest.mark.parametrize("name", sorted(directories.MISTAKES))
def test_a_mistake_is_an_error(name: str, folder: str) -> None:
    function, inner, arguments = directories.MISTAKES[name]
    with pytest.raises(
        ValueError, match="label|color_mode|interpolation|class_names|split|subset|seed|No .*files"
    ):
        getattr(utils, function)(f"{folder}/{inner}", **arguments)


def test_what_is_there_is_printed_unless_it_is_not_wanted(
    folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    utils.image_dataset_from_directory(f"{folder}/images", validation_split=0.3, subset="both", seed=1)
    shown = capsys.readouterr().out
    assert shown == (
        "Found 7 files belonging to 3 classes.\nUsing 5 files for training.\nUsing 2 files for validation.\n"
    )
    utils.image_dataset_from_directory(f"{folder}/images", verbose=False)
    assert capsys.readouterr().out == ""


def test_images_may_be_padded_and_have_their_channels_first(folder: str) -> None:
    arguments = dict(shuffle=False, image_size=(8, 8), label_mode=None, verbose=False)
    padded = utils.image_dataset_from_directory(f"{folder}/images", pad_to_aspect_ratio=True, **arguments)
    image = next(padded.as_numpy_iterator())[-1]  # a dog of 9 x 5
    assert (image[:, 0] == 0).all() and image.any()
    first = utils.image_dataset_from_directory(f"{folder}/images", data_format="channels_first", **arguments)
    last = utils.image_dataset_from_directory(f"{folder}/images", **arguments)
    images = next(first.as_numpy_iterator())
    np.testing.assert_array_equal(np.moveaxis(images, 1, -1), next(last.as_numpy_iterator()))


def test_a_model_trains_on_a_folder_of_images(folder: str) -> None:
    from kcompile import keras

    train, validation = utils.image_dataset_from_directory(
        f"{folder}/images", image_size=(8, 8), batch_size=2, validation_split=0.3, subset="both", seed=3
    )
    model = keras.models.Sequential(
        [keras.layers.Flatten(input_shape=(8, 8, 3)), keras.layers.Dense(len(train.class_names), "softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    scaled = train.map(lambda x, y: (x / 255.0, y))
    history = model.fit(scaled, validation_data=validation, epochs=2, verbose=0)
    assert np.isfinite(history.history["val_loss"]).all()
    assert model.predict(validation).shape == (2, 3)


def test_sounds_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.wav").write_bytes(b"no sound")
    dataset = utils.audio_dataset_from_directory(tmp_path, verbose=False)
    with pytest.raises(ValueError, match=r"x\.wav is no WAV file"):
        next(dataset.as_numpy_iterator())
    with pytest.raises(ValueError, match="neither resamples"):
        utils.audio_dataset_from_directory(tmp_path, sampling_rate=8000)


def test_the_names_are_in_preprocessing_too() -> None:
    for name in ("image", "text", "audio"):
        function = f"{name}_dataset_from_directory"
        assert getattr(preprocessing, function) is getattr(utils, function)
    assert preprocessing.timeseries_dataset_from_array is utils.timeseries_dataset_from_array
    assert utils.load_img is preprocessing.image.load_img
    assert utils.pad_sequences is preprocessing.sequence.pad_sequences
