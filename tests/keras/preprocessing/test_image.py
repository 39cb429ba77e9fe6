"""Images: SciPy's transformation reproduced, untrusted files, flows in training. More in test_golden.py."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcompile import keras
from kcompile.keras.preprocessing import image
from kcompile.keras.preprocessing.image.affine import affine_planes

PIL_Image = pytest.importorskip("PIL.Image")
ndimage = pytest.importorskip("scipy.ndimage")

PICTURE = np.random.RandomState(0).uniform(0, 255, (8, 6, 3)).astype("float32")


# --- the affine transformation -----------------------------------------------------------------------------


@given(
    numbers=st.lists(st.floats(-3, 3, width=16), min_size=4, max_size=4),
    offset=st.lists(st.floats(-20, 20, width=16), min_size=2, max_size=2),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    mode=st.sampled_from(["constant", "nearest", "reflect", "wrap"]),
    order=st.sampled_from([0, 1]),
    dtype=st.sampled_from(["float32", "float64", "uint8", "int16"]),
)
def test_any_affine_transformation_is_scipys(numbers, offset, size, mode, order, dtype):
    plane = np.random.RandomState(1).uniform(0, 255, size).astype(dtype)
    matrix = np.reshape(numbers, (2, 2))
    expected = ndimage.affine_transform(plane, matrix, offset, order=order, mode=mode, cval=9.0)
    found = affine_planes(plane[np.newaxis], matrix, np.array(offset), order=order, mode=mode, cval=9.0)[0]
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("order", [2, 3, 5])
def test_splines_are_left_to_scipy(order):
    found = image.apply_affine_transform(PICTURE, tx=0.5, fill_mode="reflect", order=order)
    matrix, offset = np.eye(2), [0.5, 0]
    for channel in range(3):
        expected = ndimage.affine_transform(
            PICTURE[..., channel], matrix, offset, order=order, mode="reflect"
        )
        np.testing.assert_allclose(found[..., channel], expected, rtol=1e-4, atol=1e-2)


def test_splines_without_scipy_say_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match="order 3 .* needs SciPy"):
        image.apply_affine_transform(PICTURE, tx=1, order=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"fill_mode": "mirror"}, "'mirror'; expected one of"), ({"order": 6}, "order 6")],
)
def test_unknown_options_of_a_transformation_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        image.apply_affine_transform(PICTURE, tx=1, **options)


def test_nothing_to_do_gives_the_image_itself():
    assert image.apply_affine_transform(PICTURE) is PICTURE


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_brightness_works_in_either_layout(data_format):
    generator = image.ImageDataGenerator(brightness_range=(0.5, 0.5), data_format=data_format)
    x = PICTURE if data_format == "channels_last" else PICTURE.transpose(2, 0, 1)
    found = generator.random_transform(x)
    assert found.shape == x.shape
    np.testing.assert_allclose(
        found.mean(), image.img_to_array(image.array_to_img(PICTURE)).mean() / 2, rtol=0.02
    )


# --- files -------------------------------------------------------------------------------------------------


@pytest.fixture
def png(tmp_path):
    path = tmp_path / "picture.png"
    image.save_img(path, PICTURE, scale=False)
    return path


def test_a_saved_image_comes_back(png):
    loaded = image.img_to_array(image.load_img(png))
    np.testing.assert_array_equal(loaded, np.floor(PICTURE))
    assert os.listdir(png.parent) == ["picture.png"]


@pytest.mark.parametrize("name", ["png", "bmp", "jpg", "tiff", "ppm"])
@pytest.mark.parametrize("keep", [0, 10, 40, 0.5])
def test_a_file_cut_short_gives_one_error_that_names_it(tmp_path, name, keep):
    path = tmp_path / f"cut.{name}"
    image.save_img(path, np.random.RandomState(2).uniform(0, 255, (40, 40, 3)))
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(len(content) * keep)])
    with pytest.raises(OSError, match=rf"Cannot read the image file .*cut\.{name}: "):
        image.load_img(path, target_size=(5, 5))


@given(position=st.integers(0, 200), value=st.integers(0, 255))
def test_a_damaged_file_never_raises_anything_else(tmp_path_factory, position, value):
    file = io.BytesIO()
    image.save_img(file, PICTURE, file_format="png")
    content = bytearray(file.getvalue())
    content[position % len(content)] = value
    path = tmp_path_factory.mktemp("damaged") / "x.png"
    path.write_bytes(content)
    try:
        loaded = image.load_img(path)
    except OSError as error:
        assert "x.png" in str(error)
    else:
        assert loaded.mode == "RGB"


def test_a_file_that_is_not_there_is_an_ordinary_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.png"):
        image.load_img(tmp_path / "gone.png")


@pytest.mark.parametrize("limit", [40, 20])
def test_more_pixels_than_the_limit_are_refused_before_decoding(png, monkeypatch, limit):
    # Pillow itself only warns up to twice the limit.
    monkeypatch.setattr(PIL_Image, "MAX_IMAGE_PIXELS", limit)
    with (
        pytest.warns() if limit == 40 else _no_warning(),
        pytest.raises(OSError, match="picture.png.*limit of"),
    ):
        image.load_img(png)
    monkeypatch.setattr(PIL_Image, "MAX_IMAGE_PIXELS", None)
    assert image.load_img(png).size == (6, 8)


def _no_warning():
    import contextlib

    return contextlib.nullcontext()


def test_a_format_that_runs_a_program_is_refused(tmp_path):
    path = tmp_path / "harmless.png"
    PIL_Image.new("RGB", (4, 4)).save(path, format="EPS")
    with pytest.raises(OSError, match="Refused to read .*harmless.png: a EPS image is a program"):
        image.load_img(path)


def test_frames_after_the_first_are_left_out(tmp_path):
    path = tmp_path / "two.tiff"
    frames = [PIL_Image.new("L", (4, 3), shade) for shade in (10, 200)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    loaded = image.load_img(path, color_mode="grayscale")
    np.testing.assert_array_equal(image.img_to_array(loaded), np.full((3, 4, 1), 10.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: image.load_img(p, color_mode="cmyk"), "color_mode must be .* found 'cmyk'"),
        (
            lambda p: image.load_img(p, target_size=(2, 2), interpolation="cubic"),
            "Supported methods are nearest",
        ),
        (lambda p: image.array_to_img(np.zeros((2, 2))), "rank 3"),
        (lambda p: image.array_to_img(np.zeros((2, 2, 2))), "channel number: 2"),
        (lambda p: image.array_to_img(PICTURE, data_format="last"), "'last'"),
        (lambda p: image.img_to_array(np.zeros(3)), "image shape"),
        (lambda p: image.img_to_array(PICTURE, data_format="last"), "'last'"),
        (lambda p: image.save_img(p.parent / "name", PICTURE), "pass file_format"),
        (lambda p: image.random_zoom(PICTURE, (1, 2, 3)), "zoom_range"),
        (lambda p: image.random_brightness(PICTURE, (1,)), "brightness_range"),
    ],
)
def test_what_cannot_be_done_is_refused(png, call, message):
    with pytest.raises(ValueError, match=message):
        call(png)


def test_a_failed_save_leaves_the_old_file(png):
    before = png.read_bytes()
    with pytest.raises(ValueError, match="Unknown image format 'no-such' to write; .* PNG"):
        image.save_img(png, PICTURE, file_format="no-such")
    assert png.read_bytes() == before and os.listdir(png.parent) == ["picture.png"]


def test_pictures_are_listed_with_those_in_subfolders(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("b.png", "a.JPG", "sub/c.tif", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    found = [os.path.relpath(path, tmp_path) for path in image.list_pictures(tmp_path)]
    assert found == ["a.JPG", "b.png", os.path.join("sub", "c.tif")]
    assert len(image.list_pictures(tmp_path, ext="png")) == 1


def test_without_pillow_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "import numpy as np\n"
        "from kcompile.keras.preprocessing import image\n"
        "flow = image.ImageDataGenerator(rotation_range=9).flow(np.zeros((4, 3, 3, 1)), seed=1)\n"
        "assert next(flow).shape == (4, 3, 3, 1)\n"
        "image.load_img('x.png')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "needs Pillow, which is not installed: pip install 'kcompile[train]'" in run.stderr


# --- generators --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zoom_range": (1, 2, 3)}, "zoom_range"),
        ({"zoom_range": "12"}, "zoom_range"),
        ({"brightness_range": 0.5}, "brightness_range"),
        ({"validation_split": 1.5}, "validation_split"),
        ({"data_format": "last"}, "data_format"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        image.ImageDataGenerator(**options)


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"zca_whitening": True}, "featurewise_center", True),
        (
            {"zca_whitening": True, "featurewise_center": True, "featurewise_std_normalization": True},
            "featurewise_std_normalization",
            False,
        ),
        ({"featurewise_std_normalization": True}, "featurewise_center", True),
        ({"samplewise_std_normalization": True}, "samplewise_center", True),
    ],
)
def test_options_that_need_another_set_it_with_a_warning(options, name, value):
    with pytest.warns(UserWarning, match=f"overrides setting of `{name}`"):
        assert getattr(image.ImageDataGenerator(**options), name) is value


@pytest.mark.parametrize("option", ["featurewise_center", "featurewise_std_normalization", "zca_whitening"])
@pytest.mark.filterwarnings("ignore:.*overrides setting")
def test_normalising_before_fit_warns(option):
    generator = image.ImageDataGenerator(**{option: True})
    with pytest.warns(UserWarning, match=f"`{option}`, but it hasn't been fit"):
        np.testing.assert_array_equal(generator.standardize(PICTURE.copy()), PICTURE)


def test_fit_takes_images_in_a_batch():
    with pytest.raises(ValueError, match=r"rank 4. Got array with shape: \(8, 6, 3\)"):
        image.ImageDataGenerator().fit(PICTURE)
    with pytest.warns(UserWarning, match="6 channels"):
        image.ImageDataGenerator().fit(PICTURE.transpose(0, 2, 1)[np.newaxis])


def test_whitened_pixels_do_not_correlate():
    rng = np.random.RandomState(0)
    x = rng.normal(size=(400, 2, 3, 1)) @ np.ones((1, 1)) + rng.normal(size=(400, 1, 1, 1))
    generator = image.ImageDataGenerator(featurewise_center=True, zca_whitening=True)
    generator.fit(x)
    white = np.array([generator.standardize(one.astype("float32")) for one in x]).reshape(400, -1)
    np.testing.assert_allclose(white.T @ white / 400, np.eye(6), atol=2e-3)


# --- flows -------------------------------------------------------------------------------------------------

X, Y = np.random.RandomState(4).uniform(0, 255, (6, 5, 4, 3)).astype("float32"), np.arange(6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(x=X, y=Y[:5]), r"`y` should have the same length. .*\(6, 5, 4, 3\), y.shape = \(5,\)"),
        (dict(x=X, sample_weight=Y[:5]), "sample_weight"),
        (dict(x=(X, [Y, Y[:3]])), r"x\[1\]\[1\]"),
        (dict(x=X[0]), "rank 4"),
        (dict(x=X, subset="test"), "Invalid subset name: 'test'"),
        (dict(x=X, y=Y, subset="training"), "different number of classes"),
    ],
)
def test_arrays_that_cannot_flow_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        image.ImageDataGenerator(validation_split=0.5).flow(**arguments)


def test_sample_weights_follow_their_subset():
    generator = image.ImageDataGenerator(validation_split=0.5)
    _, _, weights = next(generator.flow(X, Y % 2 * 0, sample_weight=Y, subset="training", shuffle=False))
    assert weights.tolist() == [3, 4, 5]


def test_an_index_beyond_the_last_batch_is_refused():
    flow = image.ImageDataGenerator().flow(X, Y, batch_size=4)
    with pytest.raises(ValueError, match="element 2, but the Sequence has length 2"):
        flow[2]


def test_the_flow_goes_on_epoch_after_epoch_in_new_orders():
    flow = image.ImageDataGenerator().flow(X, Y, batch_size=4, seed=0)
    epochs = [np.concatenate([next(flow)[1], next(flow)[1]]).tolist() for _ in range(3)]
    assert all(sorted(epoch) == Y.tolist() for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    next(flow)
    flow.reset()
    assert len(next(flow)[1]) == 4


def test_a_flow_can_be_pickled_and_goes_on_where_it_was():
    flow = image.ImageDataGenerator(horizontal_flip=True).flow(X, Y, batch_size=4, seed=1)
    next(flow)
    again = pickle.loads(pickle.dumps(flow))
    for one, other in zip(next(flow), next(again), strict=True):
        np.testing.assert_array_equal(one, other)


def small_model(shape=(5, 4, 3), outputs=2):
    model = keras.Sequential(
        [keras.layers.Flatten(input_shape=shape), keras.layers.Dense(outputs, activation="softmax")]
    )
    model.compile("sgd", "categorical_crossentropy")
    return model


@pytest.fixture
def folder(tmp_path):
    for name in ("cats/a.png", "cats/b.png", "cats/c.png", "dogs/a.png", "dogs/b.png"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save_img(path, PICTURE)
    return tmp_path / "data"


@pytest.mark.parametrize("processes", [False, True])
def test_a_folder_trains_a_model_through_workers(folder, processes):
    generator = image.ImageDataGenerator(rescale=1 / 255, rotation_range=20)
    flow = generator.flow_from_directory(folder, target_size=(5, 4), batch_size=2)
    history = small_model().fit_generator(flow, epochs=2, workers=2, use_multiprocessing=processes, verbose=0)
    assert len(history.history["loss"]) == 2 and np.isfinite(history.history["loss"]).all()
    ordered = generator.flow_from_directory(folder, target_size=(5, 4), class_mode=None, shuffle=False)
    assert small_model().predict_generator(ordered, workers=0).shape == (5, 2)


def test_a_damaged_file_in_a_folder_is_named(folder):
    (folder / "dogs" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    flow = image.ImageDataGenerator().flow_from_directory(folder, target_size=(5, 4))
    with pytest.raises(OSError, match=r"dogs.a\.png"):
        next(flow)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_mode": "onehot"}, "Invalid class_mode: 'onehot'; expected one of: 'binary'"),
        ({"color_mode": "bgr"}, "Invalid color mode: 'bgr'"),
        ({"subset": "test"}, "Invalid subset name"),
    ],
)
def test_options_of_a_folder_that_cannot_be_are_refused(folder, options, message):
    with pytest.raises(ValueError, match=message):
        image.ImageDataGenerator().flow_from_directory(folder, **options)


def test_a_folder_of_nothing_has_no_batches(tmp_path, capsys):
    flow = image.ImageDataGenerator().flow_from_directory(tmp_path)
    assert len(flow) == 0 and capsys.readouterr().out == "Found 0 images belonging to 0 classes.\n"
    with pytest.raises(ValueError, match="no samples"):
        next(flow)


def test_class_folders_may_be_given_by_path(folder):
    (folder / "more").mkdir()
    (folder / "dogs").rename(folder / "more" / "dogs")
    flow = image.ImageDataGenerator().flow_from_directory(
        folder, classes=["more/dogs", "cats"], class_mode="sparse", shuffle=False
    )
    assert flow.classes.tolist() == [0, 0, 1, 1, 1] and flow.class_indices == {"more/dogs": 0, "cats": 1}
    assert next(flow)[0].shape == (5, 256, 256, 3)


TABLE = {
    "filename": ["cats/a.png", "dogs/b.png"],
    "class": ["cat", "dog"],
    "weight": [1, 2],
    "number": [1, 2],
}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"x_col": "filenam"}, ValueError, r"no column 'filenam'. Did you mean 'filename'\?"),
        ({"y_col": "zzz"}, ValueError, "no column 'zzz'. Its columns: filename, class"),
        ({"x_col": "number"}, TypeError, "x_col=number must be strings"),
        ({"y_col": "number"}, TypeError, "must be type string, list or tuple"),
        ({"y_col": "number", "class_mode": "sparse"}, TypeError, "must be strings"),
        ({"class_mode": "multi_output"}, TypeError, "y_col must be a list. Received str"),
        ({"weight_col": "class"}, TypeError, "weight_col=class must be numeric"),
        ({"class_mode": "binary", "classes": ["cat"]}, ValueError, "1 class/es were given"),
        ({"class_mode": "binary", "y_col": "filename", "classes": ["a", "b", "c"]}, ValueError, "3 class/es"),
        ({"class_mode": "else"}, ValueError, "Invalid class_mode: 'else'"),
    ],
)
def test_tables_that_do_not_fit_are_refused(folder, options, error, message):
    with pytest.raises(error, match=message):
        image.ImageDataGenerator().flow_from_dataframe(TABLE, folder, **options)


def test_rows_without_a_file_are_left_out_with_a_warning(folder):
    table = {"filename": ["cats/a.png", "cats/z.png"], "class": ["cat", "dog"]}
    with pytest.warns(UserWarning, match=r'Found 1 invalid image filename\(s\) in x_col="filename"'):
        flow = image.ImageDataGenerator().flow_from_dataframe(table, folder)
    assert flow.filenames == ["cats/a.png"] and table["filename"][1] == "cats/z.png"
    flow = image.ImageDataGenerator().flow_from_dataframe(
        table, folder, validate_filenames=False, class_mode=None
    )
    assert flow.samples == 2
    with pytest.raises(FileNotFoundError):
        next(flow)


def test_classes_that_are_of_no_use_warn(folder):
    with pytest.warns(UserWarning, match="`classes` will be ignored"):
        image.ImageDataGenerator().flow_from_dataframe(TABLE, folder, class_mode=None, classes=["cat"])


@pytest.mark.parametrize("name", ["has_ext", "sort", "drop_duplicates"])
def test_arguments_of_earlier_versions_are_accepted(folder, name):
    with pytest.warns(DeprecationWarning, match=name):
        flow = image.ImageDataGenerator().flow_from_dataframe(TABLE, folder, **{name: True})
    assert flow.class_indices == {"cat": 0, "dog": 1}
    with pytest.warns(DeprecationWarning, match="other"):
        flow = image.ImageDataGenerator().flow_from_dataframe(
            TABLE, folder, y_col="number", class_mode="other", shuffle=False
        )
    assert next(flow)[1].tolist() == [1, 2]


def test_whole_paths_need_no_folder(folder):
    table = {"filename": [str(folder / name) for name in TABLE["filename"]], "class": TABLE["class"]}
    flow = image.DataFrameIterator(table, target_size=(8, 6), class_mode="sparse", shuffle=False)
    images, classes = next(flow)
    assert classes.tolist() == [0, 1]
    np.testing.assert_array_equal(images[0], image.img_to_array(image.load_img(folder / "cats" / "a.png")))
