"""tf.io, the decoders of tf.image, tf.audio and tf.io.gfile: what is written is read again."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import OperatorError
from kcompile.tf_keras import tensorflow as tf

PIXELS = (np.arange(5 * 7 * 3) * 2).reshape(5, 7, 3).astype("uint8")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_png_comes_back_to_the_bit_through_a_file(tmp_path, channels):
    image = PIXELS[..., :channels] if channels < 4 else np.concatenate([PIXELS, PIXELS[..., :1]], -1)
    path = tf.constant(str(tmp_path)) + "/new/a.png"
    tf.io.write_file(path, tf.io.encode_png(image))
    contents = tf.io.read_file(path)
    for decode in (tf.io.decode_png, tf.image.decode_image, tf.image.decode_png):
        assert np.array_equal(decode(contents), image)
    assert tf.image.decode_image(contents, channels=3).shape == (5, 7, 3)
    fractions = tf.io.decode_image(contents, dtype=tf.float32)
    np.testing.assert_allclose(fractions, image / np.float32(255), rtol=1e-6)


def test_a_jpeg_keeps_shape_and_nearly_its_colors():
    smooth = np.stack([np.add.outer(np.arange(16) * 4, np.arange(24) * 3)] * 3, -1).astype("uint8")
    contents = tf.io.encode_jpeg(smooth, quality=100)
    assert bool(tf.io.is_jpeg(contents)) and not bool(tf.io.is_jpeg(tf.io.encode_png(smooth)))
    assert np.asarray(tf.image.extract_jpeg_shape(contents)).tolist() == [16, 24, 3]
    assert np.abs(np.asarray(tf.io.decode_jpeg(contents), int) - smooth).max() <= 6
    assert tf.io.decode_jpeg(contents, channels=1).shape == (16, 24, 1)
    assert tf.io.decode_and_crop_jpeg(contents, [2, 3, 4, 5]).shape == (4, 5, 3)


def test_what_is_no_file_and_no_image_is_an_error_that_programs_catch(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        tf.io.read_file(str(tmp_path / "nowhere"))
    with pytest.raises(tf.errors.NotFoundError):
        tf.io.gfile.GFile(tmp_path / "nowhere").read()
    with pytest.raises(tf.errors.InvalidArgumentError, match="no image that Pillow reads"):
        tf.io.decode_jpeg(b"no image")
    with pytest.raises(tf.errors.InvalidArgumentError, match="uint8 is expected"):
        tf.io.encode_png(np.zeros((4, 4, 3), "float32"))
    assert tf.errors.InvalidArgumentError is OperatorError
    with pytest.raises(ValueError, match="not on this machine"):
        tf.io.gfile.exists("gs://bucket/file")


def test_a_gif_has_frames(tmp_path):
    image = pytest.importorskip("PIL.Image")
    frames = [image.new("RGB", (4, 3), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    contents = tf.io.read_file(str(tmp_path / "a.gif"))
    assert tf.io.decode_gif(contents).shape == tf.io.decode_image(contents).shape == (2, 3, 4, 3)
    assert tf.io.decode_image(contents, expand_animations=False).shape == (3, 4, 3)


def test_bytes_become_numbers_and_letters_and_come_back():
    raw = np.array([1, 2, 70000], "<i4").tobytes()
    assert np.asarray(tf.io.decode_raw(raw, tf.int32)).tolist() == [1, 2, 70000]
    swapped = np.array([1, 2], ">i2").tobytes()
    assert np.asarray(tf.io.decode_raw([swapped], tf.int16, little_endian=False)).tolist() == [[1, 2]]
    assert tf.io.decode_base64(tf.io.encode_base64(["a?", b"\xff"])).numpy().tolist() == [b"a?", b"\xff"]
    tensor = tf.constant([[1.5, 2.0]])
    assert np.array_equal(tf.io.parse_tensor(tf.io.serialize_tensor(tensor), tf.float32), tensor)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not of"):
        tf.io.parse_tensor(tf.io.serialize_tensor(tensor), tf.int32)


def test_lines_of_csv_become_columns():
    lines = ["1,a,2.5", "3,,4.5"]
    numbers, words, fractions = tf.io.decode_csv(lines, [tf.int32, ["none"], [0.0]])
    assert np.asarray(numbers).tolist() == [1, 3] and words.numpy().tolist() == [b"a", b"none"]
    assert np.asarray(fractions).tolist() == [2.5, 4.5]
    with pytest.raises(tf.errors.InvalidArgumentError, match="3 fields"):
        tf.io.decode_csv(["1,2"], [[0], [0], [0]])


def test_a_sound_comes_back_to_a_step_of_16_bits():
    sound = np.sin(np.arange(100) / 5)[:, None].astype("float32") * 0.9
    audio, rate = tf.audio.decode_wav(tf.audio.encode_wav(sound, 16000), desired_samples=120)
    assert int(rate) == 16000 and audio.shape == (120, 1)
    np.testing.assert_allclose(np.asarray(audio)[:100], sound, atol=1 / 32768)
    with pytest.raises(tf.errors.InvalidArgumentError, match="no WAV"):
        tf.audio.decode_wav(b"RIFF")


def test_an_open_file_has_what_tensorflows_has(tmp_path):
    path = tmp_path / "f.txt"
    with tf.io.gfile.GFile(path, "w") as file:
        file.write("héllo\n")
        assert file.size() == 7 and file.name == path and file.mode == "w"
        file.write("world\n")
    file = tf.io.gfile.GFile(path)
    assert (file.readline(), file.tell(), file.readlines(), file.read()) == ("héllo\n", 7, ["world\n"], "")
    file.seek(7)
    assert next(file) == "world\n" and list(file) == []
    file.close()
    assert file.read(5) == "héllo"
    assert [line[0] for line in tf.io.gfile.GFile(path, "rb")] == [ord("h"), ord("w")]


def test_files_and_folders_by_gfile(tmp_path):
    gfile = tf.io.gfile
    gfile.makedirs(tmp_path / "a" / "b")
    with gfile.GFile(tmp_path / "a" / "f.txt", "w") as file:
        file.write("text")
    assert sorted(gfile.listdir(tmp_path / "a")) == ["b", "f.txt"]
    assert gfile.exists(tmp_path / "a") and gfile.isdir(tmp_path / "a")
    assert gfile.stat(tmp_path / "a" / "f.txt").length == 4
    gfile.copy(tmp_path / "a" / "f.txt", tmp_path / "g.txt")
    with pytest.raises(FileExistsError):
        gfile.copy(tmp_path / "a" / "f.txt", tmp_path / "g.txt")
    assert gfile.glob(str(tmp_path / "*.txt")) == [str(tmp_path / "g.txt")]
    gfile.rename(tmp_path / "g.txt", tmp_path / "h.txt")
    gfile.remove(tmp_path / "h.txt")
    gfile.rmtree(tmp_path / "a")
    assert gfile.listdir(tmp_path) == []
